"""Names of exported files: harmless, distinct, and made of columns alone."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import syngen
from syngen.errors import ParameterError
from syngen.exports.naming import split_words, stems
from syngen.io.names import is_name
from syngen.loaders.dataset import FactorDataset


def dataset(folder: Path, **columns: Any) -> FactorDataset:
    """Open as many short clips as the columns have cells."""
    n = len(next(iter(columns.values())))
    files = [f"{i}.wav" for i in range(n)]
    for file in files:
        soundfile.write(folder / file, np.zeros(8), 8000)
    return syngen.from_manifest(
        folder, {"file_name": files, "number": list(range(n)), **columns}, factors=["number"]
    )


def names(ds: FactorDataset, template: str | None, **options: Any) -> list[str]:
    stem = stems(ds, template, **options)
    return [stem(int(row)) for row in ds.rows]


def test_without_a_template_the_row_is_the_name(tmp_path: Path) -> None:
    assert names(dataset(tmp_path, x=["a", "b"])[1:], None) == ["000000001"]


def test_columns_and_formats_become_text(tmp_path: Path) -> None:
    ds = dataset(
        tmp_path,
        speaker=["Ann", "Müller"],
        snr=[3.25, -1e-5],
        take=[7, 12],
        ok=[True, False],
        day=[dt.date(2024, 1, 2), dt.date(2024, 1, 3)],
        **{"meta.room": ["x", "y"]},
    )
    assert names(ds, "{speaker}_{row}") == ["Ann_0", "Müller_1"]
    assert names(ds, "{speaker}/{take:03d}_{snr:.1f}.wav") == ["Ann/007_3.2", "Müller/012_-0.0"]
    assert names(ds, "r{row:02}{{x}}{ok}-{day}-{meta.room}") == [
        "r00{x}True-2024-01-02-x",
        "r01{x}False-2024-01-03-y",
    ]
    assert names(ds, "s{snr}", may_have_dots=False) == ["s3-25", "s-1e-05"]
    assert names(ds[1:], "{split}_{index}_{number_level}") == ["train_1_1"]


@pytest.mark.parametrize(
    "value",
    ["../../etc/passwd", "/abs", "a\\b", "a\0b", "a\nb", "C:\\x", "~root", "..", " . ", "\u202e", "nul"],
)
def test_values_lead_nowhere(value: str, tmp_path: Path) -> None:
    ds = dataset(tmp_path, evil=[value, "good"])
    assert all(map(is_name, names(ds, "x{evil}x_{row}")))
    with contextlib.suppress(ParameterError):  # a name of nothing but the value may be refused
        assert all(map(is_name, names(ds, "{evil}")))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{speker}", r"\{speker\}, which is no column \(did you mean 'speaker'\?\); there are row, index,"),
        ("{speaker.__class__}", r"\{speaker.__class__\}, which is no column.*; there are row, "),
        ("{speaker[0]}", "which is no column"),
        ("{speaker!r}", "has a conversion; leave out !r"),
        ("{}", r"\{\}, which is no column; there are row, "),
        ("{0}", "which is no column"),
        ("{speaker", "each field is a column in braces"),
        ("}", "each field is a column in braces"),
        ("{row:{take}}", r"\{row:\{take\}\}; row is a whole number and takes a width, as in :06d"),
        ("{row:999999999d}", "takes a width"),
        ("{row:.2}", "takes a width"),
        ("{speaker:>20}", "speaker is a text and takes no format"),
        ("{snr:03d}", "snr is a real number and takes a width and a precision, as in :06.1f"),
        ("{ok:d}", "ok is a truth value and takes no format"),
        ("{tags}_{row}", "holds lists or structures, which cannot be part of a name"),
        ("{note}_{row}", "row 1 has no note"),
        ("../{row}", "makes '../0' of row 0, which cannot be that of a file: it begins with a dot"),
        ("/{row}", "it is empty"),
        ("a\\{row}", "it has the character"),
        ("", "it is empty"),
        ("{row}" + "x" * 200, "longer than 100 bytes"),
        ("{speaker}", "row 0 would be 'Ann' and row 1 'Ann', which are the same; add {row}"),
        ("{twin}", "row 0 would be 'a' and row 1 'A', which differ in case alone"),
        ("{twin}/x{row}", "which differ in case alone"),
        (7, "name is 7; a text such as '{speaker}_{row}' is needed"),
    ],
)
def test_templates_that_would_go_wrong_are_refused(template: Any, message: str, tmp_path: Path) -> None:
    ds = dataset(
        tmp_path,
        speaker=["Ann", "Ann"],
        snr=[1.5, 2.5],
        take=[1, 2],
        ok=[True, False],
        tags=[[1], [2]],
        note=["x", None],
        twin=["a", "A"],
    )
    with pytest.raises(ParameterError, match=message):
        names(ds, template)


def test_values_that_differ_in_harmful_characters_alone_are_told_apart_or_refused(tmp_path: Path) -> None:
    ds = dataset(tmp_path, path=["a/b", "a:b"])
    with pytest.raises(ParameterError, match="row 0 would be 'a-b' and row 1 'a-b'"):
        names(ds, "{path}")
    assert names(ds, "{path}_{row}") == ["a-b_0", "a-b_1"]


def test_a_row_that_a_view_repeats_keeps_its_name(tmp_path: Path) -> None:
    assert names(dataset(tmp_path, x=["a", "b"]).take([1, 1, 0]), "{x}") == ["b", "b", "a"]


def test_splits_keep_names_that_are_words() -> None:
    words = split_words(["train", "val-1", "VAL_1", "val.1", "dev+", "ALL", "all", "é"])
    assert words == {
        "train": "train",
        "val-1": "val_1_2",
        "VAL_1": "VAL_1",
        "val.1": "val.1",
        "dev+": "dev_",
        "ALL": "ALL",
        "all": "all_2",
        "é": "é",
    }
    assert len({word.casefold() for word in words.values()}) == len(words)
