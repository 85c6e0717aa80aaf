"""dataset.json: what a finished dataset is. It is written last, so a folder without it is unfinished."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict
from typing_extensions import TypedDict

from syngen._distribution import distribution_of
from syngen._typing import Json
from syngen.errors import ManifestError
from syngen.io.names import checked_name, is_name
from syngen.recipe.messages import abridged
from syngen.storage.codec import CODECS
from syngen.storage.documents import Amount, Count, Text, parse_json, validated
from syngen.storage.layout import FORMAT, split_of_shard
from syngen.storage.publication import Publication
from syngen.storage.shard_ranges import MAX_SHARD_SIZE
from syngen.storage.tables.manifest import check_format

__all__ = [
    "Description",
    "PartOf",
    "ShardEntry",
    "SplitName",
    "StoredShard",
    "is_table_name",
    "json_bytes",
    "read_description",
    "read_json",
]

_MAX_JSON_BYTES = 1 << 30
_FIRST_WITH_SHARD_SIZE = 2
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class ShardEntry:
    """One line of the shard table.

    Attributes
    ----------
    name, split : str
    rows : int
        Observations in it.
    bytes : int
        Size of the tar file.
    sha256 : str
        Of the tar file, hexadecimal.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Text
    split: Text
    rows: Count
    bytes: Count
    sha256: Text


def _checked_shard(entry: ShardEntry) -> ShardEntry:
    # a name becomes a path: nothing but the names that generation gives may get there
    if split_of_shard(entry.name) != entry.split:
        raise ValueError(f"{abridged(entry.name)} is no shard of split {abridged(entry.split)}")
    checked_name(entry.split, "the name of a split")
    checked_name(entry.name, "the name of a shard")
    if entry.rows < 1:
        raise ValueError(f"shard {entry.name} has {entry.rows} rows; at least one is needed")
    return entry


def _checked_split(name: str) -> str:
    return checked_name(name, "the name of a split")


SplitName = Annotated[str, AfterValidator(_checked_split)]
"""The name of a split that was read from a file."""

StoredShard = Annotated[ShardEntry, AfterValidator(_checked_shard)]
"""A line of the shard table that was read from a file."""


def is_table_name(name: object) -> bool:
    """Return whether a name may be that of a Parquet table beside the manifest: no path, no dot."""
    return isinstance(name, str) and _TABLE_NAME.fullmatch(name) is not None and is_name(name)


def _checked_table(name: str) -> str:
    if not is_table_name(name):
        raise ValueError(
            f"{abridged(name)} is no name of a table; small letters, digits and _ are possible"
        )
    return name


def _checked_codec(name: str) -> str:
    if name not in CODECS:
        raise ValueError(f"no codec {abridged(name)}; there are {', '.join(CODECS)}")
    return name


def _needs(key: str) -> AfterValidator:
    def checked(content: Json) -> Json:
        if not isinstance(content.get(key), str):
            raise ValueError(f"it has no {key!r}; a text is needed")
        return content

    return AfterValidator(checked)


class PartOf(TypedDict):
    """Of what release a dataset is a part, and what was selected."""

    name: Text
    rows: Count
    sha256: Text | None
    selection: Json


@dataclass(frozen=True)
class Description:
    """The content of dataset.json.

    Attributes
    ----------
    recipe : dict
        The recipe document, ``--limit`` included.
    recipe_text : str
        What is in recipe.yaml, comments and all, so that either can be made from the other.
    fingerprint : str
    versions : dict
        Of syngen, the synthesizer, the codec's library.
    codec : str
    counts : dict of str to int
        Observations per split.
    hours : float
        Of audio.
    licence : str or None
    shards : tuple of ShardEntry
        In row order.
    tables : tuple of str
        Further Parquet files beside the manifest, without their suffix.
    release : Publication or None
        What makes it a release, if it is one.
    part_of : PartOf or None
        Of what release this is a part: its name, the number of its observations, the SHA-256 of its
        SHA256SUMS, and what was selected. None of a dataset that is as its recipe says.
    format : int
        Of the file.
    shard_size : int or None
        Most rows in a shard; None in format 1, which does not state it.
    """

    recipe: Annotated[Json, _needs("name")]
    recipe_text: Text
    fingerprint: Text
    versions: Annotated[dict[str, Text], _needs("syngen")]
    codec: Annotated[Text, AfterValidator(_checked_codec)]
    counts: dict[SplitName, Count]
    hours: Amount
    licence: Text | None
    shards: tuple[StoredShard, ...]
    tables: tuple[Annotated[Text, AfterValidator(_checked_table)], ...] = ()
    release: Publication | None = None
    part_of: PartOf | None = None
    format: Count = FORMAT
    shard_size: Count | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that only a release has."""
        return () if self.release is None else self.release.files

    @property
    def n_rows(self) -> int:
        """Observations in all."""
        return sum(self.counts.values())

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        return json_bytes(
            {
                "format": self.format,
                "requires": _requirement(self.versions["syngen"]),
                "name": self.recipe["name"],
                "version": self.recipe.get("version", "1.0.0"),
                "fingerprint": self.fingerprint,
                "rows": self.n_rows,
                "counts": self.counts,
                "hours": self.hours,
                **({} if self.shard_size is None else {"shard_size": self.shard_size}),
                "codec": self.codec,
                "licence": self.licence,
                "versions": self.versions,
                "recipe": self.recipe,
                "recipe_text": self.recipe_text,
                **({"tables": list(self.tables)} if self.tables else {}),
                **({"release": self.release.to_json()} if self.release else {}),
                **({"part_of": self.part_of} if self.part_of is not None else {}),
                "shards": [asdict(shard) for shard in self.shards],
                "complete": True,
            }
        )


def _requirement(version: str) -> str:
    """Return what reads a dataset of a version."""
    return f"{distribution_of(version)}>={version}"


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return JSON for people: indented, keys in the given order, one newline at the end."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Json:
    """Read a JSON object.

    Raises
    ------
    ManifestError
        If the file is missing, too large, not JSON, or not an object.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would never end
            raise ManifestError(f"{path} cannot be read: not a file")
        if found.st_size > _MAX_JSON_BYTES:
            raise ManifestError(f"{path} is larger than {_MAX_JSON_BYTES} bytes")
        return parse_json(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ManifestError(f"{path} is damaged: {error}") from error


def read_description(path: Path) -> Description:
    """Read dataset.json.

    Raises
    ------
    ManifestError
        If it is missing, damaged, of a later format, or not marked complete.
    """
    content = read_json(path)
    check_format(content, str(path))
    if content.get("complete") is not True:
        raise ManifestError(f"{path} is not marked complete; run generate again to finish it")
    if content["format"] < _FIRST_WITH_SHARD_SIZE:
        content.pop("shard_size", None)
    description = validated(Description, content, f"{path} is damaged")
    _check_counts(path, description)
    _check_shard_size(path, description)
    return description


def _check_counts(path: Path, description: Description) -> None:
    counts = description.counts
    found = dict.fromkeys(counts, 0)
    for shard in description.shards:
        found[shard.split] = found.get(shard.split, 0) + shard.rows
    if found != counts:
        raise ManifestError(f"{path}: the shards hold {found} rows, but counts says {counts}")


def _check_shard_size(path: Path, description: Description) -> None:
    if description.format < _FIRST_WITH_SHARD_SIZE:
        return
    size, largest = description.shard_size, max((shard.rows for shard in description.shards), default=1)
    if size is None:
        raise ManifestError(f"{path} is damaged: the key 'shard_size' is missing")
    if not largest <= size <= MAX_SHARD_SIZE:
        raise ManifestError(
            f"{path} is damaged: shard_size is {size}, but the largest shard has {largest} rows; {largest} "
            f"to {MAX_SHARD_SIZE} are possible"
        )
