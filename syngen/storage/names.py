"""Which names in the folder of a dataset are syngen's: what has another is the user's, and stays."""

from __future__ import annotations

import re

from syngen.io.atomic import name_without_mark

__all__ = ["RELEASE_FILES", "is_dataset_name", "is_work_name"]

RELEASE_FILES = (
    "CITATION.cff",
    "README.md",
    "croissant.json",
    "factors.svg",
    "preview.html",
    "registry.txt",
    "zenodo.json",
)
"""The files at the top of a release that no other dataset has, and its card."""

_SHARD = r"[a-z][a-z0-9_]*-[0-9]{6,12}"
_TABLE = r"[a-z][a-z0-9_]{0,63}\.parquet"
_RECEIPTS = rf"receipts/(?:{_SHARD}\.(?:json|parquet|annotations\.parquet))?"
_PARTS = rf"audio/(?:{_SHARD}\.tar)?|\.syngen/(?:{_RECEIPTS})?"
_SMALLER = rf"smaller/(?:[0-9]{{6}}/(?:plan\.json|{_PARTS})?)?"
_REPAIR = rf"repair/(?:{_TABLE}|{_PARTS})?"
_MEMBERS = r"members/(?:[0-9]{1,7}-of-[0-9]{1,7})?"
_NOTES = r"lock|plan-lock|log\.jsonl|plan\.json|recipe\.yaml|SHA256SUMS"
_WORK = rf"{_NOTES}|{_RECEIPTS}|{_MEMBERS}|{_SMALLER}|{_REPAIR}"
_RELEASE = "|".join(map(re.escape, RELEASE_FILES))
_DOCUMENTS = rf"plan\.json|dataset\.json|recipe\.yaml|SHA256SUMS|{_RELEASE}|{_TABLE}"

_WORK_NAME = re.compile(_WORK)
_DATASET_NAME = re.compile(rf"{_DOCUMENTS}|audio/(?:{_SHARD}\.tar)?|\.syngen/(?:{_WORK})?")


def is_work_name(name: str) -> bool:
    """Whether something in the folder ``.syngen`` may have been put there by syngen.

    Parameters
    ----------
    name : str
        Relative to that folder, with a slash at its end if it is a folder's.
    """
    return _WORK_NAME.fullmatch(name_without_mark(name)) is not None


def is_dataset_name(name: str) -> bool:
    """Whether something in the folder of a dataset may have been put there by syngen.

    Parameters
    ----------
    name : str
        Relative to that folder, with a slash at its end if it is a folder's.
    """
    return _DATASET_NAME.fullmatch(name_without_mark(name)) is not None
