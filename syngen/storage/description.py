"""dataset.json: what a finished dataset is. It is written last, so a folder without it is unfinished."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from syngen._version import DISTRIBUTION
from syngen.errors import ManifestError
from syngen.io.names import checked_name, is_name
from syngen.storage.codec import CODECS
from syngen.storage.layout import FORMAT, split_of_shard
from syngen.storage.manifest import check_format
from syngen.storage.publication import Publication, publication_in

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = [
    "Description",
    "ShardEntry",
    "is_table_name",
    "json_bytes",
    "read_description",
    "read_json",
    "shard_entry",
]

T = TypeVar("T")

_MAX_JSON_BYTES = 1 << 30
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

    name: str
    split: str
    rows: int
    bytes: int
    sha256: str


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
    part_of : dict or None
        Of what release this is a part: its name, the number of its observations, the SHA-256 of its
        SHA256SUMS, and what was selected. None of a dataset that is as its recipe says.
    """

    recipe: Json
    recipe_text: str
    fingerprint: str
    versions: dict[str, str]
    codec: str
    counts: dict[str, int]
    hours: float
    licence: str | None
    shards: tuple[ShardEntry, ...]
    tables: tuple[str, ...] = ()
    release: Publication | None = None
    part_of: Json | None = None

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
                "format": FORMAT,
                "requires": _requirement(self.versions["syngen"]),
                "name": self.recipe["name"],
                "version": self.recipe.get("version", "1.0.0"),
                "fingerprint": self.fingerprint,
                "rows": self.n_rows,
                "counts": self.counts,
                "hours": self.hours,
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
    """Return what reads a dataset of a version; the distribution had another name before 0.2."""
    return f"{'syngen' if version.startswith(('0.0.', '0.1.')) else DISTRIBUTION}>={version}"


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
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is damaged: an object is needed")
    return content


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
    try:
        _check_texts(content)
        shards = tuple(shard_entry(**entry) for entry in content["shards"])
        description = Description(
            recipe=_typed(content["recipe"], dict),
            recipe_text=_typed(content["recipe_text"], str),
            fingerprint=_typed(content["fingerprint"], str),
            versions=_typed(content["versions"], dict),
            codec=_typed(content["codec"], str),
            counts={
                checked_name(split, "the name of a split"): _typed(n, int)
                for split, n in _typed(content["counts"], dict).items()
            },
            hours=float(content["hours"]),
            licence=content["licence"],
            shards=shards,
            tables=tuple(_table_name(name) for name in _typed(content.get("tables", []), list)),
            release=publication_in(content),
            part_of=_part_of(content["part_of"]) if "part_of" in content else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(f"{path} is damaged: {error!r}") from error
    if description.codec not in CODECS:
        raise ManifestError(f"{path}: no codec {description.codec!r}; there are {', '.join(CODECS)}")
    _check_counts(path, description.counts, shards)
    return description


def shard_entry(*, name: str, split: str, rows: int, bytes: int, sha256: str) -> ShardEntry:  # noqa: A002  # the file's own word
    """Return a line of the shard table that was read from a file.

    Raises
    ------
    TypeError, ValueError
        If a value cannot be what it should be.
    """
    # a name becomes a path: nothing but the names that generation gives may get there
    if split_of_shard(_typed(name, str)) != _typed(split, str):
        raise ValueError(f"{name!r} is no shard of split {split!r}")
    checked_name(split, "the name of a split")
    checked_name(name, "the name of a shard")
    if _typed(rows, int) < 1 or _typed(bytes, int) < 0:
        raise ValueError(f"shard {name} has {rows} rows and {bytes} bytes")
    return ShardEntry(name, split, rows, bytes, _typed(sha256, str))


def is_table_name(name: object) -> bool:
    """Return whether a name may be that of a Parquet table beside the manifest: no path, no dot."""
    return isinstance(name, str) and _TABLE_NAME.fullmatch(name) is not None and is_name(name)


def _table_name(name: str) -> str:
    if not is_table_name(name):
        raise TypeError(f"{name!r} is no name of a table")
    return name


def _part_of(found: Json) -> Json:
    """Return what a description says of the release that it is a part of."""
    checked = {"name": _typed(found["name"], str), "rows": _typed(found["rows"], int)}
    if found["sha256"] is not None:
        _typed(found["sha256"], str)
    return {**checked, "sha256": found["sha256"], "selection": _typed(found["selection"], dict)}


def _typed(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _check_texts(content: Json) -> None:
    """Refuse what is no text, or none that can be written, where a description has one."""
    versions, licence = content["versions"], content["licence"]
    texts = [versions["syngen"], *versions.values(), content["recipe_text"], content["fingerprint"]]
    texts += [] if licence is None else [licence]
    texts += [entry["sha256"] for entry in content["shards"]]
    "".join(texts).encode()


def _check_counts(path: Path, counts: Mapping[str, int], shards: Sequence[ShardEntry]) -> None:
    found = dict.fromkeys(counts, 0)
    for shard in shards:
        found[shard.split] = found.get(shard.split, 0) + shard.rows
    if found != dict(counts):
        raise ManifestError(f"{path}: the shards hold {found} rows, but counts says {dict(counts)}")
