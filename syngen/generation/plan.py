"""The plan: everything that decides a byte of a dataset's folder, and the shards it consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from syngen._distribution import version
from syngen._values import check_whole
from syngen.errors import ParameterError
from syngen.resolving.makers import synthesizer_key
from syngen.resolving.resolve import ResolvedRecipe
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.codec import find_codec
from syngen.storage.description import is_table_name, json_bytes
from syngen.storage.layout import FORMAT, table_names
from syngen.storage.publication import Publication
from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE, MAX_SHARD_SIZE, Shard, ShardRanges
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What will be written.

    Attributes
    ----------
    resolved : ResolvedRecipe
    shard_size : int
        Most rows in a shard.
    codec : str
    release : Publication or None
        What makes the dataset a release, if it becomes one.
    format : int
        Of the files that say so; that of an earlier version where a dataset of one is looked at.
    """

    resolved: ResolvedRecipe
    shard_size: int = DEFAULT_SHARD_SIZE
    codec: str = "wav"
    release: Publication | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        find_codec(self.codec)
        # as a number of Python, which is written down: True and one of NumPy are not
        size = check_whole("shard_size", self.shard_size, 1, MAX_SHARD_SIZE)
        object.__setattr__(self, "shard_size", size)

    def __reduce__(self) -> tuple[type[Plan], tuple[ResolvedRecipe, int, str, Publication | None, int]]:
        # without the cached shards, of which there may be a million
        return Plan, (self.resolved, self.shard_size, self.codec, self.release, self.format)

    def versions(self) -> dict[str, str]:
        """Return the versions that decide bytes: of syngen, the synthesizer and the libraries they use."""
        resolved = self.resolved
        return {
            "syngen": version(),
            synthesizer_key(resolved.synthesizer.name): resolved.synthesizer.version,
            **resolved.synthesizer.libraries(resolved.request),
            f"codec {self.codec}": find_codec(self.codec).library,
        }

    @cached_property
    def fingerprint(self) -> str:
        """The recipe's fingerprint, as the files of this format state it."""
        return self.resolved.fingerprint_in(self.format)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What the columns of the manifest mean."""
        return vocabulary_for(self.resolved, file_format=self.format)

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Names of the Parquet tables that the dataset has beside ``manifest.parquet``.

        Raises
        ------
        ParameterError
            If the synthesizer gives one of its tables the name of one of these.
        """
        resolved = self.resolved
        own = tuple(resolved.synthesizer.tables(resolved.request))
        for name in own:
            if not is_table_name(name) or name.startswith(("manifest", "annotations")):
                raise ParameterError(
                    f"synthesizer {resolved.synthesizer.name} has a table {name!r}; a table's name has "
                    "small letters, digits and _, and begins neither with manifest nor with annotations"
                )
        return table_names(resolved.size, is_spoken=resolved.synthesizer.speaks, own=own)

    @cached_property
    def shards(self) -> Sequence[Shard]:
        """Every shard, in row order."""
        return ShardRanges(self.resolved.rows.split_sizes, self.shard_size)

    def indices(self, shard: Shard) -> IntArray:
        """Return the indices of a shard's rows, int64 of shape (shard.n_rows,)."""
        return self.resolved.rows.indices(shard.split, shard.start, shard.stop)

    def to_bytes(self, versions: Mapping[str, str] | None = None) -> bytes:
        """Return the content of plan.json. Equal plans give equal bytes.

        Parameters
        ----------
        versions : mapping of str to str, optional
            Those that a dataset was made with; by default those of this installation.
        """
        resolved = self.resolved
        content: Json = {
            "format": self.format,
            "fingerprint": self.fingerprint,
            "rows": resolved.size,
            "splits": resolved.rows.split_sizes,
            "shard_size": self.shard_size,
            "codec": self.codec,
            "versions": self.versions() if versions is None else dict(versions),
            "recipe": resolved.recipe.document(),
        }
        if self.tables:
            content["tables"] = list(self.tables)
        if self.release is not None:
            content["release"] = self.release.to_json()
        return json_bytes(content)
