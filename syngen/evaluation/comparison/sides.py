"""What is compared: the codes of one encoder, or of several trainings of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError
from syngen.evaluation.codes.codes import Codes, read_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Side", "read_side"]

_ENDINGS = (".npy", ".npz")


@dataclass(frozen=True, eq=False)
class Side:
    """One of two sides.

    Attributes
    ----------
    name : str
    codes : tuple of array_like or Codes
        One for each training.
    trainings : tuple of str
        What to call each: a seed, or the name of a file.
    is_by_seed : bool
        Whether they are trainings, rather than the one set of codes there is.
    """

    name: str
    codes: tuple[Any, ...]
    trainings: tuple[str, ...]
    is_by_seed: bool


def read_side(given: Any, *, name: str) -> Side:
    """Read what a side was given as.

    Parameters
    ----------
    given : array_like, DataFrame, Codes or path; a sequence of them, a mapping to them, or a folder
        Codes of an encoder; or codes by training seed. A folder has a file (``.npz`` or ``.npy``) for each.
    name : str
        Of the side, where codes say none.

    Raises
    ------
    ParameterError
        If there are no codes.
    """
    if isinstance(given, (str, Path)):
        path = Path(given).expanduser()
        if not path.is_dir():
            return Side(path.stem, (read_codes(path),), (path.name,), is_by_seed=False)
        files = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS)
        if not files:
            raise ParameterError(
                f"{path} has no codes by seed; it should have a file of 'syngen encode' for each training"
            )
        codes = tuple(read_codes(file) for file in files)
        return Side(path.resolve().name, codes, tuple(file.name for file in files), is_by_seed=True)
    if isinstance(given, Mapping) and not hasattr(given, "iloc"):
        return _of_seeds(name, list(given.values()), [str(key) for key in given])
    if getattr(given, "ndim", 0) == 3 or (
        isinstance(given, (list, tuple)) and (not given or any(map(_is_whole, given)))
    ):
        return _of_seeds(name, list(given), [str(number) for number in range(len(given))])
    if isinstance(given, Codes):
        name = given.encoder or name
    return Side(name, (given,), ("",), is_by_seed=False)


def _of_seeds(name: str, given: Sequence[Any], trainings: list[str]) -> Side:
    if not given:
        raise ParameterError(f"{name} has no codes; give those of one encoder, or of one for each seed")
    found: list[Any] = []
    for place, each in enumerate(given):
        if isinstance(each, (str, Path)):
            trainings[place] = Path(each).name
            found.append(read_codes(each))
        else:
            found.append(each)
    encoders = {each.encoder for each in found if isinstance(each, Codes)} - {""}
    return Side(encoders.pop() if len(encoders) == 1 else name, tuple(found), tuple(trainings), True)


def _is_whole(item: Any) -> bool:
    """Return whether an item of a list is a set of codes rather than a row of numbers."""
    return isinstance(item, (str, Path, Codes)) or getattr(item, "ndim", 0) >= 2
