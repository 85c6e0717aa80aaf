"""Files of codes: what is written is read, and nothing else is."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.codes.codes import Codes, Selection, read_codes, write_codes
from syngen.identities import Identities

KEYS = np.array([7, 3, 8, 1, 2**61])
HASHES = np.arange(160, dtype=np.uint8).reshape(5, 32)
IDENTITIES = {
    "points": Identities("grid", KEYS, "abc"),
    "points with hashes": Identities("grid", KEYS, "abc", HASHES),
    "files": Identities.of_files(HASHES, KEYS),
    "nothing": None,
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_codes_come_back_as_they_were(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    identities, selection = IDENTITIES[name], Selection({"split": ("test", "train")}, 5)
    values, rows = rng.normal(size=(5, 3)), np.array([4, 2, 9, 0, 1])
    codes = Codes(values, rows, "abc", "pca", identities, selection)
    write_codes(tmp_path / "codes.npz", codes)
    found = read_codes(tmp_path / "codes.npz")
    np.testing.assert_array_equal(found.values, codes.values)
    np.testing.assert_array_equal(found.rows, codes.rows)
    assert (found.fingerprint, found.encoder, len(found)) == ("abc", "pca", 5)
    assert found.selection == selection
    if identities is None:
        assert found.identities is None
        return
    assert found.identities is not None
    assert found.identities.is_same_sequence(identities)
    assert found.identities.fingerprint == identities.fingerprint
    for attribute in ("hashes", "marks"):
        one, other = getattr(found.identities, attribute), getattr(identities, attribute)
        assert (one is None) == (other is None)


def test_what_was_asked_for_is_said_in_words() -> None:
    assert str(Selection({"split": ("test",)})) == "split test"
    both = Selection({"split": ("validation", "test"), "split_composition": ("train",)}, 1_000)
    assert str(both) == "the first 1,000 of split validation, test of split_composition train"
    assert not Selection()


def test_files_of_the_first_format_are_read(tmp_path: Path) -> None:
    arrays = {"codes": np.ones((3, 2)), "rows": np.array([0, 1, 5])}
    np.savez(tmp_path / "old.npz", **arrays, fingerprint=np.array("abc"), encoder=np.array("pca"))
    found = read_codes(tmp_path / "old.npz")
    assert (found.rows.tolist(), found.fingerprint, found.encoder) == ([0, 1, 5], "abc", "pca")
    assert found.identities is None
    assert not found.selection


def test_codes_made_elsewhere_are_attached_to_a_view() -> None:
    view = syngen.render("syntone-tiny").select(split="test")[5:20]
    codes = Codes.of(view.levels.astype(np.float32), view, encoder="mine")
    assert codes.values.dtype == np.float64
    assert (codes.rows == view.rows).all()
    assert codes.identities is not None
    assert codes.identities.is_same_sequence(view.identities())
    assert codes.selection == Selection({"split": ("test",)})
    assert Codes.of(np.arange(15), view).values.shape == (15, 1)
    for wrong in (np.ones((14, 2)), np.ones((15, 2, 2)), np.array(["a"] * 15), 3.0):
        with pytest.raises(ParameterError, match=r"for 15 observations; numbers of shape \(15, d\)"):
            Codes.of(wrong, view)


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


GOOD: dict[str, Any] = {
    "format": np.array(2),
    "codes": np.ones((2, 3)),
    "rows": np.arange(2),
    "fingerprint": np.array("abc"),
    "encoder": np.array("x"),
    "selection": np.array('{"splits": {"split": ["test"]}, "limit": null}'),
    "index": np.array([3, 4]),
    "pcm_sha256": HASHES[:2],
}
OF_FILES = {"file_sha256": HASHES[:2], "file_mark": KEYS[:2]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": np.array(3)}, r"codes of format \[3\]; this syngen reads up to 2: install a later one"),
        ({"format": np.array("2")}, "format of type"),
        ({"format": np.arange(2)}, "codes of format"),
        ({"index": np.array([3])}, "uint8 of shape"),
        ({"index": np.array([3, -4])}, "below 0"),
        ({"index": np.array([3.0, 4.0])}, "index of type float64; whole numbers"),
        ({"index": np.arange(3), "pcm_sha256": None}, "3 observations are identified for 2 rows"),
        ({"fingerprint": None}, "no fingerprint"),
        ({"pcm_sha256": HASHES[:2, :31]}, r"uint8 of shape \(2, 32\) is needed"),
        ({"pcm_sha256": HASHES[:2].astype(float)}, "hashes of observations: float64"),
        ({"index": None, **OF_FILES, "file_mark": None}, "has no array 'file_mark'"),
        ({"index": None, **OF_FILES, "file_mark": KEYS}, "marks of observations"),
        ({"index": None, **OF_FILES, "file_sha256": HASHES[:2].ravel()}, "hashes of observations"),
        ({"index": None, **OF_FILES, "file_sha256": np.array(b"x")}, "holds no codes"),
        ({"selection": np.array("{")}, "holds no codes"),
        ({"selection": np.array("[]")}, "holds no codes"),
        ({"selection": np.array("[" * 100_000)}, "holds no codes"),
        ({"selection": np.array('{"splits": {"split": [1]}}')}, "a selection .*; splits by column"),
        ({"selection": np.array('{"splits": {"self": ["x"]}}')}, "a selection"),
        ({"selection": np.array('{"splits": {}, "limit": 0}')}, "a selection"),
        ({"selection": np.array('{"splits": {}, "limit": true}')}, "a selection"),
        ({"rows": np.array([0, -1])}, "a row of codes is -1"),
        ({"rows": np.arange(3)}, r"int64 of shape \(2,\)"),
        ({"codes": np.array([[{}]], dtype=object)}, "holds no codes"),
        ({"codes": np.ones(2)}, r"shape \(n, d\) is needed"),
        ({"codes": None}, "has no array 'codes'"),
    ],
)
def test_files_whose_arrays_do_not_fit_are_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    np.savez(tmp_path / "codes.npz", **arrays)
    with pytest.raises(ParameterError, match=message):
        read_codes(tmp_path / "codes.npz")


WITHOUT_END = pytest.param(
    (-1, 2),
    marks=pytest.mark.skipif(
        int(np.__version__.partition(".")[0]) < 2, reason="numpy 1 takes it as what there is"
    ),
)


@pytest.mark.parametrize("shape", [(10**15, 2), (2**62, 2**62), WITHOUT_END, (10**9, 3)])
def test_arrays_that_claim_to_be_larger_than_their_file_are_refused(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    header = io.BytesIO()
    description = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)  # type: ignore[no-untyped-call]
    (tmp_path / "codes.npy").write_bytes(header.getvalue() + b"0" * 48)
    with pytest.raises(ParameterError):
        read_codes(tmp_path / "codes.npy")
    with zipfile.ZipFile(tmp_path / "codes.npz", "w") as archive:
        archive.write(tmp_path / "codes.npy", "codes.npy")
    with pytest.raises(ParameterError):
        read_codes(tmp_path / "codes.npz")


@pytest.mark.slow
def test_damage_anywhere_is_one_error_or_none(tmp_path: Path, rng: np.random.Generator) -> None:
    write_codes(tmp_path / "codes.npz", Codes(np.ones((2, 2)), np.arange(2), "abc", "x", None))
    np.savez_compressed(tmp_path / "packed.npz", **GOOD)
    for name in ("codes.npz", "packed.npz"):
        content = (tmp_path / name).read_bytes()
        path = tmp_path / f"damaged-{name}"
        for _ in range(400):
            damaged = bytearray(content[: rng.integers(len(content) // 2, len(content) + 1)])
            for position in rng.integers(len(damaged), size=rng.integers(1, 4)):
                damaged[position] = rng.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(ParameterError):
                assert isinstance(read_codes(path), Codes)


def test_rows_must_fit() -> None:
    with pytest.raises(ParameterError, match=r"int64 of shape \(2,\)"):
        Codes(np.ones((2, 2)), np.arange(3))
    with pytest.raises(ParameterError, match="5 observations are identified for 2 rows"):
        Codes(np.ones((2, 2)), np.arange(2), identities=IDENTITIES["points"])
    with pytest.raises(ParameterError, match="a row of codes is -1; 0 or more"):
        Codes(np.ones((2, 2)), np.array([1, -1]))


def test_only_npz_is_written(tmp_path: Path) -> None:
    codes = Codes(np.ones((2, 2)), np.arange(2))
    with pytest.raises(ParameterError, match=r"as in codes\.npz"):
        write_codes(tmp_path / "codes.npy", codes)
    with pytest.raises(ParameterError, match="there is no folder"):
        write_codes(tmp_path / "none" / "codes.npz", codes)


def test_codes_save_and_load_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    codes = Codes(np.ones((5, 2)), np.arange(5), "abc", "pca", IDENTITIES["points"])
    assert codes.save("~/codes.npz") == tmp_path / "codes.npz"
    found = syngen.Codes.load("~/codes.npz")
    assert found.encoder == "pca"
    np.testing.assert_array_equal(found.values, codes.values)
    with pytest.raises(ParameterError, match="codes are written as .npz"):
        codes.save(tmp_path / "codes.npy")
    with pytest.raises(ParameterError, match="no file"):
        Codes.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("chosen", "positions"),
    [
        (np.array([True, False, True, False, False]), [0, 2]),
        ([False] * 5, []),
        ([], []),
        ([3, -1, 3], [3, 4, 3]),
        (np.array([4], dtype=np.uint8), [4]),
        (slice(None, None, -2), [4, 2, 0]),
    ],
)
def test_rows_of_codes_stay_whose_they_are(chosen: Any, positions: list[int]) -> None:
    values = np.arange(10.0).reshape(5, 2)
    codes = Codes(
        values, KEYS % 100, "abc", "pca", IDENTITIES["points with hashes"], Selection({"split": ("test",)})
    )
    part = codes[chosen]
    np.testing.assert_array_equal(part.values, values[positions])
    np.testing.assert_array_equal(part.rows, codes.rows[positions])
    assert part.identities is not None
    np.testing.assert_array_equal(part.identities.keys, KEYS[positions])
    np.testing.assert_array_equal(part.identities.hashes, HASHES[positions])
    assert (part.encoder, part.fingerprint, part.selection) == ("pca", "abc", Selection())
    assert codes[:].selection == codes.selection


@pytest.mark.parametrize("wrong", [2, [True, False], [5], [-6], "mask", [[0]], [0.5], None])
def test_other_choices_of_rows_are_refused(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"codes\[[a-z<].* is needed|codes have no row (5|-6)"):
        Codes(np.ones((5, 2)), np.arange(5))[wrong]


def test_codes_are_an_array_to_numpy_and_no_sequence_of_rows() -> None:
    codes = Codes(np.arange(6.0).reshape(3, 2), np.arange(3))
    np.testing.assert_array_equal(np.asarray(codes), codes.values)
    assert np.array(codes, dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="not iterable"):
        iter(codes)


def test_a_masked_part_is_scored_with_the_same_part_of_the_dataset() -> None:
    ds = syngen.render("syntone-tiny")
    codes = syngen.encode("mfcc", ds)
    mask = ds.levels[:, 0] > 2
    part = syngen.evaluate(codes[mask], ds.take(np.flatnonzero(mask)))
    assert part.metadata["rows"] == mask.sum()
    assert dict(syngen.evaluate(codes[mask], ds, common=True)) == pytest.approx(dict(part), nan_ok=True)
