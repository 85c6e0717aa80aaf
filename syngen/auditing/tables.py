"""Tables in Markdown."""

from __future__ import annotations

from syngen.evaluation.reporting import markdown_table

__all__ = ["markdown_table", "shown"]

_MANY = 1e4


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
