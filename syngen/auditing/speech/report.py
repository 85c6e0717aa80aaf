"""What the audit of a recipe that speaks has found: probes of the voice, and how styles sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from syngen.auditing.report import Judged, SignalAudit
from syngen.figures.reporting import markdown_table

__all__ = ["BANDS_HZ", "MAX_DEVIATION_DB", "MIN_ACCURACY", "SpeechAudit", "StyleSound", "VoiceProbe"]

MIN_ACCURACY = 0.9
"""What a probe must reach on unseen speakers or texts."""
MAX_DEVIATION_DB = 18.0
"""How far the long-term spectrum of a voiced style may lie from that of the first style, in dB."""
BANDS_HZ = (177.0, 354.0, 707.0, 1414.0, 2828.0, 5657.0, 7600.0)
"""Edges of the bands, octaves but for the last, of the long-term spectra."""


@dataclass(frozen=True)
class VoiceProbe:
    """How well one factor is told from measurements.

    Attributes
    ----------
    factor : str
    unseen : str
        What of the test was not learned from: ``speakers``, ``texts`` or both.
    levels : tuple of str
    accuracy, chance : float
    confusions : tuple of tuple of int
        Test observations by true level (rows) and guess.
    """

    factor: str
    unseen: str
    levels: tuple[str, ...]
    accuracy: float
    chance: float
    confusions: tuple[tuple[int, ...], ...]

    @property
    def problems(self) -> list[str]:
        """A line if the factor cannot be told."""
        if self.accuracy >= MIN_ACCURACY:
            return []
        return [
            (
                f"{self.factor}: a probe reaches {self.accuracy:.3f} on unseen {self.unseen}; "
                f"{MIN_ACCURACY} is needed"
            )
        ]

    @property
    def worst(self) -> str:
        """The most frequent confusion, in words."""
        counts = np.array(self.confusions)
        np.fill_diagonal(counts, 0)
        if not counts.any():
            return "none"
        truth, guess = divmod(int(counts.argmax()), len(counts))
        return f"{self.levels[truth]} taken for {self.levels[guess]}, {counts.max()} times"


@dataclass(frozen=True)
class StyleSound:
    """How one style sounds, on average.

    Attributes
    ----------
    style : str
    level_db : tuple of float
        Lowest and highest level of what is not pause, in dBFS.
    peak : float
        Largest absolute value; full scale is 1.0.
    pitch_hz : float
        Median.
    duration_s, pauses : float
        Mean duration of speech, and mean share of it that is pause.
    deviation_db : tuple of float
        Long-term spectrum against the first style, by band of `BANDS_HZ`, both at the same level.
    is_phonated : bool
        Whether it has a pitch. What is whispered is not held against `MAX_DEVIATION_DB`.
    """

    style: str
    level_db: tuple[float, float]
    peak: float
    pitch_hz: float
    duration_s: float
    pauses: float
    deviation_db: tuple[float, ...]
    is_phonated: bool

    @property
    def problems(self) -> list[str]:
        """A line if the style is further from the first than styles may be."""
        largest = max(map(abs, self.deviation_db))
        if not self.is_phonated or largest <= MAX_DEVIATION_DB:
            return []
        return [
            (
                f"style {self.style}: its long-term spectrum is {largest:.1f} dB from that of the first "
                f"style; at most {MAX_DEVIATION_DB:g} dB are natural"
            )
        ]


@dataclass(frozen=True, kw_only=True)
class SpeechAudit(SignalAudit):
    """Whether the factors of a recipe that speaks can be told, and its waveforms are sound.

    Attributes
    ----------
    recipe : str
    n_speakers, n_texts : int
        Of the part of the grid that was rendered, with every style.
    probes : tuple of VoiceProbe
    closest_speakers : tuple of (str, str, float)
        The two that are most alike, and their distance over the spread of one speaker.
    styles : tuple of StyleSound
    unprobed : tuple of str
        Factors that could not be probed, a line each that says why.

    See Also
    --------
    SignalAudit : `seed`, `signals` and what every report says.
    """

    recipe: str
    n_speakers: int
    n_texts: int
    probes: tuple[VoiceProbe, ...]
    closest_speakers: tuple[str, str, float]
    styles: tuple[StyleSound, ...]
    unprobed: tuple[str, ...]

    def _findings(self) -> list[Judged]:
        return [*self.probes, *self.styles]

    def _sections(self) -> Iterator[str]:
        yield f"# Audit of {self.recipe}\n"
        yield (
            f"{self.n_speakers} speakers, {self.n_texts} texts, every style, seed {self.seed}: "
            f"{self.verdict}."
        )
        yield "\n## Probes\n"
        yield self._probe_table()
        if self.unprobed:
            yield "\nNot probed:\n"
            yield from (f"- {what}" for what in self.unprobed)
        yield "\n## Styles\n"
        yield self._style_table()
        yield "\n## Waveforms\n"
        first, second, distance = self.closest_speakers
        yield f"- closest speakers: {first} and {second}, {distance:.2f} of the spread of one"
        yield from (f"- {fact}" for fact in self.signals.facts)

    def _probe_table(self) -> str:
        header = ["factor", "levels", "unseen", "found", "chance", "most frequent confusion"]
        rows = [
            [p.factor, str(len(p.levels)), p.unseen, f"{p.accuracy:.3f}", f"{p.chance:.3f}", p.worst]
            for p in self.probes
        ]
        return markdown_table(header, rows)

    def _style_table(self) -> str:
        edges = [f"{low:.0f}-{high:.0f} Hz" for low, high in pairwise(BANDS_HZ)]
        header = ["style", "level, dBFS", "peak", "pitch, Hz", "seconds", "pauses", *edges]
        rows = [
            [
                *(s.style, f"{s.level_db[0]:.1f} to {s.level_db[1]:.1f}", f"{s.peak:.2f}"),
                f"{s.pitch_hz:.0f}" if s.is_phonated else "-",
                *(f"{s.duration_s:.2f}", f"{100.0 * s.pauses:.0f} %"),
                *(f"{db:+.1f}" for db in s.deviation_db),
            ]
            for s in self.styles
        ]
        return markdown_table(header, rows)
