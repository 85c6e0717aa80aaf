"""Manifests and annotations of very many rows are in several files, which are read as one table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import syngen
from syngen.errors import ManifestError, ParameterError
from syngen.storage.layout import series_names, table_of_row
from syngen.synth.tone.synthesizer import ToneSynthesizer
from tests.support import SMALL_TALK, WITH_NUISANCES, digests_of, flip, names_below, needs_speech

TONES: dict[str, Any] = WITH_NUISANCES | {"name": "many-rows"}
N_TONES, ROWS = 60, 16


@pytest.fixture(autouse=True)
def _few_rows_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syngen.storage.layout.ROWS_PER_TABLE", ROWS)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The same tones with one manifest, and with four; not to be changed."""
    one, several = (tmp_path_factory.mktemp("whole") / name for name in ("one", "several"))
    syngen.generate(TONES, one, jobs=1, shard_size=7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syngen.storage.layout.ROWS_PER_TABLE", ROWS)
        syngen.generate(TONES, several, jobs=1, shard_size=7)
    return one, several


@pytest.fixture
def data(wholes: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(wholes[1], tmp_path / "data"))


def test_names_of_files() -> None:
    assert series_names("manifest", 0) == series_names("manifest", ROWS) == ("manifest",)
    assert series_names("manifest", ROWS + 1) == ("manifest", "manifest_000001")
    assert [table_of_row("manifest", row) for row in (0, ROWS - 1, ROWS, 2 * ROWS)] == [
        "manifest.parquet",
        "manifest.parquet",
        "manifest_000001.parquet",
        "manifest_000002.parquet",
    ]


def test_files_follow_one_another(wholes: tuple[Path, Path]) -> None:
    one, several = wholes
    names = sorted(path.name for path in several.glob("manifest*"))
    assert names == [f"{name}.parquet" for name in series_names("manifest", N_TONES)]
    rows = [pq.read_metadata(several / name).num_rows for name in names]
    assert rows == [ROWS, ROWS, ROWS, N_TONES - 3 * ROWS]
    assert syngen.load(several).manifest.equals(syngen.load(one).manifest)
    assert set(names_below(several)) - set(names_below(one)) == set(names[1:])
    assert "manifest*.parquet" in (several / "README.md").read_text("utf-8")


def test_one_sidecar_has_the_columns_of_all(
    wholes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = (syngen.load(folder) for folder in wholes)
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", 1)
    mapped = syngen.load(wholes[1])
    assert mapped._source._sidecar is not None  # type: ignore[attr-defined]
    for ds in (several, mapped):
        np.testing.assert_array_equal(ds.levels, one.levels)
        np.testing.assert_array_equal(ds.batch(range(N_TONES)), one.batch(range(N_TONES)))
        assert ds.select(timbre="sine").rows.tolist() == one.select(timbre="sine").rows.tolist()


def test_duckdb_reads_them_in_order(wholes: tuple[Path, Path]) -> None:
    one, several = wholes
    columns = "index, shard, frequency, pcm_sha256"
    found = duckdb.sql(f"SELECT {columns} FROM '{several}/manifest*.parquet'").fetchall()
    assert found == duckdb.sql(f"SELECT {columns} FROM '{one}/manifest.parquet'").fetchall()


def test_a_dataset_with_several_is_sound_and_made_once(data: Path) -> None:
    assert syngen.verify(data, rerender=5) == []
    assert syngen.generate(TONES, data, jobs=1, shard_size=7).rendered == 0


@pytest.mark.parametrize("name", ["manifest.parquet", "manifest_000002.parquet"])
@pytest.mark.parametrize("is_lost", [True, False])
def test_each_is_found_damaged_and_repaired(data: Path, name: str, is_lost: bool) -> None:
    before = digests_of(data)
    if is_lost:
        (data / name).unlink()
    else:
        flip(data / name, 200)
    assert any(name in problem for problem in syngen.verify(data))
    if is_lost:
        with pytest.raises(ManifestError, match=name):
            syngen.load(data)
    report = syngen.repair(data, jobs=1)
    assert (report.files, report.shards, report.rendered, report.left) == ((name,), (), 0, ())
    assert digests_of(data) == before


def test_rows_of_another_manifest_are_told_by_their_file(data: Path) -> None:
    first, second = data / "manifest_000001.parquet", data / "manifest_000002.parquet"
    shutil.copy(first, second)
    assert any(problem.startswith(("manifest_000002", "shard")) for problem in syngen.verify(data))
    with pytest.raises(ManifestError, match="disagree"):
        syngen.load(data)
    assert syngen.repair(data, jobs=1).left == ()
    assert syngen.verify(data) == []


def test_without_dataset_json_all_files_are_read(data: Path) -> None:
    before = digests_of(data)
    (data / "dataset.json").unlink()
    assert syngen.repair(data, jobs=1).left == ()
    assert digests_of(data) == before


def test_a_dataset_grows_from_one_file_to_several(wholes: tuple[Path, Path], tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert syngen.generate(TONES, data, jobs=1, shard_size=7, limit=ROWS).rendered == ROWS
    assert not (data / "manifest_000001.parquet").exists()
    assert syngen.generate(TONES, data, jobs=1, shard_size=7).rendered < N_TONES
    assert digests_of(data) == digests_of(wholes[1])


def test_overwrite_removes_them(data: Path) -> None:
    syngen.generate(TONES, data, jobs=1, shard_size=7, limit=ROWS, overwrite=True)
    assert [path.name for path in data.glob("manifest*")] == ["manifest.parquet"]
    assert syngen.verify(data) == []


def test_in_an_object_store(wholes: tuple[Path, Path]) -> None:
    url = "memory://many-rows"
    syngen.generate(TONES, url, jobs=1, shard_size=7)
    assert syngen.verify(url) == []
    assert syngen.load(url).manifest.equals(syngen.load(wholes[0]).manifest)


@pytest.mark.slow
@needs_speech
def test_annotations_are_cut_at_the_same_rows(tmp_path: Path) -> None:
    limits = tmp_path / "several", tmp_path / "one"
    for folder, most in zip(limits, (5, 1 << 20), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("syngen.storage.layout.ROWS_PER_TABLE", most)
            syngen.generate(SMALL_TALK, folder, jobs=1, shard_size=3)
            if folder == limits[0]:
                assert syngen.verify(folder) == []
                several = syngen.load(folder)
                found = [several.annotations(i) for i in range(len(several))]
                (folder / "annotations_000002.parquet").unlink()
                assert any("annotations_000002" in problem for problem in syngen.verify(folder))
                assert syngen.repair(folder, jobs=1).files == ("annotations_000002.parquet",)
    files = sorted(limits[0].glob("annotations*"))
    assert [path.name for path in files] == [
        f"{n}.parquet"
        for n in ("annotations", "annotations_000001", "annotations_000002", "annotations_000003")
    ]
    for number, path in enumerate(files):
        rows = set(pq.read_table(path).column("row").to_pylist())
        assert rows == set(range(5 * number, min(16, 5 * number + 5)))
    one = syngen.load(limits[1])
    assert all(found[i].equals(one.annotations(i)) for i in range(len(one)))


def test_a_synthesizer_cannot_take_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToneSynthesizer, "tables", lambda *_: {"manifest_000001": {"a": [1]}})
    with pytest.raises(ParameterError, match="begins neither with manifest"):
        syngen.generate(TONES, tmp_path / "data", jobs=1)
