"""What to say where a place holds the dataset of another plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import PlanMismatchError
from syngen.recipe.messages import abridged
from syngen.storage.documents import json_in
from syngen.storage.shard_ranges import differing_lines

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["plan_conflict"]

_MOST_NAMED = 4
_FOLLOWS = ("fingerprint", "rows", "splits", "tables")
"""Keys of a plan that others decide."""


def plan_conflict(place: Path | str, found: bytes, wanted: bytes, *, remedy: str) -> PlanMismatchError:
    """Return the error for a place that holds the dataset of another plan.

    Every differing line is in a note of the error, which a traceback shows.

    Parameters
    ----------
    place : Path or str
        Folder or URL.
    found, wanted : bytes
        Content of the plan there, and of the one that is wanted.
    remedy : str
        What to do.
    """
    there, new = json_in(found) or {}, json_in(wanted) or {}
    held, asked = _called(there), _called(new)
    if held != asked:
        message = f"{place} holds {held}, not {asked}; {remedy}."
    else:
        named = [f"{key} is {_shown(a)}, not {_shown(b)}" for key, a, b in _differences(there, new)]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        what = "; ".join(named[:_MOST_NAMED]) or "its plan is written otherwise"
        message = f"{place} holds another {held}: {what}{more}; {remedy}."
    error = PlanMismatchError(f"{message} syngen --debug shows where the plans differ.")
    error.add_note(f"The plans differ (- there, + wanted):\n{differing_lines(found, wanted)}")
    return error


def _called(plan: Json) -> str:
    """Return what a plan's dataset is called."""
    recipe = plan.get("recipe")
    if not isinstance(recipe, Mapping) or not isinstance(recipe.get("name"), str):
        return "a dataset that does not say its name"
    version = recipe.get("version", "1.0.0")
    return f"{abridged(recipe['name'])[1:-1]} {abridged(version)[1:-1]}"


def _differences(found: Json, wanted: Json) -> list[tuple[str, Any, Any]]:
    """Return the keys in which two plans differ, with both values; what others decide only if it is all."""
    before, after = dict(_leaves(found)), dict(_leaves(wanted))
    differing = [
        (key, before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
    for consequences in ((*_FOLLOWS, "versions"), _FOLLOWS):
        causes = [entry for entry in differing if entry[0].partition(".")[0] not in consequences]
        if causes:
            return causes
    return differing


def _shown(value: Any) -> str:
    return "missing" if value is None else abridged(value)


def _leaves(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is no map, by its keys joined by dots."""
    for key, value in document.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value
