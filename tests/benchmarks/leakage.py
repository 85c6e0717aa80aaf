"""Whether recipes leak on fresh draws, and how often the audit finds a leak where there is none.

``python -m tests.benchmarks.leakage synspeech-small --seeds 101 102 103`` audits each recipe, every seed
given being its own draw of nuisances and noise. ``--null 200`` audits noise instead: as many audits of the
shape of one of speech (2,000 observations, 27 tests), of which at most 5 % may fail.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import syngen
from syngen._threads import single_threaded
from syngen.auditing.leakage.probing import probe_classes
from syngen.auditing.leakage.report import MAX_EXCESS, SIGNIFICANCE
from syngen.evaluation.significance import holm
from syngen.figures.reporting import markdown_table

_CLASSES = (20, 50, 3, 2, 10, 10, 10, 10, 10)
_N, _N_FEATURES, _N_TEXTS = 2_000, 25, 50


def draws(names: list[str], seeds: list[int], n: int) -> int:
    """Print a line for each recipe and seed; return how many audits fail."""
    header = ["recipe", "seed", "observations", "tests", "largest excess", "of"]
    header += ["smallest p (Holm)", "", "CPU s"]
    rows, n_failed = [], 0
    for name in names:
        document = syngen.load_recipe(name).recipe.document()
        for seed in seeds:
            started = time.process_time()
            report = syngen.audit_leakage({**document, "seed": seed}, n=n, seed=seed)
            n_failed += not report.passed
            worst = max(report.tests, key=lambda test: test.excess, default=None)
            rows.append(
                [
                    *(name, str(seed), f"{report.n_observations:,}", str(len(report.tests))),
                    *(
                        ("-", "-", "-")
                        if worst is None
                        else (
                            f"{worst.excess:+.3f}",
                            f"{worst.factor} from {worst.source}",
                            f"{min(test.p_holm for test in report.tests):.2g}",
                        )
                    ),
                    *(report.verdict, f"{time.process_time() - started:.0f}"),
                ]
            )
            print(f"{name}, seed {seed}: {report.verdict}", *report.problems, sep="\n  ", file=sys.stderr)
    print(markdown_table(header, rows))
    return n_failed


@single_threaded()
def null(n_audits: int) -> int:
    """Print how many audits of noise fail; return the number."""
    rng = np.random.default_rng(0)
    n_significant = n_failed = 0
    for _ in range(n_audits):
        scores = []
        for kind in range(3):
            features = rng.standard_normal((_N, _N_FEATURES)) ** (1 + 2 * (kind == 2))  # heavy tails, too
            texts = rng.integers(0, _N_TEXTS, _N)
            scores += [probe_classes(features, rng.integers(0, k, _N), texts, rng) for k in _CLASSES]
        corrected = holm([score.p for score in scores])
        n_significant += min(corrected) < SIGNIFICANCE
        n_failed += any(
            p < SIGNIFICANCE and score.accuracy - score.chance > MAX_EXCESS
            for score, p in zip(scores, corrected, strict=True)
        )
    print(f"{n_audits} audits of noise: {n_significant} with a significant test, {n_failed} fail")
    return n_failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=[90_001, 90_002, 90_003])
    parser.add_argument("-n", type=int, default=2_000)
    parser.add_argument("--null", type=int, default=0, metavar="AUDITS")
    arguments = parser.parse_args()
    if arguments.null:
        null(arguments.null)
    if arguments.recipes:
        raise SystemExit(draws(arguments.recipes, arguments.seeds, arguments.n) > 0)
