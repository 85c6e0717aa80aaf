"""Files of tables are read in the forms and encodings that they come in."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from syngen.errors import ParameterError
from syngen.tabular.files import read_table_file

CSV = 'file,speaker,said\na.wav,01,hello\nb.wav,1,"two\nlines, \u00e9"\n'
ROWS = {"file": ["a.wav", "b.wav"], "speaker": ["01", "1"], "said": ["hello", "two\nlines, \u00e9"]}


def read(path: Path, **options: Any) -> dict[str, list[Any]]:
    given: dict[str, Any] = {
        "is_path": lambda name: name == "file",
        "is_text": lambda name: name == "split",
    }
    found: dict[str, list[Any]] = read_table_file(path, **(given | {"as_names": ()} | options)).to_pydict()
    return found


@pytest.mark.parametrize(
    "name", ["t.csv", "T.CSV", "t.Csv", "t.csv.gz", "t.CSV.GZ", "t.csv.bz2", "t.csv.xz"]
)
def test_separated_files_may_be_packed_and_named_in_any_case(name: str, tmp_path: Path) -> None:
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    data = CSV.encode()
    (tmp_path / name).write_bytes(pack.get(Path(name).suffix.lower(), bytes)(data))
    assert read(tmp_path / name) == ROWS


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-8"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_says_what_the_encoding_is(
    mark: bytes, encoding: str, end: str, tmp_path: Path
) -> None:
    plain = "file\tspeaker\na.wav\tJos\u00e9\nb.wav\t\u4e2d\n".replace("\n", end)
    (tmp_path / "t.tsv").write_bytes(mark + plain.encode(encoding))
    assert read(tmp_path / "t.tsv") == {"file": ["a.wav", "b.wav"], "speaker": ["Jos\u00e9", "\u4e2d"]}


def test_lines_of_json_say_themselves_what_their_values_are(tmp_path: Path) -> None:
    rows = [{"file": "a", "id": "01", "n": 2**64, "ok": True}, {"file": "b", "id": "1", "n": 1, "ok": None}]
    expected = {"file": ["a", "b"], "id": ["01", "1"], "n": [str(2**64), "1"], "ok": [True, None]}
    lines = "\r\n".join(map(json.dumps, rows)) + "\n\n"
    (tmp_path / "t.jsonl").write_bytes(codecs.BOM_UTF8 + lines.encode())
    (tmp_path / "t.NDJSON.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "t.json").write_text(json.dumps(rows, indent=1))
    for name in ("t.jsonl", "t.NDJSON.gz", "t.json"):
        assert read(tmp_path / name) == expected


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a"], "day": pd.to_datetime(["2024-01-01"]), "id": ["01"]})
    frame.to_parquet(tmp_path / "t.PARQUET")
    assert read(tmp_path / "t.PARQUET")["id"] == ["01"]


def test_paths_splits_and_names_are_not_taken_for_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,split,speaker,level\n1,0,1.10,2\n2,1,2.20,3\n")
    assert read(tmp_path / "t.csv", as_names=["speaker"]) == {
        "file": ["1", "2"],
        "split": ["0", "1"],
        "speaker": ["1.10", "2.20"],
        "level": [2, 3],
    }


def test_names_of_files_may_be_no_utf8_and_other_texts_may_not(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"file,a\nlat\xe9.wav,1\nb.wav,2\n")
    assert read(tmp_path / "t.csv") == {"file": [b"lat\xe9.wav", b"b.wav"], "a": [1, 2]}
    (tmp_path / "t.csv").write_bytes(b"file,a\na.wav,x\nb.wav,lat\xe9\n")
    with pytest.raises(
        ParameterError, match=r"column 'a' has 1 text in another encoding .* first in row 1"
    ):
        read(tmp_path / "t.csv")


def test_a_delimiter_at_the_end_of_lines_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,a,\nx,1,\ny,2,\n")
    assert read(tmp_path / "t.csv") == {"file": ["x", "y"], "a": [1, 2]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"file;a\nx;1\n", "not divided by ',', but perhaps by ';'"),
        ("t.csv", b"file\ta\nx\t1\n", r"perhaps by '\\t'"),
        ("t.csv", b"file,a\nx,1,2\n", "cannot be read as a table"),
        ("t.csv", b"", "cannot be read as a table"),
        ("t.csv", b"file,a,a\nx,1,2\n", "two columns 'a'"),
        ("t.csv", b"file,,b\nx,1,2\n", "column 2 has no name"),
        ("t.csv", "file,a\nx,1\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("t.csv", codecs.BOM_UTF16_LE + b"a", "begins as UTF-16-LE does, but is not"),
        ("t.csv.gz", b"no gzip", "cannot be read as a table"),
        ("t.csv.xz", b"no xz", "cannot be read as a table"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("t.jsonl", b'{"a": 1, "a": 2}\n', "the key 'a' stands there twice"),
        ("t.jsonl", b"[1, 2]\n", "row 0 of the table is a int"),
        ("t.jsonl", b'{"a": "\xe9"}\n', "is no UTF-8"),
        ("t.jsonl", b"[" * 100_000, "is no JSON"),
        ("t.parquet", b"PAR1", "cannot be read as a table"),
        ("t.xlsx", b"", r"a file named \.csv"),
        ("t", b"", r"a file named \.csv"),
        ("t.gz", b"", r"a file named \.csv"),
    ],
)
def test_what_is_no_table_is_refused_with_its_path(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ParameterError, match=message) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot be read as a table"):
        read(tmp_path / "nothing.csv")


def test_empty_cells_are_missing_and_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('file,a,b\nx,,""\ny,1,z\n')
    assert read(tmp_path / "t.csv") == {"file": ["x", "y"], "a": [None, 1], "b": [None, "z"]}
    (tmp_path / "t.csv").write_text("file,a\n")
    assert read(tmp_path / "t.csv") == {"file": [], "a": []}
    assert isinstance(
        read_table_file(tmp_path / "t.csv", is_path=bool, is_text=bool, as_names=()), pa.Table
    )
