"""What verification finds: a line for people, and the file that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Problem", "schema_problems"]


@dataclass(frozen=True)
class Problem:
    """Something in a dataset that is not as it should be.

    Attributes
    ----------
    file : str
        Relative name of the file that is damaged, missing or foreign.
    text : str
        What is wrong, naming file, shard, row and member.
    is_hash : bool
        Whether it is only that a hash is not the one listed, which may be the list's fault.
    """

    file: str
    text: str
    is_hash: bool = False

    def __str__(self) -> str:
        return self.text


def schema_problems(vocabulary: Vocabulary, schema: pa.Schema, file: str) -> list[Problem]:
    """Return in what the columns of a manifest are not those that its vocabulary gives."""
    wanted = vocabulary.dataset_schema()
    missing = [name for name in wanted.names if name not in schema.names]
    extra = [name for name in schema.names if name not in wanted.names]
    if missing:
        return [Problem(file, f"{file}: the columns {', '.join(sorted(missing))} are missing")]
    if extra:
        return [Problem(file, f"{file}: the columns {', '.join(map(repr, extra))} are not a manifest's")]
    return [
        Problem(file, f"{file}: column {found.name} is {found}, {expected} is needed")
        for found, expected in zip(schema, wanted, strict=True)
        if not found.equals(expected)
    ]
