"""What the columns of a recipe's manifests mean."""

from __future__ import annotations

from syngen.resolving.resolve import ResolvedRecipe
from syngen.storage.manifest import Vocabulary

__all__ = ["vocabulary_for"]


def vocabulary_for(resolved: ResolvedRecipe) -> Vocabulary:
    """Return what the columns of this recipe's manifests mean."""
    return Vocabulary(
        name=resolved.name,
        version=resolved.recipe.version,
        fingerprint=resolved.fingerprint,
        grid=resolved.grid,
        nuisances=tuple(
            (n.name, n.unit, isinstance(n.distribution.bounds[0], str)) for n in resolved.nuisances
        ),
        schemes={scheme.name: scheme.names for scheme in resolved.schemes},
        sample_rate=resolved.audio.sample_rate,
        derived=tuple((d.name, d.factor, d.values) for d in resolved.synthesizer.derived(resolved.request)),
        speaks=resolved.synthesizer.speaks,
    )
