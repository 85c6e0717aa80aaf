"""Columns of a manifest in exports, and what stands for their content."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from syngen.errors import ManifestError
from syngen.recipe.fields import RESERVED_NAMES
from syngen.storage.tables.columns import (
    STORAGE,
    STORED,
    categories,
    exported_names,
    integers,
    table_digest,
)

OWN = ("file_name", "row")


def test_columns_that_an_export_makes_are_its_own() -> None:
    columns = ["file_name", "timbre", "row", "index"]
    assert exported_names(columns, OWN) == {
        "file_name": "source_file_name",
        "timbre": "timbre",
        "row": "source_row",
        "index": "index",
    }


@pytest.mark.parametrize("columns", [["row", "source_row"], ["source_row", "row"]])
def test_a_column_that_was_renamed_before_keeps_its_name(columns: list[str]) -> None:
    names = exported_names(columns, OWN)
    assert names == {"row": "source_source_row", "source_row": "source_row"}
    again = exported_names(["row", *names.values()], OWN)
    assert again == {
        "row": "source_source_source_row",
        "source_row": "source_row",
        "source_source_row": "source_source_row",
    }


def test_no_two_columns_get_one_name() -> None:
    columns = ["row", "source_row", "source_source_row", "file_name", "file"]
    names = exported_names(columns, ("row", "file_name", "source_row"))
    assert len({*names.values(), "row", "file_name", "source_row"}) == len(names) + 3


def test_columns_of_the_storage_are_left_out_where_there_are_all() -> None:
    assert list(exported_names(["a", *STORAGE], OWN)) == ["a"]
    assert list(exported_names(["a", "size", "offset"], OWN)) == ["a", "size", "offset"]


BASE: dict[str, Any] = {
    "split": ["train", "test", None],
    "n": [1, 2, 3],
    "x": [0.5, float("nan"), 2.0],
    "list": [[1], [], [1, 2]],
}


def table(**changes: Any) -> pa.Table:
    return pa.table(BASE | changes)


CHANGES: dict[str, pa.Table] = {
    "another text": table(split=["train", "test", ""]),
    "a missing text": table(split=["train", None, None]),
    "another number": table(n=[1, 2, 4]),
    "another type": table(n=pa.array([1, 2, 3], pa.int32())),
    "text of another type": table(split=pa.array(BASE["split"], pa.large_string())),
    "a category": table(split=pa.array(BASE["split"]).dictionary_encode()),
    "zero with a sign": table(x=[0.5, float("nan"), -2.0]),
    "another list": table(list=[[1], [1], [2]]),
    "another column": table(y=[1, 2, 3]),
    "one column less": table().drop_columns(["list"]),
    "another name": table().rename_columns(["split", "m", "x", "list"]),
    "another order of columns": table().select(["n", "split", "x", "list"]),
    "another order of rows": table().take([1, 0, 2]),
    "one row less": table().slice(0, 2),
    "other metadata": table().replace_schema_metadata({"a": "b"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_to_a_table_changes_its_digest(change: str) -> None:
    assert table_digest(CHANGES[change]) != table_digest(table())


def test_a_table_has_one_digest_however_it_is_divided() -> None:
    wanted = table_digest(table())
    assert table_digest(table()) == wanted
    assert table_digest(pa.concat_tables([table().slice(0, 1), table().slice(1)])) == wanted


def test_no_table_is_too_odd_for_a_digest() -> None:
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2024-01-01", None]),
            "kind": pd.Categorical(["a", "b"]),
            "raw": [b"\0", b"x"],
            "empty": [None, None],
            "flag": np.array([True, False]),
        }
    )
    assert len(table_digest(pa.Table.from_pandas(frame))) == 64
    assert len(table_digest(pa.table({}))) == 64


def test_whole_numbers_and_categories_of_a_column_in_pieces() -> None:
    table = pa.table(
        {
            "size": pa.chunked_array([[3, 1], [], [2]], pa.int32()),
            "split": pa.chunked_array([["train", None], [], ["test"]], pa.string()),
        }
    )
    assert integers(table, "size").tolist() == [3, 1, 2]
    assert integers(table, "size").dtype == np.int64
    names, codes = categories(table, "split")
    assert [names[code] for code in codes] == ["train", None, "test"]
    assert integers(table.slice(0, 0), "size").tolist() == []
    assert categories(table.slice(0, 0), "split")[1].tolist() == []
    with pytest.raises(ManifestError, match="column size has 1 nulls"):
        integers(pa.table({"size": [1, None]}), "size")


def test_numbers_of_a_manifest_are_read_without_pandas(tiny_dataset: Path) -> None:
    program = f"""
import sys
import syngen
ds = syngen.load({str(tiny_dataset)!r})
ds[0], ds.levels, ds.batch([1, 2]), ds.arrays(split="test", limit=2)
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_no_factor_may_have_the_name_of_a_storage_column() -> None:
    assert {*STORED} <= RESERVED_NAMES
