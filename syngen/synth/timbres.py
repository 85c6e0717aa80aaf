"""The old name of `syngen.synth.tone.timbres`, kept for plug-ins until syngen 0.3."""

from __future__ import annotations

import warnings

from syngen.synth.tone.timbres import *  # noqa: F403

warnings.warn(
    "syngen.synth.timbres is called syngen.synth.tone.timbres since syngen 0.2; the old name goes with 0.3",
    DeprecationWarning,
    stacklevel=2,
)
