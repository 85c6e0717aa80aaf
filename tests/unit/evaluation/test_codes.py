"""Files of codes: what is written is read, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syngen.errors import ParameterError
from syngen.evaluation.codes import Codes, read_codes, write_codes


def test_codes_come_back_as_they_were(tmp_path: Path, rng: np.random.Generator) -> None:
    codes = Codes(rng.normal(size=(5, 3)), np.array([4, 2, 9, 0, 1]), "abc", "pca")
    write_codes(tmp_path / "codes.npz", codes)
    found = read_codes(tmp_path / "codes.npz")
    np.testing.assert_array_equal(found.values, codes.values)
    np.testing.assert_array_equal(found.rows, codes.rows)
    assert (found.fingerprint, found.encoder, len(found)) == ("abc", "pca", 5)


def test_same_codes_are_the_same_bytes(tmp_path: Path) -> None:
    codes = Codes(np.ones((2, 2)), np.arange(2), "abc", "x")
    for name in ("a.npz", "b.npz"):
        write_codes(tmp_path / name, codes)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_plain_arrays_have_rows_in_order_and_no_fingerprint(tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", np.ones((3, 2), dtype=np.float32))
    found = read_codes(tmp_path / "codes.npy")
    assert found.rows.tolist() == [0, 1, 2]
    assert found.fingerprint == ""
    assert found.values.dtype == np.float64


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.array([{"a": 1}], dtype=object), "holds no codes"),
        (np.array(["a", "b"]), "numbers are needed"),
        (np.ones(3), r"shape \(n, d\) is needed"),
    ],
)
def test_arrays_that_are_no_codes_are_refused(tmp_path: Path, array: np.ndarray, match: str) -> None:
    np.save(tmp_path / "codes.npy", array, allow_pickle=True)
    with pytest.raises(ParameterError, match=match):
        read_codes(tmp_path / "codes.npy")


def test_files_that_are_no_codes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no codes")
    with pytest.raises(ParameterError, match="holds no codes"):
        read_codes(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", values=np.ones((2, 2)))
    with pytest.raises(ParameterError, match="has no array 'codes'"):
        read_codes(tmp_path / "other.npz")
    with pytest.raises(ParameterError, match="no file"):
        read_codes(tmp_path / "missing.npz")


def test_rows_must_fit() -> None:
    with pytest.raises(ParameterError, match=r"int64 of shape \(2,\)"):
        Codes(np.ones((2, 2)), np.arange(3))
    with pytest.raises(ParameterError, match="none twice"):
        Codes(np.ones((2, 2)), np.array([1, 1]))


def test_only_npz_is_written(tmp_path: Path) -> None:
    codes = Codes(np.ones((2, 2)), np.arange(2))
    with pytest.raises(ParameterError, match=r"as in codes\.npz"):
        write_codes(tmp_path / "codes.npy", codes)
    with pytest.raises(ParameterError, match="there is no folder"):
        write_codes(tmp_path / "none" / "codes.npz", codes)
