"""Words and phones as TextGrids, the files in which Praat keeps labels of sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["textgrid_text"]

_TIERS = (("word", "words"), ("phone", "phones"))


def textgrid_text(annotations: Sequence[Any], *, n_samples: int, sample_rate: int) -> str:
    """Return a TextGrid with the tiers ``words`` and ``phones``.

    Parameters
    ----------
    annotations : sequence of object
        With the attributes kind, text, start and end, in samples; each kind covers the sound.
    n_samples, sample_rate : int
        Of the sound.

    Returns
    -------
    str
        In Praat's long text format; times in seconds.

    References
    ----------
    Praat manual, "TextGrid file formats".
    """
    end = n_samples / sample_rate
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end!r}",
        "tiers? <exists>",
        f"size = {len(_TIERS)}",
        "item []:",
    ]
    for number, (kind, name) in enumerate(_TIERS, 1):
        spans = [span for span in annotations if span.kind == kind]
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {end!r}",
            f"        intervals: size = {len(spans)}",
        ]
        for i, span in enumerate(spans, 1):
            label = span.text.replace('"', '""')
            lines += [
                f"        intervals [{i}]:",
                f"            xmin = {span.start / sample_rate!r}",
                f"            xmax = {span.end / sample_rate!r}",
                f'            text = "{label}"',
            ]
    return "\n".join(lines) + "\n"
