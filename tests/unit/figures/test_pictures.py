"""Pictures show themselves in a notebook."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

import syngen

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("what", ["scores", "statistics"])
def test_a_notebook_gets_a_picture_without_pyplot(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    if what == "scores":
        levels = np.indices((3, 4)).reshape(2, -1).T.repeat(10, axis=0)
        figure = syngen.evaluate(levels.astype(float), levels, metrics="mig").plot()
    else:
        figure = syngen.statistics(syngen.render("syntone-tiny")).plot()
    shown = figure._repr_png_()
    assert shown.startswith(PNG)
    assert len(shown) > 10_000
    assert "matplotlib.pyplot" not in sys.modules
    assert pickle.loads(pickle.dumps(figure)).axes  # as plain figures can be
