"""Write the golden hashes again: ``python -m tests.golden.regenerate``.

``pcm_hashes.json`` holds hashes of observations of every shipped recipe, ``exact_digests.json`` those of
everything that the integration tests compare between machines, so that they are compared between machines
far apart too. ``phoneme_counts.json`` has how often each phoneme of English occurs in the shipped
sentences, counted by espeak-ng in a process of its own; ``speakers.json`` has the parameters of some
speakers. What needs the extra speech stays as it is where that is not installed.

``releases/`` holds releases of syntone-tiny, one made by each version of syngen, which every later version
must load. ``--release`` builds that of the present version again, while it is under development.
``--shipped`` writes what the package has of its recipes: their factor manifests, and their versions and
fingerprints in the catalog.

``datasets/`` holds datasets that earlier synthesizers made. They are never made again.

Only after a change of audio that is meant, and then with a new version of the synthesizer and a line under
*Audio changes* in the changelog.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import syngen
from syngen.recipe.library import manifest_path, recipe_names, recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from syngen.seeding import Permutation
from syngen.synth.speech.text.texts import sentence_texts
from syngen.synth.speech.voice.speakers import speaker_names, speaker_table
from tests.integration import digests
from tests.support import HAS_SPEECH

PATH = Path(__file__).with_name("pcm_hashes.json")
DIGESTS_PATH = Path(__file__).with_name("exact_digests.json")
PHONEMES_PATH = Path(__file__).with_name("phoneme_counts.json")
SPEAKERS_PATH = Path(__file__).with_name("speakers.json")
ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "syngen" / "downloads" / "catalog.json"
RELEASES = Path(__file__).with_name("releases")
RELEASE = RELEASES / "by-0.2.0" / "syntone-tiny-2.0.0"
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


def is_renderable(name: str) -> bool:
    """Return whether a shipped recipe can be rendered here."""
    return HAS_SPEECH or "synthesizer: speech" not in recipe_path(name).read_text("utf-8")


def golden_cases() -> dict[str, Any]:
    """Return the case of every shipped recipe; what cannot be rendered here is as it was recorded."""
    recorded = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {}
    return {name: golden_case(name) if is_renderable(name) else recorded[name] for name in recipe_names()}


def golden_digests() -> dict[str, str]:
    """Return the digests that must be the same everywhere; as recorded where they cannot be made here."""
    recorded = json.loads(DIGESTS_PATH.read_text("utf-8")) if DIGESTS_PATH.exists() else {}
    missing = tuple(f"{name}/" for name in recipe_names() if not is_renderable(name))
    kept = {key: value for key, value in recorded.items() if missing and key.startswith(missing)}
    return dict(sorted((digests.exact_digests() | kept).items()))


def golden_speakers() -> dict[str, list[Any]]:
    """Return the parameters of speakers of two seeds, by name of the parameter."""
    names = speaker_names(count=6, seed=7) + speaker_names(count=6, seed=2**40, female=0.3)
    return {key: list(values) for key, values in speaker_table(names).items()}


def phoneme_counts() -> dict[str, int]:
    """Return how often each phoneme occurs in the shipped sentences, the most frequent first."""
    counting = [sys.executable, "-m", "tests.unit.synth.speech.phonemes"]
    text = "\n".join(sentence_texts("en"))
    done = subprocess.run(counting, cwd=ROOT, input=text, capture_output=True, text=True, check=True)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def build_release(folder: Path, place: Path, *, jobs: int = 1) -> None:
    """Build the release again from nothing, with a place to work in."""
    syngen.generate("syntone-tiny", place / "data", limit=96, jobs=jobs)
    syngen.release(
        place / "data",
        folder,
        version="1.0.0",
        date="2026-01-31",
        url="https://example.org/syntone-tiny",
        size_limit=150_000,
        jobs=jobs,
    )


def write_shipped() -> None:
    """Write the factor manifests and the catalog's entries of all shipped recipes.

    Speech has no fingerprint in the catalog: it depends on the version of SciPy.
    """
    releases: dict[str, Any] = {}
    for name in recipe_names():
        manifest_path(name).unlink(missing_ok=True)
        syngen.expand(name, manifest_path(name))
        resolved = resolved_recipe(name)
        entry: dict[str, Any] = {"mirrors": [], "recipe": name}
        if not resolved.synthesizer.speaks:
            entry["fingerprint"] = resolved.fingerprint
        releases[name] = {resolved.recipe.version: entry}
    content = json.loads(CATALOG.read_text("utf-8"))
    if any(entry["mirrors"] for versions in content["releases"].values() for entry in versions.values()):
        sys.exit(f"{CATALOG} has mirrors: edit it by hand")
    CATALOG.write_text(json.dumps(content | {"releases": releases}, indent=2) + "\n", "utf-8")


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--shipped", action="store_true", help="factor manifests and catalog of the package")
    what.add_argument("--release", action="store_true", help="the release of this version")
    options = parser.parse_args()
    if options.shipped:
        write_shipped()
        return
    if options.release:
        shutil.rmtree(RELEASE, ignore_errors=True)
        with tempfile.TemporaryDirectory() as place:
            build_release(RELEASE, Path(place))
        return
    cases = golden_cases()
    if not cases:
        sys.exit("no shipped recipe found: nothing is written")
    PATH.write_text(json.dumps(cases, indent=1) + "\n", "utf-8")
    DIGESTS_PATH.write_text(json.dumps(golden_digests(), indent=1) + "\n", "utf-8")
    SPEAKERS_PATH.write_text(json.dumps(golden_speakers(), indent=1) + "\n", "utf-8")
    if HAS_SPEECH:
        PHONEMES_PATH.write_text(json.dumps(phoneme_counts(), ensure_ascii=False, indent=1) + "\n", "utf-8")
    sys.stderr.write(f"{len(cases)} recipes, {N_INDICES} observations each -> {PATH}\n")


if __name__ == "__main__":
    main()
