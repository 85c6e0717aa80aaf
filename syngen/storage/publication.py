"""What makes a dataset a release: its version, who publishes it, and the files that it has for readers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # a field of that name is what a reader expects
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError
from syngen.io.names import is_name
from syngen.recipe.messages import abridged
from syngen.storage.documents import Text, validated

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["Publication", "publication_in"]

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_URL = re.compile(r"https?://[^\s/?#<>\"'\\]+[^\s<>\"'\\]*")
_TAKEN = frozenset({"audio", "plan.json", "dataset.json", "recipe.yaml", "sha256sums"})
_MAX_TEXT = 200
_MAX_AUTHORS = 1000
_MAX_FILES = 100


@dataclass(frozen=True)
class Publication:
    """What a release says of itself; part of its plan and of its description.

    Attributes
    ----------
    version : str
        As in https://semver.org.
    authors : tuple of str
        ``Family, Given``, or the name of a group; at least one.
    date : str or None
        Day of publication, ``YYYY-MM-DD``.
    url : str or None
        Where the release is at home.
    files : tuple of str
        Names of the files at the top of the folder that a plain dataset has not, and that of its card.

    Raises
    ------
    ParameterError
        If one of them cannot be what it should be.
    """

    version: Text
    authors: tuple[Text, ...]
    date: Text | None = None
    url: Text | None = None
    files: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if len(self.version) > _MAX_TEXT or _SEMVER.fullmatch(self.version) is None:
            raise ParameterError(
                f"{abridged(self.version)} is no version of a release; three numbers are needed, as in "
                "1.0.0 (https://semver.org)"
            )
        if not self.authors or len(self.authors) > _MAX_AUTHORS or not all(map(_is_line, self.authors)):
            raise ParameterError(
                f"authors are {abridged(list(self.authors[:5]))}; a line each is needed, as in "
                "'Noether, Emmy'"
            )
        if self.date is not None and not _is_day(self.date):
            raise ParameterError(f"{abridged(self.date)} is no day; YYYY-MM-DD is needed, as in 2026-01-31")
        if self.url is not None and (len(self.url) > 2000 or _URL.fullmatch(self.url) is None):
            raise ParameterError(f"{abridged(self.url)} is no address of a page; it begins with https://")
        folded = [name.casefold() for name in self.files]
        if len(self.files) > _MAX_FILES or len(set(folded)) != len(folded):
            raise ParameterError(f"a release has at most {_MAX_FILES} further files, each of another name")
        for name in self.files:
            is_taken = name.casefold() in _TAKEN or name.casefold().endswith(".parquet")
            if is_taken or _FILE_NAME.fullmatch(name) is None or not is_name(name):
                raise ParameterError(f"{abridged(name)} is no name of a file of a release")

    def to_json(self) -> Json:
        """Return what plan.json and dataset.json say of it."""
        return {
            "version": self.version,
            "authors": list(self.authors),
            "date": self.date,
            "url": self.url,
            "files": list(self.files),
        }


def publication_in(content: Mapping[str, Any]) -> Publication | None:
    """Return what a plan or a description says of a release; None if it is that of a plain dataset.

    Raises
    ------
    ParameterError
        If it says something impossible.
    """
    found = content.get("release")
    return None if found is None else validated(Publication, found, "release", error=ParameterError)


def _is_line(text: str) -> bool:
    return text.isprintable() and text == text.strip() and 0 < len(text) <= _MAX_TEXT


def _is_day(text: str) -> bool:
    try:
        return Date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
