"""Write the golden hashes again: ``python -m tests.golden.regenerate``.

``pcm_hashes.json`` holds hashes of observations of every shipped recipe, ``exact_digests.json`` those of
everything that the integration tests compare between machines, so that they are compared between machines
far apart too.

Only after a change of audio that is meant, and then with a new version of the synthesizer and a line under
*Audio changes* in the changelog.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from syngen.recipe.library import recipe_names, recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.seeding import Permutation
from syngen.synth.rendering import Rendering
from syngen.synth.resolve import ResolvedRecipe, resolve_draft
from tests.integration import digests

PATH = Path(__file__).with_name("pcm_hashes.json")
DIGESTS_PATH = Path(__file__).with_name("exact_digests.json")
N_INDICES = 24


def resolved_recipe(name: str) -> ResolvedRecipe:
    """Return a shipped recipe, ready to render."""
    text = recipe_path(name).read_text("utf-8")
    return resolve_draft(parse_recipe(text, source=name))


def pcm_hashes(resolved: ResolvedRecipe, indices: list[int]) -> dict[str, str]:
    """Return SHA-256 of the little-endian 16-bit samples by index."""
    observations = Rendering(resolved).observations(np.array(indices, dtype=np.int64))
    return {str(o.index): hashlib.sha256(o.pcm.astype("<i2").tobytes()).hexdigest() for o in observations}


def golden_case(name: str) -> dict[str, Any]:
    """Return what is recorded of a recipe: its fingerprint, and hashes of points drawn by a seed."""
    resolved = resolved_recipe(name)
    permutation = Permutation(resolved.grid.size, seed=0, name="golden")
    indices = sorted(permutation(np.arange(N_INDICES)).tolist())
    return {"fingerprint": resolved.fingerprint, "pcm_sha256": pcm_hashes(resolved, indices)}


def main() -> None:
    """Write both files."""
    cases = {name: golden_case(name) for name in recipe_names()}
    if not cases:
        sys.exit("no shipped recipe found: nothing is written")
    PATH.write_text(json.dumps(cases, indent=1) + "\n", "utf-8")
    DIGESTS_PATH.write_text(json.dumps(digests.exact_digests(), indent=1) + "\n", "utf-8")
    sys.stderr.write(f"{len(cases)} recipes, {N_INDICES} observations each -> {PATH}\n")


if __name__ == "__main__":
    main()
