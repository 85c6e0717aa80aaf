"""A recipe drawn with further seeds, where one seed gives too few observations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syngen.loaders.dataset import FactorDataset
from syngen.loaders.sources.rendered import RenderedSource
from syngen.resolving.vocabulary import vocabulary_for

if TYPE_CHECKING:
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["draws_of"]

_SEEDS = 2**63


def draws_of(resolved: ResolvedRecipe, n: int) -> list[FactorDataset]:
    """Return the dataset of a recipe, and of the seeds after its own until there are `n` observations.

    Parameters
    ----------
    resolved : ResolvedRecipe
    n : int
        Observations wanted.
    """
    vocabulary = vocabulary_for(resolved)
    recipe = resolved.recipe
    draws = []
    for number in range(max(1, -(-n // resolved.size))):
        seeded = recipe.model_copy(update={"seed": (recipe.seed + number) % _SEEDS}) if number else recipe
        drawn = replace(resolved, recipe=seeded)
        # columns mean the same whatever is drawn; only the fingerprint differs, and nobody asks for it
        draws.append(FactorDataset(RenderedSource(drawn, vocabulary)))
    return draws
