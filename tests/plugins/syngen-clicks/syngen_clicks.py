"""Trains of clicks, and a timbre: what another package adds to syngen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from syngen import FactorSpec, Synthesizer, Timbre
from syngen.synth.plugin import Renderer, Request


class Clicks(Synthesizer):
    """One sample per click, at a rate."""

    name = "clicks"
    version = "1"
    factors = (FactorSpec("rate", units={"Hz": (1.0, 100.0)}, summary="clicks per second"),)

    def prepare(self, request: Request) -> Renderer:
        """Return a renderer of clicks."""
        audio = request.audio

        def render(values: dict[str, float], streams: Callable[[str], object]) -> np.ndarray:
            waveform = np.zeros(audio.n_samples)
            waveform[:: round(audio.sample_rate / values["rate"])] = 0.5
            return waveform

        return render


bell = Timbre("bell", lambda n: 1.0 / n if n in {1, 3, 4, 9} else 0.0, highest=9)
