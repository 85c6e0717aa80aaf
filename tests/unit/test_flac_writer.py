from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import soundfile

from syngen.storage import flac_writer
from syngen.storage.codec import find_codec
from syngen.storage.flac_writer import write_flac

LENGTHS = [0, 1, 2, 15, 16, 17, 100, 4095, 4096, 4097, 16_000, 70_001]


def by_soundfile(pcm: np.ndarray[Any, Any], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, rate, "PCM_16", format="FLAC", compression_level=0.5)
    return buffer.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("n_samples", LENGTHS)
def test_the_bytes_are_those_of_soundfile(n_samples: int, rate: int, rng: np.random.Generator) -> None:
    tone = np.rint(9000 * np.sin(0.05 * np.arange(n_samples))).astype(np.int16)
    noise = rng.integers(-32768, 32768, n_samples).astype(np.int16)  # which cannot be compressed
    for pcm in (tone, noise, np.zeros(n_samples, dtype=np.int16)):
        assert write_flac(pcm, rate, level=0.5) == by_soundfile(pcm, rate)


def test_a_file_that_is_larger_than_those_before_has_room(rng: np.random.Generator) -> None:
    for n_samples in (10, 300_000, 20, 9_000_000, 30):
        pcm = rng.integers(-32768, 32768, n_samples).astype(np.int16)
        assert write_flac(pcm, 16_000, level=0.5) == by_soundfile(pcm, 16_000)


def test_threads_do_not_write_into_the_files_of_others(rng: np.random.Generator) -> None:
    sounds = [rng.integers(-3000, 3000, 20_000).astype(np.int16) for _ in range(40)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda pcm: write_flac(pcm, 16_000, level=0.5), sounds))
    assert made == [by_soundfile(pcm, 16_000) for pcm in sounds]


def test_samples_that_do_not_lie_together_are_written(rng: np.random.Generator) -> None:
    pcm = rng.integers(-3000, 3000, 900).astype(np.int16)
    assert write_flac(pcm[::3], 16_000, level=0.5) == by_soundfile(pcm[::3].copy(), 16_000)


def test_without_what_is_private_to_soundfile_its_own_function_is_used() -> None:
    pcm = np.arange(1000, dtype=np.int16)
    flac_writer._library.cache_clear()
    try:
        with mock.patch.dict("sys.modules", soundfile=SimpleNamespace()):
            assert write_flac(pcm, 16_000, level=0.5) is None
        with mock.patch("syngen.storage.codec.write_flac", return_value=None):
            assert find_codec("flac").encode(pcm, 16_000) == by_soundfile(pcm, 16_000)
    finally:
        flac_writer._library.cache_clear()


def test_a_rate_that_there_cannot_be_is_refused_by_soundfile() -> None:
    assert write_flac(np.zeros(10, dtype=np.int16), -1, level=0.5) is None
    with pytest.raises(soundfile.LibsndfileError):
        find_codec("flac").encode(np.zeros(10, dtype=np.int16), -1)
