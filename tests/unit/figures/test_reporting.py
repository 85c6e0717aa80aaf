"""Tables in Markdown are tables whatever their cells hold."""

from __future__ import annotations

from syngen.figures.reporting import markdown_table


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert markdown_table(["a|b"], [["c"]]).splitlines() == ["| a\\|b |", "|------|", "| c    |"]


def test_columns_are_wide_enough_for_their_rule() -> None:
    assert markdown_table(["", "n"], []).splitlines() == ["|     | n   |", "|-----|-----|"]
