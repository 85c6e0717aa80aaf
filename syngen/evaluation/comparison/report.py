"""What `syngen.compare` returns: a difference for each metric, with its interval and p value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from syngen.errors import suggestion
from syngen.evaluation.metrics.catalogue import METRICS
from syngen.figures.reporting import JsonDocument, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from syngen._typing import Json

__all__ = ["Comparison", "Difference"]

METHODS = {
    "bootstrap": "paired bootstrap over the same rows",
    "welch": "Welch's test over training seeds",
    "none": "no test",
}


@dataclass(frozen=True)
class Difference:
    """How two encoders differ in a metric. What is not known is NaN.

    Attributes
    ----------
    metric : str
    a, b : float
        Scores of both; over seeds their means.
    value : float
        ``a - b``.
    low, high : float
        95 % interval of the difference.
    p : float
        Probability of a difference as large as this one, or larger, between equals.
    p_holm : float
        The same, corrected for the number of metrics that are tested: one of them below .05 is seen in 5 %
        of comparisons of equals.
    a_sd, b_sd : float
        Standard deviations over seeds.
    """

    metric: str
    a: float
    b: float
    value: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan
    a_sd: float = math.nan
    b_sd: float = math.nan


@dataclass(frozen=True, repr=False)
class Comparison(JsonDocument, Mapping[str, Difference]):
    """Two encoders compared: a mapping from metric to `Difference`.

    Attributes
    ----------
    differences : tuple of Difference
    method : {"bootstrap", "welch", "none"}
        A bootstrap pairs the rows of two sets of codes: its intervals hold for these two trained encoders
        and other rows. Welch's test is over training seeds: it holds for other trainings, and these rows.
        None where seeds are too few.
    names : tuple of str
        Of a and b.
    seeds : dict of str to list of dict
        Under ``a`` and ``b``, the scores of each training, and its name under ``training``.
    n_rows, n_left_out : int
        Rows of both, and observations of the dataset that are not among them.
    warnings : tuple of str
        What to know before the numbers are used.
    """

    differences: tuple[Difference, ...]
    method: str
    names: tuple[str, str]
    seeds: dict[str, list[Json]]
    n_rows: int
    n_left_out: int = 0
    warnings: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Difference:
        for difference in self.differences:
            if difference.metric == key:
                return difference
        hint = "was not compared" if key in METRICS else f"is no metric{suggestion(key, METRICS)}"
        raise KeyError(f"{key!r} {hint}; there are {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return (difference.metric for difference in self.differences)

    def __len__(self) -> int:
        return len(self.differences)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}: {_signed(each.value)}" for key, each in self.items())
        return f"<Comparison of {self.names[0]} with {self.names[1]}, {METHODS[self.method]}: {shown}>"

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each metric."""
        import pandas as pd

        return pd.DataFrame([asdict(each) for each in self.differences]).set_index("metric")

    def to_dict(self) -> Json:
        """Return everything as plain values; what is not known is None."""
        return {
            "method": self.method,
            "names": list(self.names),
            "rows": self.n_rows,
            "left_out": self.n_left_out,
            "differences": [_plain(asdict(each)) for each in self.differences],
            "seeds": {side: [_plain(each) for each in found] for side, found in self.seeds.items()},
            "warnings": list(self.warnings),
        }

    def to_markdown(self) -> str:
        """Return a table of the differences, how they were tested, and all warnings."""
        a, b = self.names
        header = ["metric", *(names if (names := [a, b])[0] != b else ["a", "b"]), "difference"]
        header += ["95 % interval", "p", "p (Holm)"]
        rows = [
            [
                METRICS[each.metric].label,
                _with_sd(each.a, each.a_sd),
                _with_sd(each.b, each.b_sd),
                _signed(each.value),
                "-" if math.isnan(each.low) else f"{_signed(each.low)} to {_signed(each.high)}",
                _probability(each.p),
                _probability(each.p_holm),
            ]
            for each in self.differences
        ]
        n_a, n_b = (len(self.seeds[side]) for side in ("a", "b"))
        of = "" if self.method == "bootstrap" else f" of {n_a} and {n_b} trainings"
        lines = [markdown_table(header, rows), "", f"{self.n_rows:,} rows{of}; {METHODS[self.method]}."]
        lines += [f"\nNote: {warning}." for warning in self.warnings]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _plain(record: Json) -> Json:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in record.items()
    }


def _with_sd(value: float, deviation: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" + ("" if math.isnan(deviation) else f" (sd {deviation:.3f})")


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.3f}"


def _probability(p: float) -> str:
    if math.isnan(p):
        return "-"
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"
