"""Audit every shipped recipe in full and print the tables: ``python -m tests.benchmarks.audibility``.

1,000 random and 1,000 corner contexts each, or as many as the first argument says; further arguments
name recipes. syntone-paper is left out: it repeats a published dataset, aliases and all.
"""

from __future__ import annotations

import sys
import time

import syngen
from syngen.recipe.library import recipe_names


def main(contexts: int, names: list[str]) -> int:
    n_problems = 0
    for name in names or [name for name in recipe_names() if name != "syntone-paper"]:
        started = time.perf_counter()
        report = syngen.audit_recipe(name, contexts=contexts)
        print(report.to_markdown())
        print(f"{time.perf_counter() - started:.0f} seconds\n", flush=True)
        n_problems += len(report.problems)
    return n_problems


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    sys.exit(min(1, main(wanted, sys.argv[2:])))
