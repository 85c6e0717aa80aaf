"""What the metrics say of codes that are meant to mislead them: ``python -m tests.benchmarks.adversarial``.

Every line has codes whose right score is known. Beside it stands what commit 1125f85 said of codes of the
same kind. Half a minute on one core; ``--fast`` leaves out what draws a hundred times.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402

import syngen  # noqa: E402
from syngen._threads import single_threaded  # noqa: E402
from syngen.figures.reporting import markdown_table  # noqa: E402

SIZES = (4, 6, 9)


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes
    ----------
    codes, measured : str
        What the codes are, and what is asked of them.
    then, theory : str
        At commit 1125f85, and what is right.
    now : callable
        Without arguments; returns the same of today.
    is_slow : bool
    """

    codes: str
    measured: str
    then: str
    now: Callable[[], str]
    theory: str
    is_slow: bool = False


def levels_of(n: int, sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return levels of independent factors, shape (n, n_factors)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


def perfect(n: int = 5_000, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return one code a factor, standardised, with a little noise, and factors."""
    factors = levels_of(n, SIZES)
    known = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    return known + noise * np.random.default_rng(1).normal(size=known.shape), factors


def scores_of(codes: np.ndarray, factors: np.ndarray, *keys: str, **options: Any) -> str:
    """Return scores."""
    scores = syngen.evaluate(codes, factors, metrics=list(keys), **options)
    return ", ".join(f"{scores[key]:.3f}" for key in keys)


def warned(codes: np.ndarray, factors: np.ndarray, *keys: str, about: str, **options: Any) -> str:
    """Return scores, and whether a warning has some words."""
    scores = syngen.evaluate(codes, factors, metrics=list(keys), **options)
    told = any(about in warning for warning in scores.warnings)
    return ", ".join(f"{scores[key]:.3f}" for key in keys) + (", warned" if told else ", not warned")


def with_outlier(n_columns: int = 1) -> np.ndarray:
    """Return perfect codes of which one row is wild."""
    codes = perfect()[0]
    codes[17, :n_columns] = 1e6
    return codes


def outlier_line() -> str:
    """Return scores of perfect codes, before and after one wild row."""
    keys = ("mig", "mig_adjusted", "sap", "n_active", "infom", "infoe", "factor_vae", "irs")
    factors = perfect()[1]
    before, after = (syngen.evaluate(z, factors, metrics=keys) for z in (perfect()[0], with_outlier(3)))
    return ", ".join(f"{key} {before[key]:.3f} -> {after[key]:.3f}" for key in keys)


def with_levels(n: int, jitter: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return levels of 4 x 20 x 400, seven random codes beside them, and factors."""
    factors, rng = levels_of(n, (4, 20, 400)), np.random.default_rng(1)
    codes = np.hstack([factors, rng.normal(size=(n, 7))])
    codes[:, :3] += jitter * rng.normal(size=(n, 3))
    return codes, factors


def permuted(n: int = 5_000) -> tuple[np.ndarray, np.ndarray]:
    """Return perfect codes of classes, and classes numbered in another order."""
    codes, factors = perfect(n)
    rng = np.random.default_rng(2)
    return codes, np.stack([rng.permutation(factors.max() + 1)[column] for column in factors.T], axis=1)


def skewed(n: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Return random codes, and factors of which one is nearly always the same."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, 5)), np.stack([rng.random(n) < 0.03, rng.integers(6, size=n)], axis=1) * 1


def share_of_draws(n: int, n_draws: int = 100) -> str:
    """Return in how many draws of ten random codes a code is active."""
    n_found = 0
    for seed in range(n_draws):
        codes = np.random.default_rng([seed, 1]).normal(size=(n, 10))
        scores = syngen.evaluate(codes, levels_of(n, (4, 10, 25), seed), metrics=["n_active"])
        n_found += scores["n_active"] > 0.0
    return f"none in {n_draws - n_found} of {n_draws} draws"


def random_line() -> str:
    """Return what 50 random rows are said to be."""
    codes = np.random.default_rng(4).normal(size=(50, 10))
    scores = syngen.evaluate(codes, levels_of(50, (4, 10, 25)), metrics=["modularity", "infom", "n_active"])
    return ", ".join(scores.undefined.get(key, f"{scores[key]:.0f} active") for key in scores)


def nominal(n: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Return classes as codes and as factors."""
    factors = levels_of(n, SIZES)
    return factors + 0.05 * np.random.default_rng(1).normal(size=factors.shape), factors


def wide(scale: float) -> np.ndarray:
    """Return perfect codes of another scale."""
    return perfect()[0] * scale


def cauchy(n: int = 5_000) -> np.ndarray:
    """Return random codes without a mean."""
    return np.random.default_rng(5).standard_cauchy(size=(n, 6))


FACTORS = perfect()[1]
LASSO: dict[str, Any] = {"dci_model": "lasso"}
CASES = (
    Case(
        "perfect, one wild row of 5,000",
        "before -> after",
        "MIG .965 -> .000, no active codes, InfoM undefined; DCI-D .998",
        outlier_line,
        "unchanged",
    ),
    Case(
        "the same",
        "DCI-D",
        ".998",
        lambda: scores_of(with_outlier(3), FACTORS, "dci_d"),
        "unchanged",
    ),
    Case(
        "exp(3 z) of perfect",
        "MIG; of perfect",
        ".229 (.965)",
        lambda: f"{scores_of(np.exp(3 * perfect()[0]), FACTORS, 'mig')} ({scores_of(*perfect(), 'mig')})",
        "unchanged",
    ),
    Case(
        "levels 4 x 20 x 400, n = 10,000",
        "MIG, adjusted",
        ".911, -",
        lambda: scores_of(*with_levels(10_000), "mig", "mig_adjusted"),
        "-, 1",
    ),
    Case(
        "the same + 1e-6 jitter",
        "MIG, adjusted",
        ".807, -",
        lambda: scores_of(*with_levels(10_000, 1e-6), "mig", "mig_adjusted"),
        "-, 1",
    ),
    Case(
        "the same + .1 noise",
        "MIG, adjusted",
        "-",
        lambda: warned(*with_levels(10_000, 0.1), "mig", "mig_adjusted", about="cannot exceed"),
        "warned with the ceiling",
    ),
    Case(
        "classes as permuted whole numbers",
        "SAP; as nominal",
        ".383 (was .999)",
        lambda: (
            f"{warned(*permuted(), 'sap', about='are they classes')}; "
            f"{scores_of(*permuted(), 'sap', factor_kinds='nominal')}"
        ),
        "unchanged, or a warning",
    ),
    Case(
        "the same, lasso",
        "DCI-I; as nominal",
        ".378 (was 1)",
        lambda: (
            f"{warned(*permuted(2_000), 'dci_i', about='are they classes', **LASSO)}; "
            f"{scores_of(*permuted(2_000), 'dci_i', factor_kinds='nominal', **LASSO)}"
        ),
        "unchanged, or a warning",
    ),
    Case(
        "perfect x .01",
        "FactorVAE",
        "undefined, counted as 0",
        lambda: scores_of(wide(0.01), FACTORS, "factor_vae"),
        "1",
    ),
    Case(
        "perfect x .001",
        "BetaVAE",
        ".666",
        lambda: scores_of(wide(0.001), FACTORS, "beta_vae"),
        "1",
    ),
    Case(
        "perfect x 1e200",
        "MIG, SAP, FactorVAE",
        "-",
        lambda: scores_of(wide(1e200), FACTORS, "mig", "sap", "factor_vae"),
        "as perfect, 1",
    ),
    Case(
        "random, a factor 97 to 3",
        "DCI-I, chance",
        ".573, not shown",
        lambda: scores_of(*skewed(), "dci_i", "dci_i_chance"),
        "chance",
    ),
    Case(
        "100 random codes, n = 200",
        "InfoE",
        "1.000",
        lambda: scores_of(
            np.random.default_rng(6).normal(size=(200, 100)), levels_of(200, (4, 10)), "infoe"
        ),
        "0",
    ),
    Case(
        "10 random codes, n = 50",
        "modularity, InfoM, active codes",
        ".99, 1.0, 5 to 8",
        random_line,
        "none active",
    ),
    Case(
        "the same",
        "active codes",
        "-",
        lambda: share_of_draws(50),
        "none in 95 of 100",
        is_slow=True,
    ),
    Case(
        "10 random codes, n = 500",
        "active codes",
        "-",
        lambda: share_of_draws(500),
        "none in 95 of 100",
        is_slow=True,
    ),
    Case(
        "Cauchy, random, active='all'",
        "IRS, JEMMIG",
        ".990, .609",
        lambda: warned(cauchy(), FACTORS, "irs", "jemmig", about="active='all'", active="all"),
        "warned",
    ),
    Case(
        "classes, lasso",
        "DCI-D, DCI-I",
        ".756, .242",
        lambda: scores_of(*nominal(), "dci_d", "dci_i", factor_kinds="nominal", **LASSO),
        "1, 1",
    ),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true")
    fast = parser.parse_args().fast
    header = ["codes", "score", "at commit 1125f85", "now", "theory"]
    with single_threaded():
        rows = [
            [case.codes, case.measured, case.then, case.now(), case.theory]
            for case in CASES
            if not (fast and case.is_slow)
        ]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()
