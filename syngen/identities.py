"""What identifies an observation, in whichever row of whichever dataset it stands.

An observation of a recipe is a grid point under the recipe's fingerprint, and the hash of its samples
wherever a manifest has it. An audio file of one's own is the hash of its content: names and rows of tables
change, and a file may be replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from syngen.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import IntArray

    HashArray: TypeAlias = NDArray[np.uint8]

__all__ = ["HASH_BYTES", "Identities"]

HASH_BYTES = 32
"""Bytes of a SHA-256."""
_CHUNK = 1 << 18


@dataclass(frozen=True, eq=False)
class Identities:
    """What identifies each of n observations.

    Parameters
    ----------
    kind : {"grid", "file"}
        Whether they are grid points of a recipe, or audio files.
    keys : ndarray of int64, shape (n,)
        Grid points; of files the first eight bytes of `hashes`.
    fingerprint : str
        Of the recipe; empty where it is not known, and for files.
    hashes : ndarray of uint8, shape (n, 32), optional
        SHA-256 of the samples (``pcm_sha256``), where it is known; of files that of their content.
    marks : ndarray of int64, shape (n,), optional
        Of files, what stands for name and factors: it tells rows apart whose files have the same content.

    Raises
    ------
    ParameterError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> points = Identities("grid", np.array([7, 3, 5]), "f00d")
    >>> points.take([2, 0]).keys.tolist(), len(points)
    ([5, 7], 3)
    """

    kind: Literal["grid", "file"]
    keys: IntArray
    fingerprint: str = ""
    hashes: HashArray | None = None
    marks: IntArray | None = None

    def __post_init__(self) -> None:
        n = np.shape(self.keys)[:1]
        _check("keys", self.keys, np.int64, n)
        if self.hashes is not None:
            _check("hashes", self.hashes, np.uint8, (*n, HASH_BYTES))
        if self.marks is not None:
            _check("marks", self.marks, np.int64, n)
        is_whole = self.kind == "grid" or (self.hashes is not None and self.marks is not None)
        if self.kind not in ("grid", "file") or not is_whole:
            raise ParameterError(
                f"identities of kind {self.kind!r}; grid, or file with hashes and marks, is needed"
            )

    @classmethod
    def of_files(cls, hashes: HashArray, marks: IntArray) -> Identities:
        """Return the identities of audio files.

        Parameters
        ----------
        hashes : ndarray of uint8, shape (n, 32)
            SHA-256 of the content of each file.
        marks : ndarray of int64, shape (n,)
            What stands for the name and the factors of each.
        """
        _check("hashes", hashes, np.uint8, (len(hashes), HASH_BYTES))
        keys = np.ascontiguousarray(hashes[:, :8]).view("<i8")[:, 0].astype(np.int64)
        return cls("file", keys, hashes=hashes, marks=marks)

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, positions: Any) -> Identities:
        """Return those at some positions: array_like of int, shape (m,)."""
        return Identities(
            self.kind,
            self.keys[positions],
            self.fingerprint,
            None if self.hashes is None else self.hashes[positions],
            None if self.marks is None else self.marks[positions],
        )

    def is_same_sequence(self, other: Identities) -> bool:
        """Return whether both are of the same observations in the same order, as far as both can say."""
        if self.kind != other.kind or not np.array_equal(self.keys, other.keys):
            return False
        for ours, theirs in ((self.marks, other.marks), (self.hashes, other.hashes)):
            if ours is not None and theirs is not None and not _equal(ours, theirs):
                return False
        return True

    @classmethod
    def concatenated(cls, parts: Sequence[Identities]) -> Identities:
        """Return the identities of several parts of one dataset, one after the other."""
        first = parts[0]
        return cls(
            first.kind,
            np.concatenate([part.keys for part in parts]),
            first.fingerprint,
            _joined([part.hashes for part in parts]),
            _joined([part.marks for part in parts]),
        )


def _check(what: str, array: Any, kind: type[np.generic], shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != shape or not len(shape):
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array)
        raise ParameterError(f"{what} of observations: {found}; {kind.__name__} of shape {shape} is needed")


def _equal(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    # some rows at a time: comparing all would take a byte for each byte of the hashes
    steps = range(0, len(ours), _CHUNK)
    return all(
        np.array_equal(ours[start : start + _CHUNK], theirs[start : start + _CHUNK]) for start in steps
    )


def _joined(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if len(known) == len(arrays) else None
