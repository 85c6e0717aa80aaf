"""A stored view as a pipeline of WebDataset over its shards. Needs ``webdataset``, but no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import require
from syngen.dsp.level import dequantise
from syngen.errors import ParameterError, ShardError
from syngen.storage.codec import CODECS
from syngen.storage.layout import row_of_key

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["web_pipeline"]


class _Wanted:
    """Whether a sample is of a row of the view; a bit for each row of the dataset."""

    def __init__(self, rows: Any) -> None:
        bits = np.zeros(int(rows.max(initial=-1)) + 1, dtype=np.bool_)
        bits[rows] = True
        self._bits = np.packbits(bits)
        self._n = len(bits)

    def __call__(self, sample: Mapping[str, Any]) -> bool:
        row = _row_of(sample)
        return row < self._n and bool(self._bits[row >> 3] >> (7 - (row & 7)) & 1)


def _row_of(sample: Mapping[str, Any]) -> int:
    """Return the row of a sample: the name of its members, which whoever made the archive chose."""
    row = row_of_key(str(sample["__key__"]))
    if row is None:
        raise ShardError(f"{sample.get('__url__')}: {sample['__key__']!r:.100} is the key of no row")
    return row


def _decoded(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Make of the members of an observation its waveform and factors."""
    codec = next((CODECS[name] for name in CODECS if name in sample), None)
    if codec is None or "json" not in sample:
        raise ShardError(f"{sample.get('__url__')}: {sample['__key__']} lacks its audio or its factors")
    try:
        waveform = dequantise(codec.decode(sample[codec.name]))
    except ShardError as error:
        raise ShardError(f"row {_row_of(sample)}: shard {sample['__url__']}: {error}") from error
    content = json.loads(sample["json"])
    return {
        "__key__": sample["__key__"],
        "__url__": sample["__url__"],
        "waveform": waveform,
        "levels": np.array(list(content["levels"].values()), dtype=np.int64),
        "values": content["values"],
        "row": _row_of(sample),
    }


def web_pipeline(view: DatasetView, *, shuffle: int, seed: int) -> Any:
    """Return a `webdataset.WebDataset` of the observations of a view; see `FactorDataset.to_webdataset`."""
    webdataset = require("webdataset", extra="webdataset")
    paths = view.shards
    if not paths:
        raise ParameterError(
            "only a stored dataset has shards, and a view with observations: syngen generate makes them, "
            "or syngen export webdataset; batches() and to_torch_stream() need none"
        )
    if shuffle < 0:
        raise ParameterError(f"shuffle is {shuffle}; the number of observations to mix, or 0, is needed")
    urls = [str(path) for path in paths]
    options = {"shardshuffle": len(urls) if shuffle else False, "seed": seed}
    pipeline = webdataset.WebDataset(urls, **options).select(_Wanted(view.rows))
    if shuffle:
        import random

        pipeline = pipeline.shuffle(shuffle, rng=random.Random(seed))  # noqa: S311  # no secret
    return pipeline.map(_decoded)
