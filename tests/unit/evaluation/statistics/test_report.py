"""Statistics as text, as JSON and as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import syngen


@pytest.fixture(scope="module")
def found(tiny_dataset: Path) -> syngen.Statistics:
    return syngen.statistics(tiny_dataset)


def test_text_has_the_counts_and_the_verdicts(found: syngen.Statistics) -> None:
    text = found.to_markdown()
    assert "| test       | 43           |" in text
    assert (
        "| timbre           | nominal    | 4      | 4    | 102         | 102       | 1.386         |"
        in text
    )
    assert "| sawtooth | 81    | 13         | 8    | 102 |" in text
    assert "| timbre x amplitude    | 24    | 0     | 17          | 17        | 0           | 0.019" in text
    assert text.count("| as chance |") == 3
    assert "mean and 95 % quantile of 200 shuffles" in text
    assert "Left out" not in text
    assert (
        repr(found)
        == "<Statistics of syntone-tiny: 408 observations, 3 factors, 0 of 3 pairs above chance>"
    )


def test_json_is_written_and_has_everything(found: syngen.Statistics, tmp_path: Path) -> None:
    text = found.to_json(tmp_path / "statistics.json")
    content = json.loads(text)
    assert json.loads((tmp_path / "statistics.json").read_text()) == content == found.to_dict()
    assert content["observations"] == 408
    timbre = content["factors"][0]
    assert (timbre["levels"], timbre["used"], timbre["levels_a_count"]) == (4, 4, 1)
    assert [sum(counts) for counts in timbre["counts"].values()] == [305, 60, 43]
    pair = content["pairs"][0]
    assert np.shape(pair["counts"]) == (4, 6)
    assert pair["is_above_chance"] is False
    assert content["numbers"][0]["quantiles"].keys() == {"5 %", "25 %", "50 %", "75 %", "95 %"}


@pytest.mark.slow
def test_the_picture_has_a_panel_for_everything_that_varies(
    found: syngen.Statistics, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    figure = found.plot()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[:3] == ["timbre: 4 levels", "amplitude (dBFS): 6 levels", "frequency (Hz): 17 levels"]
    assert [title.split(" (")[0] for title in titles[3:6]] == ["rms_db", "peak", "f0"]  # all last as long
    assert titles[6].startswith("timbre (down) x amplitude\n")
    assert titles[-1].startswith("information - 95 %")
    assert len(titles) == 10
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["train", "validation", "test"]
    bars = figure.axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 408
    for name in ("statistics.png", "statistics.svg"):
        figure.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
