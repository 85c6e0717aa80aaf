"""Audio of anybody's is read whole, or the reason is said why it is not."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from syngen.errors import ParameterError, ShardError
from syngen.loaders.sources.audio_files import audio_length, audio_rate, checked_channel, read_audio

RATE = 16_000
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "24.wav": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, 0.1, 12_000)


def written(folder: Path, ending: str, samples: np.ndarray) -> Path:
    kind, subtype = FORMATS[ending]
    path = folder / f"clip.{ending}"
    soundfile.write(path, samples, RATE, format=kind, subtype=subtype)
    return path


@pytest.mark.parametrize("ending", FORMATS)
def test_a_whole_file_is_read_and_a_cut_one_refused(ending: str, noise: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path, ending, noise)
    expected, _ = soundfile.read(path, dtype="float32")
    waveform, rate = read_audio(path)
    np.testing.assert_array_equal(waveform, expected)
    assert (rate, audio_rate(path), audio_length(path)) == (RATE, RATE, len(expected))
    data = path.read_bytes()
    for n_bytes in (len(data) // 20, len(data) // 3, len(data) * 9 // 10, len(data) - 200, len(data) - 1):
        path.write_bytes(data[:n_bytes])
        with pytest.raises(ShardError, match="cannot be read: "):
            read_audio(path)
        if ending != "flac":  # whose header is whole, and whose decoder is not asked for a length
            assert audio_length(path) == 0


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_mp3_files_with_other_tags_are_read(mode: str, rate: int, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    noise = np.random.default_rng(3).normal(0.0, 0.1, rate // 2)
    soundfile.write(path, noise, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    assert len(read_audio(path)[0]) == len(noise)
    data = path.read_bytes()
    before, after = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), b"TAG" + bytes(125)
    path.write_bytes(before + data + after)
    assert len(read_audio(path)[0]) == audio_length(path) == len(noise)
    path.write_bytes(before + data[:-1])
    with pytest.raises(ShardError, match="the file ends too early"):
        read_audio(path)


def test_an_mp3_file_that_states_no_length_is_cut_where_its_last_frame_is(
    noise: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, noise, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    data = path.read_bytes()
    second = data.index(data[:2], 4)  # the first has the tag
    path.write_bytes(data[second:])
    assert len(read_audio(path)[0]) > len(noise) - 2_000
    path.write_bytes(data[second:-20])
    with pytest.raises(ShardError, match="the file ends too early"):
        read_audio(path)


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0x7FFFFFFF, 0x7FFFFFFF),
        (0x7FFFF024, 0x7FFFF000),
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0x7FFFFF24, 0x7FFFFF00),
        (0x80000024, 0x80000000),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFDB),
        (0, 0),
        (36, 0),
        (0xFFFFFFFF, 0),
    ],
)
def test_a_streamed_wav_file_is_read_to_its_end(
    riff: int, data: int, noise: np.ndarray, tmp_path: Path
) -> None:
    path = written(tmp_path, "wav", noise)
    expected, _ = read_audio(path)
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_audio(path)[0], expected)
    assert (audio_length(path), audio_rate(path)) == (len(noise), RATE)


def test_a_wav_file_without_samples_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, "wav", np.zeros(0))
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert (len(read_audio(path)[0]), audio_length(path)) == (0, 0)


def test_chunks_behind_the_samples_do_not_matter(noise: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path, "wav", noise)
    data = path.read_bytes()
    path.write_bytes(data + b"LIST" + struct.pack("<I", 400) + b"INFO")  # which is cut
    assert len(read_audio(path)[0]) == len(noise)


@pytest.mark.parametrize(("odd", "n"), [([np.nan], 1), ([np.inf, -np.inf], 2)])
def test_samples_that_are_no_numbers_are_refused(
    odd: list[float], n: int, noise: np.ndarray, tmp_path: Path
) -> None:
    noise[50 : 50 + n] = odd
    path = written(tmp_path, "float.wav", noise)
    with pytest.raises(ShardError, match=rf"has {n} of 12,000 samples that are NaN or infinite"):
        read_audio(path)


def test_one_of_several_channels_is_read(noise: np.ndarray, tmp_path: Path) -> None:
    both = np.stack([noise, -noise / 2], axis=1)
    path = written(tmp_path, "float.wav", both)
    left, right = both.astype(np.float32).T
    np.testing.assert_array_equal(read_audio(path, 0)[0], left)
    np.testing.assert_array_equal(read_audio(path, 1)[0], right)
    np.testing.assert_allclose(read_audio(path, "mean")[0], noise / 4, atol=1e-7)
    assert audio_length(path) == len(noise)
    with pytest.raises(
        ShardError, match="has 2 channels; one is needed: say which with channel=0 to channel=1"
    ):
        read_audio(path)
    with pytest.raises(ShardError, match="has 2 channels, counted from 0; channel=2 is none of them"):
        read_audio(path, 2)


def test_the_only_channel_is_the_first_and_the_mean(noise: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path, "wav", noise)
    for channel in (0, "mean"):
        np.testing.assert_array_equal(read_audio(path, checked_channel(channel))[0], read_audio(path)[0])
    with pytest.raises(ShardError, match="has 1 channel, counted from 0; channel=1 is none"):
        read_audio(path, 1)


@pytest.mark.parametrize("channel", [-1, 1.0, True, "left", [0]])
def test_what_is_no_channel_is_refused(channel: object) -> None:
    with pytest.raises(
        ParameterError, match=r"channel is .*; the number of a channel, from 0 on, or 'mean'"
    ):
        checked_channel(channel)


def test_what_is_no_audio_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for content in (
        b"",
        b"text",
        b"RIFF",
        b"OggS",
        b"ID3",
        b"\xff\xfb",
        b"FORM",
        b".snd",
        b"caff",
        bytes(99),
    ):
        path.write_bytes(content)
        with pytest.raises(ShardError, match="cannot be read: "):
            read_audio(path)
        assert audio_length(path) == 0
    path.unlink()
    with pytest.raises(ShardError, match="cannot be read: No such file"):
        read_audio(path)
    os.mkfifo(path)
    with pytest.raises(ShardError, match="cannot be read: it is no regular file"):
        read_audio(path)


def test_a_path_may_have_any_bytes(noise: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path, "wav", noise)
    name = tmp_path / os.fsdecode(b"lat\xe9.wav")
    try:
        path.rename(name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert len(read_audio(name)[0]) == audio_length(name) == len(noise)
