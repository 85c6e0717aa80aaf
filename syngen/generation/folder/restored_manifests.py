"""The parts of the manifest that the shards of a finished dataset had while it was made."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from syngen.errors import ManifestError, ShardError
from syngen.generation.plan import Plan
from syngen.generation.shard_manifest import columns_in_shard, part_table, write_parts
from syngen.io.files import sha256_of
from syngen.storage.checksums import read_checksums
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.problems import schema_problems
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from syngen.storage.tables.annotations import ANNOTATION_SCHEMA, annotations_of_rows
from syngen.storage.tables.manifest import ManifestWriter, read_manifest, read_series, vocabulary_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DatasetParts", "is_canonical"]


class DatasetParts:
    """Gives the shards of a finished dataset their parts of the manifest again.

    They are cut from manifest and annotations where these have the hash that SHA256SUMS gives them, or
    are undamaged by their own account. From the shard itself they are read where nothing is spoken in it,
    and nothing is silent: the peak of a silence that was rendered is 0.0 or -0.0.

    Parameters
    ----------
    plan : Plan
    layout : Layout
        Of the dataset.
    distrusted : set of str
        Names of files that are known to be damaged.
    """

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        *,
        distrusted: Set[str] = frozenset(),
    ) -> None:
        self._plan, self._layout = plan, layout
        self._vocabulary = plan.vocabulary
        hashes, _ = read_checksums(layout)
        self._manifest = self._trusted("manifest", hashes, distrusted)
        if self._manifest is not None and not self._fits(self._manifest):
            self._manifest = None
        self._annotations = None
        if plan.resolved.synthesizer.speaks:
            self._annotations = self._trusted("annotations", hashes, distrusted)
            table = self._annotations
            if table is not None and not table.schema.equals(ANNOTATION_SCHEMA):
                self._annotations = None

    def _trusted(self, name: str, hashes: Mapping[str, str], distrusted: Set[str]) -> pa.Table | None:
        paths = self._layout.series(name, self._plan.tables)
        if not distrusted.isdisjoint(path.name for path in paths):
            return None
        try:
            for path in paths:
                sha256 = sha256_of(path)
                if hashes.get(path.name) != sha256 and not is_canonical(read_manifest(path), sha256):
                    return None
            return read_series(paths)
        except (OSError, ManifestError):
            return None

    def _fits(self, table: pa.Table) -> bool:
        try:
            vocabulary = vocabulary_of(table.schema)
        except ManifestError:
            return False
        is_same = vocabulary == self._vocabulary and table.num_rows == self._plan.resolved.size
        return is_same and not schema_problems(vocabulary, table.schema, "")

    def write(self, shard: Shard, entry: ShardEntry, target: Layout) -> Receipt | None:
        """Write the parts and the receipt of a shard into a folder; None where that is impossible."""
        found = self._of(shard)
        if found is None:
            return None
        table, annotations = found
        return write_parts(target, self._vocabulary, shard, entry, table, annotations)

    def _of(self, shard: Shard) -> tuple[pa.Table, pa.Table | None] | None:
        speaks = self._plan.resolved.synthesizer.speaks
        if self._manifest is not None and (not speaks or self._annotations is not None):
            table = self._manifest.slice(shard.row, shard.n_rows)
            spans = self._annotations
            end = shard.row + shard.n_rows
            return table, None if spans is None else annotations_of_rows(spans, shard.row, end)
        if speaks:  # where words and phones are is not in the audio
            return None
        try:
            data = memoryview(self._layout.shard(shard.name).read_bytes())
            indices = self._plan.indices(shard)
            columns = columns_in_shard(self._plan, shard, indices, data)
        except (OSError, ShardError):
            return None
        if any(facts.peak == 0.0 for facts in columns.facts):  # whose sign silence has lost in the audio
            return None
        return part_table(self._plan, self._vocabulary, shard, indices, columns), None


def is_canonical(table: pa.Table, sha256: str) -> bool:
    """Whether a Parquet file is what would be written of its content, and hence undamaged.

    Its pages carry checksums, and any other byte that is damaged is not what would be written.
    """
    buffer = io.BytesIO()
    with ManifestWriter(buffer, table.schema) as out:
        out.write(table)
    return hashlib.sha256(buffer.getvalue()).hexdigest() == sha256
