"""Datasets for PyTorch's `DataLoader`: one by position, one as a stream. Needs the extra ``torch``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map

from syngen._values import check_whole
from syngen.errors import ParameterError
from syngen.loaders.convert.batching import BatchReader, Target, Transform, padded_stack
from syngen.loaders.convert.epochs import Epochs

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Json

__all__ = ["StreamLoader", "TorchDataset", "TorchStream", "collate"]


class Item(dict[str, Any]):
    """One observation as a dict of tensors."""


class Batch(Sequence[Item]):
    """Observations that were read together: a sequence of items to any collate function of the user's.

    Parameters
    ----------
    columns : mapping of str to Tensor
        Observations first.
    """

    def __init__(self, columns: Mapping[str, torch.Tensor]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns["row"])

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return Batch({name: column[position] for name, column in self.columns.items()})
        if not -len(self) <= position < len(self):  # what ends a loop over a sequence
            raise IndexError(position)
        return Item({name: column[position] for name, column in self.columns.items()})


def collate(batch: Any, *, collate_fn_map: object = None) -> dict[str, torch.Tensor]:
    """Return observations as one dict of tensors; what was read as a batch is taken as it is.

    It is registered with `torch.utils.data.default_collate`, so that a plain `DataLoader` uses it.

    Parameters
    ----------
    batch : Batch or sequence of Item
    collate_fn_map : object
        Not used.
    """
    del collate_fn_map
    if isinstance(batch, Batch):
        return dict(batch.columns)
    result: dict[str, torch.Tensor] = {}
    for name in batch[0]:
        tensors = [item[name] for item in batch]
        if "length" in batch[0] and name in ("waveform", "features"):
            arrays = [t.numpy()[..., : int(item["length"])] for t, item in zip(tensors, batch, strict=True)]
            result[name] = torch.from_numpy(padded_stack(arrays)[0])
        else:
            result[name] = torch.stack(tensors)
    return result


# the documented way: "Extend `default_collate` by in-place modifying `default_collate_fn_map`"
default_collate_fn_map[Item] = collate


def _tensors(batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    # torch warns of arrays that may not be written to, as a transform may return them out of a cache
    return {
        name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in batch.items()
    }


class TorchDataset(Dataset):  # type: ignore[misc]
    """A view as a dataset of PyTorch, by position; items and batches are dicts of tensors.

    Parameters
    ----------
    dataset : DatasetView
    transform, target
        See `FactorDataset.to_torch`.
    """

    def __init__(
        self, dataset: DatasetView, *, transform: Transform | None = None, target: Target | None = None
    ) -> None:
        self._reader = BatchReader(dataset, transform=transform, target=target, wrap=torch.from_numpy)

    @property
    def dataset(self) -> DatasetView:
        """What it was made of."""
        return self._reader.dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> Item:
        batch: Item = self.__getitems__([position])[0]
        return batch

    def __getitems__(self, positions: Sequence[int]) -> Batch:
        """Return several observations; a `DataLoader` asks for its batches so."""
        return Batch(_tensors(self._reader.read(self.dataset.checked(positions))))


class TorchStream(IterableDataset):  # type: ignore[misc]
    """A view as a stream of batches, sharded among ranks and workers, that can go on inside an epoch.

    Give it to a ``DataLoader(stream, batch_size=None, num_workers=...)``, calling `set_epoch` before each
    epoch, or take `loader`, which does that and knows how far the training loop is.

    Parameters
    ----------
    dataset : DatasetView
    epochs : Epochs
    transform, target
        See `FactorDataset.to_torch`.
    """

    def __init__(
        self,
        dataset: DatasetView,
        epochs: Epochs,
        *,
        transform: Transform | None = None,
        target: Target | None = None,
    ) -> None:
        self._reader = BatchReader(dataset, transform=transform, target=target, wrap=torch.from_numpy)
        self.epochs = epochs
        # epoch and first batch, in memory that persistent workers see too
        self._clock = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._next: int | None = None
        self._worker: tuple[int, int] | None = None

    @property
    def dataset(self) -> DatasetView:
        """What it was made of."""
        return self._reader.dataset

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is of."""
        return int(self._clock[0])

    def __len__(self) -> int:
        """Batches of this rank in a whole epoch."""
        return self.epochs.n_batches

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, from its first batch on; where it is shuffled, each has its order."""
        self._set(check_whole("epoch", epoch, 0), 0)

    def _set(self, epoch: int, batch: int, worker: tuple[int, int] | None = None) -> None:
        self._clock[0], self._clock[1] = epoch, batch
        self._next, self._worker = None, worker

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        info = get_worker_info()
        worker, n_workers = (0, 1) if info is None else (info.id, info.num_workers)
        epoch, first = self._clock.tolist()
        if self._worker is None:
            first += worker
        elif self._worker != (worker, n_workers):
            raise ParameterError(
                f"the state is that of worker {self._worker[0]} of {self._worker[1]}, and this is worker "
                f"{worker} of {n_workers}; resume with as many workers"
            )
        order = self.epochs.order(epoch, self.dataset.shard_numbers)
        for number, positions in self.epochs.batches(order, first, n_workers):
            self._next = number + n_workers
            yield _tensors(self._reader.read(positions))
        self._next = None if info is None else self._next
        if info is None:
            self._clock[1] = 0

    def state_dict(self) -> Json:
        """Return how far this process is: plain numbers and text, for `load_state_dict`."""
        info = get_worker_info()
        following = int(self._clock[1]) if self._next is None else self._next
        worker = None if info is None else [info.id, info.num_workers]
        return {"epoch": self.epoch, "batch": following, "worker": worker, "of": self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises
        ------
        ParameterError
            If the state is of another dataset, or of other settings.
        """
        try:
            of = dict(state["of"])
            epoch, batch = int(state["epoch"]), int(state["batch"])
            worker = None if state["worker"] is None else (int(state["worker"][0]), int(state["worker"][1]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ParameterError(f"this is no state of a stream: {error!r}") from error
        for name, mine in self._identity().items():
            if of.get(name) != mine:
                raise ParameterError(
                    f"the state has {name} {of.get(name)!r}, this stream {mine!r}; they must be the same"
                )
        self._set(epoch, batch, worker)

    def _identity(self) -> Json:
        """Return what decides which observation is in which batch."""
        epochs = self.epochs
        return {
            "fingerprint": self.dataset.fingerprint,
            "observations": epochs.n,
            "batch_size": epochs.batch_size,
            "shuffle": epochs.shuffle,
            "seed": epochs.seed,
            "rank": epochs.rank,
            "world_size": epochs.world_size,
            "drop_last": epochs.drop_last,
        }

    def loader(self, num_workers: int = 0, **options: Any) -> StreamLoader:
        """Return a loader of this stream that counts epochs and can be saved in the middle of one.

        Parameters
        ----------
        num_workers : int
        **options
            Of `torch.utils.data.DataLoader`, but for those that the stream decides: ``batch_size``,
            ``shuffle``, ``sampler``, ``drop_last``.
        """
        return StreamLoader(self, num_workers, options)


class StreamLoader:
    """Iterates over the batches of a stream, one epoch after the other; see `TorchStream.loader`.

    Its state is what the training loop has been given, not what the workers have read ahead.

    Parameters
    ----------
    stream : TorchStream
    num_workers : int
    options : mapping
        Of `torch.utils.data.DataLoader`.
    """

    def __init__(self, stream: TorchStream, num_workers: int, options: Mapping[str, Any]) -> None:
        taken = {"batch_size", "shuffle", "sampler", "batch_sampler", "drop_last"} & set(options)
        if taken:
            raise ParameterError(
                f"{', '.join(sorted(taken))}: the stream decides that; see to_torch_stream"
            )
        self.stream = stream
        self._loader = DataLoader(stream, batch_size=None, num_workers=num_workers, **options)
        self._next = 0

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        epoch, self._next = self.stream.epoch, int(self.stream.state_dict()["batch"])
        for batch in self._loader:
            self._next += 1
            yield batch
        self._next = 0
        self.stream.set_epoch(epoch + 1)

    def state_dict(self) -> Json:
        """Return how far the training loop is: plain numbers and text."""
        return {**self.stream.state_dict(), "batch": self._next, "worker": None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken, with any number of workers.

        Raises
        ------
        ParameterError
            If the state is of another dataset, or of other settings.
        """
        self.stream.load_state_dict(state)
        self._next = int(state["batch"])


def rank_and_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return rank and world size, by default those of `torch.distributed` if it is initialised."""
    if (rank is None) != (world_size is None):
        raise ParameterError("rank and world_size belong together; give both or none")
    if rank is not None and world_size is not None:
        return rank, world_size
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
