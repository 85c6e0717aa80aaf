"""Spectrograms, log-mel spectrograms and MFCC, as librosa defines them, with a fixed reference.

Nothing is normalised by a frame, a waveform or a batch: amplitude is a factor, and decibels are those of
full scale. They are transforms of `to_torch` and `batches`, and `FactorDataset.features` caches them.

Mel bands are librosa's. The rest is not: `librosa.feature.melspectrogram` takes four times as long for one
waveform of a second, because it makes its filters anew, and rounds otherwise than what is cached.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from syngen._threads import single_threaded
from syngen._values import check_whole
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import Float32Array, IntArray, Json

__all__ = ["MFCC", "Feature", "LogMel", "Spectrogram", "mel_filters", "power_spectra"]

Precision = TypeVar("Precision", np.float32, np.float64)
_VERSION = 1
_FRAMES_AT_ONCE = 1 << 10


@dataclass(frozen=True, kw_only=True)
class Feature(ABC):
    """A function of waveforms, all of whose settings are seen.

    Parameters
    ----------
    n_fft : int
        Samples of a frame and of its Hann window, even.
    hop_length : int
        Samples from a frame to the next. Frames are centred: the first is around the first sample, and what
        lies outside the waveform is zero.
    sample_rate : int, optional
        In Hz; a dataset fills in its own.
    """

    n_fft: int = 2048
    hop_length: int = 512
    sample_rate: int | None = None

    def __post_init__(self) -> None:
        for name, least in (
            ("n_fft", 2),
            ("hop_length", 1),
            ("n_mels", 1),
            ("n_mfcc", 1),
            ("sample_rate", 1),
        ):
            number = getattr(self, name, None)
            if number is not None:
                check_whole(name, number, least)
        if self.n_fft % 2:
            raise ParameterError(f"n_fft is {self.n_fft}; an even number is needed")

    def for_rate(self, sample_rate: int) -> Self:
        """Return this feature of waveforms of a sample rate.

        Parameters
        ----------
        sample_rate : int
            In Hz.

        Raises
        ------
        ParameterError
            If it is meant for another one.
        """
        if self.sample_rate not in (None, sample_rate):
            raise ParameterError(
                f"{type(self).__name__} is of waveforms at {self.sample_rate} Hz, and these have "
                f"{sample_rate} Hz; leave sample_rate out"
            )
        return replace(self, sample_rate=sample_rate)

    def __call__(self, waveforms: ArrayLike) -> Float32Array:
        """Compute the feature.

        Parameters
        ----------
        waveforms : array_like of float, shape (n_samples,) or (n, n_samples)

        Returns
        -------
        ndarray of float32, shape (n_bands, n_frames) or (n, n_bands, n_frames)

        Raises
        ------
        ParameterError
            If there is no sample, or the sample rate is needed and not known.
        """
        array = np.asarray(waveforms, dtype=np.float32)
        if array.ndim not in (1, 2) or not array.shape[-1]:
            raise ParameterError(
                f"waveforms of shape {array.shape}; (n_samples,) or (n, n_samples), not empty, is needed"
            )
        rows = array if array.ndim == 2 else array[None]
        result = np.empty((len(rows), self.n_bands, int(self.n_frames(rows.shape[1]))), dtype=np.float32)
        with single_threaded():
            for spectrum, row in zip(result, rows, strict=True):
                self._write(spectrum, row)
        return result if array.ndim == 2 else result[0]

    def _write(self, spectrum: Float32Array, row: Float32Array) -> None:
        padded = np.pad(row, self.n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        # some frames at a time: what does not leave the processor's cache is twice as fast
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            part = slice(start, start + _FRAMES_AT_ONCE)
            spectrum[:, part] = self._of_power(power_spectra(frames[part], _window(self.n_fft))).T

    @property
    @abstractmethod
    def n_bands(self) -> int:
        """Numbers in a frame."""

    def n_frames(self, n_samples: int | IntArray) -> int | IntArray:
        """Return how many frames waveforms have.

        Parameters
        ----------
        n_samples : int, or ndarray of int64
            Of one waveform, or of each of several.

        Returns
        -------
        int or ndarray of int64
            Of the same shape.
        """
        return 1 + n_samples // self.hop_length

    def settings(self) -> Json:
        """Return all that decides a number: name, version and settings."""
        return {"feature": type(self).__name__, "version": _VERSION, **asdict(self)}

    @abstractmethod
    def _of_power(self, power: Float32Array) -> Float32Array:
        """Return the feature of power spectra: (n_frames, n_fft // 2 + 1) to (n_frames, n_bands)."""

    def _filters(self, n_mels: int, fmin: float, fmax: float | None) -> Float32Array:
        if self.sample_rate is None:
            raise ParameterError(
                f"{type(self).__name__} needs the sample rate: {type(self).__name__}(sample_rate=16000)"
            )
        nyquist = self.sample_rate / 2
        highest = nyquist if fmax is None else fmax
        if not 0 <= fmin < highest <= nyquist:
            raise ParameterError(
                f"bands from {fmin} to {highest} Hz; 0 <= fmin < fmax <= {nyquist} Hz, half the sample "
                "rate, is needed"
            )
        return mel_filters(self.sample_rate, self.n_fft, n_mels, fmin=fmin, fmax=highest)


@lru_cache(maxsize=8)
def _window(n_fft: int) -> Float32Array:
    window: Float32Array = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    return window


def power_spectra(
    frames: NDArray[Any], window: NDArray[Precision], n_fft: int | None = None
) -> NDArray[Precision]:
    """Return the power spectra of frames, as precise as the window.

    Parameters
    ----------
    frames : ndarray of float, shape (..., n_samples)
    window : ndarray of float, shape (n_samples,)
    n_fft : int, optional
        Length to which frames are filled up with zeros.

    Returns
    -------
    ndarray of float, shape (..., n_fft // 2 + 1)
    """
    import scipy.fft

    spectra = scipy.fft.rfft(frames * window, n_fft, axis=-1)
    power: NDArray[Precision] = spectra.real**2 + spectra.imag**2
    return power


@lru_cache(maxsize=8)
def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    is_htk: bool = False,
) -> Float32Array:
    """Return triangular mel bands, to multiply power spectra by.

    Parameters
    ----------
    sample_rate, n_fft, n_mels : int
    fmin, fmax : float
        Lowest and highest frequency in Hz; by default 0 and half the sample rate.
    is_htk : bool
        Bands of height 1 on the scale 2595 log10(1 + f / 700); else bands of one area on Slaney's.

    Returns
    -------
    ndarray of float32, shape (n_fft // 2 + 1, n_mels)

    References
    ----------
    D. O'Shaughnessy: "Speech communication: human and machine", 1987. M. Slaney: "Auditory Toolbox", 1998.
    """
    import warnings

    import librosa

    with warnings.catch_warnings():
        # many bands of few bins: the lowest lie between two bins, and are silent
        warnings.filterwarnings("ignore", message="Empty filters detected", category=UserWarning)
        filters = librosa.filters.mel(
            sr=sample_rate,
            n_fft=n_fft,
            n_mels=n_mels,
            fmin=fmin,
            fmax=fmax,
            htk=is_htk,
            norm=None if is_htk else "slaney",
        )
    return np.ascontiguousarray(filters.T, dtype=np.float32)


def _decibels(power: Float32Array, floor: float) -> Float32Array:
    np.maximum(power, np.float32(floor), out=power)
    np.log10(power, out=power)
    power *= np.float32(10.0)
    return power


@dataclass(frozen=True, kw_only=True)
class Spectrogram(Feature):
    """Power spectrogram: the square of `librosa.stft`'s magnitude, or its magnitude.

    Parameters
    ----------
    power : float
        2 for power, 1 for magnitude.
    n_fft, hop_length, sample_rate
        See `LogMel`.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.power, (int, float)) or not self.power > 0:
            raise ParameterError(f"power is {self.power!r}; a number above 0, as 2 or 1, is needed")

    @property
    def n_bands(self) -> int:
        return self.n_fft // 2 + 1

    def _of_power(self, power: Float32Array) -> Float32Array:
        return power if self.power == 2 else power ** np.float32(self.power / 2)


@dataclass(frozen=True, kw_only=True)
class LogMel(Feature):
    """Log-mel spectrogram in dB of full scale: ``power_to_db(melspectrogram(y), ref=1.0, top_db=None)``.

    Parameters
    ----------
    n_mels : int
        Bands.
    fmin, fmax : float
        Lowest and highest frequency in Hz; by default 0 and half the sample rate.
    floor : float
        Power below which everything counts as silence: 1e-10 is -100 dB.
    n_fft, hop_length : int
        Samples of a frame, and from a frame to the next.
    sample_rate : int, optional
        In Hz; a dataset fills in its own.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> syngen.LogMel(n_mels=64, sample_rate=16_000)(ds[0].waveform).shape
    (64, 8)
    >>> ds.features(syngen.LogMel(n_mels=64), split="test").shape
    (43, 64, 8)
    """

    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    floor: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.floor, (int, float)) or not 0 < self.floor < 1:
            raise ParameterError(f"floor is {self.floor!r}; a power between 0 and 1, as 1e-10, is needed")

    @property
    def n_bands(self) -> int:
        return self.n_mels

    def _of_power(self, power: Float32Array) -> Float32Array:
        return _decibels(power @ self._filters(self.n_mels, self.fmin, self.fmax), self.floor)


@dataclass(frozen=True, kw_only=True)
class MFCC(LogMel):
    """Mel-frequency cepstral coefficients: ``librosa.feature.mfcc(S=...)`` of what `LogMel` gives.

    Parameters
    ----------
    n_mfcc : int
        Coefficients, at most `n_mels`.
    n_mels, fmin, fmax, floor, n_fft, hop_length, sample_rate
        See `LogMel`.
    """

    n_mfcc: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_mfcc > self.n_mels:
            raise ParameterError(f"n_mfcc is {self.n_mfcc}; at most n_mels, {self.n_mels}, are possible")

    @property
    def n_bands(self) -> int:
        return self.n_mfcc

    def _of_power(self, power: Float32Array) -> Float32Array:
        import scipy.fft

        coefficients: Any = scipy.fft.dct(super()._of_power(power), axis=-1, type=2, norm="ortho")
        kept: Float32Array = coefficients[:, : self.n_mfcc]
        return kept
