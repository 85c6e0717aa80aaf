"""One picture of a dataset: histograms, joint counts, and mutual information of its factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import require
from syngen.evaluation.statistics.counting import coarsened
from syngen.evaluation.statistics.tables import shown_nats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from syngen._typing import FloatArray, IntArray, Value
    from syngen.evaluation.statistics.numbers import NumberSummary
    from syngen.evaluation.statistics.tables import FactorCounts, PairCounts

__all__ = ["draw"]

_COLOURS = ("#31688e", "#35b779", "#fde725", "#443983", "#90d743", "#21918c")
_COLUMNS = 4
_PANEL = (3.6, 2.6)  # inches
_MOST_PANELS = 12  # of factors, and of pairs of factors
_MOST_BARS, _MOST_CELLS, _MOST_NAMED = 64, 64, 8
_LONGEST = 12
_LEAST_SAID = 0.005


def draw(
    *,
    title: str,
    splits: Sequence[str],
    factors: Mapping[str, FactorCounts],
    pairs: Sequence[PairCounts],
    numbers: Sequence[NumberSummary],
) -> Figure:
    """Return a figure with a panel for each factor, pair of factors, and number that varies.

    Of more than 12 factors the first are drawn, of more than 12 pairs those with most information above
    chance. The last panel has the mutual information of all.

    Parameters
    ----------
    title : str
    splits : sequence of str
        The columns of all counts.
    factors : mapping of str to FactorCounts
    pairs : sequence of PairCounts
    numbers : sequence of NumberSummary

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    require("matplotlib.figure", extra="plot")
    from syngen.figures.pictures import Picture

    panels: list[Callable[[Axes], None]] = [
        *(partial(_draw_factor, factor=factor) for factor in list(factors.values())[:_MOST_PANELS]),
        *(partial(_draw_number, number=number) for number in numbers if number.greatest > number.least),
        *(partial(_draw_pair, pair=pair, factors=factors) for pair in _drawn(pairs)),
    ]
    if pairs:
        panels.append(partial(_draw_information, pairs=pairs, factors=factors))
    n_rows = -(-len(panels) // _COLUMNS)
    size = (_COLUMNS * _PANEL[0], n_rows * _PANEL[1] + 0.7)
    figure: Any = Picture(figsize=size, layout="constrained")
    every = figure.subplots(n_rows, _COLUMNS, squeeze=False).ravel()
    for axes, panel in zip(every, panels, strict=False):
        panel(axes)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=12)
    if len(splits) > 1:
        handles = [every[0].bar(0, 0, color=_colour(number)) for number in range(len(splits))]
        figure.legend(handles, splits, loc="outside upper right", ncols=len(splits), fontsize=9)
    return figure  # type: ignore[no-any-return]


def _drawn(pairs: Sequence[PairCounts]) -> list[PairCounts]:
    """Return the pairs that there is room for, in their order."""
    ranked = sorted(range(len(pairs)), key=lambda k: pairs[k].chance_95 - pairs[k].information)
    return [pairs[k] for k in sorted(ranked[:_MOST_PANELS])]


def _draw_factor(axes: Axes, *, factor: FactorCounts) -> None:
    run = -(-len(factor.values) // _MOST_BARS)
    starts = np.arange(0, len(factor.values), run)
    sizes = np.diff([*starts, len(factor.values)])
    counts = np.add.reduceat(factor.counts, starts, axis=0) / sizes[:, np.newaxis]
    _stack(axes, np.arange(len(counts) + 1) - 0.5, counts, gap=0.15 if len(counts) <= 20 else 0.0)
    _name_levels(axes, factor.values[::run], is_x=True)
    runs = f", means of {run}" if run > 1 else ""
    axes.set_title(f"{factor.label}: {len(factor.values):,} levels{runs}", fontsize=9)


def _draw_number(axes: Axes, *, number: NumberSummary) -> None:
    _stack(axes, number.edges, number.counts, gap=0.0)
    missing = f", {number.n_missing:,} without" if number.n_missing else ""
    axes.set_title(f"{number.label}: median {number.quantiles[2]:.4g}{missing}", fontsize=9)


def _stack(axes: Axes, edges: Any, counts: IntArray | FloatArray, *, gap: float) -> None:
    """Draw bars of a histogram, the splits on top of one another."""
    widths = np.diff(edges)
    bottom = np.zeros(len(counts))
    for number, column in enumerate(counts.T):
        axes.bar(
            edges[:-1] + widths / 2, column, (1.0 - gap) * widths, bottom=bottom, color=_colour(number)
        )
        bottom += column
    axes.tick_params(labelsize=7)
    locator: Any = axes.yaxis.get_major_locator()
    locator.set_params(integer=True)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0.0, 1.08 * max(1.0, float(bottom.max())))


def _draw_pair(axes: Axes, *, pair: PairCounts, factors: Mapping[str, FactorCounts]) -> None:
    from matplotlib.ticker import MaxNLocator

    counts, added = coarsened(pair.counts, most=_MOST_CELLS)
    means = counts / coarsened(np.ones_like(pair.counts), most=_MOST_CELLS)[0]
    image = axes.imshow(means, cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
    _name_levels(axes, factors[pair.first].values[:: pair.runs[0] * added[0]], is_x=False)
    _name_levels(axes, factors[pair.second].values[:: pair.runs[1] * added[1]], is_x=True)
    verdict = "above chance" if pair.is_above_chance else "as chance"
    axes.set_title(
        f"{pair.first} (down) x {pair.second}\n{shown_nats(pair.information)} nats, {verdict}", fontsize=9
    )
    figure: Any = axes.figure
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, ticks=MaxNLocator(5, integer=True))
    bar.ax.tick_params(labelsize=7)


def _draw_information(
    axes: Axes, *, pairs: Sequence[PairCounts], factors: Mapping[str, FactorCounts]
) -> None:
    """Draw what part of the smaller entropy two factors share beyond the 95 % quantile of chance."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    shares = np.zeros((len(names), len(names)))
    for pair in pairs:
        least = min(factors[pair.first].entropy, factors[pair.second].entropy)
        i, j = names.index(pair.first), names.index(pair.second)
        shares[i, j] = shares[j, i] = max(0.0, pair.information - pair.chance_95) / least
    image = axes.imshow(shares, cmap="viridis", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_title("information - 95 % of chance,\nin parts of the smaller entropy", fontsize=9)
    axes.xaxis.set_ticks(range(len(names)), labels=names)
    axes.yaxis.set_ticks(range(len(names)), labels=names)
    axes.xaxis.set_tick_params(labelsize=7, labelrotation=90)
    axes.yaxis.set_tick_params(labelsize=7)
    for i, j in zip(*np.nonzero(shares >= _LEAST_SAID), strict=True):
        colour = "white" if shares[i, j] < 0.6 else "black"
        axes.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center", color=colour, fontsize=6)
    figure: Any = axes.figure
    figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)


def _name_levels(axes: Axes, values: Sequence[Value], *, is_x: bool) -> None:
    """Write the values of few levels beside an axis, and of many the first and the last."""
    places = range(len(values)) if len(values) <= _MOST_NAMED else (0, len(values) - 1)
    labels = [_short(values[place]) for place in places]
    axis = axes.xaxis if is_x else axes.yaxis
    axis.set_ticks(list(places), labels=labels)
    turned = is_x and len(places) > 2 and sum(map(len, labels)) > 36
    axis.set_tick_params(labelsize=7, labelrotation=30 if turned else 0)


def _short(value: Value) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
