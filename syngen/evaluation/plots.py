"""Pictures of scores: what codes know of factors, where the gaps are, and how factors hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from syngen._typing import FloatArray

__all__ = ["draw"]

_MOST_ANNOTATED = 14
_MOST_NAMED = 40
_COLOURS = "viridis"
_BEST, _SECOND = "#31688e", "#fde725"


def draw(
    nmi: FloatArray,
    *,
    factor_mi: FloatArray,
    importance: FloatArray | None,
    codes: list[str],
    factors: list[str],
    title: str,
    model: str,
) -> Figure:
    """Return a figure of two by two panels.

    Heat maps of normalised information and of importance (if DCI was asked for), bars of the two codes
    that know most of each factor, and the factors' normalised mutual information.

    Parameters
    ----------
    nmi : ndarray of float64, shape (n_codes, n_factors)
    factor_mi : ndarray of float64, shape (n_factors, n_factors)
    importance : ndarray of float64, shape (n_codes, n_factors), or None
    codes, factors : list of str
        Names.
    title, model : str
        Of the figure, and of DCI.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    require("matplotlib.figure", extra="plot")
    from syngen.figures.pictures import Picture

    height = min(14.0, 3.0 + 0.22 * min(len(codes), _MOST_NAMED))
    figure: Any = Picture(figsize=(11.0, height + 4.2), layout="constrained")
    axes = figure.subplots(2, 2, height_ratios=[height, 3.6])
    _heat_map(axes[0, 0], nmi, codes, factors, "Normalised mutual information, I(z; v) / H(v)")
    if importance is None:
        axes[0, 1].set_axis_off()
        axes[0, 1].text(0.5, 0.5, "importance: ask for the metrics 'dci'", ha="center", va="center")
    else:
        _heat_map(axes[0, 1], importance, codes, factors, f"Importance ({model})")
    _gap_bars(axes[1, 0], nmi, codes, factors)
    entropies = np.diag(factor_mi)
    least = np.minimum.outer(entropies, entropies)
    share = np.divide(factor_mi, least, out=np.zeros_like(least), where=least > 0.0)
    _heat_map(axes[1, 1], share, factors, factors, "Factors with each other, I(u; v) / min(H(u), H(v))")
    figure.suptitle(title, fontsize=11)
    return figure  # type: ignore[no-any-return]


def _heat_map(axes: Axes, matrix: FloatArray, rows: list[str], columns: list[str], title: str) -> None:
    image = axes.imshow(matrix, cmap=_COLOURS, vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    axes.set_title(title, fontsize=10)
    _name_ticks(axes, columns, is_x=True)
    _name_ticks(axes, rows, is_x=False)
    if matrix.shape[0] <= 2 * _MOST_ANNOTATED and matrix.shape[1] <= _MOST_ANNOTATED:
        for (i, j), value in np.ndenumerate(matrix):
            colour = "white" if value < 0.6 else "black"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    figure: Any = axes.figure
    figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)


def _name_ticks(axes: Axes, names: list[str], *, is_x: bool) -> None:
    axis = axes.xaxis if is_x else axes.yaxis
    if len(names) > _MOST_NAMED:
        axis.set_label_text(f"{len(names)} columns" if is_x else f"{len(names)} codes")
        return
    axis.set_ticks(range(len(names)), labels=[_short(name) for name in names])
    turned = is_x and sum(len(_short(name)) for name in names) > 48
    axis.set_tick_params(labelsize=8, labelrotation=30 if turned else 0)


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"


def _gap_bars(axes: Axes, nmi: FloatArray, codes: list[str], factors: list[str]) -> None:
    """Draw, for each factor, what the best and the second best code know of it."""
    ranked = np.argsort(-nmi, axis=0, kind="stable")
    places = np.arange(len(factors))
    for rank, (colour, label) in enumerate(((_BEST, "best code"), (_SECOND, "second best"))):
        if rank >= len(codes):
            break
        values = nmi[ranked[rank], places]
        bars = axes.bar(
            places + 0.4 * rank - 0.2,
            values,
            width=0.4,
            color=colour,
            edgecolor="black",
            linewidth=0.5,
            label=label,
        )
        if len(factors) <= _MOST_ANNOTATED:
            names = [
                _short(codes[i]) if value > 0.0 else ""
                for i, value in zip(ranked[rank], values, strict=True)
            ]
            axes.bar_label(bars, labels=names, fontsize=8, padding=1)
    axes.set_ylim(0.0, 1.25)  # room for the names and the legend
    axes.set_yticks(np.linspace(0.0, 1.0, 6))
    axes.set_title("Gaps: information of the two best codes", fontsize=10)
    axes.set_ylabel("I(z; v) / H(v)")
    axes.legend(fontsize=8, loc="upper right", ncols=2)
    _name_ticks(axes, factors, is_x=True)
