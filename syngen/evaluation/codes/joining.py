"""Codes and the observations they are of, brought together by what identifies an observation.

Never by position: a part of a dataset, one of another size, and a view in another order have the same
fingerprint and other rows.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import numpy as np

from syngen.errors import FactorError, ParameterError
from syngen.evaluation.codes.codes import Codes
from syngen.evaluation.codes.matching import Match, match
from syngen.identities import HASH_BYTES, Identities

if TYPE_CHECKING:
    import pandas as pd

    from syngen._typing import FloatArray
    from syngen.identities import HashArray

__all__ = ["NOT_COMMON", "Joined", "ManifestRows", "Observations", "join"]

NOT_COMMON = "common is for codes of syngen.encode and a dataset; an array does not say whose its rows are"
"""Why arrays are refused."""


class Observations(Protocol):
    """What can be joined with codes: a dataset, a view of one, or a manifest."""

    def __len__(self) -> int: ...

    def identities(self) -> Identities: ...

    def take(self, positions: Any, /) -> Self: ...

    def select(self, /, **conditions: Any) -> Self: ...


T = TypeVar("T", bound=Observations)


@dataclass(frozen=True, eq=False)
class Joined(Generic[T]):
    """Codes and observations, row by row.

    Attributes
    ----------
    values : ndarray of float64, shape (n, d)
        Of an array, what was given.
    observations : Observations
        The n that have codes, in the order in which they were given.
    n_left_out : int
        Observations that were given and have no part in it.
    note : str
        Why, in words; empty where none is left out.
    """

    values: Any
    observations: T
    n_left_out: int = 0
    note: str = ""


def join(codes: Any, observations: T, *, common: bool = False) -> Joined[T]:
    """Bring codes and observations together.

    Where observations have no codes, and the codes are of a split or of the first so many, these are taken
    if all of them have codes.

    Parameters
    ----------
    codes : Codes or array_like
        An array, and `Codes` of the file of an array, are handed back as they are: in the order of the
        observations, which is all that can be known of them.
    observations : Observations
    common : bool
        Whether to leave out observations without codes.

    Raises
    ------
    ParameterError
        If codes and observations are of different datasets, if it cannot be known which codes are whose, or
        if there are observations without codes; the message says how many, and what to do.
    """
    if not isinstance(codes, Codes) or _is_plain(codes):
        if common:
            raise ParameterError(NOT_COMMON)
        return Joined(codes.values if isinstance(codes, Codes) else codes, observations)
    wanted = observations.identities()
    given = _checked(codes, wanted)
    found = match(given, codes.values, wanted)
    _refuse_ambiguous(found, len(wanted))
    if not found.n_missing:
        return Joined(_rows(codes.values, found), observations)
    if common and found.n_missing < len(wanted):
        return _of_some(codes, observations, found)
    selected = None if common else _selected(codes, observations)
    if selected is not None and len(selected):
        of_selected = match(given, codes.values, selected.identities())
        if not of_selected.n_missing and not of_selected.n_ambiguous:
            n_left_out = len(wanted) - len(selected)
            note = f"{_counted(n_left_out, len(wanted))} left out: the codes cover {codes.selection}"
            return Joined(_rows(codes.values, of_selected), selected, n_left_out, note)
    raise ParameterError(_missing(codes, found, len(wanted)))


def _is_plain(codes: Codes) -> bool:
    says_nothing = codes.identities is None and not codes.fingerprint
    return says_nothing and np.array_equal(codes.rows, np.arange(len(codes)))


def _rows(values: FloatArray, found: Match) -> FloatArray:
    positions = found.positions
    if len(positions) == len(values) and np.array_equal(positions, np.arange(len(values))):
        return values
    return values[positions]


def _of_some(codes: Codes, observations: T, found: Match) -> Joined[T]:
    kept = np.flatnonzero(found.has_codes)
    note = f"{_counted(found.n_missing, len(found.positions))} left out: there are no codes for them"
    return Joined(codes.values[found.positions[kept]], observations.take(kept), found.n_missing, note)


def _selected(codes: Codes, observations: T) -> T | None:
    """Return those of the observations that were asked to be encoded; None where that cannot be said."""
    chosen = codes.selection
    if not chosen:
        return None
    selected = observations
    with contextlib.suppress(FactorError):  # a table without these splits
        if chosen.splits:
            selected = selected.select(**{column: list(names) for column, names in chosen.splits.items()})
        if chosen.limit is not None and len(selected) > chosen.limit:
            selected = selected.take(np.arange(chosen.limit))
        return selected
    return None


def _checked(codes: Codes, wanted: Identities) -> Identities:
    """Return the identities of codes, if they can be compared with those that are wanted."""
    ours = codes.identities
    theirs = wanted.fingerprint
    fingerprint = codes.fingerprint if ours is None else ours.fingerprint
    if fingerprint and theirs and fingerprint != theirs:
        raise ParameterError(
            f"these are codes of another dataset: its fingerprint is {fingerprint[:12]}..., not "
            f"{theirs[:12]}...; encode this dataset, or give the one that was encoded"
        )
    if ours is None:
        raise ParameterError(
            "the codes hold row numbers only, as files of earlier versions do, and the same row of a part, "
            "or of another --limit, is another observation; encode this dataset again (syngen encode), or "
            "say whose codes they are: Codes.of(values, dataset)"
        )
    if ours.kind != wanted.kind:
        of = "observations of a recipe" if ours.kind == "grid" else "audio files"
        here = "audio files with a table" if ours.kind == "grid" else "a manifest, or those of a recipe"
        raise ParameterError(
            f"the codes are of {of}, and these are {here}; give the dataset itself that was encoded, or "
            "encode this one"
        )
    if not theirs and ours.kind == "grid" and (ours.hashes is None or wanted.hashes is None):
        raise ParameterError(
            "the manifest does not say whose it is (attrs['fingerprint'] of ds.manifest), and hashes "
            "(pcm_sha256) are not on both sides; give the dataset itself"
        )
    return ours


def _refuse_ambiguous(found: Match, n: int) -> None:
    if found.n_ambiguous:
        raise ParameterError(
            f"{_counted(found.n_ambiguous, n)} have several rows of codes that differ; give one row for "
            "each (the mean of its frames, say), or evaluate on the very view that was encoded"
        )


def _missing(codes: Codes, found: Match, n: int) -> str:
    other = found.n_other_audio
    audio = f" (for {other:,} of them the codes are of other audio)" if other else ""
    of = f"; the codes cover {codes.selection}" if codes.selection else ""
    if found.n_missing == n:
        return f"there are no codes for any of the {n:,} observations{audio}{of}; encode them"
    return (
        f"there are no codes for {_counted(found.n_missing, n)}{audio}{of}; encode them too, evaluate the "
        "part that was encoded, or leave them out with common=True (--common)"
    )


def _counted(some: int, n: int) -> str:
    return f"{some:,} of {n:,} observations"


class ManifestRows:
    """The rows of a manifest as observations that codes can be joined with.

    Parameters
    ----------
    manifest : DataFrame
        As ``ds.manifest`` of a recipe's dataset, or with the columns ``index`` and ``pcm_sha256``.
    """

    def __init__(self, manifest: pd.DataFrame) -> None:
        self.manifest = manifest

    def __len__(self) -> int:
        return len(self.manifest)

    def take(self, positions: Any) -> ManifestRows:
        """Return some rows."""
        return ManifestRows(self.manifest.iloc[positions])

    def select(self, /, **conditions: Any) -> ManifestRows:
        """Return the rows whose columns have one of the values given for each."""
        holds = np.ones(len(self), dtype=np.bool_)
        for column, values in conditions.items():
            if column not in self.manifest.columns:
                raise FactorError(f"the manifest has no column {column!r}")
            holds &= self.manifest[column].isin(values).to_numpy()
        return self.take(np.flatnonzero(holds))

    def identities(self) -> Identities:
        """Return what identifies the observations of the rows.

        Raises
        ------
        ParameterError
            If the columns do not.
        """
        if "index" not in self.manifest.columns or self.manifest["index"].dtype.kind not in "iu":
            raise ParameterError(
                "the manifest has no column index of grid points; give the dataset itself, or codes.values "
                "for rows that are in the order of the manifest"
            )
        return Identities(
            "grid",
            self.manifest["index"].to_numpy(dtype=np.int64),
            str(self.manifest.attrs.get("fingerprint", "")),
            self._hashes,
        )

    @cached_property
    def _hashes(self) -> HashArray | None:
        if "pcm_sha256" not in self.manifest.columns:
            return None
        cells: list[Any] = self.manifest["pcm_sha256"].tolist()
        if not all(isinstance(cell, bytes) and len(cell) == HASH_BYTES for cell in cells):
            return None
        return np.frombuffer(b"".join(cells), dtype=np.uint8).reshape(-1, HASH_BYTES)
