"""F0 of trajectories against an independent tracker: ``python -m tests.benchmarks.trajectories [RECIPE]``.

librosa's pYIN listens to observations of the shipped recipes of tones that have neither noise nor stretched
partials; mir_eval says how often it agrees with ``ds.trajectories`` to a quarter tone, and the median
difference. mir_eval comes with ``pip install mir_eval``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

import syngen
from syngen.loaders.dataset import FactorDataset

HOP_S, FRAME = 0.01, 640  # as short as vibrato wants it
LOW_HZ, HIGH_HZ = 100.0, 2100.0
RECIPES = (
    *("syntone-tiny", "syntone-small", "syntone-medium", "syntone-large", "syntone-large-correlated"),
    "syntone-paper",
)
AUDIBLE_DB = -70.0


def main(n: int, seed: int, names: Sequence[str]) -> int:
    print("| recipe | observations | voiced moments | raw pitch accuracy | median difference, cents |")
    print("|---|---|---|---|---|")
    for name in names:
        ds = syngen.render(name)
        rng = np.random.default_rng(seed)
        rows = [i for i in rng.permutation(len(ds))[: 40 * n].tolist() if is_clean(ds, i)][:n]
        found = [compared(ds, row) for row in rows]
        accuracy = np.mean([a for a, _ in found])
        differences = np.concatenate([d for _, d in found])
        print(
            f"| {name} | {len(rows)} | {len(differences):,} | {accuracy:.4f} "
            f"| {np.median(np.abs(differences)):.2f} |",
            flush=True,
        )
    return 0


def is_clean(ds: FactorDataset, row: int) -> bool:
    """Whether a tracker of one pitch can be expected to find it."""
    values = ds[row].values
    is_low = LOW_HZ * 1.1 < float(values["frequency"]) < HIGH_HZ / 1.1
    is_loud = ds.trajectories(row, hop=HOP_S)["gain"].max() > AUDIBLE_DB + 20.0
    return is_low and is_loud and not values.get("inharmonicity") and float(values.get("snr", 120)) > 20.0


def compared(ds: FactorDataset, row: int) -> tuple[float, np.ndarray]:
    """Return the raw pitch accuracy of pYIN, and its differences in cents where both have a pitch."""
    import librosa
    import mir_eval

    truth = ds.trajectories(row, hop=HOP_S)
    sounding = np.where(truth["gain"] > AUDIBLE_DB, truth["f0"], 0.0)
    hop = round(HOP_S * ds.sample_rate)
    heard, _, _ = librosa.pyin(
        ds[row].waveform,
        fmin=LOW_HZ,
        fmax=HIGH_HZ,
        sr=ds.sample_rate,
        frame_length=FRAME,
        hop_length=hop,
        resolution=0.05,
    )
    times = np.arange(len(heard)) * hop / ds.sample_rate
    # what a frame holds half of, or silence in, is no moment of a pitch
    edge = FRAME / 2 / ds.sample_rate
    at = (truth.times >= edge) & (truth.times <= len(ds[row].waveform) / ds.sample_rate - edge)
    starts = truth.times[sounding > 0.0]
    at &= (truth.times >= starts[0] + edge) & (truth.times <= starts[-1] - edge)
    reference = (truth.times[at], sounding[at])
    voiced = mir_eval.melody.to_cent_voicing(*reference, times, np.nan_to_num(heard))
    accuracy = mir_eval.melody.raw_pitch_accuracy(*voiced)
    reference_voicing, reference_cents, _, heard_cents = voiced
    both = (reference_voicing > 0) & (heard_cents > 0)
    return float(accuracy), (heard_cents - reference_cents)[both]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES, help="names of recipes of tones")
    parser.add_argument("--observations", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(main(options.observations, options.seed, options.recipes))
