"""What `syngen.statistics` returns: counts and numbers of a dataset, as text, JSON or picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.evaluation.statistics.numbers import NumberSummary
from syngen.evaluation.statistics.tables import FactorCounts, PairCounts, shown_nats
from syngen.figures.reporting import JsonDocument, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from syngen._typing import Json

__all__ = ["Statistics"]

_MOST_LEVELS = 12
_LONGEST = 32


@dataclass(frozen=True, eq=False, repr=False)
class Statistics(JsonDocument):
    """What a dataset, or a part of one, holds.

    Attributes
    ----------
    name : str
        Of the dataset.
    n_rows : int
        Observations.
    splits : mapping of str to mapping of str to int
        Observations by split, by column: ``split``, then ``split_<scheme>``. Empty splits are left out.
    factors : mapping of str to FactorCounts
        Factors, then derived factors.
    pairs : mapping of (str, str) to PairCounts
        Every two factors that vary.
    numbers : mapping of str to NumberSummary
        ``rms_db``, ``peak``, ``seconds`` and ``f0``, as far as they are known.
    notes : tuple of str
        What is left out, and why.
    seed, n_shuffles : int
        Of the chance level of mutual information.
    """

    name: str
    n_rows: int
    splits: Mapping[str, Mapping[str, int]]
    factors: Mapping[str, FactorCounts]
    pairs: Mapping[tuple[str, str], PairCounts]
    numbers: Mapping[str, NumberSummary]
    notes: tuple[str, ...]
    seed: int
    n_shuffles: int

    def __repr__(self) -> str:
        above = sum(pair.is_above_chance for pair in self.pairs.values())
        return (
            f"<Statistics of {self.name}: {self.n_rows:,} observations, {len(self.factors)} factors, "
            f"{above} of {len(self.pairs)} pairs above chance>"
        )

    @property
    def split_names(self) -> tuple[str, ...]:
        """Splits of the column ``split`` that have observations: the columns of all counts."""
        return tuple(self.splits["split"])

    def to_dict(self) -> Json:
        """Return everything as plain values."""
        names = self.split_names
        return {
            "name": self.name,
            "observations": self.n_rows,
            "splits": {column: dict(counts) for column, counts in self.splits.items()},
            "factors": [factor.to_dict(names) for factor in self.factors.values()],
            "pairs": [pair.to_dict() for pair in self.pairs.values()],
            "numbers": [number.to_dict(names) for number in self.numbers.values()],
            "notes": list(self.notes),
            "seed": self.seed,
            "shuffles": self.n_shuffles,
        }

    def to_markdown(self) -> str:
        """Return everything but the joint counts and histograms of many values as Markdown."""
        return "\n\n".join([*self._split_tables(), *self.sections(), *self._notes()]) + "\n"

    def sections(self) -> Iterator[str]:
        """Yield the tables of factors, of pairs of factors, and of numbers, each with what explains it."""
        yield self.factor_table()
        for factor in self.factors.values():
            if 1 < len(factor.values) <= _MOST_LEVELS:
                yield self._level_table(factor)
        if self.pairs:
            yield self.pair_table(list(self.pairs.values()))
            yield self.on_chance
        if self.numbers:
            yield self.number_table()

    @property
    def on_chance(self) -> str:
        """What the columns on information mean."""
        return (
            f"Information is mutual information in nats. Chance: mean and 95 % quantile of "
            f"{self.n_shuffles} shuffles of the rows; of independent factors one pair in twenty is above "
            "the quantile."
        )

    def plot(self) -> Figure:
        """Draw histograms, joint counts and mutual information; needs the extra plot.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; ``figure.savefig(path)`` writes it. Not registered with pyplot.
        """
        from syngen.evaluation.statistics.plots import draw

        return draw(
            title=f"{self.name}: {self.n_rows:,} observations",
            splits=self.split_names,
            factors=self.factors,
            pairs=list(self.pairs.values()),
            numbers=list(self.numbers.values()),
        )

    def _notes(self) -> Iterator[str]:
        for note in self.notes:
            yield f"Left out: {note}."

    def _split_tables(self) -> Iterator[str]:
        for column, counts in self.splits.items():
            rows = [[name, f"{count:,}"] for name, count in counts.items()]
            yield markdown_table([column, "observations"], rows)

    def factor_table(self) -> str:
        """Return how many levels each factor has, and how often they occur, as Markdown."""
        rows = []
        for factor in self.factors.values():
            totals = factor.totals
            kind = f"of {factor.derived_from}" if factor.derived_from else factor.kind
            counts = (len(totals), factor.n_used, int(totals.min()), int(totals.max()))
            rows.append([factor.label, kind, *(f"{n:,}" for n in counts), f"{factor.entropy:.3f}"])
        header = ["factor", "kind", "levels", "used", "fewest rows", "most rows", "entropy, nats"]
        return markdown_table(header, rows)

    def _level_table(self, factor: FactorCounts) -> str:
        rows = [
            [_short(value), *_cells([*counts, sum(counts)])]
            for value, counts in zip(factor.values, factor.counts.tolist(), strict=True)
        ]
        return markdown_table([factor.label, *self.split_names, "all"], rows)

    def pair_table(self, pairs: Sequence[PairCounts]) -> str:
        """Return counts and information of `pairs`, some of ``self.pairs``, as Markdown."""
        rows = []
        for pair in pairs:
            counts = (pair.counts.size, pair.n_empty, int(pair.counts.min()), int(pair.counts.max()))
            shares = (pair.information, pair.chance, pair.chance_95)
            verdict = "above chance" if pair.is_above_chance else "as chance"
            rows.append([pair.label, *_cells(counts), *map(shown_nats, shares), verdict])
        header = ["factors", "cells", "empty", "fewest rows", "most rows"]
        return markdown_table([*header, "information", "chance", "95 %", ""], rows)

    def number_table(self) -> str:
        """Return levels, lengths and pitch as Markdown."""
        rows = []
        for number in self.numbers.values():
            five, _, median, _, ninety_five = number.quantiles
            shown = (number.least, five, median, ninety_five, number.greatest, number.mean, number.sd)
            counts = _cells((number.n_rows, number.n_missing))
            rows.append([number.label, *counts, *(f"{value:.4g}" for value in shown), number.origin])
        header = ["", "rows", "missing", "least", "5 %", "median", "95 %", "greatest", "mean", "sd", "from"]
        return markdown_table(header, rows)


def _cells(counts: Sequence[int]) -> list[str]:
    return [f"{count:,}" for count in counts]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
