"""How often a 95 % interval has the score to expect: ``python -m tests.benchmarks.coverage --to FOLDER``.

Each simulation draws 800 rows of a population, scores them and computes the intervals. The score to
expect is the mean over all simulations of a metric. 500 simulations of a case have a coverage of .95 -+
.02 by chance.

``--metrics`` takes names of metrics and families, so that a run can be divided: model-free metrics take
about a second a simulation, DCI and InfoMEC some seconds, votes half a minute. Every simulation is
written to FOLDER when it is done, and one that is there is not made again; ``--table`` prints what is
there. Without ``--simulations`` there are 500, of DCI 200. ``--differences`` takes the interval of
``syngen.compare`` instead, between the codes and noisier ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402

import syngen  # noqa: E402
from syngen.evaluation.metrics.catalogue import METRICS, chosen_metrics  # noqa: E402
from syngen.figures.reporting import markdown_table  # noqa: E402

N_ROWS = 800
N_SIMULATIONS, N_DCI_SIMULATIONS = 500, 200
WANTED = (0.92, 0.98)
_INTERIOR = (0.03, 0.97)
_NOISE_OF_OTHER = 0.7

Sample = tuple[np.ndarray, np.ndarray]


def mixed(rng: np.random.Generator, n: int) -> Sample:
    """Return codes that know one factor well and others a little; factors of all kinds."""
    a, b, c = rng.integers(4, size=n), rng.integers(6, size=n), rng.random(n)
    noise = rng.normal(size=(n, 5)) * (0.45, 0.6, 0.15, 1.0, 0.7)
    signal = np.stack([a + 0.3 * c, b + 0.5 * a, c, 0.5 * a + 0.5 * b, 2.0 * c + 0.3 * b], axis=1)
    return signal + noise, np.stack([a, b, c], axis=1)


def entangled(rng: np.random.Generator, n: int) -> Sample:
    """Return codes that mix all factors; factors of 3, 5 and 8 levels."""
    levels = rng.integers(0, (3, 5, 8), size=(n, 3))
    scaled = (levels - (1.0, 2.0, 3.5)) / np.sqrt((np.array((3, 5, 8)) ** 2 - 1) / 12.0)
    mixing = np.array([[1.0, 0.7, 0.2], [0.3, 1.0, 0.6], [0.6, 0.2, 1.0], [0.5, 0.5, 0.5]])
    return scaled @ mixing.T + 0.8 * rng.normal(size=(n, 4)), levels.astype(np.float64)


CASES: dict[str, tuple[Callable[[np.random.Generator, int], Sample], tuple[str, ...]]] = {
    "mixed": (mixed, ("nominal", "ordinal", "continuous")),
    "entangled": (entangled, ("nominal", "ordinal", "ordinal")),
}


def sample_of(case: str, number: int) -> Sample:
    """Return codes and factors of one simulation."""
    return CASES[case][0](np.random.default_rng([list(CASES).index(case), number]), N_ROWS)


def intervals_of(case: str, number: int, keys: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Return score, low and high of metrics."""
    codes, factors = sample_of(case, number)
    scores = syngen.evaluate(codes, factors, factor_kinds=CASES[case][1], metrics=keys, intervals=True)
    return {key: (scores[key], *scores.intervals[key]) for key in keys if key in scores.intervals}


def differences_of(case: str, number: int, keys: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Return the difference from noisier codes, low and high, of metrics."""
    codes, factors = sample_of(case, number)
    noise = np.random.default_rng([len(CASES), number]).normal(size=codes.shape)
    noisier = codes + _NOISE_OF_OTHER * codes.std(axis=0) * noise
    found = syngen.compare(codes, noisier, factors, factor_kinds=CASES[case][1], metrics=keys)
    return {key: (each.value, each.low, each.high) for key, each in found.items() if np.isfinite(each.low)}


def simulate(folder: Path, case: str, keys: Sequence[str], n: int | None, *, are_differences: bool) -> None:
    """Make the simulations of a case that are not in the folder, one line each."""
    done = {key: set(read(folder, case, key)) for key in keys}
    wanted = {key: n or (N_DCI_SIMULATIONS if key.startswith("dci_") else N_SIMULATIONS) for key in keys}
    compute = differences_of if are_differences else intervals_of
    for number in range(max(wanted.values())):
        missing = [key for key in keys if number < wanted[key] and number not in done[key]]
        if not missing:
            continue
        for key, triple in compute(case, number, missing).items():
            with path_of(folder, case, key).open("a", encoding="utf-8") as file:
                file.write(json.dumps([number, *triple]) + "\n")
        print(f"\r{case}: {number + 1}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def path_of(folder: Path, case: str, key: str) -> Path:
    """Return the file of a case and a metric."""
    return folder / f"{case}.{key}.jsonl"


def read(folder: Path, case: str, key: str) -> dict[int, tuple[float, float, float]]:
    """Return score, low and high by simulation; a line that was cut is not there."""
    path = path_of(folder, case, key)
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    whole = [json.loads(line) for line in lines if line.endswith("]\n")]
    return {number: (score, low, high) for number, score, low, high in whole}


def table(folder: Path) -> int:
    """Print what is in the folder; return how many coverages of interior cases are out of bounds."""
    rows, n_outside = [], 0
    for key in METRICS:
        for case in CASES:
            found = np.array([*read(folder, case, key).values()])
            if len(found) < 2:
                continue
            scores, low, high = found.T
            expected, deviation = scores.mean(), scores.std(ddof=1)
            coverage = float(np.mean((low <= expected) & (expected <= high)))
            is_interior = _INTERIOR[0] < abs(expected) < _INTERIOR[1]
            n_outside += is_interior and not WANTED[0] <= coverage <= WANTED[1]
            width = (high - low).mean() / max(3.92 * deviation, 1e-12)
            rows.append(
                [
                    *(METRICS[key].label, case, str(len(found)), f"{expected:.3f}", f"{deviation:.4f}"),
                    *(f"{width:.2f}", f"{coverage:.3f}" + ("" if is_interior else " (not interior)")),
                ]
            )
    header = ["metric", "case", "simulations", "expected", "sd", "width / 3.92 sd", "coverage"]
    print(markdown_table(header, rows))
    return n_outside


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--metrics", nargs="+", default=["all"], metavar="NAME")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--simulations", type=int, metavar="N")
    parser.add_argument("--differences", action="store_true")
    parser.add_argument("--table", action="store_true", help="print what is in the folder, and stop")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    keys = [key for key in chosen_metrics(given.metrics) if METRICS[key].has_interval]
    for case in () if given.table else given.cases:
        simulate(given.to, case, keys, given.simulations, are_differences=given.differences)
    sys.exit(min(1, table(given.to)))


if __name__ == "__main__":
    main()
