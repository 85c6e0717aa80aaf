"""What NumPy cannot read is refused with what to give instead; foreign exceptions never pass."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.codes.arrays import array_of

FACTORS = np.arange(24).reshape(12, 2) % 3
CODES = FACTORS + np.linspace(0.0, 0.1, 24).reshape(12, 2)
FRAME = pd.DataFrame({"a": FACTORS[:, 0], "b": np.repeat([0, 1, 2, 3], 3)})

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def entries() -> dict[str, Callable[[Any], Any]]:
    """Return every public function that takes an array of anybody's."""
    ds = syngen.render("syntone-tiny")[:12]
    return {
        "codes": lambda x: syngen.evaluate(x, FACTORS, metrics="mig", factor_kinds="nominal"),
        "factors": lambda x: syngen.evaluate(CODES, x, metrics="mig"),
        "probe": lambda x: syngen.probe(x, FRAME, target="a", folds=2),
        "of": lambda x: syngen.Codes.of(x, ds),
        "encode": lambda x: syngen.encode(lambda batch: x, ds, batch_size=12),
    }


ODD = {
    "a list of lists of different lengths": ([[1.0], [1.0, 2.0]], "differ in length"),
    "complex": (CODES + 1j, "complex numbers"),
    "a structured array": (np.zeros(12, dtype=[("x", float)]), "give columns of numbers"),
    "masked": (np.ma.masked_less(CODES, 0.5), "8 masked values|4 missing values"),
    "sparse": (scipy.sparse.csr_matrix(CODES), r"\.toarray\(\)"),
    "a list of numbers beyond any float": ([[10**400, 1]] * 12, "."),
    "an object": (object(), "."),
    "nothing": (None, "."),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("entry", ["codes", "factors", "probe", "of", "encode"])
def test_odd_arrays_are_refused_everywhere(entry: str, odd: str) -> None:
    given, message = ODD[odd]
    if (entry, odd) == ("encode", "sparse"):
        assert syngen.encode(lambda batch: given, syngen.render("syntone-tiny")[:12]).values.shape == (
            12,
            2,
        )
        return
    if (entry, odd) == ("factors", "a list of numbers beyond any float"):
        assert entries()[entry](given).factors["kind"].tolist() == [
            "nominal",
            "ordinal",
        ]  # names of classes
        return
    with pytest.raises(ParameterError, match=message):
        entries()[entry](given)


TENSORS = {
    "gradients": (lambda t: t.requires_grad_(), r"with gradients; give .*\.detach\(\)\.cpu\(\)\.numpy\(\)"),
    "bfloat16": (lambda t: t.bfloat16(), r"tensor of bfloat16 .*; give .*\.detach\(\)\.float\(\)"),
    "sparse": (lambda t: t.to_sparse(), r"\.to_dense\(\)"),
    "meta": (lambda t: t.to("meta"), r"; give .*\.detach\(\)\.float\(\)\.cpu\(\)\.numpy\(\)"),
}


@needs_torch
@pytest.mark.parametrize("odd", TENSORS)
@pytest.mark.parametrize("entry", ["codes", "factors", "probe", "of", "encode"])
def test_tensors_that_numpy_cannot_read_are_refused_with_the_remedy(entry: str, odd: str) -> None:
    import torch

    change, message = TENSORS[odd]
    tensor = change(torch.tensor(CODES, dtype=torch.float32))
    if (entry, odd) == ("encode", "gradients"):  # nobody wants the gradients of what an encoder returns
        assert syngen.encode(lambda batch: tensor, syngen.render("syntone-tiny")[:12]).values.shape == (
            12,
            2,
        )
        return
    with pytest.raises(ParameterError, match=message):
        entries()[entry](tensor)


@needs_torch
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("layer", ["Linear", "Conv1d"])
def test_modules_of_another_precision_are_refused_with_the_remedy(kind: str, layer: str) -> None:
    import torch

    ds = syngen.render("syntone-tiny")[:3]
    made: Any = torch.nn.Linear(4000, 2) if layer == "Linear" else torch.nn.Conv1d(1, 2, 4000)
    module = made.to(getattr(torch, kind))
    with pytest.raises(
        ParameterError, match=rf"weights of {kind} and does not take float32 .*module\.float\(\)"
    ):
        syngen.encode(module, ds)
    assert syngen.encode(module.float(), ds).values.shape[0] == 3


@needs_torch
def test_tensors_that_numpy_reads_are_taken() -> None:
    import torch

    tensor = torch.tensor(CODES)
    expected = dict(syngen.evaluate(CODES, FACTORS, metrics="mig", factor_kinds="nominal"))
    for given in (tensor, tensor.float(), tensor.half()):
        found = syngen.evaluate(given, torch.tensor(FACTORS), metrics="mig", factor_kinds="nominal")
        assert dict(found) == pytest.approx(expected, abs=0.3)
    assert dict(syngen.evaluate(tensor, FACTORS, metrics="mig", factor_kinds="nominal")) == expected


def test_types_of_other_libraries_are_named() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    with pytest.raises(ParameterError, match=r'type bfloat16; .*give codes\.astype\("float32"\)'):
        array_of("codes", CODES.astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("entry", ["codes", "factors", "probe"])
def test_doubled_columns_are_refused(entry: str) -> None:
    twice = pd.DataFrame(CODES, columns=["x", "x"])
    message = "2 columns are called 'x'; rename all but one"
    with pytest.raises(ParameterError, match=message):
        entries()[entry](twice)
    with pytest.raises(ParameterError, match=message):
        syngen.probe(CODES, FRAME.set_axis(["x", "x"], axis=1), target="x", folds=2)


def test_an_arrow_table_names_its_columns() -> None:
    table = pa.table({"u": CODES[:, 0], "v": CODES[:, 1]})
    scores = syngen.evaluate(table, FACTORS, metrics="mig", factor_kinds="nominal")
    assert list(scores.codes.index) == ["u", "v"]


def test_codes_are_arrays() -> None:
    with pytest.raises(ParameterError, match=r"values of codes are a list; give an array, or Codes\.of"):
        syngen.Codes([[1.0]], np.arange(1))  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="rows of codes are a list"):
        syngen.Codes(np.zeros((1, 1)), [0])  # type: ignore[arg-type]
