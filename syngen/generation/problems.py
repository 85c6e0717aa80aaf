"""What verification finds: a line for people, and the file that it is about."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Problem"]


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
