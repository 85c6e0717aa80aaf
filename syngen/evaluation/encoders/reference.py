"""Reference encoders: what is to be had without training a network, to compare encoders with.

``factors`` is the ceiling of every metric that wants one code per factor; ``random`` keeps what
little of the mean spectrum survives a random projection; ``pca-logmel`` and ``mfcc`` are what a learned
representation should beat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded
from syngen.errors import ParameterError, suggestion
from syngen.figures.features import LogMel

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Float32Array, FloatArray, IntArray

__all__ = ["ENCODERS", "ReferenceEncoder", "encoded", "find_encoder"]

N_MELS = 128
N_CODES = 16
"""Codes of the encoders that could have any number."""
N_SEGMENTS = 16
"""Into which a spectrogram is divided, whatever its length."""
_SEED = 2402
_MOST_TRAIN_ROWS = 2_000
_N_MFCC = 20
_RANGE_DB = 80.0
_TINY = 1e-12


def encoded(
    dataset: DatasetView, positions: IntArray, encode: Callable[[Float32Array], FloatArray]
) -> FloatArray:
    """Return what a function makes of waveforms, (n, n_samples), all at once or, if ragged, one by one."""
    if dataset.n_samples:
        return encode(dataset.batch(positions))
    return np.concatenate([encode(dataset[position].waveform[None]) for position in positions.tolist()])


def log_mel(waveforms: Float32Array, sample_rate: int) -> FloatArray:
    """Return log-mel spectrograms: `librosa.feature.melspectrogram` through `librosa.power_to_db`.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, n_samples)
        Not empty; each is analysed for itself.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n, N_MELS, 1 + n_samples // 512)
        dB; at least 80 dB below the loudest band and frame of its waveform.
    """
    decibels = LogMel(n_mels=N_MELS, sample_rate=sample_rate)(waveforms).astype(np.float64)
    return np.asarray(np.maximum(decibels, decibels.max(axis=(1, 2), keepdims=True) - _RANGE_DB))


def mfcc(waveforms: Float32Array, sample_rate: int) -> FloatArray:
    """Return mel-frequency cepstral coefficients, as `librosa.feature.mfcc` does.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, n_samples)
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n, 20, n_frames)
    """
    import scipy.fft

    coefficients = scipy.fft.dct(log_mel(waveforms, sample_rate), axis=1, norm="ortho")
    return np.asarray(coefficients[:, :_N_MFCC])


class ReferenceEncoder(ABC):
    """An encoder that may look at more of a dataset than its waveforms.

    Attributes
    ----------
    name : str
    """

    name: str

    def fit(self, dataset: DatasetView) -> None:  # noqa: B027  # most have nothing to learn
        """Learn what is to be learned, from rows of the split train only."""

    @abstractmethod
    def encode(self, dataset: DatasetView, positions: IntArray) -> FloatArray:
        """Return the codes of some observations: float64, shape (n, d)."""


class Factors(ReferenceEncoder):
    """The levels themselves, a code for each factor: a perfect representation, and a test of metrics."""

    name = "factors"

    def encode(self, dataset: DatasetView, positions: IntArray) -> FloatArray:
        return np.asarray(dataset.levels[positions], dtype=np.float64)


class RandomProjection(ReferenceEncoder):
    """A fixed random projection, the same for every dataset, of the mean log-mel spectrum to 16 codes."""

    name = "random"

    def encode(self, dataset: DatasetView, positions: IntArray) -> FloatArray:
        rng = np.random.default_rng(_SEED)
        projection = rng.standard_normal((N_MELS, N_CODES)) / np.sqrt(N_MELS)
        means = encoded(dataset, positions, lambda x: log_mel(x, dataset.sample_rate).mean(axis=2))
        return np.asarray(means @ projection)


class Mfcc(ReferenceEncoder):
    """Mean and standard deviation over time of 20 mel-frequency cepstral coefficients: 40 codes."""

    name = "mfcc"

    def encode(self, dataset: DatasetView, positions: IntArray) -> FloatArray:
        def pooled(waveforms: Float32Array) -> FloatArray:
            coefficients = mfcc(waveforms, dataset.sample_rate)
            return np.hstack([coefficients.mean(axis=2), coefficients.std(axis=2)])

        return encoded(dataset, positions, pooled)


class PcaLogMel(ReferenceEncoder):
    """The first 16 principal components of the log-mel spectrogram, in 16 segments of equal length.

    They are found from rows of train, 2,000 of them if there are more.
    """

    name = "pca-logmel"

    def __init__(self) -> None:
        self._mean: FloatArray | None = None
        self._axes: FloatArray | None = None

    def fit(self, dataset: DatasetView) -> None:
        train = dataset.select(split="train")
        if len(train) < 2:
            raise ParameterError(
                f"pca-logmel learns from the split train, of which there are {len(train)} rows; give the "
                "whole dataset, and choose rows with split and limit"
            )
        chosen = np.random.default_rng(_SEED).permutation(len(train))[:_MOST_TRAIN_ROWS]
        batches = np.array_split(np.sort(chosen), -(-len(chosen) // 64))
        x = np.concatenate([_segments(train, positions) for positions in batches])
        self._mean = x.mean(axis=0)
        self._axes = _principal_axes(x - self._mean, N_CODES)

    def encode(self, dataset: DatasetView, positions: IntArray) -> FloatArray:
        if self._mean is None or self._axes is None:
            raise ParameterError("pca-logmel has not been fitted; call fit with a dataset first")
        return np.asarray((_segments(dataset, positions) - self._mean) @ self._axes)


def _principal_axes(x: FloatArray, n_axes: int) -> FloatArray:
    """Return the first principal axes of centred rows as columns, each with its largest entry positive."""
    from sklearn.decomposition import PCA

    if x.std() <= _TINY:
        return np.zeros((x.shape[1], 0))
    # fast as an eigendecomposition of the smaller moments, and exact; centred rows have one rank less
    with single_threaded():
        model = PCA(min(n_axes, *x.shape, len(x) - 1), svd_solver="arpack", random_state=0).fit(x)
    variances = model.explained_variance_
    axes = model.components_[variances > _TINY * variances[0]].T
    # the sign of an axis is that of its largest entry in every version
    return np.asarray(axes * np.sign(axes[np.argmax(np.abs(axes), axis=0), np.arange(axes.shape[1])]))


def _segments(dataset: DatasetView, positions: IntArray) -> FloatArray:
    """Return log-mel spectrograms of observations as rows: float64, shape (n, N_MELS * N_SEGMENTS)."""

    def pooled(waveforms: Float32Array) -> FloatArray:
        spectrograms = log_mel(waveforms, dataset.sample_rate)
        n_frames = spectrograms.shape[2]
        # frames shared out evenly; fewer frames than segments are repeated
        starts = np.arange(N_SEGMENTS) * n_frames // N_SEGMENTS
        ends = np.maximum(starts + 1, (np.arange(N_SEGMENTS) + 1) * n_frames // N_SEGMENTS)
        means = [spectrograms[:, :, a:b].mean(axis=2) for a, b in zip(starts, ends, strict=True)]
        return np.stack(means, axis=2).reshape(len(waveforms), -1)

    return encoded(dataset, positions, pooled)


ENCODERS: dict[str, type[ReferenceEncoder]] = {
    encoder.name: encoder for encoder in (Factors, RandomProjection, PcaLogMel, Mfcc)
}
"""Reference encoders by name."""


def find_encoder(name: str) -> ReferenceEncoder:
    """Return a reference encoder that has not been fitted.

    Raises
    ------
    ParameterError
        If there is none of this name; the message has the nearest.
    """
    if name not in ENCODERS:
        raise ParameterError(
            f"no encoder {name!r}{suggestion(name, ENCODERS)}; there are {', '.join(ENCODERS)}, or give "
            "the path of a TorchScript file"
        )
    return ENCODERS[name]()
