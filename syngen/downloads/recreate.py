"""A release that was made again, compared with what is known of the one that was published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from syngen.errors import DownloadMismatchError, ManifestError
from syngen.storage.description import read_description
from syngen.storage.layout import Layout
from syngen.storage.manifest import read_series

__all__ = ["compare_observations", "known_layout"]

_MOST_SHOWN = 5


def known_layout(folder: Path) -> Layout | None:
    """Return where description and manifest of a release are, if a download got so far."""
    layout = Layout(folder)
    try:
        tables = read_description(layout.description).tables
    except ManifestError:
        return None
    return layout if all(path.is_file() for path in layout.series("manifest", tables)) else None


def compare_observations(made: Layout, published: Layout) -> int:
    """Compare the hash of every observation; return how many there are.

    Raises
    ------
    DownloadMismatchError
        If one is missing, or its samples are others.
    """
    indices, hashes = _identities(made)
    wanted, expected = _identities(published)
    if not np.array_equal(indices, wanted):
        missing = len(np.setdiff1d(wanted, indices))
        raise DownloadMismatchError(
            f"made again, {len(indices):,} observations are not the {len(wanted):,} of the release: "
            f"{missing:,} are missing; the recipe is another one"
        )
    differing = np.flatnonzero((hashes != expected).any(axis=1))
    if len(differing):
        shown = ", ".join(str(indices[k]) for k in differing[:_MOST_SHOWN])
        raise DownloadMismatchError(
            f"made again, {len(differing):,} of {len(wanted):,} observations have other samples than the "
            f"release (index {shown}{', ...' if len(differing) > _MOST_SHOWN else ''}): another version "
            "of the synthesizer or of its engine made it; its versions are in dataset.json"
        )
    return len(wanted)


def _identities(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return index and hash of every observation, in the order of the indices."""
    tables = read_description(layout.description).tables
    table = read_series(layout.series("manifest", tables), columns=["index", "pcm_sha256"])
    indices = np.asarray(table.column("index").to_numpy())
    digests = table.column("pcm_sha256").combine_chunks()
    if isinstance(digests, pa.ChunkedArray):
        digests = pa.concat_arrays(digests.chunks)
    content = np.frombuffer(digests.buffers()[1], dtype=np.uint8)
    start = 32 * digests.offset
    hashes = content[start : start + 32 * len(digests)].reshape(-1, 32)
    order = np.argsort(indices)
    return indices[order], hashes[order]
