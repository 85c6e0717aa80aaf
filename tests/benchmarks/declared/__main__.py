"""Print the table *declared / measured / how / largest difference*.

``python -m tests.benchmarks.declared [-n N] [--seed S] [--only WORD ...]``: of every numeric factor and
setting of both synthesizers, and of every numeric parameter of styles and speakers, N observations (of
speech: the texts of N speakers) are rendered and measured by what does not know how they were made. Voices
are compared with themselves: the same speakers say the same texts with one parameter changed. What has only
a unit of the engine's own has no difference: the table says what it does.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.declared import (
    speakers,  # noqa: F401  # registers what measures speakers
    speech,  # noqa: F401
    styles,  # noqa: F401
    tones,  # noqa: F401
)
from tests.benchmarks.declared.names import declared_names
from tests.benchmarks.declared.rows import MEASUREMENTS

__all__ = ["main"]


def main(n: int, seed: int, words: Sequence[str]) -> int:
    """Print the rows of all names that have one of the words; return how many names nothing measures."""
    names = [name for name in declared_names() if not words or any(word in name for word in words)]
    started, n_missing = time.perf_counter(), 0
    print("| | declared | measured | how | largest difference |")
    print("|---|---|---|---|---|")
    for name in names:
        measure = MEASUREMENTS.get(name)
        if measure is None:
            n_missing += 1
            print(f"| {name} | | | **nothing measures it** | |", flush=True)
            continue
        # each by itself: a table of some names has the numbers of the table of all
        for row in measure(name, n, np.random.default_rng([seed, zlib.crc32(name.encode())])):
            print(row, flush=True)
    print(f"\n{len(names)} names, -n {n}, seed {seed}, {time.perf_counter() - started:.0f} seconds")
    return n_missing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, default=2, help="observations, or speakers, for each row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="parts of names, as tone: or pitch")
    options = parser.parse_args()
    if options.n < 1:
        parser.error("-n is 1 or more")
    for word in options.only:
        if not any(word in name for name in declared_names()):
            parser.error(f"--only {word}: no name has it")
    sys.exit(min(1, main(options.n, options.seed, options.only)))
