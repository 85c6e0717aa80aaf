"""Frames of pandas whose rows have labels: brought into one order by them, or refused."""

from __future__ import annotations

from typing import Any

from syngen.errors import ParameterError

__all__ = ["ALIGNED", "aligned_rows"]

ALIGNED = "rows were put into the order of the codes by the labels of their index"
"""What to say where rows changed places."""

_SHOWN = 3


def aligned_rows(codes: Any, others: Any, *, names: tuple[str, str]) -> tuple[Any, bool]:
    """Return `others` in the order of the codes, and whether rows changed places.

    Two frames with the same labels are brought together by them. An array has no labels: with it goes a
    frame whose index is in order, or says nothing of an order.

    Parameters
    ----------
    codes : array_like or DataFrame
    others : array_like, DataFrame or dataset
        Factors or a manifest.
    names : tuple of str
        What to call both in messages.

    Raises
    ------
    ParameterError
        If the index of one frame is shuffled and the other is no frame, or labels differ or repeat, so that
        it cannot be known which rows belong together.
    """
    first, second = names
    ours, theirs = _index_of(codes), _index_of(others)
    if ours is None or theirs is None:
        for index, name, other in ((ours, first, second), (theirs, second, first)):
            if index is not None and _is_shuffled(index):
                raise ParameterError(
                    f"the index of the {name} is in another order ({_first(index)}...), and the {other} "
                    "have no index to go by; give both as frames, or sort_index() or "
                    "reset_index(drop=True) to say which order is meant"
                )
        return others, False
    if len(ours) != len(theirs) or ours.equals(theirs):
        return others, False  # a wrong number of rows is reported by those who count them
    if not ours.is_unique or not theirs.is_unique:
        index, name = (theirs, second) if ours.is_unique else (ours, first)
        repeated = index[index.duplicated()][0]
        raise ParameterError(
            f"the index of the {name} has {repeated!r} more than once and is not that of the other frame, "
            "so rows cannot be brought together; reset_index(drop=True) on both if they are in one order"
        )
    places = theirs.get_indexer(ours)
    if (places < 0).any():
        n_strange = int((places < 0).sum())
        raise ParameterError(
            f"{n_strange:,} of {len(ours):,} labels in the index of the {first} "
            f"({_first(ours[places < 0])}) are not in that of the {second}; give the same rows, or "
            "reset_index(drop=True) on both if they are in one order"
        )
    return others.iloc[places], True


def _index_of(thing: Any) -> Any:
    """Return the index of a frame or a series of pandas, None of anything else."""
    return thing.index if hasattr(thing, "iloc") and hasattr(thing, "index") else None


def _is_shuffled(index: Any) -> bool:
    """Return whether whole numbers that stand for rows are out of order."""
    is_numbered = getattr(index.dtype, "kind", "O") in "iu"
    return bool(is_numbered and index.is_unique and not index.is_monotonic_increasing)


def _first(index: Any) -> str:
    return ", ".join(repr(label) for label in index[:_SHOWN].tolist())
