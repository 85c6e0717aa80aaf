"""How well the factors of a dataset can be recovered from its audio: the ceiling of informativeness.

Two models learn each factor from a log-mel spectrogram of rows of the split train and are scored on rows
of the split test: boosted trees, and a linear one. A factor that trees find and a line does not is hard;
one that trees do not find needs more than a spectrogram of this resolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._threads import single_threaded
from syngen.auditing.report import SignalAudit
from syngen.auditing.signals import SignalTally
from syngen.errors import ParameterError
from syngen.evaluation.encoders.reference import encoded
from syngen.figures.features import mel_filters, power_spectra
from syngen.figures.reporting import markdown_table, shown

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Float32Array, FloatArray, IntArray, Json
    from syngen.factors import Factor

__all__ = ["DatasetAudit", "Recovery", "log_mel", "recover"]

_FEWEST_ROWS = 20
_MOST_CLASSES = 12
_BATCH = 64
N_FRAMES, N_BANDS = 15, 48
_FLOOR = 1e-10
_HARD = 0.9
_SIGMAS = 3.0


@dataclass(frozen=True)
class Recovery:
    """How well one factor is recovered.

    Attributes
    ----------
    factor, kind : str
    n_levels : int
    n_test : int
    chance : float
        Share of the commonest level among the rows tested.
    trees_accuracy, linear_accuracy : float
        Share of the rows whose level is found; of ordered factors with many levels the nearest.
    trees_r2, linear_r2 : float or None
        Share of the levels' variance that is explained; None where they have no order.
    """

    factor: str
    kind: str
    n_levels: int
    n_test: int
    chance: float
    trees_accuracy: float
    trees_r2: float | None
    linear_accuracy: float
    linear_r2: float | None

    @property
    def ceiling(self) -> float:
        """What the better model reaches: R2 where the levels have an order, else accuracy."""
        if self.trees_r2 is None or self.linear_r2 is None:
            return max(self.trees_accuracy, self.linear_accuracy)
        return max(self.trees_r2, self.linear_r2)

    @property
    def linear(self) -> float:
        """What the linear model reaches, in the measure of `ceiling`."""
        return self.linear_accuracy if self.linear_r2 is None else self.linear_r2

    @property
    def problems(self) -> tuple[str, ...]:
        """A line if no model does better than guessing."""
        best = max(self.trees_accuracy, self.linear_accuracy)
        guessing = self.chance + _SIGMAS * np.sqrt(self.chance * (1.0 - self.chance) / self.n_test)
        least_r2 = _SIGMAS / np.sqrt(self.n_test)
        if best > guessing or (self.trees_r2 is not None and self.ceiling > least_r2):
            return ()
        return (f"{self.factor}: no model finds it better than guessing ({best:.3f} of the rows)",)


@dataclass(frozen=True, kw_only=True)
class DatasetAudit(SignalAudit):
    """How well the factors of a dataset are recovered on held-out rows.

    Attributes
    ----------
    dataset : str
        Name of the recipe.
    n_train, n_test : int
        Rows of the splits train and test that were used.
    recovery : tuple of Recovery
        A row per factor that has two levels or more.

    See Also
    --------
    SignalAudit : `seed`, `signals` and what every report says.
    """

    dataset: str
    n_train: int
    n_test: int
    recovery: tuple[Recovery, ...]

    @property
    def hard(self) -> list[str]:
        """Factors that a linear model does not read off, the hardest first."""
        rows = sorted(self.recovery, key=lambda row: row.linear)
        return [row.factor for row in rows if row.linear < _HARD]

    def to_dict(self) -> Json:
        """Return the report as plain data."""
        return {**super().to_dict(), "hard": self.hard}

    def _findings(self) -> tuple[Recovery, ...]:
        return self.recovery

    def _sections(self) -> Iterator[str]:
        yield f"# Recovery of {self.dataset}\n"
        yield (
            f"Learned from {self.n_train:,} rows of train, scored on {self.n_test:,} rows of test, "
            f"from a log-mel spectrogram of {N_FRAMES} frames by {N_BANDS} bands; seed {self.seed}.\n"
        )
        header = ["factor", "levels", "chance", "trees: found", "trees: R2", "linear: found", "linear: R2"]
        rows = [
            [
                *(row.factor, str(row.n_levels)),
                *map(_rate, (row.chance, row.trees_accuracy, row.trees_r2)),
                *map(_rate, (row.linear_accuracy, row.linear_r2)),
            ]
            for row in self.recovery
        ]
        yield markdown_table(header, rows)
        yield f"\nHard for a linear model (below {_HARD:g}): {', '.join(self.hard) or 'none'}."
        yield f"{self.signals.facts[0]}."


def _rate(number: float | None) -> str:
    return shown(number) if number is None else f"{number:.3f}"


@single_threaded()
def recover(dataset: DatasetView, *, n: int, seed: int) -> DatasetAudit:
    """Learn every factor from the rows of train and score it on rows of test.

    Parameters
    ----------
    dataset : DatasetView
        With the splits train and test.
    n : int
        Rows to learn from, at most; a quarter as many are scored.
    seed : int
        Of the choice of rows and of the trees.

    Raises
    ------
    ParameterError
        If there are fewer than 20 rows of either.
    FactorError
        If there is no such split.
    """
    rng = np.random.default_rng(seed)
    tally = SignalTally()
    train, train_levels = _rows(dataset.select(split="train"), n, "train", rng, tally)
    test, test_levels = _rows(dataset.select(split="test"), max(n // 4, _FEWEST_ROWS), "test", rng, tally)
    centre, scale = train.mean(axis=0), train.std(axis=0) + 1e-3
    train, test = (train - centre) / scale, (test - centre) / scale
    recovery = []
    for position, factor in enumerate(dataset.grid.factors):
        y, truth = train_levels[:, position], test_levels[:, position]
        if len(np.unique(y)) > 1:
            models = _trees(factor, seed), _linear(factor, seed)
            with single_threaded():  # again: now the learners are imported
                trees, linear = (_scored(model, factor, train, y, test, truth) for model in models)
            recovery.append(
                Recovery(
                    factor=factor.name,
                    kind=factor.kind,
                    n_levels=factor.size,
                    n_test=len(truth),
                    chance=float(np.bincount(truth).max() / len(truth)),
                    trees_accuracy=trees[0],
                    trees_r2=trees[1],
                    linear_accuracy=linear[0],
                    linear_r2=linear[1],
                )
            )
    return DatasetAudit(
        dataset=dataset.name,
        n_train=len(train),
        n_test=len(test),
        seed=seed,
        recovery=tuple(recovery),
        signals=tally,
    )


def _rows(
    view: DatasetView, n: int, split: str, rng: np.random.Generator, tally: SignalTally
) -> tuple[FloatArray, IntArray]:
    """Return features and levels of rows chosen from a split."""
    if min(len(view), n) < _FEWEST_ROWS:
        raise ParameterError(
            f"{min(len(view), n)} rows of the split {split}; at least {_FEWEST_ROWS} are needed"
        )
    chosen = np.sort(rng.permutation(len(view))[:n])
    indices = iter(view.indices[chosen].tolist())

    def heard(waveforms: Float32Array) -> FloatArray:
        for waveform in waveforms:
            tally.add(next(indices), waveform)
        return log_mel(waveforms, view.sample_rate).reshape(len(waveforms), -1)

    batches = range(0, len(chosen), _BATCH)
    found = [encoded(view, chosen[start : start + _BATCH], heard) for start in batches]
    return np.concatenate(found), view.levels[chosen]


def log_mel(waveforms: Float32Array, sample_rate: int) -> FloatArray:
    """Return log-mel spectrograms of 15 frames and 48 bands.

    Its bands, window and floor are not those of `LogMel`, with which the linear model's R2 of an amplitude
    moved by up to 0.5: what was published of recipes could not be compared.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, n_samples)
        Of any length; the frames divide it evenly.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n, N_FRAMES, N_BANDS)
        Power in dB; a full-scale sine has about -6 dB. Frames are twice as long as their distance.
    """
    n_samples = waveforms.shape[1]
    hop = max(1, -(-n_samples // (N_FRAMES + 1)))
    padded = np.pad(waveforms, ((0, 0), (0, hop * (N_FRAMES + 1) - n_samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop, axis=1)[:, ::hop]
    window = np.hanning(2 * hop + 2)[1:-1]
    power = power_spectra(frames, window / window.sum())
    bands = power @ mel_filters(sample_rate, 2 * hop, N_BANDS, is_htk=True)
    return np.asarray(10.0 * np.log10(bands + _FLOOR))


def _trees(factor: Factor, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    is_value = factor.is_ordered and factor.size > _MOST_CLASSES
    model = HistGradientBoostingRegressor if is_value else HistGradientBoostingClassifier
    return model(max_iter=100, max_bins=63, early_stopping=False, random_state=seed)


def _linear(factor: Factor, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if factor.is_ordered:
        return RidgeCV(alphas=np.logspace(-1.0, 5.0, 13))
    return LogisticRegression(C=0.1, max_iter=1000, random_state=seed)


def _scored(
    model: Any, factor: Factor, x: FloatArray, y: IntArray, held_out: FloatArray, truth: IntArray
) -> tuple[float, float | None]:
    """Return accuracy and, for ordered factors, R2 of a model on rows it has not seen."""
    from sklearn.base import is_classifier
    from sklearn.metrics import accuracy_score, r2_score

    guess = model.fit(x, y).predict(held_out)
    found = guess if is_classifier(model) else np.clip(np.rint(guess), 0, factor.size - 1)
    accuracy = float(accuracy_score(truth, found.astype(np.int64)))
    if not factor.is_ordered:
        return accuracy, None
    if is_classifier(model):
        guess = model.predict_proba(held_out) @ model.classes_
    return accuracy, float(r2_score(truth, guess))
