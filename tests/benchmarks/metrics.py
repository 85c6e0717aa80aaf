"""What the metrics cost, beside the usual ways: ``python -m tests.benchmarks.metrics --large``.

Everything runs in one thread. ``--large`` adds 100,000 rows of 256 codes and ten factors; gradient boosting
takes a minute or more and is left out with ``--no-gbt``. ``--table`` prints the README's table instead:
what metrics say of codes whose arrangement is known.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402

import syngen  # noqa: E402
from syngen.evaluation.information.binning import width_bins  # noqa: E402
from syngen.evaluation.information.mutual_information import information_matrix  # noqa: E402
from syngen.evaluation.metrics.catalogue import CORE, METRICS  # noqa: E402
from syngen.figures.reporting import markdown_table  # noqa: E402

SIZES = (4, 10, 25)


def representation(n: int, n_codes: int, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return codes, of which the first know one factor each, and factors."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=n) for size in sizes], axis=1)
    codes = rng.normal(size=(n, n_codes))
    known = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    codes[:, : len(sizes)] = known + 0.05 * codes[:, : len(sizes)]
    return codes, factors


def seconds(call: Callable[[], object], n: int) -> float:
    """Return the least wall time of some calls."""
    found = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def show(name: str, found: float, target: float | None = None) -> None:
    """Print one line."""
    print(f"{name:<58} {found:>9.4f} s" + (f"   (at most {target:g} s)" if target else ""), flush=True)


def binned_information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the information matrix, binning included."""
    levels = [column.astype(np.int32) for column in factors.T]
    return information_matrix([width_bins(column, n_bins=20) for column in codes.T], levels)


def loop_of_scikit_learn(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the same, as disentanglement_lib computes it."""
    from sklearn.metrics import mutual_info_score

    binned = [np.digitize(column, np.histogram(column, 20)[1][:-1]) for column in codes.T]
    return np.array([[mutual_info_score(factor, column) for factor in factors.T] for column in binned])


def small(*, with_gbt: bool) -> None:
    """Time 10,000 rows of ten codes and three factors."""
    codes, factors = representation(10_000, 10, SIZES)
    print("10,000 x 10 codes, 3 factors, one thread")
    np.testing.assert_allclose(binned_information(codes, factors), loop_of_scikit_learn(codes, factors))
    show("MI matrix", seconds(lambda: binned_information(codes, factors), 10), 0.01)
    show("  loop of mutual_info_score", seconds(lambda: loop_of_scikit_learn(codes, factors), 3))
    show("model_free", seconds(lambda: syngen.evaluate(codes, factors, metrics="model_free"), 5), 0.5)
    show("core, CPU time", cpu_seconds(lambda: syngen.evaluate(codes, factors)), 3.0)
    noise = np.random.default_rng(1).normal(size=codes.shape)
    show("core of noise, CPU time", cpu_seconds(lambda: syngen.evaluate(noise, factors)), 3.0)
    for metrics, target in (("factor_vae", 0.15), ("beta_vae", None), ("dci", 3.0)):
        show(metrics, seconds(lambda m=metrics: syngen.evaluate(codes, factors, metrics=m), 2), target)
    for metrics in ("explicitness", "infomec"):
        show(metrics, seconds(lambda m=metrics: syngen.evaluate(codes, factors, metrics=m), 2))
    intervals = {"metrics": "model_free", "intervals": True}
    show("model_free with intervals", seconds(lambda: syngen.evaluate(codes, factors, **intervals), 1))
    if with_gbt:
        forest = syngen.evaluate(codes, factors, metrics="dci")
        start = time.perf_counter()
        gbt = syngen.evaluate(codes, factors, metrics="dci", dci_model="gbt")
        show("  dci with gradient boosting", time.perf_counter() - start)
        for name, scores in (("forest", forest), ("gbt", gbt)):
            print(f"  {name:<8}", ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))


def large() -> None:
    """Time 100,000 rows of 256 codes and ten factors."""
    codes, factors = representation(100_000, 256, (2, 3, 4, 5, 8, 10, 12, 16, 20, 25))
    print("100,000 x 256 codes, 10 factors, one thread")
    all_rows = {"metrics": "model_free", "n_samples": None}
    show("model_free", seconds(lambda: syngen.evaluate(codes, factors, **all_rows), 1), 30.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB, input included (at most 1 GB)")


def turned(codes: np.ndarray, degrees: float, *pairs: tuple[int, int]) -> np.ndarray:
    """Return codes of which pairs are rotated, one after the other."""
    codes, angle = codes.copy(), np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for pair in pairs:
        codes[:, pair] = codes[:, pair] @ turn
    return codes


def table() -> None:
    """Print what metrics say of codes whose arrangement is known."""
    codes, factors = representation(10_000, 10, SIZES)
    noise = np.random.default_rng(1).normal(size=codes.shape)
    rows = {
        "one factor a code": codes,
        "two factors mixed (37 degrees)": turned(codes, 37.0, (1, 2)),
        "all mixed": turned(codes, 45.0, (0, 1), (1, 2), (0, 2)),
        "each code twice": np.hstack([codes, codes]),
        "exp of the codes": np.exp(codes),
        "noise": noise,
    }
    keys = [*CORE, "modularity", "factor_vae", "beta_vae", "explicitness"]
    keys.remove("n_active")
    cells = []
    for name, z in rows.items():
        scores = syngen.evaluate(z, factors, metrics=keys)
        published = syngen.evaluate(z, factors, metrics="modularity", compat="disentanglement_lib")
        found = {key: "-" if key in scores.undefined else f"{scores[key]:.3f}" for key in keys}
        found["modularity"] += f" ({published['modularity']:.3f})"
        cells.append([name, *found.values()])
    print(markdown_table(["codes", *(METRICS[key].label for key in keys)], cells))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--no-gbt", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        table()
        return
    if arguments.large:
        large()
    small(with_gbt=not arguments.no_gbt)


if __name__ == "__main__":
    main()
