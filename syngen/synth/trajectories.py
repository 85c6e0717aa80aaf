"""Ground truth over time: what a synthesizer says its observations do from moment to moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from syngen.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import IntArray, ValueMapping
    from syngen.seeding import Stream

__all__ = ["Moments", "Span", "Trajectory"]


@dataclass(frozen=True)
class Span:
    """A word or a phone in a waveform.

    Attributes
    ----------
    kind : {"word", "phone"}
    text : str
        The word, or the phone in IPA; empty for silence.
    start, end : int
        First sample, and the one after the last.
    """

    kind: Literal["word", "phone"]
    text: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One quantity of an observation over time.

    Attributes
    ----------
    values : ndarray, shape (n,)
        One per moment: numbers, truth values or texts.
    unit : str
        Empty for what has none.
    """

    values: NDArray[Any]
    unit: str = ""


def _no_stream(name: str) -> Stream:
    raise ParameterError(f"the random stream {name!r} is needed: Moments(..., streams=...)")


@dataclass(frozen=True, eq=False)
class Moments:
    """Which observation is asked about, and when.

    Attributes
    ----------
    values : mapping of str to value
        Of every parameter, nuisances and fixed ones included.
    samples : ndarray of int64, shape (n,)
        Positions in the waveform, ascending.
    n_samples : int
        Length of the waveform.
    spans : sequence of Span
        Words and phones of the observation, where it is speech.
    streams : callable
        Opens the random stream of a name for the observation, as a renderer is given it.
    """

    values: ValueMapping
    samples: IntArray
    n_samples: int
    spans: Sequence[Span] = ()
    streams: Callable[[str], Stream] = _no_stream
