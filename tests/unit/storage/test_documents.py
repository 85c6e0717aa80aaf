"""JSON documents: what nobody can have meant is one error with its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from syngen.errors import ManifestError
from syngen.storage.description import Description, ShardEntry, read_description, read_json
from syngen.storage.documents import parse_json
from syngen.storage.publication import Publication
from syngen.storage.tables.manifest import vocabulary_of

DESCRIPTION = Description(
    recipe={"name": "small", "settings": {"antialias": True}},
    recipe_text="name: small\n",
    fingerprint="0" * 64,
    versions={"syngen": "0.2.0"},
    codec="wav",
    counts={"train": 3},
    hours=0.25,
    licence=None,
    shards=(ShardEntry("train-000000", "train", 3, 4096, "1" * 64),),
    tables=("speakers",),
    release=Publication("1.0.0", ("Noether, Emmy",), files=("README.md",)),
    part_of={"name": "large", "rows": 9, "sha256": None, "selection": {"timbre": ["sine"]}},
    shard_size=2000,
)


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ManifestError) as caught:
        read_description(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is damaged: ")
    assert "\n" not in message
    assert len(message) < 400
    return message.removeprefix(f"{path} is damaged: ")


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(DESCRIPTION.to_bytes())
    found = read_description(path)
    assert found == DESCRIPTION
    assert found.to_bytes() == DESCRIPTION.to_bytes()


def test_a_description_of_format_1_states_no_shard_size(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    first = replace(DESCRIPTION, format=1, shard_size=None)
    assert json.loads(first.to_bytes())["format"] == 1
    assert "shard_size" not in json.loads(first.to_bytes())
    path.write_bytes(first.to_bytes())
    assert read_description(path) == first
    path.write_bytes(replace(first, shard_size=7).to_bytes())  # which format 1 does not know
    assert read_description(path) == first


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (None, "the key 'shard_size' is missing"),
        (2, "shard_size is 2, but the largest shard has 3 rows; 3 to 1000000 are possible"),
        (1_000_001, "shard_size is 1000001, but the largest shard has 3 rows"),
    ],
)
def test_format_2_needs_a_shard_size_that_its_shards_keep(
    size: int | None, message: str, tmp_path: Path
) -> None:
    data = replace(DESCRIPTION, shard_size=size).to_bytes()
    assert message in refused(tmp_path / "dataset.json", data)


def test_a_description_of_format_3_is_refused_with_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(replace(DESCRIPTION, format=3).to_bytes())
    wanted = r'has format 3; this syngen reads up to 2\. Install a later one: .*"syngen-audio>=0\.2\.0"'
    with pytest.raises(ManifestError, match=wanted):
        read_description(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"hours": NaN}', "NaN is no number of JSON; a finite one is needed"),
        (b'{"hours": -Infinity}', "-Infinity is no number of JSON; a finite one is needed"),
        (b'{"recipe": {"seed": 1e999}}', "the number 1e999 is too large; a finite one is needed"),
        (b'{"rows": %s}' % (b"9" * 5_000), "Exceeds the limit"),
        (b'{"recipe": {"seed": 1, "seed": 2}}', "the key 'seed' stands twice in one object; keep one"),
        (b'{"a":' * 100_000, "it nests too deeply"),
        (b"[1]", r"an object is needed, not [1]"),
        (b"3", "an object is needed, not 3"),
        (b"", "Expecting value"),
        (b"\xff", "can't decode byte 0xff"),
        (b'{"recipe": {"title": "\xed\xa0\x80"}}', "can't decode byte 0xed"),
        (b'{"versions": ["\\uD800"]}', r"can't encode character '\ud800'"),
        (b'{"\\udfff": 1}', r"can't encode character '\udfff'"),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else value[:12],
)
def test_what_is_no_document_is_refused(text: bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path / "dataset.json", text)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("counts", {"train": "3"}, "counts.train: '3' is text; write 3 without quotes"),
        ("counts", {"train": -3}, "counts.train: this must be greater than or equal to 0, not -3"),
        ("counts", {"train": True}, "counts.train: this must be a valid integer, not True"),
        ("counts", {"../x": 3}, "counts.../x: the name of a split is '../x', which cannot be a name"),
        ("counts", [3], "counts: a map is needed, not [3]"),
        ("hours", "many", "hours: a number is needed, not 'many'"),
        ("fingerprint", 3, "fingerprint: text is needed, not 3; put it in quotes"),
        ("fingerprint", [["x" * 500]], "fingerprint: text is needed, not [['xxx"),
        ("codec", "mp3", "codec: no codec 'mp3'; there are wav, flac"),
        ("versions", {}, "versions: it has no 'syngen'; a text is needed"),
        ("recipe", {"name": 3}, "recipe: it has no 'name'; a text is needed"),
        ("tables", ["../evil"], "tables.0: '../evil' is no name of a table"),
        ("tables", ["x" * 9_999], "tables.0: 'xxx"),
        ("tables", "speakers", "tables: a list is needed, not 'speakers'"),
        ("shards", None, "shards: a list is needed, not None"),
        ("shards", [1], "shards.0: a map is needed, not 1"),
        ("part_of", 3, "part_of: a map is needed, not 3"),
        (
            "part_of",
            {"name": "x", "rows": 1, "sha256": None},
            "part_of.selection: the key",
        ),
        ("release", {"version": "1" * 9_999, "authors": ["x"]}, "release: '111"),
        ("release", {"version": "1", "authors": ["x"]}, "release: '1' is no version of a release"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    key: str, value: object, message: str, tmp_path: Path
) -> None:
    content = json.loads(DESCRIPTION.to_bytes()) | {key: value}
    assert message in refused(tmp_path / "dataset.json", json.dumps(content).encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "shards.0: shard train-000000 has 0 rows; at least one is needed"),
        ({"rows": 10**30}, "shards.0.rows: this must be less than 9223372036854775808"),
        ({"rows": 1.5}, "shards.0.rows: a whole number is needed, not 1.5"),
        ({"name": "x" * 9_999}, "shards.0: 'xxx"),
        ({"x" * 9_999: 1}, ": unknown key 'xxx"),
        ({"name": "../../evil"}, "shards.0: '../../evil' is no shard of split 'train'"),
        ({"sha": "0"}, "shards.0.sha: unknown key 'sha' (did you mean 'sha256'?)"),
    ],
)
def test_a_wrong_shard_is_named_with_its_number(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    content = json.loads(DESCRIPTION.to_bytes())
    content["shards"][0] |= change
    assert message in refused(tmp_path / "dataset.json", json.dumps(content).encode())


@pytest.mark.parametrize("key", ["recipe", "shards", "counts", "hours", "versions"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    content = json.loads(DESCRIPTION.to_bytes())
    del content[key]
    found = refused(tmp_path / "dataset.json", json.dumps(content).encode())
    assert found.endswith(f"the key {key!r} is missing")


@pytest.mark.parametrize(
    ("text", "value"),
    [(b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"), (b'"\\\\ud800"', r"\ud800"), (b'"\xc3\xa4"', "ä")],
)
def test_texts_of_whole_characters_are_read(text: bytes, value: str) -> None:
    assert parse_json(b'\xef\xbb\xbf{"title": %s}' % text) == {"title": value}


@pytest.mark.parametrize("text", [b'{"a":' * 100_000, b'{"format": 1, "format": 1}', b'{"format": NaN}'])
def test_the_vocabulary_of_a_manifest_is_a_document_too(text: bytes) -> None:
    with pytest.raises(ManifestError, match="the vocabulary of the manifest is damaged"):
        vocabulary_of(pa.schema([], metadata={b"syngen": text}))


def test_a_document_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(b"{}" + b" " * 99)
    monkeypatch.setattr("syngen.storage.description._MAX_JSON_BYTES", 100)
    with pytest.raises(ManifestError, match=r"dataset\.json is larger than 100 bytes"):
        read_json(path)
