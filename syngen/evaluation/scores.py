"""What `syngen.evaluate` returns: scores by name, the tables behind them, and how they were made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from syngen.evaluation.metrics.catalogue import METRICS
from syngen.figures.reporting import JsonDocument, markdown_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from syngen._typing import FloatArray, Json

__all__ = ["Scores"]


@dataclass(frozen=True, eq=False, repr=False)
class Scores(JsonDocument, Mapping[str, float]):
    """Scores of a representation: a mapping from metric to number, with the tables behind the numbers.

    A score that is undefined is NaN, and null in JSON, never 0; so is what is undefined in the tables.

    Attributes
    ----------
    factors : DataFrame
        A row for each factor: ``kind``, ``n_levels``, ``entropy`` (nats), ``role`` (headline, derived or
        constant), ``derived_from``, ``best_code``, and a column for each metric that has one value a
        factor. Derived factors have values here and no part in the scores.
    codes : DataFrame
        A row for each code: ``status`` (active, inactive or constant), ``n_bins``, ``entropy``,
        ``best_factor``, and a column for each metric that has one value a code.
    mi, nmi : ndarray of float64, shape (n_codes, n_factors)
        Mutual information in nats, and in parts of the factor's entropy (NaN of a constant factor). All
        codes and factors are there.
    factor_mi : ndarray of float64, shape (n_factors, n_factors)
        Mutual information of the factors with each other, in nats; entropies on the diagonal.
    importance : ndarray of float64, shape (n_codes, n_factors), or None
        Of the model of DCI, if it was asked for.
    intervals : dict of str to tuple of float
        95 % intervals of all scores that have a value and are no counts, if they were asked for. They are
        about the score to expect of as many rows.
    undefined : dict of str to str
        Why a score has no value, as in ``no active codes``; the mapping then says NaN.
    left_out : dict of str to str
        What has no part in the mean that a score is, as in ``7 of 10 codes``.
    metadata : dict
        Rows, bins, seed, versions, pruned codes, derived factors, conventions, warnings.
    """

    _values: dict[str, float]
    factors: pd.DataFrame
    codes: pd.DataFrame
    mi: FloatArray
    nmi: FloatArray
    factor_mi: FloatArray
    importance: FloatArray | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)

    def __getitem__(self, key: str) -> float:
        try:
            return self._values[key]
        except KeyError:
            from syngen.errors import suggestion

            hint = "was not asked for" if key in METRICS else f"is no metric{suggestion(key, METRICS)}"
            raise KeyError(f"{key!r} {hint}; there are {', '.join(self._values)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}: {self._shown(key)}" for key in self)
        return "\n".join([f"<Scores {shown}>", *(f"Note: {warning}." for warning in self.warnings)])

    def _shown(self, key: str) -> str:
        if key in self.undefined:
            return self.undefined[key]
        number = f"{self[key]:.0f}" if METRICS[key].is_count else f"{self[key]:.3f}"
        return f"{number} (without {self.left_out[key]})" if key in self.left_out else number

    @property
    def warnings(self) -> list[str]:
        """What to know before the numbers are used."""
        return list(self.metadata.get("warnings", []))

    def to_dict(self) -> Json:
        """Return everything as plain values; a score without a value is None."""
        return {
            "scores": _plain(dict(self)),
            "undefined": dict(self.undefined),
            "left_out": dict(self.left_out),
            "intervals": {key: list(ends) for key, ends in self.intervals.items()},
            "factors": _records(self.factors),
            "codes": _records(self.codes),
            "mi": self.mi.tolist(),
            "nmi": _plain(self.nmi.tolist()),
            "factor_mi": self.factor_mi.tolist(),
            "importance": None if self.importance is None else self.importance.tolist(),
            "metadata": self.metadata,
        }

    def to_markdown(self) -> str:
        """Return the scores, the factors, their mutual information and all warnings as Markdown."""
        metrics = [
            [METRICS[key].label, self._shown(key), *([self._shown_interval(key)] if self.intervals else [])]
            for key in self
        ]
        header = ["metric", "score", *(["95 % interval"] if self.intervals else [])]
        parts = [markdown_table(header, metrics), _frame_table("factor", self.factors)]
        if len(self.factors) > 1:
            parts += [f"{_FACTOR_MI}\n\n{self._factor_table()}"]
        counts = self.codes["status"].value_counts()
        states = ", ".join(f"{counts[state]} {state}" for state in counts.index)
        rows, bins = self.metadata["rows"], self.metadata["n_bins"]
        parts.append(f"{rows:,} rows, {bins} bins, {len(self.codes)} codes: {states}.")
        if any(METRICS[key].saturates for key in self):
            parts.append("FactorVAE and BetaVAE scores saturate: 1 does not mean disentangled.")
        parts += [f"Note: {warning}." for warning in self.warnings]
        return "\n\n".join(parts) + "\n"

    def _shown_interval(self, key: str) -> str:
        if key not in self.intervals or key in self.undefined:
            return ""
        return "{:.3f} to {:.3f}".format(*self.intervals[key])

    def _factor_table(self) -> str:
        names = [str(name) for name in self.factors.index]
        rows = [
            [name, *(f"{value:.3f}" for value in row)]
            for name, row in zip(names, self.factor_mi.tolist(), strict=True)
        ]
        return markdown_table(["", *names], rows)

    def plot(self) -> Figure:
        """Draw information, importance, gaps and the factors' mutual information; needs the extra plot.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; ``figure.savefig(path)`` writes it. Not registered with pyplot.
        """
        from syngen.evaluation.plots import draw

        shown = [
            f"{METRICS[key].label} {self._shown(key)}" for key in ("mig", "dci_d", "sap") if key in self
        ]
        made = f"{self.metadata['rows']:,} rows, {self.metadata['n_bins']} bins"
        return draw(
            self.nmi,
            factor_mi=self.factor_mi,
            importance=self.importance,
            codes=[str(name) for name in self.codes.index],
            factors=[str(name) for name in self.factors.index],
            title=", ".join([*shown, made]),
            model=str(self.metadata["dci_model"]),
        )


_FACTOR_MI = "Mutual information of the factors with each other, in nats (entropies on the diagonal):"


def _plain(value: Any) -> Any:
    """Return nested lists and dicts with None for NaN."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _records(frame: pd.DataFrame) -> list[Json]:
    return cast("list[Json]", _plain(frame.reset_index(names="name").to_dict("records")))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def _frame_table(title: str, frame: pd.DataFrame) -> str:
    rows = [
        [str(name), *map(_cell, row)]
        for name, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    ]
    names = [METRICS[name].label if name in METRICS else str(name) for name in frame.columns]
    return markdown_table([title, *names], rows)
