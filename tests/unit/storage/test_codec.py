from __future__ import annotations

import hashlib
from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest

from syngen.dsp.level import dequantise
from syngen.errors import ShardError
from syngen.storage import codec
from syngen.storage.codec import Codec, find_codec, pcm_sha256

PCM = np.concatenate([[-32768, 32767, 0, 1, -1], np.arange(-3000, 3000, 7)]).astype(np.int16)


@pytest.fixture(params=["wav", "flac", "flac by soundfile"])
def one(request: pytest.FixtureRequest) -> Iterator[Codec]:
    if request.param == "flac by soundfile":
        with mock.patch.object(codec, "_miniaudio", return_value=None):
            yield find_codec("flac")
    else:
        yield find_codec(request.param)


def test_hash_of_samples_is_of_their_values_in_little_endian_order() -> None:
    wanted = hashlib.sha256(b"\x00\x80\xff\x7f\x01\x00").digest()
    pcm = np.array([-32768, 32767, 1], dtype=np.int16)
    assert pcm_sha256(pcm) == wanted
    assert pcm_sha256(pcm.astype(">i2")) == wanted
    assert pcm_sha256(np.repeat(pcm, 2)[::2]) == wanted


def test_samples_come_back_as_they_were(one: Codec) -> None:
    data = one.encode(PCM, 16000)
    np.testing.assert_array_equal(one.decode(data), PCM)
    out = np.full(len(PCM), np.nan, dtype=np.float32)
    one.decode_to(out, memoryview(data))
    np.testing.assert_array_equal(out, dequantise(PCM))


@pytest.mark.parametrize("wanted", [len(PCM) - 1, len(PCM) + 1])
def test_another_length_is_refused(one: Codec, wanted: int) -> None:
    with pytest.raises(ShardError, match=f"{len(PCM)} samples instead of {wanted}"):
        one.decode_to(np.empty(wanted, dtype=np.float32), one.encode(PCM, 16000))


@pytest.mark.parametrize("n_kept", [0, 10, 43, 200])
def test_a_file_that_is_cut_is_refused(one: Codec, n_kept: int) -> None:
    data = one.encode(PCM, 16000)[:n_kept]
    with pytest.raises(ShardError):
        one.decode_to(np.empty(len(PCM), dtype=np.float32), data)
    with pytest.raises(ShardError):
        one.decode(data)


def test_two_channels_are_refused(one: Codec) -> None:
    import io

    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([PCM, PCM], axis=1), 16000, format=one.name.upper(), subtype="PCM_16")
    with pytest.raises(ShardError):
        one.decode_to(np.empty(len(PCM), dtype=np.float32), buffer.getvalue())
