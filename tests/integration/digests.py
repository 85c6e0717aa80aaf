"""SHA-256 of everything that must not depend on the machine; run as a child process by the tests.

``python -m tests.integration.digests`` prints one JSON object: ``exact`` digests that must agree
everywhere, ``control`` digests of functions that are known to differ, and what the libraries found.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from syngen.dsp.resampling import resample
from syngen.elementary import exp2, log2, normal_quantile, sin2pi
from syngen.recipe.library import recipe_names, recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from syngen.seeding import Stream, normals, uniforms
from syngen.storage.digests import bytes_of, digest_of
from tests.support import HAS_SPEECH

N_PCM = 24
NUISANCES = """\
name: nuisances
synthesizer: tone
seed: 77
audio: {sample_rate: 22050, duration: 0.2}
factors:
  timbre: {values: [sine, triangle, square, sawtooth, pulse, organ]}
  phase: {linspace: {start: -0.5, stop: 0.5, num: 40}, unit: cycles}
nuisances:
  frequency: {log_uniform: {low: 55.0, high: 7040.0}, unit: Hz}
  amplitude: {normal: {mean: -24.0, sd: 4.0, low: -60.0, high: -14.0}, unit: dBFS}
settings: {level: rms}
splits:
  default: {random: {train: 0.7, validation: 0.1, test: 0.2}}
"""
PHASES = """\
name: phases
synthesizer: tone
seed: 78
audio: {sample_rate: 44100, duration: 0.1}
factors:
  amplitude: {linspace: {start: 0.1, stop: 1.0, num: 30}}
  frequency: {geomspace: {start: 50.0, stop: 15000.0, num: 100}, unit: Hz}
nuisances:
  phase: {uniform: {low: 0.0, high: 1.0}, unit: cycles}
  timbre: {choice: [sine, triangle, square, sawtooth]}
settings: {antialias: false}
sampling:
  size: 700
  exclude: [{frequency: {max: 60.0}}]
  correlations: [{factors: [amplitude, frequency], sigma: 0.25}]
splits:
  default: {random: {train: 0.7, test: 0.3}}
  values: {by_factor: {factor: frequency, test: 0.2, validation: 0.1}}
"""
LEVELS = """\
name: levels
synthesizer: tone
seed: 79
audio: {sample_rate: 16000, duration: 0.5}
factors:
  timbre: {values: [sine, square, comb]}
  frequency: {geomspace: {start: 110.0, stop: 440.0, num: 50}, unit: Hz}
  snr: {values: [6.0, 30.0], unit: dB}
nuisances:
  vibrato_depth: {uniform: {low: 5.0, high: 600.0}, unit: cents}
  vibrato_rate: {uniform: {low: 2.0, high: 9.0}, unit: Hz}
  decay: {choice: [0.0, 20.0]}
settings:
  level: observation_rms
  noise: pink
  amplitude: {value: -26.0, unit: dBFS (sine)}
  partial_limit: 5000.0
  attack: 0.02
  tremolo_depth: 6.0
splits:
  default: {random: {train: 0.5, test: 0.5}}
"""


def recipes() -> dict[str, ResolvedRecipe]:
    """Return every shipped recipe that can be rendered here and three with nuisances."""
    texts = {name: recipe_path(name).read_text("utf-8") for name in recipe_names()}
    if not HAS_SPEECH:
        texts = {name: text for name, text in texts.items() if "synthesizer: speech" not in text}
    texts |= {"nuisances": NUISANCES, "phases": PHASES, "levels": LEVELS}
    return {name: resolve_draft(parse_recipe(text, source=name)) for name, text in texts.items()}


def seeded_indices(resolved: ResolvedRecipe, n: int) -> np.ndarray:
    """Return grid points that are chosen by a random stream of their own."""
    u = Stream(0, f"digests/{resolved.name}", 0).uniform(n)
    return np.floor(u * resolved.grid.size).astype(np.int64)


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _of_array(array: np.ndarray) -> str:
    return _sha256([str(array.dtype).encode(), np.ascontiguousarray(array).tobytes()])


def _bytes_of(values: Sequence[object] | np.ndarray) -> bytes:
    """Return values as bytes that are the same for every version of numpy."""
    array = np.asarray(values)
    return array.astype("<f8").tobytes() if array.dtype.kind == "f" else bytes_of(array.tolist())


def _inputs() -> np.ndarray:
    return Stream(0, "inputs", 0).uniform(100_000)


def of_resampling() -> str:
    """Return one digest of a signal with silence in it, resampled from the rate of speech to others."""
    pcm = Stream(5, "pcm", 0).raw(8000).view(np.int16)
    pcm[:3000] = 0
    rates = (8000, 11025, 16000, 24000, 44100, 48000)
    return _sha256(resample(pcm, 22050, rate).tobytes() for rate in rates)


def exact_digests() -> dict[str, str]:
    """Return the digests that must be the same everywhere."""
    u = np.maximum(_inputs(), 2.0**-54)
    indices = np.arange(20_000, dtype=np.int64) * 12345
    digests = {
        "sin2pi": _of_array(sin2pi((u - 0.5) * 1000.0)),
        "exp2": _of_array(exp2((u - 0.5) * 2000.0)),
        "log2": _of_array(log2(u)),
        "normal_quantile": _of_array(normal_quantile(u)),
        "uniforms": _of_array(uniforms(9, "u", indices)),
        "normals": _of_array(normals(9, "n", indices)),
        "resample": of_resampling(),
    }
    for name, resolved in recipes().items():
        digests |= {f"{name}/{key}": value for key, value in _of_recipe(resolved).items()}
    return digests


def _of_recipe(resolved: ResolvedRecipe) -> dict[str, str]:
    rows = resolved.rows
    everything = rows.all_indices()
    levels = resolved.grid.levels_of(everything)
    order = [rows.indices(split, 0, count).tobytes() for split, count in rows.split_sizes.items()]
    codes = [resolved.split_codes(scheme, everything, levels).tobytes() for scheme in resolved.schemes]
    drawn = [_bytes_of(nuisance.draw(resolved.recipe.seed, everything)) for nuisance in resolved.nuisances]
    observations = Rendering(resolved).observations(seeded_indices(resolved, N_PCM))
    return {
        "fingerprint": resolved.fingerprint,
        "values": digest_of([(factor.name, factor.values) for factor in resolved.grid.factors]),
        "accepted": _of_array(everything),
        "row order": _sha256(order),
        "split codes": _sha256(codes),
        "nuisances": _sha256(drawn),
        "pcm": _sha256(observation.pcm.astype("<i2").tobytes() for observation in observations),
    }


def control_digests() -> dict[str, str]:
    """Return digests of what the contract forbids, which show that the instruments work."""
    u = _inputs()
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "exp": lambda x: np.exp(x * 20.0 - 10.0),
        "power": lambda x: np.power(x + 0.5, 3.7),
        "sin": lambda x: np.sin(x * 100.0),
    }
    return {name: _of_array(function(u)) for name, function in functions.items()}


def dispatched_features() -> list[str]:
    """Return the CPU features that numpy chooses by at run time, as far as this machine has them."""
    return [name for name in _umath().__cpu_dispatch__ if has_feature(name)]


def has_feature(name: str) -> bool:
    """Return whether the CPU has a feature that numpy knows by name."""
    return bool(_umath().__cpu_features__.get(name))


def _umath() -> Any:
    core = "numpy._core" if int(np.__version__.partition(".")[0]) >= 2 else "numpy.core"
    return importlib.import_module(f"{core}._multiarray_umath")


NO_DISPATCH = {"NPY_DISABLE_CPU_FEATURES": " ".join(dispatched_features())}
OLD_LIBM = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA"}
MACHINES = {
    "no dispatch": NO_DISPATCH,
    "old libm": OLD_LIBM,
    "no dispatch, old libm": NO_DISPATCH | OLD_LIBM,
    "old BLAS": {"OPENBLAS_CORETYPE": "Nehalem"},
}
"""Environments in which a child process finds another machine: its CPU, C library, BLAS."""


def report() -> dict[str, Any]:
    """Return all digests and what the libraries found."""
    libraries = threadpool_info()
    return {
        "exact": exact_digests(),
        "control": control_digests(),
        "features": dispatched_features(),
        "openblas": sorted({i["architecture"] for i in libraries if i["internal_api"] == "openblas"}),
    }


if __name__ == "__main__":
    json.dump(report(), sys.stdout)
