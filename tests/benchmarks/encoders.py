"""Scores of the reference encoders: ``python -m tests.benchmarks.encoders [--rows N] [--dataset NAME]``.

Prints the tables of the README: what linear probes find of each factor on unseen groups, and the metrics of
disentanglement, for encoders that need no training. Nothing is needed but the recipes; speech is generated
in a temporary folder, tones are rendered as they are read. The numbers depend on recipes and seeds, not on
the machine (but for their last digits).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings

import syngen
from syngen.evaluation.codes.codes import Codes
from syngen.evaluation.encoders.reference import ENCODERS
from syngen.loaders.dataset import FactorDataset

ROWS = {"syntone-small": 4_000, "synspeech-small": 3_000}
METRICS = [
    *("mig", "mig_adjusted", "sap", "modularity", "dci_d", "dci_c", "dci_i", "dci_i_chance"),
    *("infom", "infoc", "infoe"),
]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a table whose columns line up."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def probed(codes: Codes, ds: FactorDataset) -> dict[str, str]:
    """Return a cell for each factor and for gender: the score, and that of shuffled labels in brackets."""
    report = syngen.probe(codes, ds, target="all")
    cells = {"encoder": codes.encoder, "codes": str(codes.values.shape[1])}
    for name, result in report.items():
        if name.startswith("text_"):
            continue
        measure = "R2" if result.is_continuous else "acc."
        cells[f"{name} ({measure})"] = f"{result.score:.3f} ({result.control:.3f})"
        if result.eer is not None:
            cells["EER"] = f"{result.eer:.3f}"
    return cells


def scored(codes: Codes, ds: FactorDataset) -> dict[str, str]:
    """Return a cell for each metric."""
    factors = ds.levels[codes.rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of (few rows, many levels) is known here
        scores = syngen.evaluate(
            codes,
            factors,
            factor_names=list(ds.grid.names),
            factor_kinds=list(ds.grid.kinds.values()),
            metrics=METRICS,
        )
    return {"encoder": codes.encoder, **{name: f"{scores[name]:.3f}" for name in METRICS}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=list(ROWS), action="append", help="by default all")
    parser.add_argument("--rows", type=int, help="by default 4,000 of tones and 3,000 of speech")
    parser.add_argument("--no-probes", action="store_true", help="metrics only")
    options = parser.parse_args()
    for name in options.dataset or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            ds = syngen.render(name)
            if ds.is_spoken:  # rendering takes longer than reading
                syngen.generate(name, folder)
                ds = syngen.load(folder)
            report(ds, options.rows or ROWS[name], with_probes=not options.no_probes)


def report(ds: FactorDataset, limit: int, *, with_probes: bool) -> None:
    """Print the tables of a dataset."""
    probes, metrics, seconds = [], [], []
    for encoder in ENCODERS:
        started = time.perf_counter()
        codes = syngen.encode(encoder, ds, limit=limit)
        encoded = time.perf_counter()
        if with_probes:
            probes.append(probed(codes, ds))
        after_probes = time.perf_counter()
        metrics.append(scored(codes, ds))
        times = (encoded - started, after_probes - encoded, time.perf_counter() - after_probes)
        seconds.append(f"{encoder} {times[0]:.1f} + {times[1]:.1f} + {times[2]:.1f}")
    print(f"\n### {ds.name}, {min(limit, len(ds)):,} rows\n")
    if probes:
        print("Linear probes on unseen groups; on shuffled labels in brackets.\n")
        print(markdown(list(probes[0]), [list(row.values()) for row in probes]))
    print("\nMetrics of disentanglement.\n")
    print(markdown(list(metrics[0]), [list(row.values()) for row in metrics]))
    print(f"\nSeconds to encode (tones: and to render), to probe and to evaluate: {'; '.join(seconds)}.")


if __name__ == "__main__":
    main()
