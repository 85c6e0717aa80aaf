"""CITATION.cff: whatever a title or an author has, the file says it."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from syngen.releases.citation import _yaml


def test_texts_are_quoted_and_keep_their_place() -> None:
    content = {
        "cff-version": "1.2.0",
        "authors": [{"family-names": "Noether", "given-names": "Emmy"}, {"name": "A group: of two"}],
        "keywords": ["audio", "2024-01-01"],
        "year": 2024,
    }
    assert _yaml(content) == (
        'cff-version: "1.2.0"\n'
        "authors:\n"
        '  - family-names: "Noether"\n'
        '    given-names: "Emmy"\n'
        '  - name: "A group: of two"\n'
        "keywords:\n"
        '  - "audio"\n'
        '  - "2024-01-01"\n'
        "year: 2024\n"
    )


@pytest.mark.parametrize(
    "text", ["", "é 日本 😀", 'say "hi" \\', "a\nb", "\x7f", "\u2028", "\x85", "x " * 999]
)
def test_every_text_is_read_as_it_was_written(text: str) -> None:
    assert YAML(typ="safe", pure=True).load(_yaml({"title": text})) == {"title": text}
