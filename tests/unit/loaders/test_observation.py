from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
import soundfile

import syngen
from syngen.loaders.observation import Observation


def test_full_scale_is_heard_as_full_scale() -> None:
    waveform = np.array([1.0, -1.0, 1.2, 0.5], dtype=np.float32)
    page = Observation(waveform, 16_000, 0, {}, {})._repr_html_()
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", page)
    assert found is not None
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(found[1])), dtype="int16")
    assert samples.tolist() == [32767, -32768, 32767, 16384]


def observation(**changes: Any) -> Observation:
    given = {
        "waveform": np.array([0.0, 0.5], dtype=np.float32),
        "sample_rate": 16_000,
        "index": 3,
        "values": {"timbre": "sine"},
        "levels": {"timbre": 0},
    }
    return Observation(**(given | changes))


def test_an_observation_equals_itself_read_again() -> None:
    ds = syngen.render("syntone-tiny")
    assert ds[3] == ds[3]
    assert ds[3] != ds[4]
    assert hash(ds[3]) == hash(ds[3])
    assert ds.index(ds[3]) == 3
    assert ds[3] in ds[:5]
    assert ds[7] not in ds[:5]


@pytest.mark.parametrize(
    "changes",
    [
        {"waveform": np.array([0.0, 0.25], dtype=np.float32)},
        {"waveform": np.array([0.0], dtype=np.float32)},
        {"sample_rate": 8_000},
        {"index": 4},
        {"values": {"timbre": "square"}},
        {"levels": {"timbre": 1}},
    ],
)
def test_observations_that_differ_in_anything_are_not_equal(changes: dict[str, Any]) -> None:
    assert observation() == observation()
    assert observation() != observation(**changes)
    assert observation() != "observation"
