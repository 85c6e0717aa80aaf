"""What a dataset becomes in other libraries; what `FactorDataset` inherits beside its factors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import require

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Float32Array, IntArray
    from syngen.figures.features import Feature
    from syngen.loaders.convert.batching import Arrays, Target, Transform
    from syngen.loaders.convert.pytorch import TorchDataset, TorchStream

__all__ = ["Conversions"]


class Conversions:
    """Loaders of other libraries, made of a view."""

    def _split(self, split: str | None) -> DatasetView:
        view: DatasetView = self  # type: ignore[assignment]
        return view if split is None else view.select(split=split)

    def arrays(
        self, *, split: str | None = None, limit: int | None = None
    ) -> tuple[Float32Array, IntArray]:
        """Return waveforms and levels as two arrays.

        Parameters
        ----------
        split : str, optional
            Only this split.
        limit : int, optional
            At most so many, from the front.

        Returns
        -------
        waveforms : ndarray of float32, shape (n, n_samples)
        levels : ndarray of int64, shape (n, n_factors)

        Raises
        ------
        ParameterError
            If the limit is negative, or the observations are not of one length.
        """
        from syngen.errors import ParameterError

        if limit is not None and limit < 0:
            raise ParameterError(f"limit is {limit}; 0 or more is needed")
        view: Any = self._split(split)
        if limit is not None:
            view = view[:limit]
        return view.batch(np.arange(len(view))), np.require(view.levels, requirements=["W"])

    def features(self, feature: Feature, *, split: str | None = None) -> Float32Array:
        """Return a feature of every observation, from the cache folder if it was computed before.

        What stands for it there is the fingerprint of the dataset, the grid points of its rows (of a table
        all that is in it), every setting of the feature, and the libraries. Where the folder cannot be
        written, it is computed anew each time.

        Parameters
        ----------
        feature : Feature
            `LogMel`, `MFCC` or `Spectrogram`.
        split : str, optional
            Only this split.

        Returns
        -------
        ndarray of float32, shape (n, n_bands, n_frames)
            Read-only, and mapped from a file where it was kept. Where observations differ in length,
            shorter ones are followed by silence; ``feature.n_frames(ds.lengths)`` says how many frames each
            has.

        Raises
        ------
        ParameterError
            If it is no feature, or one of another sample rate.
        """
        from syngen.loaders.feature_cache import cached_features

        view: Any = self._split(split)
        return cached_features(view, feature)

    def to_torch(
        self,
        split: str | None = None,
        *,
        transform: Transform | None = None,
        target: Target | None = None,
    ) -> TorchDataset:
        """Return a dataset for PyTorch's `DataLoader`, by position.

        Items and batches are dicts of tensors: ``waveform``, or ``features`` where there is a transform;
        ``levels``; ``row``; ``target`` where one is wanted; and ``length`` where observations differ in
        length and batches are padded. A plain `DataLoader` reads and collates whole batches at once.
        Batches are the same for any number of workers, and `DistributedSampler` works.

        Parameters
        ----------
        split : str, optional
            Only this split.
        transform : callable, optional
            Given a waveform, a float32 tensor of shape (n_samples,), it returns a tensor or array. A
            `Feature` such as `LogMel` is computed for a batch at once.
        target : str, sequence of str, or callable, optional
            A factor or derived factor, whose level is the target: int64. Several, side by side. Or a
            callable that is given the values of an observation by factor name.

        Raises
        ------
        FactorError
            If there is no such split or factor.
        MissingExtraError
            If torch is not installed.
        """
        require("torch", extra="torch")
        from syngen.loaders.convert.pytorch import TorchDataset

        return TorchDataset(self._split(split), transform=transform, target=target)

    def to_torch_stream(
        self,
        split: str | None = None,
        *,
        batch_size: int,
        transform: Transform | None = None,
        target: Target | None = None,
        shuffle: bool = False,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
    ) -> TorchStream:
        """Return a stream of batches over the shards, for PyTorch; it can go on in the middle of an epoch.

        In an epoch every observation comes exactly once, over all ranks and workers, and batches are the
        same for any number of workers. ``len`` is the number of batches of the rank.

        Parameters
        ----------
        split, transform, target
            See `to_torch`.
        batch_size : int
            The stream makes the batches, not the `DataLoader`.
        shuffle : bool
            Whether shards, and observations within every eight of them, come in a random order, another one
            in every epoch.
        seed : int
            Of the order.
        rank, world_size : int, optional
            By default those of `torch.distributed`, if it is initialised.
        drop_last : bool
            Whether every rank has the same number of whole batches, as training in step needs it; what is
            left over does not come in that epoch.

        Returns
        -------
        TorchStream
            With ``.loader(num_workers)``, ``.set_epoch``, ``.state_dict`` and ``.load_state_dict``.

        Raises
        ------
        FactorError
            If there is no such split or factor.
        ParameterError
            If a number makes no sense.
        MissingExtraError
            If torch is not installed.
        """
        require("torch", extra="torch")
        from syngen.loaders.convert.epochs import Epochs
        from syngen.loaders.convert.pytorch import TorchStream, rank_and_size

        view = self._split(split)
        rank, world_size = rank_and_size(rank, world_size)
        epochs = Epochs(len(view), batch_size, shuffle, seed, rank, world_size, drop_last)
        return TorchStream(view, epochs, transform=transform, target=target)

    def batches(
        self,
        batch_size: int,
        *,
        split: str | None = None,
        transform: Transform | None = None,
        target: Target | None = None,
        shuffle: bool = False,
        seed: int = 0,
        epochs: int | None = 1,
        drop_last: bool = False,
    ) -> Iterator[Arrays]:
        """Iterate over batches as dicts of NumPy arrays: for JAX, TensorFlow, or no library at all.

        Parameters
        ----------
        batch_size : int
        split, transform, target
            See `to_torch`; the transform is given an array.
        shuffle : bool
            Whether each epoch has its own random order.
        seed : int
            Of the order.
        epochs : int or None
            How often to go through; None for without end.
        drop_last : bool
            Whether a last batch that is not full is left out: compiled programs want one shape.

        Raises
        ------
        ParameterError
            If a number, the split or the target is none that can be used.

        Examples
        --------
        >>> import syngen
        >>> ds = syngen.render("syntone-tiny")
        >>> batch = next(ds.batches(32, split="train", shuffle=True, target="timbre"))
        >>> {name: array.shape for name, array in batch.items()}
        {'waveform': (32, 4000), 'levels': (32, 3), 'row': (32,), 'target': (32,)}
        """
        from syngen._values import is_whole
        from syngen.errors import ParameterError
        from syngen.loaders.convert.batching import BatchReader, iterate_batches
        from syngen.loaders.convert.epochs import Epochs

        if epochs is not None and not is_whole(epochs, 0):
            raise ParameterError(
                f"epochs is {epochs!r}; a whole number, or None for without end, is needed"
            )
        view = self._split(split)
        plan = Epochs(len(view), batch_size, shuffle, seed, drop_last=drop_last)
        reader = BatchReader(view, transform=transform, target=target)
        return iterate_batches(reader, plan, n_epochs=epochs)

    def to_huggingface(self, split: str | None = None) -> Any:
        """Return a `datasets.Dataset` of a split, or a `datasets.DatasetDict` of all.

        Columns are those of the manifest, where one called ``audio`` or ``row`` becomes ``source_audio`` or
        ``source_row``; nominal factors of text are class labels, and ``audio`` has bytes
        and path, not decoded: ``soundfile.read(io.BytesIO(row["audio"]["bytes"]))``. The audio is
        written to an Arrow file in the cache folder once, and mapped.

        Parameters
        ----------
        split : str, optional

        Raises
        ------
        FactorError
            If there is no such split.
        ParameterError
            If the cache folder cannot be written.
        MissingExtraError
            If ``datasets`` is not installed.
        """
        from syngen.loaders.convert.huggingface import hub_dataset

        return hub_dataset(self._split(None), split)

    def to_webdataset(self, split: str | None = None, *, shuffle: int = 0, seed: int = 0) -> Any:
        """Return a `webdataset.WebDataset` over the shards of a stored dataset, decoded.

        Its samples are dicts with ``waveform``, float32, ``levels``, ``values`` and ``row``. More steps can
        be put after it: ``.batched(64)``, ``.to_tuple("waveform", "levels")``.

        Parameters
        ----------
        split : str, optional
        shuffle : int
            How many observations are mixed; 0 for the order of the shards, which are shuffled already.
        seed : int
            Of the mixing, and of the order of the shards.

        Raises
        ------
        ParameterError
            If it is not a stored dataset.
        MissingExtraError
            If ``webdataset`` is not installed.
        """
        from syngen.loaders.convert.wds import web_pipeline

        return web_pipeline(self._split(split), shuffle=shuffle, seed=seed)
