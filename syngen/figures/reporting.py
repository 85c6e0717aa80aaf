"""Reports as text: tables in Markdown, documents in JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.storage.description import json_bytes

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["JsonDocument", "markdown_table", "shown"]

_MANY = 1e4


class JsonDocument(ABC):
    """A report that is a JSON document too."""

    @abstractmethod
    def to_dict(self) -> Json:
        """Return everything as plain values."""

    def to_json(self, path: str | Path | None = None) -> str:
        """Return everything as a JSON document.

        Parameters
        ----------
        path : str or Path, optional
            A file that it is also written to.
        """
        encoded = json_bytes(self.to_dict())
        if path is not None:
            from syngen.io.atomic import write_atomic
            from syngen.io.files import local_path

            write_atomic(local_path(path), encoded)
        return encoded.decode().rstrip("\n")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns line up in plain text too.

    Examples
    --------
    >>> print(markdown_table(["factor", "found"], [["snr", "1.00"]]))
    | factor | found |
    |--------|-------|
    | snr    | 1.00  |
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]  # 3 make a rule
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def shown(number: float | None) -> str:
    """Return a number for people: three digits, a dash for none, and no more than ten thousand.

    Examples
    --------
    >>> shown(0.12345), shown(149.95), shown(12345.6), shown(None)
    ('0.123', '150', '> 10,000', '-')
    """
    if number is None:
        return "-"
    if abs(number) > _MANY:
        return f"> {_MANY:,.0f}"
    return f"{number:,.0f}" if abs(number) >= 100.0 else f"{number:.3g}"
