"""What the columns of a recipe's manifests mean, and what the recipe alone says in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syngen.storage.layout import FORMAT
from syngen.storage.tables.arrays import arrow_array
from syngen.storage.tables.manifest import Vocabulary, factor_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["recipe_columns", "vocabulary_for"]


def recipe_columns(
    resolved: ResolvedRecipe, vocabulary: Vocabulary, indices: IntArray, *, with_values: bool = True
) -> dict[str, pa.Array]:
    """Return what a recipe says of some grid points: index, splits, levels; values and what is drawn.

    Parameters
    ----------
    resolved : ResolvedRecipe
    vocabulary : Vocabulary
        Of the recipe.
    indices : ndarray of int64, shape (n,)
    with_values : bool
        Whether values, derived factors and nuisances are among the columns.
    """
    levels = resolved.grid.levels_of(indices)
    codes = {s.name: resolved.split_codes(s, indices, levels) for s in resolved.schemes}
    columns = factor_columns(vocabulary, indices, levels, codes, with_values=with_values)
    schema = vocabulary.part_schema()
    for nuisance in resolved.nuisances if with_values else ():
        kind = schema.field(nuisance.name).type
        columns[nuisance.name] = arrow_array(nuisance.draw(resolved.recipe.seed, indices), kind)
    return columns


def vocabulary_for(resolved: ResolvedRecipe, *, file_format: int = FORMAT) -> Vocabulary:
    """Return what the columns of this recipe's manifests mean.

    Parameters
    ----------
    resolved : ResolvedRecipe
    file_format : int
        Of the dataset that has the manifest.
    """
    return Vocabulary(
        name=resolved.name,
        version=resolved.recipe.version,
        fingerprint=resolved.fingerprint_in(file_format),
        grid=resolved.grid,
        nuisances=tuple(
            (n.name, n.unit, isinstance(n.distribution.bounds[0], str)) for n in resolved.nuisances
        ),
        schemes={scheme.name: scheme.names for scheme in resolved.schemes},
        sample_rate=resolved.audio.sample_rate,
        derived=tuple((d.name, d.factor, d.values) for d in resolved.synthesizer.derived(resolved.request)),
        speaks=resolved.synthesizer.speaks,
        format=file_format,
    )
