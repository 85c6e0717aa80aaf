"""One observation, as a dataset gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.level import to_pcm
from syngen.loaders.measured import Measured, measure

if TYPE_CHECKING:
    from syngen._typing import Float32Array, ValueMapping

__all__ = ["Observation"]


@dataclass(frozen=True, eq=False)
class Observation:
    """One waveform with the factors that made it. In a notebook it plays.

    Two are equal if everything about them is: ``ds[3] == ds[3]``.

    Attributes
    ----------
    waveform : ndarray of float32, shape (n_samples,)
        Full scale is 1.0.
    sample_rate : int
        Samples per second.
    index : int
        Grid point.
    values, levels : mapping by factor name
        What the synthesizer received, and its position among the factor's values.
    """

    waveform: Float32Array
    sample_rate: int
    index: int
    values: ValueMapping
    levels: Mapping[str, int]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Observation):
            return NotImplemented
        return (
            (self.sample_rate, self.index, dict(self.values), dict(self.levels))
            == (other.sample_rate, other.index, dict(other.values), dict(other.levels))
        ) and np.array_equal(self.waveform, other.waveform)

    def __hash__(self) -> int:
        return hash((self.sample_rate, self.index, len(self.waveform)))

    @cached_property
    def measured(self) -> Measured:
        """Length, peak, level and level without pauses, from the samples, when first asked for.

        Examples
        --------
        >>> import syngen
        >>> obs = syngen.render("syntone-tiny")[0]
        >>> obs.values["amplitude"], round(obs.measured.rms_db, 2)
        (-11.0, -11.0)
        """
        return measure(self.waveform, sample_rate=self.sample_rate)

    def _repr_html_(self) -> str:
        import base64
        import html
        import io
        import wave

        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, self.sample_rate, 0, "NONE", ""))
            file.writeframes(to_pcm(self.waveform).astype("<i2").tobytes())
        sound = base64.b64encode(buffer.getvalue()).decode("ascii")
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in self.values.items()
        )
        return (
            f'<audio controls src="data:audio/wav;base64,{sound}"></audio>'
            f"<table><tr><th>index</th><td>{self.index}</td></tr>{cells}</table>"
        )
