"""preview.html: spectrograms and clips of some observations, in one file that needs nothing else.

A line for each factor: one observation, and what changes when that factor alone does. No script, no
address of another page: all is in the file.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from syngen.figures.features import power_spectra
from syngen.releases.metadata import ReleaseMetadata
from syngen.storage.codec import find_codec

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, PcmArray

__all__ = ["View", "preview", "spectrogram_png"]

_MOST_CLIPS = 48
_MOST_PER_FACTOR = 6
_CLIP_S = 4.0
_SEARCHED = 200_000
_HEIGHT, _MOST_WIDTH = 128, 240
_RANGE_DB = 75.0
_QUIET_DB = 60.0  # below the loudest
_ANCHORS = (
    (68, 1, 84),
    (70, 50, 127),
    (54, 92, 141),
    (39, 127, 142),
    (31, 161, 135),
    (74, 194, 109),
    (159, 218, 58),
    (253, 231, 37),
)
_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_STYLE = """body{font:15px/1.45 sans-serif;margin:2em auto;max-width:82em;padding:0 1em;color:#222}
h2{font-size:1.1em;margin:1.8em 0 .4em}.line{display:flex;flex-wrap:wrap;gap:14px}
figure{margin:0;width:190px}img{width:190px;height:110px;image-rendering:auto;border:1px solid #ccc}
audio{width:190px;height:32px}figcaption{font-size:13px;min-height:1.5em}.small{color:#666;font-size:13px}"""


@dataclass(frozen=True)
class View:
    """What the spectrograms of a page show.

    Attributes
    ----------
    top : float
        Frequency at the upper edge, in Hz.
    loudest : float
        Level of the brightest colour, in dB; a full-scale sine has 0 dB.
    """

    top: float
    loudest: float


def preview(subject: ReleaseMetadata) -> str:
    """Return the page.

    Parameters
    ----------
    subject : ReleaseMetadata
    """
    lines = list(_lines(subject))
    positions = np.array(sorted({position for _, clips in lines for position, _ in clips}))
    n_most = int(_CLIP_S * subject.vocabulary.sample_rate)
    sounds = {
        int(position): pcm[:n_most]
        for position, pcm in zip(positions, subject.dataset.pcm(positions), strict=True)
    }
    view = _view(list(sounds.values()), subject.vocabulary.sample_rate)
    parts = [_head(subject, view)]
    for title, clips in lines:
        figures = (_figure(subject, sounds[position], label, view) for position, label in clips)
        parts.append(f'<h2>{escape(title)}</h2>\n<div class="line">\n{"".join(figures)}</div>\n')
    return "".join(parts) + "</body>\n</html>\n"


def _head(subject: ReleaseMetadata, view: View) -> str:
    title = escape(f"{subject.title}, version {subject.release.version}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>{escape(subject.summary)}</p>
<p class="small">In each line one factor changes. Spectrograms reach from 0 to {view.top:,.0f} Hz and from
{view.loudest - _RANGE_DB:.0f} to {view.loudest:.0f} dB, a full-scale sine having 0 dB. Clips end after
{_CLIP_S:.0f} seconds.</p>
"""


def _lines(subject: ReleaseMetadata) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Yield for each factor its title, and positions with labels."""
    grid = subject.vocabulary.grid
    levels = np.asarray(subject.dataset.levels[:_SEARCHED], dtype=np.int64)
    sizes = np.array(grid.sizes)
    # of speech the first speaker, text and style, which is the plain one; else the middle of everything
    middle = np.array([0.0 if subject.is_spoken and f.kind == "nominal" else 0.5 for f in grid.factors])
    distance = np.abs(levels / np.maximum(sizes - 1, 1) - middle).sum(axis=1)
    base = levels[int(np.argmin(distance))]
    varying = [position for position, size in enumerate(grid.sizes) if size > 1] or [0]
    n_each = max(2, min(_MOST_PER_FACTOR, _MOST_CLIPS // len(varying)))
    for position in varying[: _MOST_CLIPS // 2]:
        factor = grid.factors[position]
        wanted = np.unique(np.linspace(0, factor.size - 1, min(n_each, factor.size)).round().astype(int))
        found = dict.fromkeys(_nearest(levels, base, position, int(level), sizes) for level in wanted)
        unit = f" {factor.unit}" if factor.unit else ""
        clips = []
        for row in found:
            value = factor.values[int(levels[row, position])]
            shown = f"{value:.5g}" if isinstance(value, float) else str(value)
            is_alone = np.array_equal(np.delete(levels[row], position), np.delete(base, position))
            clips.append((row, f"{shown}{unit}{'' if is_alone else ' (others differ too)'}"))
        others = ", ".join(
            f"{f.name} {_short(f.values[int(level)])}{f' {f.unit}' if f.unit else ''}"
            for f, level in zip(grid.factors, base, strict=True)
            if f is not factor
        )
        yield f"{factor.name}{f' (others: {others})' if others else ''}", clips


def _short(value: object) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _nearest(levels: IntArray, base: IntArray, position: int, level: int, sizes: IntArray) -> int:
    """Return the first row that has a level of one factor, and of the others what is nearest to `base`."""
    wanted = base.copy()
    wanted[position] = level
    steps = np.abs(levels - wanted) / np.maximum(sizes - 1, 1)
    cost = steps.sum(axis=1) + (steps > 0).sum(axis=1)
    cost += 100.0 * np.abs(levels[:, position] - level)
    return int(np.argmin(cost))


def _figure(subject: ReleaseMetadata, pcm: PcmArray, label: str, view: View) -> str:
    rate = subject.vocabulary.sample_rate
    picture = base64.b64encode(spectrogram_png(pcm, rate, view)).decode("ascii")
    sound = base64.b64encode(find_codec("wav").encode(pcm, rate)).decode("ascii")
    text = escape(label)
    return (
        f'<figure><img alt="Spectrogram, {text}" src="data:image/png;base64,{picture}">'
        f'<audio controls preload="metadata" src="data:audio/wav;base64,{sound}"></audio>'
        f"<figcaption>{text}</figcaption></figure>\n"
    )


def _spectrogram(pcm: PcmArray, sample_rate: int) -> tuple[FloatArray, float]:
    """Return levels in dB, float64 of shape (n_frames, n_bins), and the distance of bins in Hz."""
    length = 1 << max(6, int(np.ceil(np.log2(0.03 * sample_rate))))
    n_frames = int(min(_MOST_WIDTH, max(8, 4 * len(pcm) // length)))
    padded = np.zeros(max(len(pcm), length) + length)
    padded[length // 2 : length // 2 + len(pcm)] = pcm / 32768.0
    starts = np.linspace(0, len(padded) - length, n_frames).astype(np.int64)
    window = np.hanning(length + 1)[:-1]
    frames = padded[starts[:, None] + np.arange(length)]
    power = power_spectra(frames, window * (2.0 / window.sum()))
    return 10.0 * np.log10(power + 1e-12), sample_rate / length


def _view(sounds: list[PcmArray], sample_rate: int) -> View:
    """Return what all spectrograms of a page show: up to where nearly all of the energy is."""
    spectra = [_spectrogram(pcm, sample_rate) for pcm in sounds]
    loudest = max(-_RANGE_DB, *(float(levels.max()) for levels, _ in spectra))
    top = 0.0
    for levels, step in spectra:
        loud = np.flatnonzero(levels.max(axis=0) > loudest - _QUIET_DB)
        top = max(top, (float(loud[-1]) + 2.0) * step if len(loud) else 0.0)
    return View(float(min(max(top, sample_rate / 16.0), sample_rate / 2.0)), loudest)


def spectrogram_png(pcm: PcmArray, sample_rate: int, view: View) -> bytes:
    """Return a spectrogram as a picture of 256 colours.

    Parameters
    ----------
    pcm : ndarray of int16, shape (n_samples,)
    sample_rate : int
    view : View
    """
    levels, step = _spectrogram(pcm, sample_rate)
    bins = np.minimum(
        np.linspace(0.0, view.top / step, _HEIGHT).round().astype(np.int64), levels.shape[1] - 1
    )
    shades = np.clip((levels[:, bins] - view.loudest + _RANGE_DB) / _RANGE_DB * 255.0, 0.0, 255.0)
    return _png(np.ascontiguousarray(shades.round().astype(np.uint8).T[::-1]))


def _png(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    """Return a PNG of pixels that are positions in the palette."""
    height, width = pixels.shape
    positions = np.linspace(0.0, len(_ANCHORS) - 1, 256)
    anchors = np.array(_ANCHORS, dtype=np.float64)
    palette = np.stack(
        [np.interp(positions, np.arange(len(_ANCHORS)), anchors[:, channel]) for channel in range(3)],
        axis=1,
    )
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # each line begins with its filter, none
    lines[:, 1:] = pixels
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette.round().astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
