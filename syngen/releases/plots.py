"""factors.svg: how many observations each value of each factor has, by split. Text, drawn by hand.

A picture library would be one more dependency, and its bytes would change with its version.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from syngen.releases.metadata import ReleaseMetadata
from syngen.storage.tables.columns import categories

if TYPE_CHECKING:
    from syngen._typing import IntArray
    from syngen.factors import Factor

__all__ = ["factor_plots"]

_COLOURS = ("#31688e", "#35b779", "#fde725", "#443983", "#90d743", "#21918c")
_WIDTH, _HEIGHT = 300, 150
_LEFT, _TOP, _BOTTOM = 46, 34, 26
_COLUMNS = 3
_MOST_BARS = 40
_STYLE = (
    ".title{font-weight:bold;font-size:12px}.end{text-anchor:end}.mid{text-anchor:middle}.axis{stroke:#888}"
)
_MOST_AT_END = 17
_CHARACTER = 6.5  # width of one


def factor_plots(subject: ReleaseMetadata) -> str:
    """Return a picture with a panel for each factor, and one each for length and level where they vary.

    Parameters
    ----------
    subject : ReleaseMetadata
    """
    table = subject.dataset.table
    names = [name for name, count in subject.description.counts.items() if count]
    splits, numbers = categories(table, "split")
    places = [names.index(split) if split in names else 0 for split in splits]
    codes = np.array(places, dtype=np.int64)[numbers]
    levels = subject.dataset.levels
    panels = [
        _factor_panel(factor, levels[:, position], codes, len(names))
        for position, factor in enumerate(subject.vocabulary.grid.factors)
    ]
    seconds = np.asarray(subject.dataset.lengths, dtype=np.float64) / subject.vocabulary.sample_rate
    level = np.asarray(table.column("rms_db").to_numpy(zero_copy_only=False), dtype=np.float64)
    for title, values in (("length (s)", seconds), ("level (dB)", level)):
        is_finite = np.isfinite(values)
        if is_finite.any() and np.ptp(values[is_finite]) > 1e-9:
            panels.append(_value_panel(title, values[is_finite], codes[is_finite], len(names)))
    return _page(panels, names)


def _factor_panel(factor: Factor, levels: IntArray, codes: IntArray, n_splits: int) -> list[str]:
    unit = f" ({factor.unit})" if factor.unit else ""
    n_bars = min(factor.size, _MOST_BARS)
    bars = levels * n_bars // factor.size
    counts = _counts(bars, codes, n_bars, n_splits)
    names = [_shown(value) for value in factor.values[: n_bars + 1]]
    if n_bars < factor.size or _CHARACTER * max(map(len, names)) * n_bars > _WIDTH - _LEFT:
        names = [_shown(factor.values[position], most=_MOST_AT_END) for position in (0, -1)]
    return _panel(f"{factor.name}{unit}: {factor.size:,} values", counts, names)


def _value_panel(title: str, values: np.ndarray, codes: IntArray, n_splits: int) -> list[str]:
    low, high = float(values.min()), float(values.max())
    bars = np.minimum((values - low) / (high - low) * _MOST_BARS, _MOST_BARS - 1).astype(np.int64)
    counts = _counts(bars, codes, _MOST_BARS, n_splits)
    return _panel(title, counts, [_shown(round(low, 3)), _shown(round(high, 3))])


def _counts(bars: IntArray, codes: IntArray, n_bars: int, n_splits: int) -> IntArray:
    return np.bincount(bars * n_splits + codes, minlength=n_bars * n_splits).reshape(n_bars, n_splits)


def _shown(value: object, *, most: int = 24) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _panel(title: str, counts: IntArray, names: Sequence[str]) -> list[str]:
    """Return the elements of stacked bars, one for each row of `counts`; names of all, or of both ends."""
    most = max(1, int(counts.sum(axis=1).max()))
    width, height = _WIDTH - _LEFT - 12, _HEIGHT - _TOP - _BOTTOM
    base = _TOP + height
    step = width / len(counts)
    gap = min(2.0, 0.2 * step)
    lines = [
        f'<text x="{_LEFT}" y="18" class="title">{escape(title)}</text>',
        f'<text x="{_LEFT - 6}" y="{_TOP + 8}" class="end">{most:,}</text>',
        f'<text x="{_LEFT - 6}" y="{base}" class="end">0</text>',
        f'<path d="M{_LEFT} {base}H{_LEFT + width}" class="axis"/>',
    ]
    if len(names) == len(counts):
        lines += [
            f'<text x="{_LEFT + (bar + 0.5) * step:.1f}" y="{base + 16}" class="mid">{escape(name)}</text>'
            for bar, name in enumerate(names)
        ]
    else:
        lines.append(f'<text x="{_LEFT}" y="{base + 16}">{escape(names[0])}</text>')
        lines.append(f'<text x="{_LEFT + width}" y="{base + 16}" class="end">{escape(names[-1])}</text>')
    for bar, row in enumerate(counts.tolist()):
        bottom: float = base
        for split, count in enumerate(row):
            size = height * count / most
            if count:
                x = _LEFT + bar * step + gap / 2
                lines.append(
                    f'<rect x="{x:.2f}" y="{bottom - size:.2f}" width="{step - gap:.2f}" '
                    f'height="{size:.2f}" fill="{_COLOURS[split % len(_COLOURS)]}"/>'
                )
            bottom -= size
    return lines


def _page(panels: Sequence[list[str]], splits: Sequence[str]) -> str:
    columns = min(_COLUMNS, len(panels))
    n_lines = -(-len(panels) // columns)
    width, height = columns * _WIDTH, n_lines * _HEIGHT + 30
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif" font-size="11" fill="#222">'
        ),
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % columns * _WIDTH, number // columns * _HEIGHT
        lines += [f'<g transform="translate({x} {y})">', *panel, "</g>"]
    left = float(_LEFT)
    for number, name in enumerate(splits):
        colour = _COLOURS[number % len(_COLOURS)]
        lines.append(f'<rect x="{left:.0f}" y="{height - 22}" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="{left + 15:.0f}" y="{height - 13}">{escape(name)}</text>')
        left += 32 + 6.5 * len(name)
    return "\n".join([*lines, "</svg>"]) + "\n"
