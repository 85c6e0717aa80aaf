"""Names that come from outside are those of files, or are refused, wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from syngen.downloads.catalog import parse_catalog
from syngen.errors import ManifestError, ParameterError
from syngen.factors import Factor, FactorGrid
from syngen.io.files import inside
from syngen.io.names import MOST_BYTES, check_names, checked_name, fault_of, is_name, twins_in
from syngen.recipe.library import write_template
from syngen.recipe.parse import parse_document
from syngen.storage.description import StoredShard, is_table_name
from syngen.storage.layout import key_of, row_of_key
from syngen.storage.publication import Publication
from syngen.storage.tables.manifest import Vocabulary, vocabulary_of

GOOD = ["train", "train-clean-100", "val 1", "Übung", "テスト", "a.b", "_x", "0", "x" * MOST_BYTES]
HOSTILE = {
    "": "it is empty",
    ".": "it begins with a dot",
    "..": "it begins with a dot",
    ".hidden": "it begins with a dot",
    "../../escaped": "it has the character '/'",
    "/etc/escaped": "it has the character '/'",
    "a/b": "it has the character '/'",
    "a\\b": r"it has the character '\\\\'",
    "C:escaped": "it has the character ':'",
    "a*": r"it has the character '\*'",
    "a\0b": r"it has the character U\+0000",
    "a\nb": r"it has the character U\+000A",
    "train\n": r"it has the character U\+000A",
    "a\x1b[2J": r"it has the character U\+001B",
    "gpj.\u202eexe": r"it has the character U\+202E",
    "a\udcff": r"it has the character U\+DCFF",
    "-rf": "it begins with a dash",
    "~root": "it begins with a tilde",
    " a": "it begins with a space",
    "a ": "it ends with a space",
    "a.": "it ends with a dot",
    "con": "Windows takes it for a device",
    "NUL": "Windows takes it for a device",
    "aux.wav": "Windows takes it for a device",
    "com1 .x": "Windows takes it for a device",
    "LPT\u00b9": "Windows takes it for a device",
    "x" * (MOST_BYTES + 1): "it is longer than 100 bytes",
    "テ" * 34: "it is longer than 100 bytes",
}


@pytest.mark.parametrize("name", GOOD, ids=ascii)
def test_names_of_files_are_taken(name: str) -> None:
    assert is_name(name)
    assert checked_name(name, "split") == name


@pytest.mark.parametrize(("name", "fault"), HOSTILE.items(), ids=ascii)
def test_names_that_are_not_those_of_files_on_every_system_are_refused(name: str, fault: str) -> None:
    with pytest.raises(ManifestError, match=f"row 3: split is .*, which cannot be a name: {fault}; use"):
        checked_name(name, "row 3: split", error=ManifestError)


@pytest.mark.parametrize("name", [None, 3, b"train", 1.5, ["train"]])
def test_names_are_texts(name: object) -> None:
    with pytest.raises(ParameterError, match="it is no text"):
        checked_name(name, "split")


def test_a_message_shows_the_beginning_of_a_name() -> None:
    with pytest.raises(ParameterError) as caught:
        checked_name("x" * 10**6, "split")
    assert len(str(caught.value)) < 300


def test_names_of_several_parts_are_taken_part_by_part() -> None:
    assert fault_of("audio/train-000000.tar", most_parts=2) is None
    assert fault_of("a/b/c", most_parts=2) == "it has more than 2 parts"
    for name in ("../a", "a/../b", "a//b", "/a", "a/", "./a", "a/con", "a/b\0"):
        assert fault_of(name, most_parts=8), name


@pytest.mark.parametrize(
    "names",
    [
        ("train", "Train"),
        ("straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("a", "a/b"),
        ("a/b", "A/c"),
        ("a/b", "A"),
        ("train", "train"),
    ],
    ids=ascii,
)
def test_names_that_are_one_on_some_system_are_found(names: tuple[str, str]) -> None:
    assert twins_in(["other", *names]) == names
    assert twins_in(["other", *names[::-1]]) == names[::-1]


def test_names_that_are_several_everywhere_are_taken() -> None:
    assert twins_in(["a", "b", "c/a", "c/b", "d/c/a"]) is None
    check_names(GOOD, "split")
    with pytest.raises(ParameterError, match="split is 'train' and 'TRAIN', which are one name"):
        check_names([*GOOD, "TRAIN"], "split")


@pytest.mark.parametrize(
    "name", ["a.wav", "a/b.wav", "./a.wav", "con.wav", ".a/b.wav", "a\nb", "\udcff.wav"]
)
def test_files_that_are_only_read_keep_their_names(name: str) -> None:
    assert inside(Path("folder"), name) == Path("folder") / name


@pytest.mark.parametrize("name", ["", ".", "./", "..", "../a", "a/../../b", "/a", "a\\b", "C:a", "a\0"])
def test_files_that_are_only_read_stay_in_their_folder(name: str) -> None:
    with pytest.raises(ParameterError, match="leads out of"):
        inside(Path("folder"), name)


def is_recipe(**changes: Any) -> bool:
    content = {
        "name": "small",
        "synthesizer": "tone",
        "seed": 1,
        "factors": {"timbre": {"values": ["sine", "square"]}},
    }
    return not parse_document(content | changes).issues


def is_taken(call: Callable[..., object], *arguments: Any, **options: Any) -> bool:
    try:
        call(*arguments, **options)
    except ValueError:  # which a ParameterError is
        return False
    return True


def is_catalog(name: str, version: str) -> bool:
    content = {"format": 1, "releases": {name: {version: {"mirrors": []}}}}
    return is_taken(parse_catalog, json.dumps(content).encode(), "catalog", str)


PLACES: dict[str, Callable[[str], bool]] = {
    "name of a recipe": lambda name: is_recipe(name=name),
    "split of a recipe": lambda name: is_recipe(splits={"default": {"random": {"train": 0.5, name: 0.5}}}),
    "scheme of a recipe": lambda name: is_recipe(splits={name: {"random": {"train": 1.0}}}),
    "release of a catalog": lambda name: is_catalog(name, "1.0.0"),
    "version of a catalog": lambda name: is_catalog("x", name),
    "file of a release": lambda name: is_taken(Publication, "1.0.0", ("Noether, Emmy",), files=(name,)),
    "shard of a description": lambda name: is_taken(
        TypeAdapter(StoredShard).validate_python,
        {"name": f"{name}-000000", "split": name, "rows": 1, "bytes": 1, "sha256": "0" * 64},
    ),
    "table of a description": is_table_name,
    "dataset of a manifest": lambda name: is_vocabulary(name=name),
    "split of a manifest": lambda name: is_vocabulary(schemes={"default": ("train", name)}),
    "scheme of a manifest": lambda name: is_vocabulary(schemes={"default": ("train",), name: ("train",)}),
}


def is_vocabulary(**changes: Any) -> bool:
    options: dict[str, Any] = {
        "name": "small",
        "version": "1.0.0",
        "fingerprint": "f00d",
        "grid": FactorGrid([Factor("timbre", ("sine",))]),
        "nuisances": (),
        "schemes": {"default": ("train",)},
        "sample_rate": 16_000,
    }
    schema = Vocabulary(**(options | changes)).factor_schema()
    try:
        vocabulary_of(schema)
    except ManifestError:
        return False
    return True


@pytest.mark.parametrize("place", PLACES)
def test_every_place_takes_a_name_of_a_file(place: str) -> None:
    assert PLACES[place]("abc")


@pytest.mark.parametrize("place", PLACES)
def test_no_place_takes_another_name(place: str) -> None:
    hostile = [name for name in HOSTILE if not name.count("\udcff")]  # which no file in UTF-8 has
    assert [name for name in hostile if PLACES[place](name)] == []


@pytest.mark.parametrize("names", [("1.0.0-rc1", "1.0.0-RC1")])
def test_versions_that_are_one_folder_are_refused(names: tuple[str, str]) -> None:
    content = {"format": 1, "releases": {"x": {name: {"mirrors": []} for name in names}}}
    with pytest.raises(ParameterError, match="are one name where case does not count"):
        parse_catalog(json.dumps(content).encode(), "catalog", str)


def test_splits_of_a_manifest_that_are_one_file_are_refused() -> None:
    assert not is_vocabulary(schemes={"default": ("train", "Train")})


def test_a_template_is_not_named_after_a_device(tmp_path: Path) -> None:
    for name in ("con.yaml", "small\n.yaml"):
        with pytest.raises(ParameterError, match="cannot be the name of a recipe"):
            write_template(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_keys_are_those_of_rows_or_of_none() -> None:
    for row in (0, 7, 123_456_789, 10**11):
        assert row_of_key(key_of(row)) == row
    for key in (
        "",
        "7",
        "-00000005",
        "00000000x",
        "../000000001",
        chr(0x661) * 9,
        "0000000001",
        "000000001\n",
    ):
        assert row_of_key(key) is None
