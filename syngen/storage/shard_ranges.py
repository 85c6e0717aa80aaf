"""How the rows of each split are cut into shards, and the lines in which two plans differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from syngen.storage.layout import shard_name

__all__ = ["DEFAULT_SHARD_SIZE", "MAX_SHARD_SIZE", "Shard", "ShardRanges", "differing_lines"]

DEFAULT_SHARD_SIZE = 2_000

MAX_SHARD_SIZE = 1_000_000


@dataclass(frozen=True)
class Shard:
    """A contiguous range of rows of one split.

    Attributes
    ----------
    name, split : str
    row : int
        Row of its first observation in the dataset.
    start, stop : int
        Its rows among those of the split.
    """

    name: str
    split: str
    row: int
    start: int
    stop: int

    @property
    def n_rows(self) -> int:
        """Number of observations."""
        return self.stop - self.start


class ShardRanges(Sequence[Shard]):
    """Shards by number, made when they are asked for: there may be a million."""

    def __init__(self, split_sizes: Mapping[str, int], shard_size: int) -> None:
        self._split_sizes, self._shard_size = dict(split_sizes), shard_size

    def __len__(self) -> int:
        return sum(-(-n_rows // self._shard_size) for n_rows in self._split_sizes.values())

    def __iter__(self) -> Iterator[Shard]:
        row = 0
        for split, n_rows in self._split_sizes.items():
            for number in range(-(-n_rows // self._shard_size)):
                yield self._shard(split, number, row, n_rows)
            row += n_rows

    @overload
    def __getitem__(self, number: int) -> Shard: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[Shard, ...]: ...
    def __getitem__(self, number: int | slice) -> Shard | tuple[Shard, ...]:
        if isinstance(number, slice):
            return tuple(self[i] for i in range(*number.indices(len(self))))
        left = number + len(self) if number < 0 else number
        row = 0
        for split, n_rows in self._split_sizes.items():
            n_shards = -(-n_rows // self._shard_size)
            if 0 <= left < n_shards:
                return self._shard(split, left, row, n_rows)
            left -= n_shards
            row += n_rows
        raise IndexError(f"shard {number} of {len(self)}")

    def _shard(self, split: str, number: int, row: int, n_rows: int) -> Shard:
        start = number * self._shard_size
        stop = min(start + self._shard_size, n_rows)
        return Shard(shard_name(split, number), split, row + start, start, stop)


def differing_lines(old: bytes, new: bytes, *, most: int = 20) -> str:
    """Return the lines in which two plans differ, ``-`` of the old one and ``+`` of the new."""
    before = old.decode("utf-8", "replace").splitlines()
    after = new.decode("utf-8", "replace").splitlines()
    lines = [line for line in difflib.ndiff(before, after) if line[:1] in "+-"]
    shown = lines[:most] + ([f"... {len(lines) - most} more"] if len(lines) > most else [])
    return "\n".join(shown)
