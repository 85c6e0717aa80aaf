"""Verification: silent about sound datasets, exact about damage."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.errors import ManifestError, ParameterError
from tests.support import (
    EVERY_CASE,
    WHOLE_LOOKING,
    edit_json,
    edit_manifest,
    files_of,
    flip,
    renew_checksums,
)

BLOCK = 512
CODECS = ["wav", "flac"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Forty observations per codec, eight to a shard; not to be changed."""
    folders = {codec: tmp_path_factory.mktemp("small") / codec for codec in CODECS}
    for codec, folder in folders.items():
        syngen.generate("syntone-tiny", folder, jobs=1, shard_size=8, limit=40, codec=codec)
    return folders


@pytest.fixture
def copies(small: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies that a test may damage."""
    return {codec: Path(shutil.copytree(folder, tmp_path / codec)) for codec, folder in small.items()}


@pytest.fixture
def data(copies: dict[str, Path]) -> Path:
    """A WAV dataset that a test may damage."""
    return copies["wav"]


def places(folder: Path, shard: str) -> list[tuple[int, int, int, int]]:
    """Return row, offset and size of the audio, and where the next row begins, for each row."""
    table = pq.read_table(folder / "manifest.parquet", columns=["shard", "offset", "size"])
    columns = table.to_pydict()
    rows = [row for row, name in enumerate(columns["shard"]) if name == shard]
    starts = [columns["offset"][row] - BLOCK for row in rows]
    end = (folder / "audio" / f"{shard}.tar").stat().st_size - 2 * BLOCK
    return [
        (row, columns["offset"][row], columns["size"][row], following)
        for row, following in zip(rows, [*starts[1:], end], strict=True)
    ]


def region_offsets(folder: Path, shard: str, codec: str) -> dict[str, int]:
    """Return one offset in every kind of byte that a shard is made of, in its third row."""
    _, offset, size, following = places(folder, shard)[2]
    text_header = offset + size + -size % BLOCK
    data = (folder / "audio" / f"{shard}.tar").read_bytes()
    text_size = int(data[text_header + 124 : text_header + 135], 8)
    text = text_header + BLOCK
    assert json.loads(data[text : text + text_size])["split"] == "train"
    assert -size % BLOCK > 0
    assert following == text + text_size + -text_size % BLOCK
    common = {
        "audio header: name": offset - BLOCK,
        "audio header: empty part of the name": offset - BLOCK + 60,
        "audio header: mode": offset - BLOCK + 104,
        "audio header: size": offset - BLOCK + 130,
        "audio header: time": offset - BLOCK + 140,
        "audio header: checksum": offset - BLOCK + 150,
        "audio header: kind": offset - BLOCK + 156,
        "audio header: magic": offset - BLOCK + 258,
        "audio header: last byte": offset - 1,
        "audio: first byte": offset,
        "audio: middle": offset + size // 2,
        "audio: last byte": offset + size - 1,
        "padding of the audio: first byte": offset + size,
        "padding of the audio: last byte": text_header - 1,
        "text header: name": text_header,
        "text header: size": text_header + 132,
        "text header: last byte": text - 1,
        "text: first byte": text,
        "text: middle": text + text_size // 2,
        "text: last byte": text + text_size - 1,
        "padding of the text": text + text_size,
        "last byte of the row": following - 1,
    }
    if codec == "wav":
        fields = {
            "riff": 0,
            "length": 4,
            "format": 20,
            "channels": 22,
            "rate": 24,
            "high rate": 27,
            "bits": 34,
            "data": 40,
        }
        return common | {f"WAV: {name}": offset + at for name, at in fields.items()}
    assert data[offset : offset + 4] == b"fLaC"
    fields = {
        "block size": 8,
        "frame size": 12,
        "rate": 18,
        "number of samples": 25,
        "MD5": 26,
        "vendor": 54,
        "first frame": 120,
    }
    return common | {f"FLAC: {name}": offset + at for name, at in fields.items()}


def assert_only_row_is_named(problems: list[str], shard: str, row: int, what: str) -> None:
    assert len(problems) == 1, f"{what}: {problems}"
    assert re.match(rf"^shard {shard}: row {row}: .*\b(member|header)\b", problems[0]), what


@pytest.mark.parametrize("codec", CODECS)
def test_a_sound_dataset_has_no_problems(codec: str, small: dict[str, Path]) -> None:
    before = files_of(small[codec])
    assert syngen.verify(small[codec]) == []
    assert syngen.verify(small[codec], rerender=40) == []
    assert syngen.verify(small[codec], rerender=10_000, seed=3) == []
    assert syngen.verify(syngen.load(small[codec])) == []
    assert files_of(small[codec]) == before


def test_silence_and_nuisances_are_sound(whole_looking: Path, with_nuisances: Path) -> None:
    assert syngen.verify(whole_looking, rerender=18) == []
    assert syngen.verify(with_nuisances, rerender=60) == []


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_a_flipped_bit_in_every_region_is_found_at_its_row(codec: str, copies: dict[str, Path]) -> None:
    folder, shard = copies[codec], "train-000001"
    path = folder / "audio" / f"{shard}.tar"
    row = places(folder, shard)[2][0]
    for region, offset in region_offsets(folder, shard, codec).items():
        for mask in (0x01, 0x80):
            flip(path, offset, mask)
            assert_only_row_is_named(syngen.verify(folder), shard, row, f"{region}, mask {mask}")
            flip(path, offset, mask)
    assert syngen.verify(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_flipped_bits_at_random_places_are_found_at_their_rows(codec: str, copies: dict[str, Path]) -> None:
    folder, shard = copies[codec], "train-000002"
    path = folder / "audio" / f"{shard}.tar"
    where = places(folder, shard)
    rng = random.Random(2402)
    for _ in range(60):
        offset, mask = rng.randrange(where[-1][3]), 1 << rng.randrange(8)
        row = next(row for row, _, _, following in where if offset < following)
        flip(path, offset, mask)
        assert_only_row_is_named(syngen.verify(folder), shard, row, f"offset {offset}, mask {mask}")
        flip(path, offset, mask)
    assert syngen.verify(folder) == []


@pytest.mark.slow
def test_every_byte_of_flac_metadata_counts(copies: dict[str, Path]) -> None:
    folder, shard = copies["flac"], "train-000000"
    row, offset, _, _ = places(folder, shard)[1]
    for at in range(86):
        flip(folder / "audio" / f"{shard}.tar", offset + at, 0x10)
        assert_only_row_is_named(syngen.verify(folder), shard, row, f"FLAC byte {at}")
        flip(folder / "audio" / f"{shard}.tar", offset + at, 0x10)


@pytest.mark.parametrize("codec", CODECS)
def test_a_flipped_bit_in_the_end_of_the_archive_is_found(codec: str, copies: dict[str, Path]) -> None:
    path = copies[codec] / "audio" / "test-000000.tar"
    for back in (1, 2 * BLOCK):
        offset = path.stat().st_size - back
        flip(path, offset)
        (problem,) = syngen.verify(copies[codec])
        assert problem.startswith("shard test-000000: the end of the archive")
        flip(path, offset)


def test_damage_in_several_rows_is_listed_row_by_row(data: Path) -> None:
    where = places(data, "train-000000")
    for row, offset, _, _ in (where[0], where[3], where[7]):
        flip(data / "audio" / "train-000000.tar", offset + 100 + row)
    found = [re.match(r"^shard train-000000: row (\d+): member", p) for p in syngen.verify(data)]
    assert [match and int(match[1]) for match in found] == [0, 3, 7]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("keep", [0, 100, 5_000, -1])
def test_a_truncated_shard_is_found(keep: int, codec: str, copies: dict[str, Path]) -> None:
    path = copies[codec] / "audio" / "train-000001.tar"
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    problems = syngen.verify(copies[codec])
    n_left = len(content[:keep])
    assert f"shard train-000001: {n_left} bytes, dataset.json says {len(content)}" in problems
    assert all("train-000001" in problem for problem in problems)


@pytest.mark.parametrize("surplus", [b"\0", bytes(512), b"surplus"])
def test_a_longer_shard_is_found(surplus: bytes, data: Path) -> None:
    path = data / "audio" / "train-000001.tar"
    size = path.stat().st_size
    with open(path, "ab") as file:
        file.write(surplus)
    problems = syngen.verify(data)
    assert f"shard train-000001: {size + len(surplus)} bytes, dataset.json says {size}" in problems
    assert all(problem.startswith("shard train-000001: ") for problem in problems)


def test_a_missing_shard_is_found(data: Path) -> None:
    (data / "audio" / "train-000001.tar").unlink()
    (problem,) = syngen.verify(data)
    assert problem == "shard train-000001: cannot be read: No such file or directory"


def test_a_shard_that_is_a_folder_is_found(data: Path) -> None:
    path = data / "audio" / "train-000001.tar"
    path.unlink()
    path.mkdir()
    (problem,) = syngen.verify(data)
    assert problem.startswith("shard train-000001: cannot be read: ")


def test_swapped_shards_are_found(data: Path) -> None:
    first, second = (data / "audio" / f"train-00000{n}.tar" for n in (0, 1))
    first.rename(data / "aside")
    second.rename(first)
    (data / "aside").rename(second)
    problems = syngen.verify(data)
    for name in ("train-000000", "train-000001"):
        assert any(problem.startswith(f"shard {name}: row ") for problem in problems)


@pytest.mark.parametrize(
    "name", ["audio/train-000099.tar", "audio/song.mp3", "notes.txt", ".hidden", "audio/.x.tar.1-a.tmp"]
)
def test_an_orphan_is_found(name: str, data: Path) -> None:
    (data / name).write_bytes(b"not of this dataset")
    (problem,) = syngen.verify(data)
    assert problem.startswith(f"{name}: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["manifest.parquet", "dataset.json", "plan.json", "recipe.yaml", "README.md", "SHA256SUMS"]
)
def test_flipped_bits_in_every_other_file_are_found(name: str, data: Path) -> None:
    size = (data / name).stat().st_size
    rng = random.Random(name)
    n_places = (250 if name == "manifest.parquet" else 50) // (1 if EVERY_CASE else 5)
    offsets = {0, size // 2, size - 1, *(rng.randrange(size) for _ in range(n_places))}
    for number, offset in enumerate(sorted(offsets)):
        mask = 0x80 if number % 2 else 0x01
        flip(data / name, offset, mask)
        problems = syngen.verify(data)
        assert any(name in problem for problem in problems), f"byte {offset}, mask {mask}: {problems}"
        flip(data / name, offset, mask)
    assert syngen.verify(data) == []


@pytest.mark.parametrize(
    "name", ["manifest.parquet", "plan.json", "recipe.yaml", "README.md", "SHA256SUMS"]
)
def test_a_missing_file_is_found(name: str, data: Path) -> None:
    (data / name).unlink()
    assert any(name in problem for problem in syngen.verify(data))


def test_a_file_that_is_not_listed_is_found(data: Path) -> None:
    lines = (data / "SHA256SUMS").read_text("utf-8").splitlines(keepends=True)
    (data / "SHA256SUMS").write_text("".join(x for x in lines if "plan.json" not in x), "utf-8")
    assert syngen.verify(data) == ["SHA256SUMS: plan.json is not listed"]


@pytest.mark.parametrize("end", [b"\v", b"\f", b"\r", b"\x1c"])
def test_lines_of_checksums_end_as_sha256sum_needs_it(end: bytes, data: Path) -> None:
    content = (data / "SHA256SUMS").read_bytes()
    (data / "SHA256SUMS").write_bytes(content[:-1] + end)
    assert any("SHA256SUMS" in problem for problem in syngen.verify(data))


def test_a_checksum_that_leads_out_of_the_folder_is_a_problem(data: Path) -> None:
    with open(data / "SHA256SUMS", "a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  ../../etc/passwd\n")
    problems = syngen.verify(data)
    assert all(problem.startswith("SHA256SUMS: ") for problem in problems)  # nothing there was read
    assert "SHA256SUMS: '../../etc/passwd' is listed, but is no file of the dataset" in problems


def test_the_manifest_of_another_dataset_is_found(data: Path, with_nuisances: Path) -> None:
    shutil.copy(with_nuisances / "manifest.parquet", data)
    assert any(problem.startswith("manifest.parquet: ") for problem in syngen.verify(data))
    renew_checksums(data)
    assert any(problem.startswith("manifest.parquet: ") for problem in syngen.verify(data))


def test_the_manifest_of_a_dataset_of_the_same_shape_is_found(data: Path, tmp_path: Path) -> None:
    recipe = syngen.load_recipe("syntone-tiny").recipe.document() | {"seed": 7}
    syngen.generate(recipe, tmp_path / "other", jobs=1, shard_size=8, limit=40)
    shutil.copy(tmp_path / "other" / "manifest.parquet", data)
    renew_checksums(data)
    problems = syngen.verify(data)
    assert any("fingerprint" in problem or "rows" in problem for problem in problems)
    assert any("manifest" in problem for problem in problems)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("timbre", "organ"),
        ("timbre_level", 99),
        ("timbre_level", -1),
        ("amplitude", -26.5),
        ("frequency_level", 16),
        ("index", 3),
        ("index", -1),
        ("index", 2**62),
        ("split", "test"),
        ("split_composition", "test"),
        ("offset", 513),
        ("offset", -512),
        ("offset", 2**40),
        ("size", 0),
        ("size", -1),
        ("size", 2**40),
        ("n_samples", 3999),
        ("pcm_sha256", bytes(32)),
        ("peak", 0.123),
        ("rms_db", None),
        ("rms_db", -1.0),
        ("shard", "train-000001"),
        ("shard", "../../etc/passwd"),
    ],
)
def test_a_changed_cell_of_the_manifest_is_found_though_the_hashes_fit(
    column: str, value: object, data: Path
) -> None:
    edit_manifest(data, column, 4, value)
    renew_checksums(data)
    problems = syngen.verify(data)
    assert any("row 4" in problem or "rows 0" in problem for problem in problems), problems


def test_a_changed_hash_of_one_row_is_found_by_rendering_again(data: Path) -> None:
    edit_manifest(data, "pcm_sha256", 17, hashlib.sha256(b"something else").digest())
    renew_checksums(data)
    problems = syngen.verify(data, rerender=40)
    assert any(re.match(r"shard train-000002: row 17: rendered again, index \d+", p) for p in problems)
    assert any(re.match(r"shard train-000002: row 17: member 000000017.wav", p) for p in problems)
    assert all("row 17" in problem for problem in problems)


def test_a_forgery_in_which_every_hash_fits_is_found_by_rendering_again(data: Path) -> None:
    row, offset, size, _ = places(data, "train-000002")[1]
    path = data / "audio" / "train-000002.tar"
    content = bytearray(path.read_bytes())
    pcm = np.frombuffer(content, "<i2", count=(size - 44) // 2, offset=offset + 44).copy()
    assert pcm[1000] != pcm[1001]
    pcm[[1000, 1001]] = pcm[[1001, 1000]]  # keeps peak and level
    content[offset + 44 : offset + size] = pcm.tobytes()
    path.write_bytes(content)
    edit_manifest(data, "pcm_sha256", row, hashlib.sha256(pcm.tobytes()).digest())

    def forge(description: dict[str, list[dict[str, object]]]) -> None:
        (entry,) = (shard for shard in description["shards"] if shard["name"] == "train-000002")
        entry["sha256"] = hashlib.sha256(content).hexdigest()

    edit_json(data / "dataset.json", forge)
    renew_checksums(data)
    assert syngen.verify(data) == []
    (problem,) = syngen.verify(data, rerender=40)
    assert problem.startswith(f"shard train-000002: row {row}: rendered again, index ")


@pytest.mark.slow
def test_rendering_again_chooses_rows_by_seed(data: Path) -> None:
    edit_manifest(data, "pcm_sha256", 17, bytes(32))
    renew_checksums(data)

    def is_hit(seed: int) -> bool:
        return any("rendered again" in p for p in syngen.verify(data, rerender=5, seed=seed))

    found = [is_hit(seed) for seed in range(12)]
    assert found == [is_hit(seed) for seed in range(12)]
    assert True in found
    assert False in found


def _without_test_shards(content: dict[str, list[dict[str, object]]]) -> None:
    content["shards"] = [shard for shard in content["shards"] if shard["split"] != "test"]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda c: c.__setitem__("fingerprint", "0" * 64), id="fingerprint"),
        pytest.param(lambda c: c["counts"].__setitem__("train", 1), id="counts"),
        pytest.param(lambda c: c["recipe"].__setitem__("seed", 1), id="seed"),
        pytest.param(lambda c: c["recipe"].__setitem__("synthesizer", "none"), id="synthesizer"),
        pytest.param(lambda c: c["recipe"]["splits"].pop("interpolation"), id="a scheme less"),
        pytest.param(lambda c: c["recipe"]["splits"].pop("default"), id="no default scheme"),
        pytest.param(lambda c: c["recipe"]["factors"].pop("amplitude"), id="a factor less"),
        pytest.param(lambda c: c["recipe"]["factors"]["timbre"]["values"].pop(), id="a value less"),
        pytest.param(
            lambda c: c["recipe"].update(nuisances={"phase": {"uniform": {"low": 0.0, "high": 1.0}}}),
            id="a nuisance more",
        ),
        pytest.param(lambda c: c.__setitem__("recipe", {}), id="no recipe"),
        pytest.param(lambda c: c["shards"][0].__setitem__("sha256", "0" * 64), id="hash"),
        pytest.param(lambda c: c["shards"][0].__setitem__("name", "train-000077"), id="name"),
        pytest.param(lambda c: c["shards"][0].__setitem__("rows", 7), id="rows"),
        pytest.param(lambda c: c["shards"].reverse(), id="order"),
        pytest.param(_without_test_shards, id="shards missing"),
        pytest.param(lambda c: c.__setitem__("codec", "flac"), id="another codec"),
        pytest.param(lambda c: c.__setitem__("codec", "mp3"), id="no codec"),
        pytest.param(lambda c: c.pop("versions"), id="no versions"),
    ],
)
def test_a_changed_description_is_found_though_the_hashes_fit(
    edit: Callable[[dict[str, object]], object], data: Path
) -> None:
    edit_json(data / "dataset.json", edit)
    renew_checksums(data)
    problems = syngen.verify(data)
    assert any(re.search(r"dataset\.json|manifest\.parquet|shard train-000000", p) for p in problems)


def test_nuisances_of_the_manifest_are_compared_with_the_recipe(
    with_nuisances: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(with_nuisances, tmp_path / "data"))
    edit_manifest(folder, "phase", 9, 0.25)
    renew_checksums(folder)
    (problem,) = syngen.verify(folder)
    assert re.match(r"manifest\.parquet: row 9: phase is 0\.25, the recipe gives 0\.\d+", problem)


def test_what_is_no_dataset_is_refused(interrupted: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match="is not a folder; verify takes the folder of a dataset"):
        syngen.verify(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="is not a folder"):
        syngen.verify(tmp_path / "file")
    with pytest.raises(ManifestError, match=r"holds no dataset: there is no dataset\.json"):
        syngen.verify(tmp_path / "empty")
    with pytest.raises(ParameterError, match="a rendered dataset has no files to verify"):
        syngen.verify(syngen.render("syntone-tiny"))
    with pytest.raises(ParameterError, match="rerender is -1; a whole number from 0 on"):
        syngen.verify(interrupted, rerender=-1)


@pytest.mark.slow
def test_the_list_of_problems_ends_somewhere(tmp_path: Path) -> None:
    recipe = WHOLE_LOOKING | {
        "factors": {"frequency": {"linspace": {"start": 100.0, "stop": 200.0, "num": 1200}}}
    }
    syngen.generate(recipe, tmp_path / "data", jobs=1)
    for path in (tmp_path / "data" / "audio").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    problems = syngen.verify(tmp_path / "data")
    assert len(problems) == 1001
    assert problems[-1] == "more than 1000 problems; stopped here"


def test_progress_is_told_after_every_shard(small: dict[str, Path]) -> None:
    updates: list[syngen.ProgressUpdate] = []
    syngen.verify(small["wav"], progress=updates.append)
    done = [update.done for update in updates]
    assert done == sorted(set(done))
    assert len(done) == len(list((small["wav"] / "audio").iterdir()))
    assert done[-1] == updates[-1].total == 40


def test_the_command_exits_0_for_a_sound_dataset(small: dict[str, Path]) -> None:
    result = CliRunner().invoke(cli, ["verify", str(small["wav"]), "--rerender", "10", "-q"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.search(r"sound, 10 rendered again, in \d+\.\d seconds\n$", result.stderr)


def test_the_command_exits_4_for_a_damaged_dataset_and_prints_the_problems(data: Path) -> None:
    flip(data / "audio" / "train-000000.tar", 2000)
    result = CliRunner().invoke(cli, ["verify", str(data), "-q"])
    assert result.exit_code == 4
    assert result.stdout.splitlines() == syngen.verify(data)
    assert "1 problems, in " in result.stderr or "1 problem, in " in result.stderr
    result = CliRunner().invoke(cli, ["verify", str(data), "--json", "-q"])
    assert result.exit_code == 4
    assert json.loads(result.stdout) == syngen.verify(data)


def _with(key: str, value: object) -> Callable[[dict[str, object]], object]:
    return lambda content: content.__setitem__(key, value)


def _of_recipe(key: str, value: object) -> Callable[[dict[str, dict[str, object]]], object]:
    return lambda content: content["recipe"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("plan.json", _with("shard_size", 9)),
        ("plan.json", _with("shard_size", "8")),
        ("plan.json", _with("shard_size", -8)),
        ("plan.json", _with("codec", "flac")),
        ("plan.json", _with("codec", ["wav"])),
        ("plan.json", _with("rows", 41)),
        ("plan.json", _with("fingerprint", "0" * 64)),
        ("plan.json", _with("more", 1)),
        ("plan.json", _of_recipe("title", "Another")),
        ("dataset.json", _with("hours", 1.0)),
        ("dataset.json", _with("hours", float("nan"))),
        ("dataset.json", _with("licence", "MIT")),
        ("dataset.json", _with("name", "another")),
        ("dataset.json", _with("version", "9.0.0")),
        ("dataset.json", _with("rows", 41)),
        ("dataset.json", _with("requires", "nothing")),
        ("dataset.json", _with("more", {})),
        ("dataset.json", lambda c: c["versions"].__setitem__("codec wav", "other")),
        ("dataset.json", lambda c: c["versions"].__setitem__("syngen", "0.0.1")),
        ("dataset.json", lambda c: c["versions"].__setitem__("codec wav", float("nan"))),
        ("dataset.json", lambda c: c["versions"].pop("syngen")),
        ("dataset.json", _with("licence", 5)),
        ("dataset.json", _of_recipe("title", "Another")),
        ("dataset.json", _with("tables", ["speakers"])),
    ],
)
def test_documents_that_contradict_each_other_are_found_though_the_hashes_fit(
    name: str, edit: Callable[[dict[str, object]], object], data: Path
) -> None:
    edit_json(data / name, edit)
    renew_checksums(data)
    problems = syngen.verify(data)
    assert any(re.search(r"plan\.json|dataset\.json|speakers\.parquet", p) for p in problems), problems


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("seed: 2402", "seed: 2403"),
        lambda text: text.replace("sine", "organ"),
        lambda text: text + "nuisances: {phase: {uniform: {low: 0.0, high: 1.0}}}\n",
        lambda text: "name: [\n",
        lambda text: "",
        lambda text: "{" + text,
    ],
)
def test_another_recipe_is_found_though_the_hashes_fit(edit: Callable[[str], str], data: Path) -> None:
    path = data / "recipe.yaml"
    text = path.read_text("utf-8")
    assert edit(text) != text
    path.write_text(edit(text), "utf-8")
    renew_checksums(data)
    (problem,) = syngen.verify(data)
    assert problem.startswith("recipe.yaml: ")


def test_comments_of_a_recipe_are_free(data: Path) -> None:
    path = data / "recipe.yaml"
    path.write_text("# mine\n" + path.read_text("utf-8"), "utf-8")
    renew_checksums(data)
    assert syngen.verify(data) == []


def test_another_card_is_found_though_the_hashes_fit(data: Path) -> None:
    card = data / "README.md"
    card.write_text(card.read_text("utf-8").replace("int64", "float64", 1), "utf-8")
    renew_checksums(data)
    (problem,) = syngen.verify(data)
    assert problem.startswith("README.md: its content is not what the recipe gives")


def test_lines_of_checksums_are_sorted_and_each_is_there_once(data: Path) -> None:
    path = data / "SHA256SUMS"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for other in ([*lines, lines[-1]], [*lines[1:], lines[0]]):
        path.write_text("".join(other), "utf-8")
        assert syngen.verify(data) == ["SHA256SUMS: its lines are not sorted by name, each name once"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.append_column("more", t.column("index")), id="a column more"),
        pytest.param(lambda t: t.drop_columns(["peak"]), id="a column less"),
        pytest.param(
            lambda t: t.set_column(0, "index", t.column("index").cast(pa.string())), id="text for numbers"
        ),
        pytest.param(lambda t: t.set_column(0, "index", pa.nulls(t.num_rows, pa.int64())), id="no numbers"),
        pytest.param(lambda t: t.slice(0, 0), id="no rows"),
        pytest.param(lambda t: t.take(list(reversed(range(t.num_rows)))), id="reversed"),
        pytest.param(lambda t: pa.concat_tables([t, t.slice(0, 1)]), id="a row twice"),
    ],
)
def test_a_manifest_of_another_form_is_found(change: Callable[[pa.Table], pa.Table], data: Path) -> None:
    path = data / "manifest.parquet"
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    renew_checksums(data)
    problems = syngen.verify(data)
    assert problems
    assert all("manifest" in problem for problem in problems[:3]), problems


@pytest.mark.parametrize(
    "name", ["../../secret", "/etc/passwd", "train-000000/../x", "train-1", "", "TRAIN-000000"]
)
def test_no_name_of_a_shard_leads_out_of_the_folder(name: str, data: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.tar").write_bytes(b"secret")
    edit_json(data / "dataset.json", lambda content: content["shards"][0].__setitem__("name", name))
    renew_checksums(data)
    problems = syngen.verify(data)
    assert any("dataset.json is damaged" in problem and "is no shard" in problem for problem in problems)
    with pytest.raises(ManifestError, match="is no shard of split"):
        syngen.load(data)


@pytest.mark.parametrize(
    "name",
    [
        "audio/train-000001.tar",
        "manifest.parquet",
        "dataset.json",
        "plan.json",
        "recipe.yaml",
        "SHA256SUMS",
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nothing", "link to a device"])
def test_what_is_no_file_is_told_and_not_waited_for(kind: str, name: str, data: Path) -> None:
    path = data / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "link to a device" else data / "nothing")
    problems = syngen.verify(data)
    assert any(path.stem in problem for problem in problems)


def test_a_link_to_the_right_bytes_is_as_good_as_they_are(data: Path, tmp_path: Path) -> None:
    path = data / "audio" / "train-000001.tar"
    path.rename(tmp_path / "elsewhere.tar")
    path.symlink_to(tmp_path / "elsewhere.tar")
    assert syngen.verify(data) == []


@pytest.mark.parametrize(
    "name",
    [
        "Manifest.parquet",
        "DATASET.JSON",
        "audio/TRAIN-000000.TAR",
        "audio/.train-000000.tar.1-0123456789abcdef.tmp",
    ],
)
def test_names_that_differ_in_case_and_temporaries_are_orphans(name: str, data: Path) -> None:
    (data / name).write_bytes(b"?")
    (problem,) = syngen.verify(data)
    assert problem.startswith(f"{name}: ")


def test_shards_are_checked_by_their_hashes_where_the_manifest_is_lost(data: Path) -> None:
    (data / "manifest.parquet").unlink()
    flip(data / "audio" / "train-000001.tar", 700)
    assert any(p.startswith("shard train-000001: SHA-256 is") for p in syngen.verify(data))
    (data / "dataset.json").unlink()
    assert any("SHA256SUMS says" in p for p in syngen.verify(data) if "train-000001" in p)
