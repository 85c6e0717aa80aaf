"""What probes found: numbers by target, as tables, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from syngen.errors import FactorError, ParameterError, suggestion
from syngen.evaluation.probes.trials import IdentityVerificationResult
from syngen.figures.reporting import JsonDocument, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from syngen._typing import Json

__all__ = ["ProbeReport", "ProbeResult"]

_HEADER = (
    *("target", "unseen", "levels", "measure", "score", "sd", "chance", "above chance", "balanced"),
    *("shuffled", "EER"),
)


@dataclass(frozen=True)
class ProbeResult:
    """What the probe of one target found on rows of unseen groups.

    Means and standard deviations are over folds. Of classes there are accuracies, of numbers R2; the other
    is None.

    Attributes
    ----------
    target : str
    group_by : tuple of str
        Columns whose combinations are held out together.
    model : {"logistic", "ridge"}
    n_levels, n_groups : int
        Distinct values of the target, and of the groups, in these rows.
    accuracy, accuracy_sd : float or None
        Share of the test rows whose class is found.
    balanced_accuracy, balanced_accuracy_sd : float or None
        Mean of the recalls of the classes that a fold's test rows have.
    chance : float or None
        Share of the commonest class: what guessing it every time would reach. For R2 it is 0.
    chance_uniform : float or None
        1 / K of K classes: what guessing at random reaches, and chance for balanced accuracy.
    normalized : float or None
        (accuracy - chance) / (1 - chance): 0 for guessing, 1 for perfect; R2 is one already.
    r2, r2_sd : float or None
        Share of the variance of the test rows that is explained; below 0 is worse than their mean.
    control : float
        Accuracy, or R2, of the same probe on labels shuffled over all rows.
    control_sd : float
    recall : dict of str to float
        By class, over the test rows of all folds; empty for numbers.
    folds : tuple of float
        Accuracy or R2 of each fold.
    strengths : tuple of float
        C of the logistic, or penalty per row of the ridge regression, chosen in each fold.
    verification : IdentityVerificationResult or None
        Of what names identities, as speakers: equal error rates for unseen ones.
    notes : tuple of str
        What to keep in mind.
    """

    target: str
    group_by: tuple[str, ...]
    model: str
    n_levels: int
    n_groups: int
    accuracy: float | None
    accuracy_sd: float | None
    balanced_accuracy: float | None
    balanced_accuracy_sd: float | None
    chance: float | None
    chance_uniform: float | None
    normalized: float | None
    r2: float | None
    r2_sd: float | None
    control: float
    control_sd: float
    recall: dict[str, float]
    folds: tuple[float, ...]
    strengths: tuple[float, ...]
    verification: IdentityVerificationResult | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_continuous(self) -> bool:
        """Whether the target is a number, measured by R2."""
        return self.r2 is not None

    @property
    def score(self) -> float:
        """Accuracy, or R2 of a continuous target."""
        return float(self.accuracy if self.accuracy is not None else self.r2 or 0.0)

    @property
    def score_sd(self) -> float:
        """Its standard deviation over folds."""
        return float(self.accuracy_sd if self.accuracy_sd is not None else self.r2_sd or 0.0)

    @property
    def eer(self) -> float | None:
        """Equal error rate for unseen identities, where the target names some, as speakers."""
        return None if self.verification is None else self.verification.eer


@dataclass(frozen=True)
class ProbeReport(JsonDocument, Mapping[str, ProbeResult]):
    """What probes found: a mapping from target to `ProbeResult`.

    Attributes
    ----------
    results : tuple of ProbeResult
    n_rows, n_codes : int
    n_folds, seed : int
    encoder, fingerprint : str
        Of the codes; empty where they do not say.
    skipped : dict of str to str
        Targets of ``"all"`` that cannot be probed on these rows, and why.
    n_left_out : int
        Observations of the dataset that are not among the rows.
    notes : tuple of str
        What to keep in mind of all results, as why observations are left out.
    """

    results: tuple[ProbeResult, ...]
    n_rows: int
    n_codes: int
    n_folds: int
    seed: int
    encoder: str = ""
    fingerprint: str = ""
    skipped: Mapping[str, str] | None = None
    n_left_out: int = 0
    notes: tuple[str, ...] = ()

    def __getitem__(self, target: str) -> ProbeResult:
        for result in self.results:
            if result.target == target:
                return result
        names = [result.target for result in self.results]
        raise FactorError(f"{target!r} was not probed{suggestion(target, names)}; {', '.join(names)} were")

    def __contains__(self, target: object) -> bool:
        return any(result.target == target for result in self.results)

    def __iter__(self) -> Iterator[str]:
        return (result.target for result in self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def result(self) -> ProbeResult:
        """The only result.

        Raises
        ------
        ParameterError
            If several targets were probed.
        """
        if len(self.results) != 1:
            raise ParameterError(
                f"{len(self.results)} targets were probed; take one, as in report['style']"
            )
        return self.results[0]

    @property
    def accuracy(self) -> float | None:
        """Of the only result."""
        return self.result.accuracy

    @property
    def balanced_accuracy(self) -> float | None:
        """Of the only result."""
        return self.result.balanced_accuracy

    @property
    def chance(self) -> float | None:
        """Of the only result."""
        return self.result.chance

    @property
    def normalized(self) -> float | None:
        """Of the only result."""
        return self.result.normalized

    @property
    def control(self) -> float:
        """Of the only result."""
        return self.result.control

    @property
    def r2(self) -> float | None:
        """Of the only result."""
        return self.result.r2

    @property
    def recall(self) -> dict[str, float]:
        """Of the only result."""
        return self.result.recall

    @property
    def eer(self) -> float | None:
        """Of the only result."""
        return self.result.eer

    @property
    def frame(self) -> pd.DataFrame:
        """A row per target, its numbers as columns."""
        import pandas as pd

        skipped = {"recall", "folds", "strengths", "verification", "notes", "target", "group_by"}
        rows = [
            {
                "target": result.target,
                "group_by": " x ".join(result.group_by) or "row",
                **{name: value for name, value in vars(result).items() if name not in skipped},
                "eer": result.eer,
            }
            for result in self.results
        ]
        return pd.DataFrame(rows).set_index("target")

    @property
    def fold_frame(self) -> pd.DataFrame:
        """A row per target and fold: ``score`` and ``strength``."""
        import pandas as pd

        rows = [
            (result.target, fold, score, strength)
            for result in self.results
            for fold, (score, strength) in enumerate(zip(result.folds, result.strengths, strict=True))
        ]
        return pd.DataFrame(rows, columns=["target", "fold", "score", "strength"]).set_index(
            ["target", "fold"]
        )

    @property
    def recall_frame(self) -> pd.DataFrame:
        """A row per target and class: ``recall``."""
        import pandas as pd

        rows = [
            (result.target, name, recall)
            for result in self.results
            for name, recall in result.recall.items()
        ]
        return pd.DataFrame(rows, columns=["target", "class", "recall"]).set_index(["target", "class"])

    def to_dict(self) -> Json:
        """Return the report as plain data."""
        return {
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "rows": self.n_rows,
            "left_out": self.n_left_out,
            "notes": list(self.notes),
            "codes": self.n_codes,
            "folds": self.n_folds,
            "seed": self.seed,
            "skipped": dict(self.skipped or {}),
            "targets": [{**asdict(result), "eer": result.eer} for result in self.results],
        }

    def to_markdown(self) -> str:
        """Return the report as a Markdown table with a line on how it was made."""
        of = f" by {self.encoder}" if self.encoder else ""
        lines = [
            (
                f"Linear probes of {self.n_codes:,} codes{of}: {self.n_rows:,} rows, {self.n_folds} folds, "
                f"seed {self.seed}; tested on unseen groups.\n"
            ),
            markdown_table(_HEADER, [_cells(result) for result in self.results]),
        ]
        notes = list(self.notes)
        notes += [f"{result.target}: {note}" for result in self.results for note in result.notes]
        notes += [f"{name} is not probed: {reason}" for name, reason in (self.skipped or {}).items()]
        if notes:
            lines += ["", *(f"- {note}" for note in notes)]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _cells(result: ProbeResult) -> list[str]:
    return [
        result.target,
        " x ".join(result.group_by) or "row",
        f"{result.n_levels:,}",
        "R2" if result.is_continuous else "accuracy",
        *map(_rate, (result.score, result.score_sd, result.chance, result.normalized)),
        *map(_rate, (result.balanced_accuracy, result.control, result.eer)),
    ]


def _rate(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
