"""Rendering observations of a resolved recipe: index in, 16-bit samples out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from syngen.dsp.level import finish_steps, quantise, write_steps
from syngen.errors import EngineError, SyngenError
from syngen.seeding import Stream
from syngen.synth.plugin import Spoken

if TYPE_CHECKING:
    from syngen._typing import Float32Array, FloatArray, IntArray, PcmArray, Value
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["Rendered", "Rendering", "observation_streams", "parameter_values"]

Taken = TypeVar("Taken")

_ROWS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Rendered:
    """One observation as it was rendered.

    Attributes
    ----------
    index : int
    levels : tuple of int
        Level of each factor in the grid's order.
    nuisances : dict of str to value
        What was drawn.
    pcm : ndarray of int16, shape (n_samples,)
    steps : ndarray of float64, shape (n_samples,)
        The samples again, as they are used in arithmetic.
    peak : float
        Largest absolute sample, full scale being 1.0.
    spoken : Spoken or None
        What is said in it, where the synthesizer speaks; its waveform is not valid any more.
    """

    index: int
    levels: tuple[int, ...]
    nuisances: dict[str, Value]
    pcm: PcmArray
    steps: FloatArray
    peak: float
    spoken: Spoken | None = None


class Rendering:
    """Renders observations of a recipe. Holds caches: one per process, not shared by threads.

    Parameters
    ----------
    resolved : ResolvedRecipe
    """

    def __init__(self, resolved: ResolvedRecipe) -> None:
        self._resolved = resolved
        name = resolved.synthesizer.name
        try:
            # in every process: another machine of a cluster may have another library
            resolved.synthesizer.make_ready(resolved.request)
            self._render = resolved.synthesizer.prepare(resolved.request)
        except SyngenError:
            raise
        except Exception as error:  # whatever the synthesizer of somebody else raises
            raise EngineError(
                f"the {name} synthesizer fails to prepare with {type(error).__name__}: {error}"
            ) from error

    def observations(self, indices: IntArray) -> Iterator[Rendered]:
        """Yield the observation of each index, in the given order.

        Raises
        ------
        FactorError
            If an index is outside the grid.
        EngineError
            If the synthesizer fails, or what it returns is not a waveform of the right length.
        """
        for index, levels, nuisances, values in parameter_values(self._resolved, indices):
            quantised, spoken = self._rendered(index, values, quantise)
            yield Rendered(index, levels, nuisances, *quantised, spoken)

    def write_waveforms(self, out: Float32Array, indices: IntArray) -> None:
        """Write the samples of observations as float32: what `observations` yields, in fewer steps.

        Parameters
        ----------
        out : ndarray of float32, shape (n, n_samples)
            Written to.
        indices : ndarray of int64, shape (n,)

        Raises
        ------
        FactorError, EngineError
            As `observations`.
        """
        rows = parameter_values(self._resolved, indices)
        with np.errstate(over="ignore"):  # of waveforms that are refused
            for start in range(0, len(out), _ROWS_AT_ONCE):
                block = out[start : start + _ROWS_AT_ONCE]
                for row, (index, _, _, values) in zip(block, rows, strict=False):
                    self._rendered(index, values, partial(write_steps, row))
                try:
                    finish_steps(block)
                except EngineError:  # to say of which index
                    for _ in self.observations(indices[start : start + _ROWS_AT_ONCE]):
                        pass
                    raise

    def _rendered(
        self, index: int, values: dict[str, Value], quantised: Callable[[FloatArray], Taken]
    ) -> tuple[Taken, Spoken | None]:
        streams = observation_streams(self._resolved, index)
        name = self._resolved.synthesizer.name
        try:
            result = self._render(values, streams)
            spoken = result if isinstance(result, Spoken) else None
            waveform = result.waveform if isinstance(result, Spoken) else result
            self._check(waveform)
            if (spoken is not None) is not self._resolved.synthesizer.speaks:
                raise EngineError("a synthesizer that speaks must return Spoken, and no other may")
            return quantised(waveform), spoken
        except SyngenError as error:
            raise EngineError(f"index {index} ({name}, {values}): {error}") from error
        except Exception as error:  # whatever the synthesizer of somebody else raises
            raise EngineError(
                f"index {index}: the {name} synthesizer fails with {type(error).__name__}: {error}; "
                f"its values are {values}"
            ) from error

    def _check(self, waveform: FloatArray) -> None:
        wanted = self._resolved.audio.n_samples
        if not isinstance(waveform, np.ndarray) or waveform.dtype != np.float64:
            raise EngineError("the synthesizer must return an array of float64")
        if waveform.ndim != 1 or not len(waveform) or (wanted and len(waveform) != wanted):
            needed = f"({wanted},)" if wanted else "(n_samples,), at least one"
            raise EngineError(f"the waveform has shape {waveform.shape}; {needed} is needed")


def parameter_values(
    resolved: ResolvedRecipe, indices: IntArray
) -> Iterator[tuple[int, tuple[int, ...], dict[str, Value], dict[str, Value]]]:
    """Yield index, levels, nuisances, and the value of every parameter of each observation.

    Parameters
    ----------
    resolved : ResolvedRecipe
    indices : ndarray of int64, shape (n,)

    Raises
    ------
    FactorError
        If an index is outside the grid.
    """
    parameters = resolved.request.parameters.items()
    fixed = {name: parameter.values[0] for name, parameter in parameters if parameter.role == "fixed"}
    seed, factors = resolved.recipe.seed, resolved.grid.factors
    # by columns: lists of lists would set off the garbage collector
    columns = [column.tolist() for column in resolved.grid.levels_of(indices).T]
    by_factor = [map(f.values.__getitem__, column) for f, column in zip(factors, columns, strict=True)]
    names = tuple(nuisance.name for nuisance in resolved.nuisances)
    drawn = [[_plain(v) for v in nuisance.draw(seed, indices)] for nuisance in resolved.nuisances]
    draws = zip(*drawn, strict=True) if drawn else repeat((), len(indices))
    rows = zip(
        indices.tolist(), zip(*columns, strict=True), zip(*by_factor, strict=True), draws, strict=True
    )
    for index, levels, of_factors, draw in rows:
        nuisances = dict(zip(names, draw, strict=True))
        values = fixed | nuisances
        values.update(zip(resolved.grid.names, of_factors, strict=True))
        yield index, levels, nuisances, values


def observation_streams(resolved: ResolvedRecipe, index: int) -> Callable[[str], Stream]:
    """Return the function that opens random streams by name for an observation's synthesizer."""
    seed = resolved.recipe.seed
    return lambda name: Stream(seed, f"synthesizer/{name}", index)


def _plain(value: Value) -> Value:
    return value if isinstance(value, str | int) else float(value)
