"""Timbres: which partials a tone has, and how strong they are.

More can be registered by other packages, through the entry point group ``syngen.timbres``; an entry is a
`Timbre`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from syngen.dsp.oscillators import naive_sawtooth, naive_sine, naive_square, naive_triangle
from syngen.errors import EngineError

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["Timbre", "timbres"]

ENTRY_POINT_GROUP = "syngen.timbres"


@dataclass(frozen=True)
class Timbre:
    """A recipe for partials.

    Parameters
    ----------
    name : str
        Name in recipes.
    amplitude : callable
        Signed amplitude of the sine of partial n = 1, 2, ...; 0.0 where there is none. Partial 1 must
        be there.
    naive : callable, optional
        The ideal waveform as a function of (position, period), peak 1, for ``antialias: false``.
    naive_rms : float
        RMS of that waveform.
    highest : int, optional
        Number of the last partial, where the timbre ends by itself.
    version : str
        Part of the fingerprint of every recipe that uses the timbre.
    """

    name: str
    amplitude: Callable[[int], float]
    naive: Callable[[FloatArray, float], FloatArray] | None = None
    naive_rms: float = 0.0
    highest: int | None = None
    version: str = "1"

    def partials(self, n_max: int) -> tuple[list[int], list[float]]:
        """Return numbers and amplitudes of the partials up to `n_max`."""
        last = n_max if self.highest is None else min(n_max, self.highest)
        kept = [(n, a) for n in range(1, last + 1) if (a := self.amplitude(n)) != 0.0]
        return [n for n, _ in kept], [a for _, a in kept]


def _triangle(n: int) -> float:
    sign = -1.0 if n % 4 == 3 else 1.0
    return sign / (n * n) if n % 2 else 0.0


_BUILT_IN = (
    Timbre("sine", lambda n: 1.0, naive_sine, 0.7071067811865476, highest=1),
    Timbre("triangle", _triangle, naive_triangle, 0.5773502691896258),
    Timbre("square", lambda n: 1.0 / n if n % 2 else 0.0, naive_square, 1.0),
    Timbre("sawtooth", lambda n: 1.0 / n, naive_sawtooth, 0.5773502691896258),
    Timbre("pulse", lambda n: 1.0 / n if n % 3 else 0.0),
    Timbre("organ", lambda n: 1.0 / n if n & (n - 1) == 0 else 0.0),
    Timbre("comb", lambda n: 1.0 / n if n % 3 == 1 else 0.0),
)


@lru_cache(maxsize=1)
def timbres() -> Mapping[str, Timbre]:
    """Return every known timbre by name: those of syngen, then those of other packages.

    Raises
    ------
    EngineError
        If an entry point does not give a `Timbre`, or takes a name that is taken.
    """
    known = {timbre.name: timbre for timbre in _BUILT_IN}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            timbre = entry.load()
        except Exception as error:
            raise EngineError(f"timbre {entry.name!r} ({entry.value}) fails: {error}") from error
        if not isinstance(timbre, Timbre) or timbre.name in known:
            raise EngineError(f"timbre {entry.name!r} ({entry.value}) is not a Timbre of an unused name")
        known[timbre.name] = timbre
    return known
