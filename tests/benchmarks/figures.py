"""Draw the figures of the README from real output: ``python -m tests.benchmarks.figures docs/figures``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import syngen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from syngen import FactorDataset, Observation

_COLUMNS = 4
_INK, _FAINT = "#1b3a57", "#b8c4cf"
_BASE = {"timbre": 3, "amplitude": 13, "frequency": 100}
_LARGE_BASE = {
    "timbre": 0,
    "amplitude": 10,
    "frequency": 36,
    "brightness": 2,
    "inharmonicity": 0,
    "attack": 1,
    "decay": 1,
    "vibrato_rate": 2,
    "vibrato_depth": 1,
    "snr": 3,
}
_STYLE_BASE = {"speaker": 0, "text": 3}


def traversal(dataset: FactorDataset, path: Path) -> None:
    """Draw one row of panels per factor: that factor varies, the others stay where they are."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    grid = dataset.grid
    figure, axes = plt.subplots(len(grid), _COLUMNS, figsize=(11, 7.2), sharex=True, sharey=True)
    for row, factor in enumerate(grid.factors):
        levels = np.linspace(0, factor.size - 1, _COLUMNS).round().astype(int)
        for column, level in enumerate(levels):
            point = {**_BASE, factor.name: int(level)}
            index = int(grid.indices_of([[point[name] for name in grid.names]])[0])
            position = int(np.flatnonzero(dataset.indices == index)[0])
            value = factor.values[level]
            shown = value if isinstance(value, str) else f"{value:.0f} {factor.unit}"
            _draw(axes[row, column], dataset[position])
            axes[row, column].set_title(f"{factor.name} = {shown}", fontsize=10, color=_INK)
        axes[row, 0].set_ylabel("level in dB", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("frequency in kHz", fontsize=9)
    figure.suptitle(
        f"{dataset.name}: each row varies one factor and keeps the others "
        "(spectrum; inset: the first 10 ms of the waveform)",
        fontsize=11,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw(ax: Axes, observation: Observation) -> None:
    waveform, rate = observation.waveform.astype(float), observation.sample_rate
    window = np.hanning(len(waveform))
    spectrum = np.abs(np.fft.rfft(waveform * window)) / window.sum() * 2
    kilohertz = np.fft.rfftfreq(len(waveform), 1 / rate) / 1000
    ax.fill_between(kilohertz, -100, 20 * np.log10(spectrum + 1e-9), color=_INK, linewidth=0.4)
    ax.set(xlim=(0, rate / 2000), ylim=(-100, 60))
    ax.set_yticks([-100, -50, 0])
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    inset = ax.inset_axes((0.3, 0.68, 0.7, 0.3))
    n = rate // 100
    inset.axhline(0, color=_FAINT, linewidth=0.6)
    inset.plot(np.arange(n) / rate, waveform[:n], color=_INK, linewidth=0.9)
    inset.set(xlim=(0, n / rate), ylim=(-1, 1))
    inset.axis("off")


def spectrograms(recipe: str, path: Path) -> None:
    """Draw one row of spectrograms per factor of a large grid, from four of its levels."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    dataset = syngen.render(recipe)
    grid = dataset.grid
    figure, axes = plt.subplots(len(grid), _COLUMNS, figsize=(11, 15), sharex=True, sharey=True)
    for row, factor in enumerate(grid.factors):
        levels = np.linspace(0, factor.size - 1, _COLUMNS).round().astype(int)
        for column, level in enumerate(levels):
            point = {**_LARGE_BASE, factor.name: int(level)}
            observed = dataset.sample_observations_from_factors([[point[name] for name in grid.names]], 0)
            value = factor.values[level]
            shown = value if isinstance(value, str) else f"{value:.4g} {factor.unit}"
            _draw_spectrogram(axes[row, column], observed[0].astype(float), dataset.sample_rate)
            axes[row, column].set_title(f"{factor.name} = {shown}", fontsize=9, color=_INK, pad=3)
        axes[row, 0].set_ylabel("kHz", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=8)
    figure.suptitle(f"{recipe}: each row varies one factor and keeps the others", fontsize=11)
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(path, dpi=90, metadata={"Software": None})


def _draw_spectrogram(ax: Axes, waveform: np.ndarray, rate: int) -> None:
    from scipy import signal

    kilohertz, seconds, power = signal.spectrogram(
        waveform, rate, window="hann", nperseg=1024, noverlap=896, mode="magnitude"
    )
    level_db = 20 * np.log10(power + 1e-7)
    top = float(20 * np.log10(0.02))
    ax.pcolormesh(
        seconds, kilohertz / 1000, level_db, vmin=top - 70, vmax=top, cmap="magma", rasterized=True
    )
    ax.set_ylim(0, 4)
    ax.tick_params(labelsize=7)


def styles(path: Path) -> None:
    """Draw one sentence of one speaker in every style: spectrogram and pitch."""
    import matplotlib as mpl

    mpl.use("Agg")
    import librosa
    from matplotlib import pyplot as plt

    dataset = syngen.render("synspeech-large")
    names = dataset.grid["style"].values
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True, sharey=True)
    for level, (name, ax) in enumerate(zip(names, axes.flat, strict=True)):
        (index,) = dataset.grid.indices_of([[_STYLE_BASE["speaker"], _STYLE_BASE["text"], level]])
        observation = dataset[int(np.flatnonzero(dataset.indices == index)[0])]
        waveform, rate = observation.waveform.astype(float), observation.sample_rate
        _draw_spectrogram(ax, waveform / np.abs(waveform).max(), rate)
        ax.set_ylim(0, 8)
        ax.set_title(f"{name}, {20 * np.log10(np.sqrt((waveform**2).mean())):.0f} dBFS", fontsize=10)
        if name != "whispering":
            pitch, is_voiced, _ = librosa.pyin(
                waveform, fmin=60, fmax=500, sr=rate, frame_length=1024, hop_length=160
            )
            over = ax.twinx()
            over.plot(np.arange(len(pitch)) / 100, np.where(is_voiced, pitch, np.nan), color="#7fffd4")
            over.set(ylim=(0, 500), yticks=[100, 200, 300, 400])
            over.tick_params(labelsize=7)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("kHz", fontsize=8)
    figure.suptitle(
        "One speaker says one sentence in every style (each scaled to its peak; line: pitch in Hz)",
        fontsize=11,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})


def main() -> None:
    """Draw every figure into the folder given."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures")
    folder.mkdir(parents=True, exist_ok=True)
    traversal(syngen.render("syntone-small"), folder / "traversal.png")
    spectrograms("syntone-large", folder / "traversal-large.png")
    styles(folder / "styles.png")
    print(*sorted(folder.glob("*.png")), sep="\n")


if __name__ == "__main__":
    main()
