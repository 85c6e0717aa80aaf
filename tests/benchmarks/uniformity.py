"""Whether what is drawn at random is drawn evenly: ``python -m tests.benchmarks.uniformity [--seeds 200]``.

One line a draw: the count of each outcome that a fair draw would have, chi-square with its degrees of
freedom, and the chance of a larger one. A fair draw gives one line in twenty a chance below .05.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import combinations

import numpy as np
from scipy import stats

import syngen
from syngen.factors import Factor, FactorGrid
from syngen.sampling import Rows, Sampling
from syngen.splits import whole_levels

N_PAIRS = 300


def show(name: str, counts: Counter[Hashable], options: Iterable[Hashable]) -> float:
    """Print how evenly options were drawn; return the chance of a larger chi-square."""
    found = np.array([counts[option] for option in options])
    chi2, p = stats.chisquare(found)
    expected = found.sum() / len(found)
    extremes = f"{found.min() / expected:.2f} to {found.max() / expected:.2f}"
    print(f"| {name} | {expected:.1f} | {extremes} | {chi2:.1f} | {len(found) - 1} | {p:.3f} |", flush=True)
    return float(p)


def of_factors(recipe: str, n_seeds: int) -> None:
    """Draw pairs and interventions from a dataset and count which factors change or are fixed."""
    ds = syngen.render(recipe)
    names = ds.grid.names
    for k in (1, 2):
        sets: Counter[Hashable] = Counter()
        cpu_s = time.process_time()
        for seed in range(n_seeds):
            pairs = ds.sample_pairs(N_PAIRS if k == 1 else 20, k=k, random_state=seed)
            sets.update(tuple(np.flatnonzero(row)) for row in pairs.changed)
        cpu_s = (time.process_time() - cpu_s) / n_seeds
        what = f"{recipe}: factors that change, k = {k} ({cpu_s:.2f} CPU-s a call)"
        show(what, sets, combinations(range(len(names)), k))
    fixed: Counter[Hashable] = Counter()
    for seed in range(n_seeds):
        fixed.update(ds.sample_interventions(N_PAIRS, size=2, random_state=seed).factors.tolist())
    show(f"{recipe}: factor that is fixed", fixed, range(len(names)))


def of_levels(size: int, n_chosen: int, n_seeds: int) -> None:
    """Give some of a few values to test by `by_factor`, and count which."""
    factor = Factor("speaker", tuple(f"s{i}" for i in range(size)))
    chosen: Counter[Hashable] = Counter()
    for seed in range(n_seeds):
        ((_, table),) = whole_levels(factor, [("test", n_chosen / size)], seed=seed, name="unseen")
        chosen[tuple(np.flatnonzero(table))] += 1
    show(f"by_factor: {n_chosen} of {size} values", chosen, combinations(range(size), n_chosen))


def of_points(size: int, n_chosen: int, n_seeds: int) -> None:
    """Sample some of the points of a small grid, and count which."""
    grid = FactorGrid([Factor("a", tuple(range(size)), "ordinal")])
    chosen: Counter[Hashable] = Counter()
    for seed in range(n_seeds):
        rows = Rows(
            grid,
            Sampling(n_chosen),
            seed=seed,
            split_names=("train",),
            split_codes=lambda indices, _: np.zeros(len(indices), dtype=np.int64),
        )
        chosen[tuple(rows.all_indices().tolist())] += 1
    show(f"sampling.size: {n_chosen} of {size} points", chosen, combinations(range(size), n_chosen))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--recipe", default="syntone-large", help="an incomplete grid for pairs")
    options = parser.parse_args()
    print("| draw | expected count | least to most | chi-square | df | p |")
    print("|---|---|---|---|---|---|")
    for size, n_chosen in ((4, 1), (5, 2), (6, 2), (7, 3), (12, 2), (20, 2)):
        of_levels(size, n_chosen, options.seeds)
    for size, n_chosen in ((5, 2), (6, 2), (12, 2), (20, 2)):
        of_points(size, n_chosen, options.seeds)
    of_factors("syntone-tiny", options.seeds)
    of_factors(options.recipe, options.seeds)


if __name__ == "__main__":
    main()
