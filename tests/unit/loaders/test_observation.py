from __future__ import annotations

import base64
import io
import re

import numpy as np
import soundfile

from syngen.loaders.observation import Observation


def test_full_scale_is_heard_as_full_scale() -> None:
    waveform = np.array([1.0, -1.0, 1.2, 0.5], dtype=np.float32)
    page = Observation(waveform, 16_000, 0, {}, {})._repr_html_()
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", page)
    assert found is not None
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(found[1])), dtype="int16")
    assert samples.tolist() == [32767, -32768, 32767, 16384]
