"""Repair, file by file and pair by pair: what one damage leaves is restored, of two it is that or told."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import syngen
from tests.support import EVERY_CASE, SMALL_TALK, WHOLE_LOOKING, files_of, interrupt_after, needs_speech

DOCUMENTS = ("plan.json", "recipe.yaml", "dataset.json", "manifest.parquet", "README.md", "SHA256SUMS")
COPIES = (".syngen/plan.json", ".syngen/recipe.yaml", ".syngen/SHA256SUMS")
RECIPE_TEXT = """\
name: whole-looking        # and silence
licence: CC0-1.0
synthesizer: tone
seed: 11
audio: {sample_rate: 8000, duration: 0.05}
factors:
  timbre: {values: [sine, square, sawtooth]}
  amplitude: {values: [0.0, 0.5, 1.0]}
  frequency: {values: [200.0, 250.5]}
splits: {default: {random: {train: 0.7, test: 0.3}}}
"""

ODD_VALUES = (None, [], {}, -1, float("inf"), float("nan"), "", "\ud800", True, {"a": [1]})
"""What is seldom expected of a document."""

Change = Callable[[bytes], bytes | None]
"""Takes the content of a file, and gives what it is after a damage; None if it is gone."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Five rows a shard, or one shard a split; unfinished; and what files may be mistaken for theirs."""
    folder = tmp_path_factory.mktemp("matrix")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE_TEXT, "utf-8")
    other = WHOLE_LOOKING | {"name": "another", "seed": 12}
    for name, size, of in (
        ("several", 5, recipe),
        ("single", 14, recipe),
        ("another", 5, other),
        ("other size", 4, recipe),
    ):
        syngen.generate(of, folder / name, jobs=1, shard_size=size)
    for name, of in (("unfinished", recipe), ("another unfinished", other)):
        interrupt_after(2, of, folder / name, shard_size=5)
    return {path.name: path for path in folder.iterdir() if path.is_dir()}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen utterances in five shards; not to be changed."""
    folder = tmp_path_factory.mktemp("spoken") / "data"
    syngen.generate(SMALL_TALK, folder, jobs=1, shard_size=4)
    return folder


def some(cases: list[Any], n: int) -> list[Any]:
    """Return all cases, or so many of them where a sample is enough."""
    return cases if EVERY_CASE else random.Random(len(cases)).sample(cases, min(n, len(cases)))


def damages_of(name: str, others: list[Path]) -> dict[str, Change]:
    """Return what may happen to any file, by what it is."""
    changes: dict[str, Change] = {
        "gone": lambda _: None,
        "empty": lambda _: b"",
        "cut": lambda data: data[: len(data) // 2],
        "noise": lambda data: random.Random(1).randbytes(len(data)),
        "a bit flipped early": lambda data: _flipped(data, len(data) // 5),
        "a bit flipped late": lambda data: _flipped(data, len(data) * 4 // 5),
    }
    for folder in others:
        content = (folder / name).read_bytes()
        changes[f"that of {folder.name}"] = lambda _, content=content: content
    return changes


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x04]) + data[place + 1 :]


def edits_of(name: str, data: bytes) -> dict[str, bytes]:
    """Return what a file is after each of the edits that its kind allows, by what they are."""
    if name.endswith(".json"):
        return dict(_edits_of_json(json.loads(data)))
    if name.endswith(".parquet"):
        return dict(_edits_of_table(pq.read_table(pa.BufferReader(data))))
    lines = data.splitlines(keepends=True)
    edits = {}
    for i, line in enumerate(lines):
        edits[f"without line {i}"] = b"".join(lines[:i] + lines[i + 1 :])
        edits[f"another line {i}"] = b"".join([*lines[:i], line[:-2] + b"x\n", *lines[i + 1 :]])
        if name == "SHA256SUMS":
            edits[f"another hash {i}"] = b"".join([*lines[:i], b"0" * 64 + line[64:], *lines[i + 1 :]])
    return edits


def _edits_of_json(content: Any) -> Iterator[tuple[str, bytes]]:
    for path, odd in zip(_paths(content), itertools.cycle(ODD_VALUES)):  # endless
        for what in ("gone", "another", "odd"):
            changed = json.loads(json.dumps(content))
            place = changed
            for key in path[:-1]:
                place = place[key]
            if what == "gone":
                del place[path[-1]]
            else:
                place[path[-1]] = odd if what == "odd" else _another(place[path[-1]])
            yield f"{what} {'.'.join(map(str, path))}", (json.dumps(changed, indent=2) + "\n").encode()


def _paths(content: Any) -> Iterator[tuple[Any, ...]]:
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in pairs:
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *rest) for rest in _paths(value))


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return "0" * 64 if len(value) == 64 else f"{value}x"
    return {} if isinstance(value, dict) else value[:-1]


def _edits_of_table(table: pa.Table) -> Iterator[tuple[str, bytes]]:
    for i, field in enumerate(table.schema):
        cells = table.column(i).to_pylist()
        value = cells[-1]
        if isinstance(value, bytes):
            cells[-1] = bytes(len(value))
        else:
            cells[-1] = f"{value}x" if isinstance(value, str) else (value or 0) + 1
        yield f"another {field.name}", _file_of(table.set_column(i, field, pa.array(cells, field.type)))
        yield f"no {field.name}", _file_of(table.remove_column(i))


def _file_of(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


def damaged(folder: Path, changed: Mapping[str, bytes | None]) -> None:
    for name, content in changed.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)


def assert_restored(whole: Path, name: str, contents: Mapping[str, bytes | None], folder: Path) -> None:
    """Check of every content of one file that it is undone, and nothing else changed."""
    before = files_of(whole)
    shutil.copytree(whole, folder)
    for what, content in contents.items():
        damaged(folder, {name: content})
        report = syngen.repair(folder, jobs=1)
        assert report.left == (), what
        assert files_of(folder) == before, what
        assert report.files in ((), (name,)), what


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DOCUMENTS, "audio/train-000000.tar"])
@pytest.mark.parametrize("dataset", ["several", "single"])
def test_any_damage_of_one_file_is_undone(
    dataset: str, name: str, made: dict[str, Path], tmp_path: Path
) -> None:
    whole = made[dataset]
    data = (whole / name).read_bytes()
    changes = damages_of(name, [made["another"], made["other size"]])
    contents: dict[str, bytes | None] = {what: change(data) for what, change in changes.items()}
    assert_restored(whole, name, contents, tmp_path / "data")


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("dataset", ["several", "single"])
def test_any_edit_of_one_document_is_undone(
    dataset: str, name: str, made: dict[str, Path], tmp_path: Path
) -> None:
    whole = made[dataset]
    edits = edits_of(name, (whole / name).read_bytes())
    assert_restored(whole, name, dict(some(list(edits.items()), 8)), tmp_path / "data")


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("name", ["annotations.parquet", "speakers.parquet", "manifest.parquet"])
def test_any_edit_of_a_table_of_speech_is_undone(name: str, spoken: Path, tmp_path: Path) -> None:
    edits = edits_of(name, (spoken / name).read_bytes())
    assert_restored(spoken, name, dict(some(list(edits.items()), 2)), tmp_path / "data")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan.json", "recipe.yaml", *COPIES])
def test_any_damage_of_one_document_of_an_unfinished_dataset_is_undone(
    name: str, made: dict[str, Path], tmp_path: Path
) -> None:
    whole, folder = made["unfinished"], tmp_path / "data"
    data = (whole / name).read_bytes()
    changes = damages_of(name, [made["another unfinished"]])
    cases = [(what, change(data)) for what, change in changes.items()]
    cases += some(list(edits_of(name, data).items()), 8)
    shutil.copytree(whole, folder)
    before = _documents_of(whole)
    for what, content in cases:
        damaged(folder, {name: content})
        report = syngen.repair(folder, jobs=1)
        assert report.left == (), what
        assert "of 4 shards" in report.unfinished, what
        assert _documents_of(folder) == before, what


def _documents_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("plan.json", "recipe.yaml", *COPIES)}


@pytest.mark.slow
@pytest.mark.parametrize("names", list(itertools.combinations([*DOCUMENTS, "audio/train-000000.tar"], 2)))
@pytest.mark.parametrize("dataset", ["several", "single"])
def test_damage_of_two_files_is_undone_or_told(
    dataset: str, names: tuple[str, str], made: dict[str, Path], tmp_path: Path
) -> None:
    whole, folder = made[dataset], tmp_path / "data"
    before = files_of(whole)
    others = [made["another"], made["other size"]]
    rng = random.Random(str(names))
    choices = []
    for name in names:
        changes = {what: change(before[name]) for what, change in damages_of(name, others).items()}
        edits = [] if name.endswith(".tar") else list(edits_of(name, before[name]).items())
        choices.append([*changes.items(), *rng.sample(edits, min(4, len(edits)))])
    for (first, one), (second, two) in some(list(itertools.product(*choices)), 3):
        what = f"{names[0]}: {first}; {names[1]}: {second}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        changed = {names[0]: one, names[1]: two}
        damaged(folder, changed)
        report = syngen.repair(folder, jobs=1)
        after = files_of(folder)
        if not report.left:
            assert after == before, what
        for name in before.keys() | after.keys():  # nothing is written that was not there
            assert after.get(name) in (before.get(name), changed.get(name, before.get(name))), (what, name)
