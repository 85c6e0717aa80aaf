"""The join of a recipe and its synthesizer.

`resolve` finds every problem that needs both: unknown factors and values, wrong units, conditions on
values that the grid does not have, levels that would clip. Problems carry document paths;
`resolve_draft` gives them lines and columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from syngen.errors import EngineError, FactorError, Issue, RecipeError, SyngenError
from syngen.factors import FactorGrid
from syngen.recipe.parse import Draft
from syngen.recipe.schema import Recipe
from syngen.resolving.compositions import with_all_values
from syngen.resolving.parameters import resolve_parameters
from syngen.resolving.reach import check_reach
from syngen.resolving.rows import resolve_sampling, resolve_splits
from syngen.sampling import MAX_ROWS, Rows, Sampling
from syngen.splits import EVERYTHING_TRAIN, Scheme
from syngen.storage.digests import digest_of
from syngen.synth.plugin import Synthesizer
from syngen.synth.registry import find_synthesizer
from syngen.synth.request import NO_PERMISSIONS, Audio, Permissions, Request

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json
    from syngen.nuisances import Nuisance

__all__ = ["ResolvedRecipe", "resolve", "resolve_draft"]


@dataclass(frozen=True)
class ResolvedRecipe:
    """A recipe whose every part is known to make sense.

    Attributes
    ----------
    recipe : Recipe
        What the document says.
    synthesizer : Synthesizer
    grid : FactorGrid
        The factors and all their combinations.
    nuisances : tuple of Nuisance
        What varies beside the factors.
    request : Request
        What the synthesizer is asked for.
    sampling : Sampling
        Which grid points belong to the dataset.
    schemes : tuple of Scheme
        The split schemes, ``default`` first.
    """

    recipe: Recipe
    synthesizer: Synthesizer
    grid: FactorGrid
    nuisances: tuple[Nuisance, ...]
    request: Request
    sampling: Sampling
    schemes: tuple[Scheme, ...]

    def __reduce__(self) -> tuple[object, tuple[Recipe, Permissions]]:
        # a few kB instead of the grid: the other process resolves the same recipe again
        return _resolve_unchecked, (self.recipe, self.request.permissions)

    def __repr__(self) -> str:
        return f"<ResolvedRecipe {self.name} {self.recipe.version}: {self.size:,} of {self.grid!r}>"

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def audio(self) -> Audio:
        """Format of the observations."""
        return self.request.audio

    @property
    def size(self) -> int:
        """Number of observations."""
        return self.rows.size

    @cached_property
    def rows(self) -> Rows:
        """The observations in row order."""
        default = self.schemes[0]
        return Rows(
            self.grid,
            self.sampling,
            seed=self.recipe.seed,
            split_names=default.names,
            split_codes=lambda indices, levels: self.split_codes(default, indices, levels),
        )

    def split_codes(self, scheme: Scheme, indices: IntArray, levels: IntArray) -> IntArray:
        """Return the split of each index as a position in ``scheme.names``: int64, shape (n,)."""
        return scheme.codes(indices, levels, seed=self.recipe.seed)

    def with_size(self, size: int) -> ResolvedRecipe:
        """Return the same recipe with another number of observations.

        Raises
        ------
        RecipeError
            If the grid has not that many.
        """
        return resolve(self.recipe.with_size(size), permissions=self.request.permissions)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of all that decides the PCM of an index."""
        return digest_of(self._identity())

    def fingerprint_in(self, file_format: int) -> str:
        """Return the fingerprint that a dataset of some file format states.

        In format 1 it is the SHA-256 of the same content as compact JSON.

        Parameters
        ----------
        file_format : int
            1 or more.
        """
        if file_format > 1:
            return self.fingerprint
        text = json.dumps(self._identity(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def _identity(self) -> Json:
        """Return all that decides the PCM of an index."""
        request = self.request
        return {
            "contract": "syngen-1",
            "synthesizer": {
                "name": self.synthesizer.name,
                "version": self.synthesizer.version,
                "identity": self.synthesizer.identity(request),
            },
            "seed": request.seed,
            "audio": {"sample_rate": request.audio.sample_rate, "duration": request.audio.duration},
            "factors": [[f.name, f.unit, f.values] for f in self.grid.factors],
            "nuisances": [
                [n.name, n.unit, type(n.distribution).__name__, asdict(n.distribution)]  # type: ignore[call-overload]
                for n in self.nuisances
            ],
            "fixed": self._stated_fixed(),
            "settings": self._stated_settings(),
        }

    # What is left at its default is not hashed: a synthesizer that learns a new factor keeps the
    # fingerprints of all recipes that do not mention it.

    def _stated_fixed(self) -> Json:
        specs = {spec.name: spec for spec in self.synthesizer.factors}
        return {
            name: [parameter.unit, parameter.values[0]]
            for name, parameter in self.request.parameters.items()
            if parameter.role == "fixed"
            and (parameter.unit, parameter.values[0]) != (specs[name].default_unit, specs[name].default)
        }

    def _stated_settings(self) -> Json:
        defaults = {spec.name: spec.default for spec in self.synthesizer.settings}
        return {name: v for name, v in self.request.settings.items() if v != defaults[name]}


def resolve_draft(
    draft: Draft, *, permissions: Permissions = NO_PERMISSIONS, is_new: bool = False
) -> ResolvedRecipe:
    """Resolve a recipe as it was read, reporting all problems of form and of meaning at once.

    Parameters
    ----------
    draft : Draft
    permissions : Permissions
    is_new : bool
        Whether it is held to the rules that recipes of earlier datasets need not keep.

    Raises
    ------
    RecipeError
        With every issue, each at its line and column, in the order of the document.
    """
    issues = list(draft.issues)
    resolved = None
    if draft.recipe is not None:
        try:
            resolved = resolve(draft.recipe, permissions=permissions, is_new=is_new)
        except RecipeError as error:
            issues += [draft.located(issue) for issue in error.issues]
    if issues or resolved is None:
        issues.sort(key=lambda issue: (issue.line or 0, issue.column or 0))
        raise RecipeError(_abridged(issues))
    return resolved


def _abridged(issues: list[Issue]) -> list[Issue]:
    """Keep the first of the issues that values of one formula share, and count the others."""
    groups: dict[tuple[object, ...], list[Issue]] = {}
    for issue in issues:
        key = (issue.path, issue.line, issue.column, issue.message.split(" ", 1)[0])
        groups.setdefault(key, []).append(issue)
    return [
        first if not more else replace(first, message=f"{first.message} (and {len(more)} more here)")
        for first, *more in groups.values()
    ]


def resolve(
    recipe: Recipe, *, permissions: Permissions = NO_PERMISSIONS, is_new: bool = False
) -> ResolvedRecipe:
    """Join a recipe with its synthesizer, which may do what the user permits.

    Parameters
    ----------
    recipe : Recipe
    permissions : Permissions
    is_new : bool
        See `resolve_draft`.

    Raises
    ------
    RecipeError
        With every issue; paths instead of positions.
    """
    return _resolve(recipe, permissions, is_checked=True, is_new=is_new)


def _resolve_unchecked(recipe: Recipe, permissions: Permissions) -> ResolvedRecipe:
    """Resolve a recipe that another process has checked."""
    return _resolve(recipe, permissions, is_checked=False)


def _resolve(
    recipe: Recipe, permissions: Permissions, *, is_checked: bool, is_new: bool = False
) -> ResolvedRecipe:
    try:
        synthesizer = find_synthesizer(recipe.synthesizer)
    except EngineError as error:
        raise RecipeError([Issue(("synthesizer",), str(error))]) from error
    issues: list[Issue] = []
    resolved = resolve_parameters(recipe, synthesizer, issues, is_new=is_new)
    audio = Audio(recipe.audio.sample_rate, recipe.audio.duration)
    request = Request(audio, resolved.parameters, resolved.settings, recipe.seed, permissions)
    grid: FactorGrid | None = None
    sampling = Sampling()
    schemes: tuple[Scheme, ...] = (EVERYTHING_TRAIN,)
    try:
        grid = FactorGrid(resolved.factors)
    except FactorError as error:
        if not recipe.broken:
            issues.append(Issue(("factors",), str(error)))
    if grid is not None:
        known = grid if not _has_gaps(recipe, resolved.factor_names, grid) else None
        sampling = resolve_sampling(recipe, grid, resolved.factor_names, issues, is_new=is_new)
        schemes = tuple(
            with_all_values(scheme, grid, sampling, seed=recipe.seed)
            for scheme in resolve_splits(recipe, grid, resolved.factor_names, issues, is_new=is_new)
        )
        if known is not None:
            _check_size(recipe, grid, issues)
    # a setting with a problem stands at its default, which says nothing about the rest
    if is_checked and resolved.is_complete and not any(issue.path[:1] == ("settings",) for issue in issues):
        issues += _checked(synthesizer, request)
    if issues or grid is None:
        raise RecipeError(issues)
    if resolved.external:
        recipe = recipe.with_values(resolved.external)
    result = ResolvedRecipe(recipe, synthesizer, grid, resolved.nuisances, request, sampling, schemes)
    if is_checked and not recipe.broken:
        check_reach(result.rows, schemes, seed=recipe.seed, is_new=is_new)
    return result


def _checked(synthesizer: Synthesizer, request: Request) -> list[Issue]:
    """Return what the synthesizer has to say, whatever it raises included."""
    try:
        issues = list(synthesizer.check(request))
        if not issues:
            synthesizer.identity(request)
        return issues
    except SyngenError as error:
        return [Issue(("synthesizer",), str(error))]
    except Exception as error:  # noqa: BLE001  # the synthesizer may be somebody else's
        message = f"the {synthesizer.name} synthesizer fails with {type(error).__name__}: {error}"
        return [Issue(("synthesizer",), message)]


def _has_gaps(recipe: Recipe, names: Mapping[str, object], grid: FactorGrid) -> bool:
    """Whether factors are missing from the grid because they had problems of their own."""
    broken = any(path[:1] == ("factors",) for path in recipe.broken)
    return broken or set(names) != set(grid.names)


def _check_size(recipe: Recipe, grid: FactorGrid, issues: list[Issue]) -> None:
    size = recipe.sampling.size
    if size is not None and size > grid.size:
        issues.append(
            Issue(
                ("sampling", "size"),
                f"sampling.size is {size}, but the grid has only {grid.size} points",
            )
        )
    if size is None and grid.size > MAX_ROWS:
        issues.append(
            Issue(
                ("factors",),
                f"the whole grid has {grid.size} points; more than {MAX_ROWS} need sampling.size",
            )
        )
