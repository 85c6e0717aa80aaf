"""Tar files with a WAV file and a JSON for each observation, as WebDataset reads them."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen.exports.dataset import filled_splits, records
from syngen.exports.naming import split_words, stems
from syngen.exports.trajectories import annotated_folder, trajectory_texts
from syngen.storage.codec import find_codec
from syngen.storage.layout import shard_name

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["write"]

_ROWS_PER_SHARD = 2_000
_ROWS_AT_ONCE = 64


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``<split>-000000.tar`` and so on; return the number of observations.

    Each observation is ``<key>.wav`` and ``<key>.json``, which has ``row`` and all columns of the manifest;
    a column ``row`` of its own is called ``source_row``. A key has no dots, at which WebDataset would end
    it, and the name of a split no characters that it would expand: see `split_words`. With a hop in
    seconds, there is ``<key>.<quantity>.csv`` for each trajectory. Shards have at most 2,000 observations.
    """
    stem = stems(dataset, name, may_have_dots=False)
    words = split_words(dataset.splits["split"])
    with annotated_folder(dataset, folder, hop=hop) as unfinished:
        for split, view in filled_splits(dataset):
            for number, start in enumerate(range(0, len(view), _ROWS_PER_SHARD)):
                path = unfinished / f"{shard_name(words[split], number)}.tar"
                # the format of POSIX: keys may be long, and in any script
                with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
                    part = view.take(np.arange(start, min(start + _ROWS_PER_SHARD, len(view))))
                    for member, data in _members(part, hop, stem):
                        entry = tarfile.TarInfo(member)  # no owner and no time: the same bytes each time
                        entry.size, entry.mode = len(data), 0o644
                        archive.addfile(entry, io.BytesIO(data))
    return len(dataset)


def _members(
    view: DatasetView, hop: float | None, stem: Callable[[int], str]
) -> Iterator[tuple[str, bytes]]:
    codec, rows, known = find_codec("wav"), view.rows, records(view)
    n_before: Counter[str] = Counter()
    for start in range(0, len(view), _ROWS_AT_ONCE):
        positions = np.arange(start, min(start + _ROWS_AT_ONCE, len(view)))
        for position, pcm in zip(positions.tolist(), view.pcm(positions), strict=True):
            key = stem(int(rows[position]))
            n_before[key] += 1
            if n_before[key] > 1:  # a view may repeat a row, an archive may not
                key = f"{key}-{n_before[key]}"
            yield f"{key}.wav", codec.encode(pcm, view.sample_rate)
            yield f"{key}.json", json.dumps(known[position], ensure_ascii=False).encode("utf-8")
            if hop is not None:
                for suffix, text in trajectory_texts(view, position, hop=hop):
                    yield f"{key}.{suffix}", text.encode("utf-8")
