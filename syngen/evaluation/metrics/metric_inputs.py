"""What several metrics need of one pair of codes and factors, computed once and when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.factor_columns import FactorColumn
from syngen.evaluation.information import binning, derived, mutual_information, outliers, permutation
from syngen.evaluation.inputs import Inputs
from syngen.evaluation.metrics import dci, infomec
from syngen.evaluation.metrics.fitting import can_be_learnt
from syngen.evaluation.metrics.options import Options

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray, IntArray
    from syngen.evaluation.information.binning import BinArray

__all__ = ["MetricInputs", "drawn_rows"]

_FEWEST_ROWS_PER_LEVEL = 5
_ROWS_PER_VALUE = 20
"""A column with as many rows a value keeps its values."""
_MOST_SHUFFLED_ROWS = 10_000
_FEW_SHUFFLES = 10  # of more rows, to measure a bias that is small by then
_STREAMS = {"rows": 0, "split": 1, "null": 2, "votes": 3, "jitter": 4, "resamples": 5, "penalty": 6}


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one purpose."""
    return np.random.default_rng([seed, _STREAMS[name]])


def drawn_rows(inputs: Inputs, options: Options) -> Inputs:
    """Return at most `options.n_samples` rows, drawn without replacement, in their order."""
    n, most = len(inputs.codes), options.n_samples
    if most is None or n <= most:
        return inputs
    rows = random_stream(options.seed, "rows").choice(n, size=most, replace=False)
    return inputs.take(np.sort(rows).astype(np.int64))


@dataclass(frozen=True, eq=False)
class MetricInputs:
    """Codes and factors with everything that follows from them.

    Matrices have a row for each code that varies and a column for each factor, derived and constant
    ones among them.

    Parameters
    ----------
    inputs : Inputs
    options : Options
    """

    inputs: Inputs
    options: Options

    def resampled(self, train: IntArray, test: IntArray, *, null: FloatArray | None = None) -> MetricInputs:
        """Return the workspace of some rows, with the bins and the roles of codes and factors of this one.

        Parameters
        ----------
        train, test : ndarray of int64
            Rows to learn from, and to be scored; most metrics see both together.
        null : ndarray of float64, shape (n_codes, n_factors), optional
            Of as many rows; measured by default.
        """
        rows = np.concatenate([train, test])
        other = MetricInputs(self.inputs.take(rows), self.options)
        places = np.arange(len(rows))
        other.__dict__.update(
            varying=self.varying,
            bins=[binning.dense(column[rows]) for column in self.bins],
            levels=[binning.dense(column[rows]) for column in self.levels],
            _few_values=[None if kept is None else binning.dense(kept[rows]) for kept in self._few_values],
            split=(places[: len(train)], places[len(train) :]),
            _fenced=(self._fenced[0][rows], self._fenced[1]),
            active=self.active,
            derived=self.derived,
            learnable=self.learnable,
            scored_factors=self.scored_factors,
            derived_only_mask=self.derived_only_mask,
        )
        if null is not None:
            other.__dict__["null"] = null
        return other

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.inputs.codes)

    @property
    def n_factors(self) -> int:
        """Number of factors, all counted."""
        return len(self.inputs.factors)

    def rng(self, name: str) -> np.random.Generator:
        """Return the random numbers of one purpose."""
        return random_stream(self.options.seed, name)

    @cached_property
    def varying(self) -> IntArray:
        """Positions of the codes that are not constant."""
        codes = self.inputs.codes
        return np.flatnonzero(codes.min(axis=0) < codes.max(axis=0)).astype(np.int64)

    @cached_property
    def codes(self) -> FloatArray:
        """The codes that vary."""
        if len(self.varying) == self.inputs.codes.shape[1]:
            return self.inputs.codes
        return np.ascontiguousarray(self.inputs.codes[:, self.varying])

    @property
    def distance_codes(self) -> FloatArray:
        """The codes that vary, as metrics of distances see them: standardised, wild rows at a fence.

        The references see them as they are.
        """
        return self._fenced[0]

    @property
    def n_far(self) -> IntArray:
        """How many values of each code that varies lie far beyond a fence."""
        return self._fenced[1]

    @cached_property
    def _fenced(self) -> tuple[FloatArray, IntArray]:
        if not self.options.conventions.standardises:
            return self.codes, np.zeros(len(self.varying), dtype=np.int64)
        codes, n_far = outliers.within_fences(self.codes)
        return codes, n_far.astype(np.int64)

    @cached_property
    def levels(self) -> list[BinArray]:
        """Level of each factor, numbered from 0 without gaps; continuous factors are binned."""
        return [self._levels_of(factor) for factor in self.inputs.factors]

    def _levels_of(self, factor: FactorColumn) -> BinArray:
        conventions, n_bins = self.options.conventions, self.options.n_bins
        if factor.kind == "continuous" or self._is_sparse(factor):
            most = max(n_bins, self.n // _ROWS_PER_VALUE)
            kept = binning.levels_if_few(factor.values, most=most) if conventions.keeps_values else None
            return self._binned(factor.values) if kept is None else kept
        return np.unique(factor.values, return_inverse=True)[1].astype(np.int32)

    def _is_sparse(self, factor: FactorColumn) -> bool:
        """Return whether an ordinal factor has so many levels that it is as good as continuous."""
        return (
            factor.kind == "ordinal"
            and self.options.conventions.keeps_values
            and len(np.unique(factor.values)) * _FEWEST_ROWS_PER_LEVEL > self.n
        )

    def _binned(self, column: FloatArray) -> BinArray:
        way = {
            "width": binning.width_bins,
            "quantile": binning.quantile_bins,
            "scaled": binning.scaled_width_bins,
        }
        return way[self.options.conventions.bins](column, n_bins=self.options.n_bins)

    @cached_property
    def bins(self) -> list[BinArray]:
        """Bin of each code that varies."""
        keeps_values = self.options.conventions.keeps_values
        return [
            kept if keeps_values and kept is not None else self._binned(np.ascontiguousarray(column))
            for column, kept in zip(self.codes.T, self._few_values, strict=True)
        ]

    @property
    def is_counted(self) -> BoolArray:
        """Whether a code has so few values that they are levels rather than real numbers."""
        return np.array([levels is not None for levels in self._few_values], dtype=np.bool_)

    @cached_property
    def _few_values(self) -> list[BinArray | None]:
        """Levels of each code that has few values for the rows, or as many as a factor has levels."""
        sizes = [int(levels.max()) + 1 for levels in self.levels]
        most, closeness = max([self.options.n_bins, *sizes]), 0.0
        if self.options.conventions.keeps_values:
            known = [size for size in sizes if can_be_learnt(size, self.n)]
            most = max([self.options.n_bins, self.n // _ROWS_PER_VALUE, *known])
            closeness = binning.CLOSENESS
        return [
            binning.levels_if_few(np.ascontiguousarray(column), most=most, closeness=closeness)
            for column in self.codes.T
        ]

    @cached_property
    def code_entropies(self) -> FloatArray:
        """Entropy of each code that varies, in nats."""
        return mutual_information.entropies(self.bins)

    @cached_property
    def factor_entropies(self) -> FloatArray:
        """Entropy of each factor, in nats."""
        return mutual_information.entropies(self.levels)

    @cached_property
    def information(self) -> FloatArray:
        """Mutual information of codes and factors, in nats."""
        return mutual_information.information_matrix(self.bins, self.levels)

    @cached_property
    def null(self) -> FloatArray:
        """The same with shuffled rows, on average: the bias of plug-in information."""
        if self.n <= _MOST_SHUFFLED_ROWS:
            return np.asarray(self._shuffled.mean(axis=0))
        drawn = permutation.shuffled_information(
            self.bins, self.levels, n_shuffles=_FEW_SHUFFLES, rng=self.rng("null")
        )
        return np.asarray(drawn.mean(axis=0))

    @cached_property
    def _shuffled(self) -> FloatArray:
        """Information of shuffled rows, shape (n_shuffles, n_codes, n_factors)."""
        return permutation.shuffled_information(self.bins, self.levels, rng=self.rng("null"))

    @cached_property
    def factor_information(self) -> FloatArray:
        """Mutual information of factors with each other; entropies on the diagonal."""
        return mutual_information.information_matrix(self.levels, self.levels)

    @cached_property
    def derived(self) -> dict[int, int]:
        """Position of the factor that a derived one is a function of, by position of the derived one."""
        if not self.options.conventions.finds_derived:
            return {}
        return derived.derived_factors(self.levels)

    @cached_property
    def scored_factors(self) -> IntArray:
        """Positions of the factors that make the scores: they vary and are not derived."""
        return np.array(
            [j for j in range(self.n_factors) if self.factor_entropies[j] > 0.0 and j not in self.derived],
            dtype=np.int64,
        )

    @cached_property
    def learnable(self) -> BoolArray:
        """Which factors vary and have levels that a model can learn."""
        enough = [can_be_learnt(int(levels.max()) + 1, self.n) for levels in self.levels]
        is_real = [factor.kind == "continuous" for factor in self.inputs.factors]
        found: BoolArray = (self.factor_entropies > 0.0) & (np.array(enough) | np.array(is_real))
        return found

    @cached_property
    def derived_only_mask(self) -> BoolArray | None:
        """Codes that know a factor only as far as a derived one goes; None if there are none."""
        if not self.derived:
            return None
        return derived.carries_derived_only(
            self.information - self.null, self.factor_entropies, self.derived
        )

    @cached_property
    def active(self) -> BoolArray:
        """Which codes that vary take part in means over codes."""
        if not self.options.conventions.prunes_inactive:
            return np.ones(len(self.varying), dtype=np.bool_)
        return self.informed

    @cached_property
    def informed(self) -> BoolArray:
        """Which codes that vary know more than chance of a factor that makes the scores."""
        kept = self.scored_factors
        if self.n > _MOST_SHUFFLED_ROWS:
            rows = np.sort(self.rng("null").choice(self.n, size=_MOST_SHUFFLED_ROWS, replace=False))
            bins = [binning.dense(column[rows]) for column in self.bins]
            levels = [binning.dense(self.levels[j][rows]) for j in kept]
            drawn = permutation.shuffled_information(bins, levels, rng=self.rng("null"))
            return permutation.beats_chance(mutual_information.information_matrix(bins, levels), drawn)
        return permutation.beats_chance(self.information[:, kept], self._shuffled[:, :, kept])

    @property
    def uses_ubisoft_lasso(self) -> bool:
        """Whether DCI is computed with the rules that only Ubisoft's lasso has."""
        return self.options.conventions.name == "ubisoft" and self.options.dci_model == "lasso"

    @cached_property
    def _fitted(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Importance, informativeness and its chance, from one fit of DCI's model for each factor."""
        importance = np.zeros((len(self.varying), self.n_factors))
        informativeness, chance = np.full((2, self.n_factors), self.nothing)
        train, test = self.split
        model = self.options.dci_model
        codes = self.distance_codes if model == "lasso" else self.codes
        for j, factor in enumerate(self.inputs.factors):
            if not self.learnable[j]:
                continue
            if self.uses_ubisoft_lasso and factor.kind != "nominal" and len(self.varying):
                importance[:, j], informativeness[j] = dci.ubisoft_lasso(codes, factor.values)
                chance[j] = dci.ubisoft_chance(factor.values)
                continue
            is_real = factor.kind == "continuous" and self.options.conventions.name == ""
            target: NDArray[np.float64] | NDArray[np.int32] = factor.values if is_real else self.levels[j]
            task = dci.Task(
                *(codes[train], codes[test], target[train], target[test]),
                is_real=is_real,
                is_nominal=factor.kind == "nominal",
                is_compat=bool(self.options.conventions.name),
            )
            importance[:, j], informativeness[j] = dci.fit_importance(
                task, model=model, seed=self.options.seed
            )
            chance[j] = dci.chance_of(task, model=model)
        return importance, informativeness, chance

    @property
    def nothing(self) -> float:
        """What stands where a factor or a code has no value: NaN; the references have 0."""
        return 0.0 if self.options.conventions.name else float("nan")

    @property
    def importance(self) -> FloatArray:
        """Importance of each code for each factor, of the model of DCI."""
        return self._fitted[0]

    @property
    def informativeness(self) -> FloatArray:
        """How well the model of DCI predicts each factor."""
        return self._fitted[1]

    @property
    def informativeness_chance(self) -> FloatArray:
        """How well each factor is predicted by whoever knows no code."""
        return self._fitted[2]

    @cached_property
    def neighbour_shares(self) -> FloatArray:
        """Share of each scored factor's entropy that a code knows, of real codes by neighbours."""
        rng, kept = self.rng("jitter"), self.scored_factors
        entropies, codes = self.factor_entropies[kept], self.codes
        share = mutual_information.normalised(self.information[:, kept], entropies)
        if self.options.conventions.subtracts_null:
            # neighbours have no bias, and what is counted must not have one beside them
            share = np.nan_to_num(
                permutation.adjusted(self.information[:, kept], self.null[:, kept], entropies)
            )
            codes = outliers.mean_ranks(codes)
        for i in np.flatnonzero(~self.is_counted).tolist():
            for place, j in enumerate(kept.tolist()):
                shared = infomec.neighbour_information(codes[:, i], self.levels[j], rng=rng)
                share[i, place] = shared / entropies[place]
        return share

    @cached_property
    def split(self) -> tuple[IntArray, IntArray]:
        """Rows to learn from and rows to be scored."""
        n_test = min(self.n - 1, max(1, round(self.options.test_size * self.n)))
        order = np.arange(self.n)
        if self.options.conventions.shuffles:
            order = self.rng("split").permutation(self.n)
        return order[: self.n - n_test], order[self.n - n_test :]
