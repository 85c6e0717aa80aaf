"""Figures that a notebook shows. matplotlib is imported with this module, so import it where it is used."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["Picture"]


class Picture(Figure):
    """A figure of matplotlib that shows itself as the last line of a notebook's cell.

    Notebooks learn how to show figures when ``pyplot`` is imported. This one is not registered with it, so
    that making many pictures keeps none in memory, and brings its own picture along.
    """

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
