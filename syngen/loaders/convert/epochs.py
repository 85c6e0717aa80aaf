"""In which order an epoch visits the observations, and who reads which batches of it.

The order is a function of seed and epoch alone. Ranks get runs of it that differ in length by one
observation at most, whatever the shards; the workers of a rank take its batches in turn, so that batches
are the same, and come in the same order, for any number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen._values import check_whole
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["Epochs"]

_SHARDS_MIXED = 8


@dataclass(frozen=True)
class Epochs:
    """How observations are visited.

    Attributes
    ----------
    n : int
        Observations.
    batch_size : int
    shuffle : bool
        Whether shards come in random order, and observations in random order within every eight of them.
        Shards of a generated dataset are shuffled already.
    seed : int
        Of the shuffle.
    rank, world_size : int
        Which of how many equal shares is meant.
    drop_last : bool
        Whether what does not fill a batch in every rank is left out. Otherwise each epoch has every
        observation exactly once, and the last batch of a rank may be smaller.

    Raises
    ------
    ParameterError
        If a number makes no sense.
    """

    n: int
    batch_size: int
    shuffle: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    drop_last: bool = False

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("seed", 0), ("world_size", 1), ("rank", 0)):
            check_whole(name, getattr(self, name), least)
        if self.rank >= self.world_size:
            raise ParameterError(
                f"rank is {self.rank} of world_size {self.world_size}; ranks are counted from 0"
            )

    @property
    def n_of_rank(self) -> int:
        """Observations of this rank."""
        if self.drop_last:
            return self.n // self.world_size // self.batch_size * self.batch_size
        return self._end(self.rank) - self._end(self.rank - 1)

    @property
    def n_batches(self) -> int:
        """Batches of this rank."""
        return -(-self.n_of_rank // self.batch_size)

    def _end(self, rank: int) -> int:
        return self.n * (rank + 1) // self.world_size

    def order(self, epoch: int, shards: IntArray) -> IntArray:
        """Return the positions that this rank visits, in order: int64, shape (n_of_rank,).

        Parameters
        ----------
        epoch : int
        shards : ndarray of int, shape (n,)
            Which shard each observation is in.
        """
        start = self._end(self.rank - 1)
        return self._whole_order(epoch, shards)[start : start + self.n_of_rank]

    def _whole_order(self, epoch: int, shards: IntArray) -> IntArray:
        if not self.shuffle:
            return np.arange(self.n, dtype=np.int64)
        rng = np.random.default_rng([self.seed, epoch])
        _, codes, counts = np.unique(shards, return_inverse=True, return_counts=True)
        by_shard = np.argsort(codes, kind="stable")
        ends = np.cumsum(counts)
        runs = [by_shard[end - count : end] for end, count in zip(ends, counts, strict=True)]
        turns = rng.permutation(len(runs))
        parts = [
            rng.permutation(np.concatenate([runs[turn] for turn in turns[k : k + _SHARDS_MIXED]]))
            for k in range(0, len(turns), _SHARDS_MIXED)
        ]
        return np.concatenate(parts) if parts else by_shard

    def batches(self, order: IntArray, first: int, step: int = 1) -> list[tuple[int, IntArray]]:
        """Return every `step`-th batch of `order` from number `first` on, with its number."""
        size = self.batch_size
        return [(b, order[b * size : (b + 1) * size]) for b in range(first, self.n_batches, step)]
