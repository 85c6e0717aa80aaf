"""Shards and codecs: what is written is what is read, for any samples and names."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from syngen.errors import ShardError
from syngen.storage.codec import CODECS
from syngen.storage.shards import BLOCK, END, ShardWriter, header_of, padding_of

FULL = np.iinfo(np.int16)
EXTREMES = st.sampled_from([FULL.min, FULL.min + 1, -1, 0, 1, FULL.max - 1, FULL.max])
SAMPLES = hnp.arrays(
    np.int16,
    st.one_of(st.integers(1, 40), st.integers(41, 9000)),
    elements=st.one_of(st.integers(int(FULL.min), int(FULL.max)), EXTREMES.map(int)),
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=100)
KEYS = st.integers(0, 10**10).map("{:09d}".format)


CHECKSUM, DEVICES = slice(148, 156), slice(329, 345)


def without_devices(header: bytes) -> bytes:
    """Return a header without the numbers of a device, and without the sum that counts them."""
    return header[: CHECKSUM.start] + header[CHECKSUM.stop : DEVICES.start] + header[DEVICES.stop :]


def usual_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime, info.uid, info.gid = size, 0o644, 0, 0, 0
    return info.tobuf(format=tarfile.USTAR_FORMAT)


@pytest.mark.slow
@pytest.mark.parametrize("codec", sorted(CODECS))
@given(pcm=SAMPLES, rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 96_000]))
@example(pcm=np.array([FULL.min], np.int16), rate=16_000)
@example(pcm=np.array([FULL.max, FULL.min] * 50, np.int16), rate=16_000)
@example(pcm=np.full(5000, FULL.min, np.int16), rate=16_000)
@example(pcm=np.zeros(1, np.int16), rate=8_000)
def test_samples_survive_a_codec(codec: str, pcm: np.ndarray, rate: int) -> None:
    before = pcm.copy()
    data = CODECS[codec].encode(pcm, rate)
    for given_as in (data, memoryview(data)):
        decoded = CODECS[codec].decode(given_as)
        assert decoded.dtype == np.int16
        np.testing.assert_array_equal(decoded, before)
    np.testing.assert_array_equal(pcm, before)
    assert CODECS[codec].encode(pcm, rate) == data


@pytest.mark.slow
@pytest.mark.parametrize("codec", sorted(CODECS))
@given(pcm=SAMPLES)
@example(pcm=np.array([FULL.min], np.int16))
def test_files_are_what_another_library_reads(codec: str, pcm: np.ndarray) -> None:
    data = CODECS[codec].encode(pcm, 16_000)
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, pcm)
    info = soundfile.info(io.BytesIO(data))
    assert (info.format, info.subtype, info.channels) == (codec.upper(), "PCM_16", 1)


@pytest.mark.parametrize("codec", sorted(CODECS))
@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_audio_are_refused(codec: str, data: bytes) -> None:
    with pytest.raises(ShardError, match=f"not a .*{codec.upper()} file"):
        CODECS[codec].decode(data)


@pytest.mark.slow
@given(pcm=SAMPLES, cut=st.integers(1, 43))
def test_a_wav_file_that_is_cut_is_refused(pcm: np.ndarray, cut: int) -> None:
    data = CODECS["wav"].encode(pcm, 16_000)
    with pytest.raises(ShardError, match="not a 16-bit mono WAV file"):
        CODECS["wav"].decode(data[:-cut])


@given(
    name=NAMES,
    size=st.one_of(st.integers(0, 8**11 - 1), st.sampled_from([0, 1, 511, 512, 8**7, 8**11 - 1])),
)
def test_headers_are_those_that_tarfile_writes(name: str, size: int) -> None:
    header = header_of(name, size)
    assert len(header) == BLOCK
    assert without_devices(header) == without_devices(usual_header(name, size))
    assert header[DEVICES] == b"0000000\0" * 2  # as GNU tar has it; tarfile leaves them empty
    member = tarfile.TarInfo.frombuf(header, "ascii", "strict")  # checks the checksum
    assert (member.name, member.size) == (name, size)


@given(name=st.text("a", min_size=101, max_size=300), size=st.integers(0, 10**6))
def test_long_names_are_refused(name: str, size: int) -> None:
    with pytest.raises(ShardError, match="does not fit into a USTAR header"):
        header_of(name, size)


@given(size=st.one_of(st.integers(max_value=-1), st.integers(min_value=8**11)))
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ShardError, match=f"of {size} bytes does not fit into a USTAR header"):
        header_of("000000000.wav", size)


@given(size=st.integers(0, 10**7))
def test_padding_fills_the_last_block_and_no_more(size: int) -> None:
    padding = padding_of(size)
    assert (size + len(padding)) % BLOCK == 0
    assert len(padding) < BLOCK
    assert not any(padding)


@pytest.mark.slow
@given(
    observations=st.dictionaries(
        KEYS, st.tuples(st.binary(max_size=1600), st.binary(max_size=700)), max_size=8
    ),
    suffix=st.sampled_from(["wav", "flac"]),
)
def test_tarfile_reads_what_was_written(observations: dict[str, tuple[bytes, bytes]], suffix: str) -> None:
    file = io.BytesIO()
    writer = ShardWriter(file)
    offsets = [writer.add(key, suffix, audio, text) for key, (audio, text) in observations.items()]
    digest = writer.finish()
    data = file.getvalue()
    assert writer.n_bytes == len(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert data.endswith(END)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
            assert member.isfile()
            assert (member.mode, member.mtime, member.uid, member.gid) == (0o644, 0, 0, 0)
            assert (member.uname, member.gname) == ("", "")
    expected = {}
    for key, (audio, text) in observations.items():
        expected |= {f"{key}.{suffix}": audio, f"{key}.json": text}
    assert found == expected
    assert list(found) == list(expected)
    for offset, (audio, _) in zip(offsets, observations.values(), strict=True):
        assert data[offset : offset + len(audio)] == audio


@given(index=st.integers(0, 2**62), level=st.integers(0, 4), split=st.sampled_from(["train", "test_2"]))
def test_json_members_say_what_they_were_given(index: int, level: int, split: str) -> None:
    from syngen.factors import Factor, FactorGrid
    from syngen.storage.shards import MemberText

    numbers = (1e-07, 0.5, 1.0, 300.0, 1e22)
    grid = FactorGrid(
        [
            Factor("word", ("a", 'quoted "b"', "c\\d", "ü", "\u2028"), "nominal"),
            Factor("x", numbers, "continuous", "Hz"),
            Factor("n", (1, 2, 3, 5, 8), "ordinal"),
        ]
    )
    text = MemberText(grid).of(index, split, (level, level, level))
    content = json.loads(text)
    assert list(content) == ["index", "split", "values", "levels"]
    assert (content["index"], content["split"]) == (index, split)
    assert content["values"] == {f.name: f.values[level] for f in grid.factors}
    assert content["levels"] == dict.fromkeys(("word", "x", "n"), level)
    assert isinstance(content["values"]["x"], float)
    assert isinstance(content["values"]["n"], int)
    assert "." in text.decode("utf-8").split('"x":', 1)[1].split(",", 1)[0]
