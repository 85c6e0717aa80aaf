"""The old name of `syngen.synth.plugin`, kept for plug-ins until syngen 0.3."""

from __future__ import annotations

import warnings

from syngen.synth.plugin import *  # noqa: F403

warnings.warn(
    "syngen.synth.base is called syngen.synth.plugin since syngen 0.2; the old name goes with 0.3",
    DeprecationWarning,
    stacklevel=2,
)
