"""Names in tables, manifests and stores that would lead out of a folder write nothing anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

import syngen
from syngen.downloads.catalog import Entry, parse_catalog
from syngen.downloads.locate import place_in_cache
from syngen.errors import ManifestError, ParameterError, ShardError
from syngen.exports.clips import write_clips
from syngen.exports.formats import FORMATS
from syngen.io.object_store import Store
from syngen.loaders.dataset import FactorDataset
from tests.support import edit_manifest, names_below, run_syngen

HOSTILE = ["../../escaped", "/escaped", "a/b", "a\\b", "a\0b", "a\nb", "nul", "..", ".a", "x" * 300, ""]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two recordings, deep enough for names to climb out of."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, np.full(200, 0.1), 8000, subtype="PCM_16")
    return folder


@pytest.fixture
def nothing_else(tmp_path: Path) -> Iterator[Path]:
    """Give a folder to export to; nothing but it and the cache may be there in the end."""
    place = tmp_path / "x" / "y"
    place.mkdir(parents=True)
    yield place
    left = [name for name in names_below(tmp_path) if not name.startswith(("cache/", "clips/", "x/y/out/"))]
    assert set(left) <= {"cache", "clips", "x", "x/y", "x/y/out", "data", *_below(tmp_path / "data")}


def _below(folder: Path) -> list[str]:
    return [f"{folder.name}/{name}" for name in names_below(folder)]


def table(**columns: Any) -> dict[str, Any]:
    return {"file_name": ["a.wav", "b.wav"], "loudness": [1, 2], **columns}


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("column", ["split", "split_mine"])
def test_splits_of_a_table_that_are_no_names_of_files_are_refused(
    column: str, name: str, clips: Path
) -> None:
    with pytest.raises(ParameterError, match=rf"^row 1: {column} is .*, which cannot be a name: "):
        syngen.from_manifest(clips, table(**{column: ["train", name]}), factors=["loudness"])


@pytest.mark.parametrize("name", [name for name in HOSTILE if name], ids=ascii)
def test_other_names_of_a_table_that_become_those_of_files_are_refused(name: str, clips: Path) -> None:
    with pytest.raises(ParameterError, match="^name is .*, which cannot be a name: "):
        syngen.from_manifest(clips, table(), factors=["loudness"], name=name)
    columns = {f"split_{name}": ["train", "test"]}
    with pytest.raises(ParameterError, match="^the name of a split scheme.* is .*, which cannot be a name"):
        syngen.from_manifest(clips, table(**columns), factors=["loudness"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"split": ["Train", "train"]},
            "row 1: split is 'train', and 'Train' in row 0; they are one name where case",
        ),
        ({"split_a": ["train"] * 2, "split_A": ["test"] * 2}, "is 'a' and 'A', which are one name"),
        ({"split_": ["train"] * 2}, "is '', which cannot be a name: it is empty"),
        ({"split_default": ["train"] * 2}, "'split_default' would be the column 'split'"),
    ],
)
def test_names_of_a_table_that_are_one_file_are_refused(
    columns: dict[str, Any], message: str, clips: Path
) -> None:
    with pytest.raises(ParameterError, match=message):
        syngen.from_manifest(clips, table(**columns), factors=["loudness"])


def test_a_table_with_two_columns_of_one_name_is_refused(clips: Path) -> None:
    twice = pa.Table.from_arrays(
        [pa.array(["a.wav", "b.wav"]), pa.array([1, 2]), pa.array([3, 4])], ["file_name", "n", "n"]
    )
    with pytest.raises(ParameterError, match="two columns 'n'"):
        syngen.from_manifest(clips, twice)


@pytest.mark.parametrize("name", ["nul", ".hidden", "x" * 200])
def test_a_folder_may_have_any_name(name: str, clips: Path) -> None:
    ds = syngen.from_manifest(clips.rename(clips.with_name(name)), table(), factors=["loudness"])
    assert ds.name == "own-audio"


@pytest.mark.parametrize("to", FORMATS)
def test_splits_of_a_table_with_usual_names_are_exported(to: str, clips: Path, nothing_else: Path) -> None:
    splits = ["train-clean-100", "val 1"]
    own = syngen.from_manifest(clips, table(split=splits, split_b=splits), factors=["loudness"])
    assert syngen.export(own, nothing_else / "out", to=to) == 2


@pytest.mark.parametrize("name", [name for name in HOSTILE if name], ids=ascii)
def test_columns_and_values_end_in_no_path(name: str, clips: Path, nothing_else: Path) -> None:
    own = syngen.from_manifest(
        clips, table(**{name: ["low", "high"], "text": [name, "b"], "speaker": [name, "b"]}), factors=[name]
    )
    for to in FORMATS:
        assert syngen.export(own, nothing_else / "out" / to, to=to) == 2
    write_clips(own, nothing_else / "out" / "clips", limit=2)
    assert own.features(syngen.LogMel(n_mels=4, n_fft=64)).shape[0] == 2


def forge_split(folder: Path, split: str) -> None:
    """Call the split train otherwise, in the rows and in the vocabulary of a stored manifest."""
    path = folder / "manifest.parquet"
    found = pq.read_table(path)
    vocabulary = json.loads(found.schema.metadata[b"syngen"])
    names = vocabulary["schemes"]["default"]
    names[names.index("train")] = split
    cells = [split if cell == "train" else cell for cell in found.column("split").to_pylist()]
    position = found.column_names.index("split")
    found = found.set_column(position, found.schema.field("split"), pa.array(cells))
    metadata = {b"syngen": json.dumps(vocabulary).encode()}
    pq.write_table(found.replace_schema_metadata(metadata), path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stored dataset to be edited."""
    folder = tmp_path / "data"
    syngen.generate("syntone-tiny", folder, jobs=1, limit=20)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_stored_manifest_with_such_a_split_is_refused(name: str, data: Path, nothing_else: Path) -> None:
    forge_split(data, name)
    done = run_syngen("export", "wav", data, nothing_else / "out")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "which cannot be a name: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(nothing_else.iterdir())


@pytest.mark.parametrize("to", ["huggingface", "jsonl", "lhotse", "wav", "datasets"])
def test_a_stored_manifest_whose_rows_are_in_no_split_is_refused(
    to: str, data: Path, nothing_else: Path
) -> None:
    edit_manifest(data, "split", 3, "../../escaped")
    ds = syngen.load(data)
    if to == "datasets":
        pytest.importorskip("datasets", reason="the extra huggingface is not installed")
        write: Any = ds.to_huggingface
    else:
        write = partial(syngen.export, ds, nothing_else / "out", to=to)
    with pytest.raises(ManifestError, match="the split of row 3 is none of split, which has train, valid"):
        write()
    assert not list(nothing_else.iterdir())


class _Foreign:
    """Anything like a dataset may be exported."""

    def __init__(self, dataset: FactorDataset) -> None:
        self._dataset = dataset
        self.splits = {"split": ("train", "../../escaped")}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def select(self, split: str) -> FactorDataset:
        return self._dataset

    def __len__(self) -> int:
        return len(self._dataset)


@pytest.mark.parametrize("to", [name for name in FORMATS if name != "npz"])
def test_exports_check_what_they_are_given(to: str, clips: Path, nothing_else: Path) -> None:
    own = _Foreign(syngen.from_manifest(clips, table(), factors=["loudness"]))
    with pytest.raises(ParameterError, match="the name of a split is '../../escaped'"):
        syngen.export(own, nothing_else / "out", to=to)  # type: ignore[arg-type]
    assert not list(nothing_else.iterdir())


def hostile_listing(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    """Let every store list further objects, which have something in them."""
    sizes, get_all = Store.sizes, Store.get_all
    monkeypatch.setattr(Store, "sizes", lambda self: sizes(self) | dict.fromkeys(names, 4))

    def gotten(self: Store, wanted: Any) -> Iterator[tuple[str, bytes | None]]:
        for name in wanted:
            yield (name, b"evil") if name in names else next(iter(get_all(self, [name])))

    monkeypatch.setattr(Store, "get_all", gotten)


@pytest.mark.parametrize("is_finished", [True, False])
def test_objects_of_a_store_are_not_written_out_of_the_folder_of_verification(
    is_finished: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    url = f"memory://{tmp_path.name}/{is_finished}"
    syngen.generate("syntone-tiny", url, jobs=1, limit=20)
    if not is_finished:
        files = fsspec.filesystem("memory")
        for name in ("dataset.json", "manifest.parquet", "SHA256SUMS"):
            files.rm(f"/{tmp_path.name}/{is_finished}/{name}")
    climbing = "/".join([".syngen/receipts", *[".."] * 5, "escaped.json"])
    hostile_listing(monkeypatch, [climbing, "..\\escaped.parquet", "nul.parquet"])
    try:
        problems = syngen.verify(url)
    except syngen.GenerationIncompleteError as error:
        problems = [str(error)]
    assert not [name for name in names_below(tmp_path) if "escaped" in name or "nul" in name]
    if is_finished:
        assert "nul.parquet: is not part of the dataset" in problems


def test_the_listing_of_a_store_names_no_manifest_elsewhere(tmp_path: Path) -> None:
    import fsspec

    folder = tmp_path / "data"
    syngen.generate("syntone-tiny", folder, jobs=1, limit=20)
    with open(folder / "SHA256SUMS", "a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  manifest/../../../escaped.parquet\n")
    files = fsspec.filesystem("memory")
    files.put(str(folder), f"/{tmp_path.name}/listed", recursive=True)
    ds = syngen.load(f"memory://{tmp_path.name}/listed")
    assert len(ds.batch([0, 5])) == 2
    assert not [name for name in names_below(tmp_path) if "escaped" in name]


@pytest.mark.parametrize("key", ["../../escaped", "-00000005", "five"])
def test_keys_of_an_archive_are_those_of_rows(key: str, data: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="the extra webdataset is not installed")
    del webdataset
    from syngen.loaders.convert.wds import _decoded, _Wanted

    sample = {"__key__": key, "__url__": "train-000000.tar", "json": b"{}", "wav": b""}
    for use in (_Wanted(np.arange(20)), _decoded):
        with pytest.raises(ShardError):
            use(sample)


def test_places_in_the_cache_belong_to_one_release_each() -> None:
    whole = Entry("x", "1.0.0", ("here",))
    part = place_in_cache(whole, "wav", None)
    mark = part.name.rpartition("~")[2]
    assert place_in_cache(Entry("x", f"1.0.0-{mark}", ()), None, None) != part
    with pytest.raises(ParameterError, match="no name of a release"):
        parse_catalog(b'{"format": 1, "releases": {"by-address": {}}}', "catalog", str)


def test_a_release_in_the_cache_is_none_of_another_catalog(data: Path, tmp_path: Path) -> None:
    for name, entry in (("a", {}), ("b", {"fingerprint": "0" * 64})):
        content = {"format": 1, "releases": {"x": {"1": {"mirrors": [str(data)], **entry}}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(content), "utf-8")
    name = json.loads((data / "dataset.json").read_text("utf-8"))["name"]
    for path in (tmp_path / "a.json", tmp_path / "b.json"):
        path.write_text(path.read_text("utf-8").replace('"x"', json.dumps(name)), "utf-8")
    first = syngen.download(name, catalog=tmp_path / "a.json")
    assert syngen.download(name, catalog=tmp_path / "a.json").outcome == "there already"
    with pytest.raises(ParameterError, match="holds another release of the name syntone-tiny"):
        syngen.download(name, catalog=tmp_path / "b.json")
    assert first.folder.is_dir()
