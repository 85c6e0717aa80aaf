"""Defects of waveforms that no factor asks for: silence, clipping, a constant offset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import Float32Array

__all__ = ["MAX_OFFSET_DB", "MIN_LEVEL_DB", "SignalTally"]

MIN_LEVEL_DB = -80.0
"""RMS in dBFS below which an observation counts as silent: three steps of 16 bits."""
MAX_OFFSET_DB = -30.0
"""Largest offset relative to the RMS, in dB."""
_LOWEST, _HIGHEST = -1.0, 32767.0 / 32768.0
_NAMED = 3


@dataclass
class SignalTally:
    """Levels and defects of the observations that it is shown.

    Attributes
    ----------
    max_offset_db : float
        Largest offset that is no defect, in dB of the RMS.
    n_observations : int
    quietest_db, loudest_db : float
        Smallest and largest RMS, in dBFS.
    highest_peak : float
        Largest absolute value; full scale is 1.0.
    largest_offset_db : float
        Largest mean over RMS, in dB, through a Hann window, which unfinished periods do not disturb.
    silent, clipped, offset : list of int
        Indices of observations that are silent, reach either end of the 16-bit range, or are offset.
    """

    max_offset_db: float = MAX_OFFSET_DB
    n_observations: int = 0
    quietest_db: float = np.inf
    loudest_db: float = -np.inf
    highest_peak: float = 0.0
    largest_offset_db: float = -np.inf
    silent: list[int] = field(default_factory=list)
    clipped: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)

    def add(self, index: int, waveform: Float32Array) -> None:
        """Count one observation, full scale 1.0."""
        x = waveform.astype(np.float64) if len(waveform) else np.zeros(1)  # own files may be empty
        rms = float(np.sqrt(np.mean(x * x)))
        low, high = float(x.min()), float(x.max())
        level_db = 20.0 * np.log10(max(rms, 1e-12))
        window = np.hanning(len(x) + 2)[1:-1]
        mean = abs(float(window @ x)) / float(window.sum())
        offset_db = 20.0 * np.log10(max(mean, 1e-12) / max(rms, 1e-12))
        self.n_observations += 1
        self.quietest_db = min(self.quietest_db, level_db)
        self.loudest_db = max(self.loudest_db, level_db)
        self.highest_peak = max(self.highest_peak, -low, high)
        if level_db < MIN_LEVEL_DB:
            self.silent.append(index)
            return
        self.largest_offset_db = max(self.largest_offset_db, offset_db)
        if low <= _LOWEST or high >= _HIGHEST:
            self.clipped.append(index)
        if offset_db > self.max_offset_db:
            self.offset.append(index)

    @property
    def facts(self) -> tuple[str, str]:
        """How many observations have defects, and the levels of all, in words."""
        return (
            (
                f"{self.n_observations:,} observations: {len(self.silent)} silent, {len(self.clipped)} "
                f"clipped, {len(self.offset)} with an offset"
            ),
            (
                f"level {self.quietest_db:.1f} to {self.loudest_db:.1f} dBFS, highest peak "
                f"{self.highest_peak:.3f}, largest offset {self.largest_offset_db:.0f} dB of the RMS"
            ),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with how many observations."""
        kinds = {
            f"silent, below {MIN_LEVEL_DB:g} dBFS": self.silent,
            "clipped": self.clipped,
            f"offset by more than {self.max_offset_db:g} dB of their RMS": self.offset,
        }
        return tuple(
            f"{len(indices)} of {self.n_observations} observations are {what}; "
            f"first at index {', '.join(map(str, indices[:_NAMED]))}"
            for what, indices in kinds.items()
            if indices
        )
