"""Codes made on one dataset, evaluated on another: the score of the right rows, or a refusal.

Every ordered pair of datasets is tried, those of one recipe in all their forms and those of somebody's own
files, by evaluate and by probe. What is right is worked out here with dictionaries.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import syngen
from syngen.errors import FactorError, ParameterError
from syngen.evaluation.codes.codes import read_codes, write_codes
from syngen.loaders.dataset import FactorDataset

pytestmark = pytest.mark.slow

RECIPE: dict[str, Any] = {
    "name": "joins",
    "licence": "CC0-1.0",
    "synthesizer": "tone",
    "seed": 3,
    "audio": {"sample_rate": 8000, "duration": 0.02},
    "factors": {
        "timbre": {"values": ["sine", "square", "sawtooth"]},
        "amplitude": {"values": [-20.0, -14.0, -8.0], "unit": "dBFS"},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 8}, "unit": "Hz"},
    },
    "splits": {
        "default": {"random": {"train": 0.6, "test": 0.4}},
        "composition": {"hold_out": [{"timbre": ["square"], "frequency": {"min": 400.0}}]},
    },
}
OTHER_SPLITS = RECIPE | {"splits": {"default": {"random": {"train": 0.3, "validation": 0.3, "test": 0.4}}}}
FACTORS = ["timbre", "amplitude", "frequency"]
OF_RECIPE = (
    *("whole", "limited", "grown", "downloaded", "part", "other splits", "live", "mapped"),
    *("view", "test split", "shuffled", "reversed", "repeated", "listed", "stranger"),
)
OWN = (
    *("own", "own reordered", "own half", "own elsewhere", "own replaced", "own relabelled"),
    *("own twice", "own twice reordered", "own view"),
)
NAMES = OF_RECIPE + OWN
SOME = ("whole", "part", "live", "shuffled", "repeated", "own", "own twice")
SELECTIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "test": {"split": "test"},
    "first 20": {"limit": 20},
    "first 5 of test": {"split": "test", "limit": 5},
}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FactorDataset]]:
    folder = tmp_path_factory.mktemp("joins")
    rng = np.random.default_rng(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNGEN_CACHE", str(folder / "cache"))
        yield of_recipe(folder, rng) | of_files(folder / "own", rng)


def of_recipe(folder: Path, rng: np.random.Generator) -> dict[str, FactorDataset]:
    for name, recipe, limit in (
        ("whole", RECIPE, None),
        ("limited", RECIPE, 40),
        ("grown", RECIPE, 25),
        ("grown", RECIPE, 55),
        ("splits", OTHER_SPLITS, 60),
    ):
        syngen.generate(recipe, folder / name, jobs=1, shard_size=20, limit=limit)
    syngen.download(folder / "whole", to=folder / "downloaded", codec="flac")
    syngen.download(
        folder / "whole", to=folder / "part", where={"timbre": ["sine", "square"]}, split="train"
    )
    whole, limited = syngen.load(folder / "whole"), syngen.load(folder / "limited")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syngen.loaders.sources.stored.LARGE", 1)
        mapped = syngen.load(folder / "whole")
    live = syngen.render(RECIPE)
    return {
        "whole": whole,
        "limited": limited,
        "grown": syngen.load(folder / "grown"),
        "downloaded": syngen.load(folder / "downloaded"),
        "part": syngen.load(folder / "part"),
        "other splits": syngen.load(folder / "splits"),
        "live": live,
        "mapped": mapped,
        "view": whole.select(frequency=(200.0, 700.0)),
        "test split": live.select(split="test"),
        "shuffled": whole.take(rng.permutation(72)),
        "reversed": live[::-1],
        "repeated": limited.take(rng.integers(40, size=50)),
        "listed": mapped.take([3, 1, 4, 15, 9, 26, 5, 35, 8, 60, 70]),
        "stranger": syngen.render(RECIPE | {"seed": 4}),
    }


def of_files(folder: Path, rng: np.random.Generator) -> dict[str, FactorDataset]:
    folder.mkdir()
    rows = [
        (f"{timbre}-{amplitude}-{k}.wav", timbre, amplitude, k, ("train", "test")[k % 2])
        for timbre in ("bell", "oboe", "harp")
        for amplitude in (0.25, 1.0)
        for k in range(5)
    ]
    table = pd.DataFrame(rows, columns=["file", *FACTORS, "split"])
    for name in table["file"]:
        soundfile.write(folder / name, rng.uniform(-1, 1, 100), 8000)

    def opened(table: pd.DataFrame, here: Path = folder) -> FactorDataset:
        return syngen.from_manifest(here, table.reset_index(drop=True), factors=FACTORS)

    elsewhere = folder.with_name("elsewhere")
    shutil.copytree(folder, elsewhere)
    for name in table["file"]:
        (elsewhere / name).rename(elsewhere / f"x-{name}")
    replaced = folder.with_name("replaced")
    shutil.copytree(folder, replaced)
    first, second, third = (replaced / name for name in table["file"][:3])
    first.write_bytes((folder / second.name).read_bytes())
    second.write_bytes((folder / first.name).read_bytes())
    soundfile.write(third, rng.uniform(-1, 1, 100), 8000)
    again = table.iloc[:12].assign(timbre=list(table["timbre"][:12][::-1]), amplitude=0.5)
    twice = pd.concat([table, again, table.iloc[3:6]])
    own = opened(table)
    return {
        "own": own,
        "own reordered": opened(table.iloc[rng.permutation(len(table))]),
        "own half": opened(table.iloc[::2]),
        "own elsewhere": opened(table.assign(file="x-" + table["file"]).iloc[::-1], elsewhere),
        "own replaced": opened(table, replaced),
        "own relabelled": opened(table.assign(timbre=rng.permutation(table["timbre"]))),
        "own twice": opened(twice),
        "own twice reordered": opened(twice.iloc[rng.permutation(len(twice))]),
        "own view": own.select(timbre=["bell", "harp"]),
    }


@dataclass(frozen=True)
class Known:
    """What is known of each row of a dataset: audio, file with factors, split."""

    audio: list[Any]
    row: list[Any]
    split: list[str]


def known(ds: FactorDataset) -> Known:
    splits = ds.table.column("split").to_pylist()
    if "file" not in ds.table.column_names:
        points = [(ds.fingerprint, index) for index in ds.indices.tolist()]
        return Known(points, points, splits)
    files = ds.table.column("file").to_pylist()
    audio = [hashlib.sha256((Path(str(ds.folder)) / name).read_bytes()).hexdigest() for name in files]
    factors = zip(*(ds.values[name].tolist() for name in FACTORS), strict=True)
    return Known(audio, list(zip(files, factors, strict=True)), splits)


AMBIGUOUS = "ambiguous"
REFUSED = "codes of another|no codes for|rows of codes that differ|the codes are of"


def codes_by_row(of: Known, values: np.ndarray, on: Known) -> list[Any]:
    """Return for each row of a dataset its codes, None, or that they are ambiguous."""
    if (of.audio, of.row) == (on.audio, on.row):
        return list(values)
    by_audio: dict[Any, dict[bytes, np.ndarray]] = defaultdict(dict)
    by_row: dict[Any, dict[bytes, np.ndarray]] = defaultdict(dict)
    for audio, row, value in zip(of.audio, of.row, values, strict=True):
        by_audio[audio][value.tobytes()] = value
        by_row[audio, row][value.tobytes()] = value
    found: list[Any] = []
    for audio, row in zip(on.audio, on.row, strict=True):
        options = by_audio.get(audio, {})
        if len(options) > 1:
            options = by_row.get((audio, row), options)
        found.append(
            None if not options else AMBIGUOUS if len(options) > 1 else next(iter(options.values()))
        )
    return found


def rows_that_count(found: list[Any], on: Known, selection: dict[str, Any], *, common: bool) -> list[int]:
    """Return the rows to be scored; none where this must be refused."""
    rows = list(range(len(found)))
    if any(isinstance(each, str) for each in found):
        return []
    has_codes = [row for row in rows if found[row] is not None]
    if len(has_codes) == len(rows) or common:
        return has_codes
    if not selection:
        return []
    if "split" in selection:
        rows = [row for row in rows if on.split[row] == selection["split"]]
    rows = rows[: selection.get("limit")]
    return rows if set(rows) <= set(has_codes) else []


def outcome(run: Any) -> Any:
    try:
        return run()
    except (ParameterError, FactorError) as error:
        return str(error)


def check_evaluate(
    codes: syngen.Codes, ds: FactorDataset, values: Any, rows: list[int], common: bool
) -> None:
    if not rows:
        with pytest.raises(ParameterError, match=REFUSED):
            syngen.evaluate(codes, ds, metrics="mig", common=common)
        return
    expected = outcome(
        lambda: syngen.evaluate(values, ds.levels[rows], factor_kinds=ds.grid.kinds, metrics="mig")
    )
    found = outcome(lambda: syngen.evaluate(codes, ds, metrics="mig", common=common))
    if isinstance(expected, str):
        assert found == expected
        return
    assert dict(found) == dict(expected)
    assert found.mi.tolist() == expected.mi.tolist()
    assert (found.metadata["rows"], found.metadata["left_out"]) == (len(rows), len(ds) - len(rows))
    assert any("left out" in warning for warning in found.warnings) == (len(rows) < len(ds))


def check_probe(codes: syngen.Codes, ds: FactorDataset, values: Any, rows: list[int], common: bool) -> None:
    options: dict[str, Any] = {"target": "timbre", "model": "ridge", "folds": 2}
    given = [ds] if "file" in ds.table.column_names else [ds, ds.manifest]
    if not rows:
        for manifest in given:
            with pytest.raises(ParameterError, match=REFUSED):
                syngen.probe(codes, manifest, **options, common=common)
        return
    expected = outcome(
        lambda: syngen.probe(values, ds.manifest.iloc[rows].reset_index(drop=True), **options)
    )
    for manifest in given:
        found = outcome(lambda m=manifest: syngen.probe(codes, m, **options, common=common))
        if isinstance(expected, str):
            assert found == expected
            continue
        assert found.results == expected.results
        assert (found.n_rows, found.n_left_out) == (len(rows), len(ds) - len(rows))
        assert ("left out" in found.to_markdown()) == (len(rows) < len(ds))


def test_a_manifest_does_not_identify_files(datasets: dict[str, FactorDataset]) -> None:
    own, whole = datasets["own"], datasets["whole"]
    for source, message in ((own, "give the dataset itself that was encoded"), (whole, "codes of another")):
        codes = syngen.encode("factors", source)
        with pytest.raises(ParameterError, match=message):
            syngen.probe(codes, own.manifest, target="timbre")


@pytest.mark.parametrize(
    ("made_on", "chosen"),
    [(made_on, chosen) for chosen in SELECTIONS for made_on in (SOME if SELECTIONS[chosen] else NAMES)],
)
def test_every_pair_gives_the_score_of_the_right_rows_or_is_refused(
    made_on: str, chosen: str, datasets: dict[str, FactorDataset], tmp_path: Path
) -> None:
    source, selection = datasets[made_on], SELECTIONS[chosen]
    codes = outcome(lambda: syngen.encode("factors", source, **selection))
    if isinstance(codes, str):
        assert "no observations to encode" in codes
        return
    write_codes(tmp_path / "codes.npz", codes)
    codes = read_codes(tmp_path / "codes.npz")
    view = source.select(split="test") if "split" in selection else source
    view = view[: selection.get("limit")]
    n_scored = 0
    for evaluated_on in NAMES:
        ds = datasets[evaluated_on]
        on = known(ds)
        found = codes_by_row(known(view), view.levels.astype(float), on)
        asked = {"split": "test"} if made_on == "test split" else {}
        for common in (False, True):
            rows = rows_that_count(found, on, selection | asked, common=common)
            values = np.array([found[row] for row in rows])
            if len(rows) and made_on in OF_RECIPE:  # a perfect encoder
                assert (values == ds.levels[rows]).all()
            check_evaluate(codes, ds, values, rows, common)
            check_probe(codes, ds, values, rows, common)
            n_scored += bool(rows)
    assert n_scored >= 2  # on itself, at least
