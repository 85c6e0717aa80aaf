"""Datasets as researchers use them: by position, by value, by factor; stored and rendered alike."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import pickle
import random
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

import syngen
from syngen.errors import (
    FactorError,
    ManifestError,
    ParameterError,
    PositionError,
    ShardError,
)
from syngen.loaders.dataset import FactorDataset
from tests.support import (
    WITH_NUISANCES,
    edit_json,
    edit_manifest,
    flip,
    identities,
    run_python,
)

N_ROWS = 408


@pytest.fixture(scope="session")
def ds(tiny_dataset: Path) -> FactorDataset:
    return syngen.load(tiny_dataset)


@pytest.fixture(scope="session")
def live() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture(params=["stored", "rendered"])
def either(request: pytest.FixtureRequest) -> FactorDataset:
    """The same dataset from both sources."""
    found: FactorDataset = request.getfixturevalue("ds" if request.param == "stored" else "live")
    return found


@pytest.fixture
def data(tiny_dataset: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_dataset, tmp_path / "data"))


def test_an_observation_says_what_made_it(either: FactorDataset) -> None:
    obs = either[12]
    assert obs.waveform.dtype == np.float32
    assert obs.waveform.shape == (4000,)
    assert obs.sample_rate == 16_000
    assert obs.index == either.indices[12]
    assert dict(obs.values) == either.grid.values_of(obs.index)
    assert list(obs.levels.values()) == either.levels[12].tolist()
    assert [type(value) for value in obs.values.values()] == [str, float, float]
    for name, level in obs.levels.items():
        assert type(level) is int
        assert either.grid[name].values[level] == obs.values[name]


def test_a_dataset_says_what_it_is(ds: FactorDataset, live: FactorDataset, tiny_dataset: Path) -> None:
    for either in (ds, live):
        assert len(either) == N_ROWS
        assert (either.n_samples, either.sample_rate, either.name) == (4000, 16_000, "syntone-tiny")
        assert either.fingerprint == syngen.load_recipe("syntone-tiny").fingerprint
        assert either.grid.names == ("timbre", "amplitude", "frequency")
        assert either.grid.kinds["timbre"] == "nominal"
        assert either.grid["frequency"].unit == "Hz"
        assert either.is_complete
        assert repr(either) == (
            "<FactorDataset syntone-tiny: 408 observations of {timbre: 4, amplitude: 6, frequency: 17}>"
        )
    assert ds.folder == tiny_dataset
    assert live.folder is None


def test_negative_positions_count_from_the_end(either: FactorDataset) -> None:
    assert either[-1].index == either[N_ROWS - 1].index == either.indices[-1]
    assert either[-N_ROWS].index == either[0].index
    np.testing.assert_array_equal(either.batch([-1, -2]), either.batch([N_ROWS - 1, N_ROWS - 2]))


@pytest.mark.parametrize("position", [N_ROWS, -N_ROWS - 1, 10**12, -(10**12)])
def test_positions_outside_are_refused(position: int, either: FactorDataset) -> None:
    with pytest.raises(IndexError, match=rf"position {position} outside 0\.\.407 of 408 observations"):
        either[position]
    with pytest.raises(PositionError, match="outside 0..407"):
        either.batch([0, position])
    with pytest.raises(FactorError):
        either[position]


@pytest.mark.parametrize("position", [1.0, "3", None, True, (0, 3), 2**70])
def test_positions_that_are_no_whole_numbers_are_refused(position: object, ds: FactorDataset) -> None:
    with pytest.raises(FactorError, match="position"):
        ds[position]  # type: ignore[index]


def test_numpy_integers_are_positions(ds: FactorDataset) -> None:
    for kind in (np.int8, np.uint64, np.int32):
        assert ds[kind(7)].index == ds[7].index  # type: ignore[index]


def test_iteration_ends_and_is_in_order(either: FactorDataset) -> None:
    view = either.select(split="test", timbre="sine")
    assert [obs.index for obs in view] == view.indices.tolist()
    assert [obs.index for obs in reversed(view)] == view.indices[::-1].tolist()
    assert len(list(either)) == N_ROWS


def test_a_batch_is_in_the_order_that_was_asked_for(either: FactorDataset) -> None:
    batch = either.batch([3, 1, 4, 1])
    assert (batch.dtype, batch.shape) == (np.float32, (4, 4000))
    for row, position in zip(batch, [3, 1, 4, 1], strict=True):
        np.testing.assert_array_equal(row, either[position].waveform)
    np.testing.assert_array_equal(either.batch(np.array([3, 1])), batch[:2])
    assert either.batch([]).shape == (0, 4000)


def test_arrays_are_waveforms_and_levels(either: FactorDataset) -> None:
    waveforms, levels = either.arrays(split="train", limit=70)
    assert (waveforms.dtype, waveforms.shape) == (np.float32, (70, 4000))
    assert (levels.dtype, levels.shape) == (np.int64, (70, 3))
    train = either.select(split="train")
    np.testing.assert_array_equal(waveforms, train.batch(range(70)))
    np.testing.assert_array_equal(levels, train.levels[:70])
    assert either.arrays(limit=0)[0].shape == (0, 4000)
    assert either.arrays()[0].shape == (N_ROWS, 4000)
    assert either.arrays(split="test")[1].shape == (len(either.select(split="test")), 3)


def test_arrays_refuse_what_makes_no_sense(ds: FactorDataset) -> None:
    with pytest.raises(ParameterError, match="limit is -1; 0 or more"):
        ds.arrays(limit=-1)
    with pytest.raises(FactorError, match=r"no split 'trian' \(did you mean 'train'\?\)"):
        ds.arrays(split="trian")


def test_select_by_value_list_and_range(either: FactorDataset) -> None:
    frame = either.manifest
    cases: list[tuple[dict[str, object], Any]] = [
        ({"timbre": "sine"}, frame["timbre"] == "sine"),
        ({"timbre": ["sine", "square"]}, frame["timbre"].isin(["sine", "square"])),
        ({"amplitude": -26.0}, frame["amplitude"] == -26.0),
        ({"amplitude": -26}, frame["amplitude"] == -26.0),
        ({"amplitude": [-26.0, -11.0]}, frame["amplitude"].isin([-26.0, -11.0])),
        ({"frequency": (200.0, 400.0)}, frame["frequency"].between(200.0, 400.0)),
        ({"frequency": (220.0, 440.0)}, frame["frequency"].between(219.999, 440.001)),
        ({"frequency": (None, 220.0)}, frame["frequency"] <= 220.001),
        ({"frequency": (880.0, None)}, frame["frequency"] >= 879.999),
        ({"frequency": (None, None)}, frame["frequency"] > 0.0),
        ({"split": "test"}, frame["split"] == "test"),
        ({"split": ["test", "validation"]}, frame["split"] != "train"),
        ({"split_composition": "test"}, (frame["timbre"] == "square") & (frame["frequency"] >= 879.999)),
        ({"split_extrapolation": "test"}, frame["frequency"] > 1000.0),
        (
            {"timbre": "sine", "frequency": (None, 300.0), "split": "train"},
            (frame["timbre"] == "sine") & (frame["frequency"] <= 300.0) & (frame["split"] == "train"),
        ),
    ]
    for conditions, wanted in cases:
        view = either.select(**conditions)
        assert 0 < len(view) <= N_ROWS
        assert list(view.rows) == list(frame.index[wanted]), conditions
        assert view.is_complete == (len(view) == N_ROWS)


def test_select_accepts_numbers_within_a_billionth(either: FactorDataset) -> None:
    value = either.grid["frequency"].values[5]
    assert isinstance(value, float)
    n = len(either.select(frequency=value))
    assert n == 24
    assert len(either.select(frequency=value * (1 + 0.9e-9))) == n
    assert len(either.select(frequency=(value * (1 + 0.9e-9), value * (1 + 0.9e-9)))) == n
    with pytest.raises(FactorError):
        either.select(frequency=value * (1 + 3e-9))


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"timbre": "sinus"}, r"sinus.*(sine|did you mean 'sine')"),
        ({"timbre": ["sine", "organ"]}, r"organ"),
        ({"frequency": 441.0}, r"441.*440"),
        ({"amplitude": "loud"}, r"loud"),
        ({"frequency": float("nan")}, r"nan"),
        ({"frequncy": 440.0}, r"no factor 'frequncy' \(did you mean 'frequency'\?\)"),
        (
            {"split": "tset"},
            r"no split 'tset' \(did you mean 'test'\?\); split has train, validation, test",
        ),
        ({"split_composition": "validate"}, r"no split 'validate' .*; split_composition has train"),
        ({"split_compositon": "test"}, r"no factor 'split_compositon' \(did you mean 'split_composition'"),
        ({"timbre": ("sine", "square")}, r"timbre.*in a list"),
        ({"frequency": (1.0, 2.0, 3.0)}, r"is not a range \(low, high\); use a list"),
        ({"frequency": ("low", "high")}, r"low"),
        ({"frequency": (400.0, 200.0)}, r"400 is above 200"),
    ],
)
def test_select_refuses_what_is_not_there_and_names_the_nearest(
    conditions: dict[str, object], message: str, either: FactorDataset
) -> None:
    with pytest.raises(FactorError, match=message):
        either.select(**conditions)


def test_a_selection_may_be_empty(either: FactorDataset) -> None:
    view = either.select(frequency=(1.0, 2.0))
    assert len(view) == 0
    assert list(view) == []
    assert view.batch([]).shape == (0, 4000)
    assert view.manifest.empty
    assert [len(array) for array in view.arrays()] == [0, 0]
    with pytest.raises(IndexError):
        view[0]
    with pytest.raises(ParameterError, match="view of 0 observations"):
        view.sample_factors(1, 0)


def test_views_of_views_keep_rows_of_the_whole(either: FactorDataset) -> None:
    view = either.select(timbre=["sine", "square"]).select(frequency=(200.0, 400.0))
    view = view.select(split="train")
    once = either.select(timbre=["sine", "square"], frequency=(200.0, 400.0), split="train")
    assert 0 < len(view) < N_ROWS
    np.testing.assert_array_equal(view.rows, once.rows)
    np.testing.assert_array_equal(view.indices, either.indices[view.rows])
    np.testing.assert_array_equal(view.levels, either.levels[view.rows])
    np.testing.assert_array_equal(view[2].waveform, either[int(view.rows[2])].waveform)
    assert list(view.manifest.index) == view.rows.tolist()
    assert view.table.num_rows == len(view)
    assert len(view.select(timbre="sine").select(timbre="square")) == 0
    assert len(view.select()) == len(view)


def test_selecting_does_not_change_the_dataset(either: FactorDataset) -> None:
    rows = either.rows.copy()
    either.select(timbre="sine")
    np.testing.assert_array_equal(either.rows, rows)


def test_the_manifest_has_the_documented_columns_and_types(ds: FactorDataset, with_nuisances: Path) -> None:
    assert [(field.name, str(field.type)) for field in ds.table.schema] == [
        ("index", "int64"),
        ("split", "string"),
        ("split_composition", "string"),
        ("split_interpolation", "string"),
        ("split_extrapolation", "string"),
        ("timbre", "string"),
        ("timbre_level", "int16"),
        ("amplitude", "double"),
        ("amplitude_level", "int16"),
        ("frequency", "double"),
        ("frequency_level", "int16"),
        ("shard", "string"),
        ("offset", "int64"),
        ("size", "int64"),
        ("n_samples", "int32"),
        ("pcm_sha256", "fixed_size_binary[32]"),
        ("peak", "float"),
        ("rms_db", "float"),
    ]
    assert [field.name for field in ds.table.schema if field.nullable] == ["rms_db"]
    assert [(field.name, str(field.type)) for field in syngen.load(with_nuisances).table.schema] == [
        ("index", "int64"),
        ("split", "string"),
        ("timbre", "string"),
        ("timbre_level", "int16"),
        ("frequency", "double"),
        ("frequency_level", "int16"),
        ("phase", "double"),
        ("amplitude", "double"),
        ("shard", "string"),
        ("offset", "int64"),
        ("size", "int64"),
        ("n_samples", "int32"),
        ("pcm_sha256", "fixed_size_binary[32]"),
        ("peak", "float"),
        ("rms_db", "float"),
    ]


def test_the_manifest_alone_describes_the_grid(ds: FactorDataset) -> None:
    vocabulary = json.loads(ds.table.schema.metadata[b"syngen"])
    for entry, factor in zip(vocabulary["factors"], ds.grid.factors, strict=True):
        assert entry == {
            "name": factor.name,
            "kind": factor.kind,
            "unit": factor.unit,
            "values": list(factor.values),
        }


def test_a_rendered_dataset_has_the_factor_columns_of_the_stored_one(
    ds: FactorDataset, live: FactorDataset
) -> None:
    names = live.table.column_names
    assert names == ds.table.column_names[: len(names)]
    assert names[-1] == "frequency_level"
    for name in names:
        assert live.table.column(name).combine_chunks() == ds.table.column(name).combine_chunks()


def test_levels_and_values_of_the_manifest_are_those_of_the_indices(ds: FactorDataset) -> None:
    frame = ds.manifest
    np.testing.assert_array_equal(ds.grid.levels_of(frame["index"].to_numpy()), ds.levels)
    for name in ds.grid.names:
        values = [ds.grid[name].values[level] for level in frame[f"{name}_level"]]
        assert list(frame[name]) == values


def test_rows_are_split_by_split_and_shards_hold_one_split_each(ds: FactorDataset) -> None:
    frame = ds.manifest
    order = ["train", "validation", "test"]
    assert list(dict.fromkeys(frame["split"])) == order
    assert frame["split"].map(order.index).is_monotonic_increasing
    assert list(frame["shard"].str.rsplit("-", n=1).str[0]) == list(frame["split"])
    assert frame["index"].is_unique
    for _, rows in frame.groupby("split"):
        assert not rows["index"].is_monotonic_increasing  # shuffled


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
def test_json_members_equal_the_manifest(codec: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue("tiny_dataset" if codec == "wav" else "tiny_flac")
    dataset = syngen.load(folder)
    frame = dataset.manifest
    names = dataset.grid.names
    seen = 0
    for shard in dict.fromkeys(frame["shard"]):
        with tarfile.open(folder / "audio" / f"{shard}.tar") as archive:
            members = archive.getmembers()
            for audio, text in zip(members[::2], members[1::2], strict=True):
                row = frame.loc[seen]
                assert (audio.name, text.name) == (f"{seen:09d}.{codec}", f"{seen:09d}.json")
                assert (audio.offset_data, audio.size) == (row["offset"], row["size"])
                file = archive.extractfile(text)
                assert file is not None
                assert json.loads(file.read()) == {
                    "index": row["index"],
                    "split": row["split"],
                    "values": {name: row[name] for name in names},
                    "levels": {name: row[f"{name}_level"] for name in names},
                }
                seen += 1
    assert seen == len(frame)


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng, int])
def test_factors_are_drawn_from_the_random_state(
    kind: Callable[[int], object], either: FactorDataset
) -> None:
    factors = either.sample_factors(64, kind(7))  # type: ignore[arg-type]
    assert (factors.dtype, factors.shape) == (np.int64, (64, 3))
    assert (factors >= 0).all()
    assert (factors < either.grid.sizes).all()
    np.testing.assert_array_equal(factors, either.sample_factors(64, kind(7)))  # type: ignore[arg-type]
    assert not np.array_equal(factors, either.sample_factors(64, kind(8)))  # type: ignore[arg-type]
    assert either.sample_factors(0, kind(7)).shape == (0, 3)  # type: ignore[arg-type]


def test_a_random_state_advances(ds: FactorDataset) -> None:
    state = np.random.RandomState(0)
    first, second = ds.sample_factors(16, state), ds.sample_factors(16, state)
    assert not np.array_equal(first, second)


def test_factors_come_from_the_view_only(either: FactorDataset) -> None:
    view = either.select(timbre="square", frequency=(None, 200.0))
    factors = view.sample_factors(200, 3)
    assert set(factors[:, 0]) == {either.grid["timbre"].level_of("square")}
    available = set(map(tuple, view.levels.tolist()))
    assert set(map(tuple, factors.tolist())) <= available


@pytest.mark.parametrize("random_state", [None, 1.5, "0", True])
def test_what_is_no_random_state_is_refused(random_state: object, ds: FactorDataset) -> None:
    with pytest.raises(ParameterError, match="a RandomState, a Generator or a whole number is needed"):
        ds.sample_factors(4, random_state)  # type: ignore[arg-type]


def test_a_negative_number_of_factors_is_refused(ds: FactorDataset) -> None:
    with pytest.raises(ParameterError, match="-1 combinations"):
        ds.sample_factors(-1, 0)


def test_observations_from_factors_are_those_of_the_rows(either: FactorDataset) -> None:
    rows = [5, 17, 400, 5]
    factors = either.levels[rows]
    state = np.random.RandomState(0)
    found = either.sample_observations_from_factors(factors, state)
    np.testing.assert_array_equal(found, either.batch(rows))
    drawn = either.sample_factors(10, state)
    waveforms = either.sample_observations_from_factors(drawn, state)
    assert (waveforms.dtype, waveforms.shape) == (np.float32, (10, 4000))
    assert either.sample_observations_from_factors(drawn[:0], state).shape == (0, 4000)


def test_combinations_that_a_limited_dataset_has_not_are_counted(tmp_path: Path) -> None:
    syngen.generate("syntone-tiny", tmp_path / "data", jobs=1, limit=40)
    some = syngen.load(tmp_path / "data")
    missing = sorted(set(range(some.grid.size)) - set(some.indices.tolist()))[:2]
    factors = np.vstack([some.levels[:3], some.grid.levels_of(np.array(missing))])
    with pytest.raises(FactorError, match="2 of 5 combinations are not among these 40 observations"):
        some.sample_observations_from_factors(factors, 0)
    np.testing.assert_array_equal(
        some.sample_observations_from_factors(factors[:3], 0), some.batch([0, 1, 2])
    )
    view = some.select(split="train")
    with pytest.raises(FactorError, match=f"1 of 1 combinations are not among these {len(view)}"):
        view.sample_observations_from_factors(some.levels[-1:], 0)
    live = syngen.render("syntone-tiny")
    assert live.sample_observations_from_factors(factors, 0).shape == (5, 4000)


@pytest.mark.parametrize("factors", [[[4, 0, 0]], [[-1, 0, 0]], [[0, 0]], [0, 0, 0, 0], [[0.5, 0.0, 0.0]]])
def test_levels_that_the_grid_has_not_are_refused(factors: list[object], either: FactorDataset) -> None:
    with pytest.raises(FactorError):
        either.sample_observations_from_factors(factors, 0)


def test_the_protocol_of_disentanglement_lib_is_met(either: FactorDataset) -> None:
    assert either.num_factors == 3
    assert either.factors_num_values == [4, 6, 17]
    assert either.observation_shape == (4000,)
    assert either.select(timbre="sine").factors_num_values == [4, 6, 17]


@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize(
    ("recipe", "limit"),
    [("syntone-tiny", None), ("syntone-small", 60), ("syntone-paper", 60), ("nuisances", None)],
)
def test_stored_and_rendered_are_equal_sample_for_sample(
    recipe: str, limit: int | None, codec: str, tmp_path: Path
) -> None:
    resolved = syngen.load_recipe(WITH_NUISANCES if recipe == "nuisances" else recipe)
    if limit is not None:
        resolved = resolved.with_size(limit)
    syngen.generate(resolved, tmp_path / "data", jobs=1, shard_size=50, codec=codec)
    stored, live = syngen.load(tmp_path / "data"), syngen.render(resolved)
    np.testing.assert_array_equal(stored.indices, live.indices)
    np.testing.assert_array_equal(stored.levels, live.levels)
    np.testing.assert_array_equal(stored.arrays()[0], live.arrays()[0])
    for column in live.table.column_names:
        assert live.table.column(column).to_pylist() == stored.table.column(column).to_pylist()
    for position in (0, len(stored) // 2, -1):
        first, second = stored[position], live[position]
        np.testing.assert_array_equal(first.waveform, second.waveform)
        assert first.waveform.dtype == second.waveform.dtype == np.float32
        assert (first.index, first.values, first.levels) == (second.index, second.values, second.levels)


def test_nothing_is_normalised(ds: FactorDataset) -> None:
    frame = ds.manifest
    for split in ("train", "test"):
        rows = np.flatnonzero(frame["split"] == split)
        waveforms = ds.batch(rows)
        np.testing.assert_array_equal(np.abs(waveforms).max(axis=1), frame["peak"].iloc[rows])
        rms = 10 * np.log10(np.mean(np.square(waveforms, dtype=np.float64), axis=1))
        np.testing.assert_allclose(rms, frame["rms_db"].iloc[rows], atol=1e-5)
        np.testing.assert_allclose(rms, frame["amplitude"].iloc[rows], atol=0.6)


def test_silence_has_no_level(whole_looking: Path) -> None:
    frame = syngen.load(whole_looking).manifest
    silent = frame["amplitude"] == 0.0
    assert silent.sum() == 6
    assert frame["rms_db"].isna().equals(silent)
    assert (frame["peak"] == 0.0).equals(silent)


@pytest.mark.parametrize("view", [False, True])
def test_a_pickle_is_small_and_works(view: bool, either: FactorDataset) -> None:
    dataset = either.select(timbre="sine") if view else either
    dataset[0]
    data = pickle.dumps(dataset)
    assert len(data) < 20_000
    for other in (pickle.loads(data), copy.deepcopy(dataset)):
        assert len(other) == len(dataset)
        np.testing.assert_array_equal(other.rows, dataset.rows)
        np.testing.assert_array_equal(other[3].waveform, dataset[3].waveform)
        assert other.manifest.equals(dataset.manifest)


CHILDREN = """\
import hashlib, multiprocessing, sys
import syngen

def digest(ds, positions):
    return hashlib.sha256(ds.batch(positions).tobytes() + ds[positions[0]].waveform.tobytes()).hexdigest()

if __name__ == "__main__":
    for ds in (syngen.load(sys.argv[1]), syngen.render("syntone-tiny")):
        expected = digest(ds, [3, 200, 407])  # files are open now
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                parts = [(ds, [3, 200, 407])] * 4
                print(method, set(pool.starmap(digest, parts)) == {expected})
        assert digest(ds, [3, 200, 407]) == expected
"""


@pytest.mark.slow
def test_datasets_work_in_forked_and_in_spawned_processes(tiny_dataset: Path, tmp_path: Path) -> None:
    script = tmp_path / "children.py"
    script.write_text(CHILDREN, "utf-8")
    done = run_python(str(script), str(tiny_dataset))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["fork True", "spawn True"] * 2


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "No such file or directory"),
        (_truncated, "the file ends too early"),
        (lambda path: flip(path, 512, 0xFF), "not a 16-bit mono WAV file"),
    ],
)
def test_a_damaged_shard_hides_no_other_row(
    damage: Callable[[Path], None], reason: str, data: Path, ds: FactorDataset
) -> None:
    damage(data / "audio" / "train-000002.tar")
    dataset = syngen.load(data)
    message = rf"row 100: shard train-000002 in .* cannot be read: {reason}.*; run syngen verify"
    with pytest.raises(ShardError, match=message):
        dataset[100]
    with pytest.raises(ShardError, match="row 100: shard train-000002"):
        dataset.batch([3, 100])
    others = [row for row in range(N_ROWS) if not 100 <= row < 150]
    np.testing.assert_array_equal(dataset.batch(others), ds.batch(others))
    assert len(dataset.manifest) == N_ROWS


def test_damage_in_one_row_of_flac_hides_no_other_row(
    tiny_flac: Path, tmp_path: Path, ds: FactorDataset
) -> None:
    folder = Path(shutil.copytree(tiny_flac, tmp_path / "data"))
    row = syngen.load(folder).manifest.loc[120]
    flip(folder / "audio" / f"{row['shard']}.tar", int(row["offset"]), 0xFF)
    dataset = syngen.load(folder)
    with pytest.raises(ShardError, match="row 120: shard train-000002 .* not a FLAC file"):
        dataset[120]
    np.testing.assert_array_equal(dataset.batch([119, 121]), ds.batch([119, 121]))


def outcome_of_reading(folder: Path) -> type[Exception] | None:
    """Return what is raised when a dataset is opened, read and selected from."""
    try:
        dataset = syngen.load(folder)
        dataset.batch([0, N_ROWS - 1])
        _ = dataset.select(split="train", timbre="sine").manifest
    except Exception as error:
        return type(error)
    return None


@pytest.mark.slow
def test_every_damage_to_a_manifest_is_an_error_that_says_so_or_harmless(data: Path) -> None:
    path = data / "manifest.parquet"
    size = path.stat().st_size
    rng = random.Random(9)
    outcomes: dict[type[Exception] | None, tuple[int, int]] = {}
    for _ in range(250):
        offset, mask = rng.randrange(size), rng.randrange(1, 256)
        flip(path, offset, mask)
        outcomes.setdefault(outcome_of_reading(data), (offset, mask))
        flip(path, offset, mask)
    assert ManifestError in outcomes
    assert set(outcomes) <= {ManifestError, ShardError, None}, outcomes


def _set(key: str, value: object) -> Callable[[dict[str, object]], object]:
    return lambda content: content.__setitem__(key, value)


def _move_rows(content: dict[str, Any]) -> None:
    content["shards"][0]["rows"] -= 1
    content["shards"][1]["rows"] += 1
    content["shard_size"] = 51


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(_set("fingerprint", "0" * 64), "different fingerprints", id="fingerprint"),
        pytest.param(_move_rows, "disagree: shard train-000000 has 50 rows in the one and 49", id="rows"),
        pytest.param(_set("counts", {"train": 408}), "but counts says", id="counts"),
        pytest.param(_set("shard_size", 49), "the largest shard has 50 rows; 50 to", id="shard size"),
        pytest.param(_set("shard_size", "50"), "is damaged: shard_size", id="odd shard size"),
        pytest.param(lambda c: c.pop("shard_size"), "'shard_size' is missing", id="no shard size"),
        pytest.param(lambda c: c.pop("shards"), "is damaged", id="no shards"),
        pytest.param(_set("shards", [1]), "is damaged", id="odd shards"),
        pytest.param(_set("recipe", []), "is damaged", id="odd recipe"),
        pytest.param(_set("counts", {"train": "408"}), "is damaged", id="odd counts"),
        pytest.param(_set("hours", "many"), "is damaged", id="odd hours"),
        pytest.param(_set("codec", "mp3"), "mp3", id="unknown codec"),
        pytest.param(_set("complete", False), "not marked complete; run generate again", id="incomplete"),
        pytest.param(_set("format", None), "names no format", id="no format"),
        pytest.param(_set("format", "1"), "names no format", id="odd format"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    edit: Callable[[dict[str, object]], object], message: str, data: Path
) -> None:
    edit_json(data / "dataset.json", edit)
    with pytest.raises(ManifestError, match=message):
        syngen.load(data)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_description_that_is_no_object_is_refused(content: bytes, data: Path) -> None:
    (data / "dataset.json").write_bytes(content)
    with pytest.raises(ManifestError, match=r"dataset\.json is damaged"):
        syngen.load(data)


def test_a_later_format_is_refused_with_what_to_install(data: Path) -> None:
    def of_the_future(content: dict[str, object]) -> None:
        content["format"], content["requires"] = 99, "syngen-audio>=9.1"
        content["surprises"] = content.pop("shards")

    edit_json(data / "dataset.json", of_the_future)
    message = (
        r'format 99; this syngen reads up to 2\. Install .*: pip install --upgrade "syngen-audio>=9\.1"$'
    )
    with pytest.raises(ManifestError, match=message):
        syngen.load(data)


@pytest.mark.parametrize("requires", ["evil>=1; rm", "evil", "syngen>=9 evil", None, [1]])
def test_a_later_format_names_no_package_but_ours(requires: object, data: Path) -> None:
    edit_json(data / "dataset.json", lambda content: content.update(format=99, requires=requires))
    with pytest.raises(ManifestError, match=r'pip install --upgrade "syngen-audio"$'):
        syngen.load(data)


def test_the_manifest_of_another_dataset_is_refused(data: Path, with_nuisances: Path) -> None:
    shutil.copy(with_nuisances / "manifest.parquet", data)
    with pytest.raises(ManifestError, match="different fingerprints"):
        syngen.load(data)


def test_a_manifest_that_lost_columns_is_refused(data: Path) -> None:
    path = data / "manifest.parquet"
    pq.write_table(pq.read_table(path).drop(["peak", "offset"]), path)
    with pytest.raises(ManifestError, match="lacks the columns offset, peak"):
        syngen.load(data)


def test_a_manifest_that_syngen_did_not_make_is_refused(data: Path) -> None:
    pq.write_table(pa.table({"index": [1, 2]}), data / "manifest.parquet")
    with pytest.raises(ManifestError, match="has no vocabulary; it is not a manifest made by syngen"):
        syngen.load(data)


def test_an_index_outside_the_grid_is_a_damaged_manifest(data: Path) -> None:
    edit_manifest(data, "index", 3, 10**6)
    with pytest.raises(ManifestError):
        syngen.load(data)[3]


@pytest.mark.parametrize("damage", [Path.unlink, _truncated])
def test_a_manifest_that_cannot_be_read_is_refused(damage: Callable[[Path], None], data: Path) -> None:
    damage(data / "manifest.parquet")
    with pytest.raises(ManifestError, match=r"manifest\.parquet cannot be read"):
        syngen.load(data)


def test_what_is_no_finished_dataset_is_refused(interrupted: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="is not finished; run the same syngen generate command again"):
        syngen.load(interrupted)
    with pytest.raises(ParameterError, match="nothing does not exist; a dataset is a folder that"):
        syngen.load(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="file is a file; a dataset is a folder that"):
        syngen.load(tmp_path / "file")
    with pytest.raises(ManifestError, match=r"holds no dataset: there is no dataset\.json"):
        syngen.load(tmp_path / "empty")


def test_a_moved_dataset_loads(data: Path, tmp_path: Path, ds: FactorDataset) -> None:
    data.rename(tmp_path / "elsewhere")
    np.testing.assert_array_equal(syngen.load(tmp_path / "elsewhere")[9].waveform, ds[9].waveform)


@pytest.mark.slow
def test_more_shards_than_may_be_open_are_read(tmp_path: Path) -> None:
    syngen.generate(WITH_NUISANCES, tmp_path / "data", jobs=1, shard_size=1)
    stored, live = syngen.load(tmp_path / "data"), syngen.render(WITH_NUISANCES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syngen.loaders.sources.stored._OPEN_SHARDS", 3)
        rows = np.random.default_rng(0).permutation(60).repeat(2)
        np.testing.assert_array_equal(stored.batch(rows), live.batch(rows))


def test_an_observation_plays_in_a_notebook(either: FactorDataset) -> None:
    obs = either[7]
    page = obs._repr_html_()
    found = re.search(r'<audio controls src="data:audio/wav;base64,([A-Za-z0-9+/=]+)">', page)
    assert found is not None
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(found[1])), dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, obs.waveform)
    for value in obs.values.values():
        assert f"<td>{value}</td>" in page


def test_a_dataset_shows_a_table_in_a_notebook(either: FactorDataset) -> None:
    view = either.select(split="test")
    page = view._repr_html_()
    assert f"{len(view)} observations" in page
    assert page.count("<tr") == 6
    for name in ("index", "split", "timbre", "frequency_level"):
        assert f"<th>{name}</th>" in page
    assert str(view.indices[0]) in page
    assert "pcm_sha256" not in page


def test_hashes_of_the_manifest_are_those_of_the_samples(ds: FactorDataset, tiny_dataset: Path) -> None:
    _, expected = identities(tiny_dataset)
    for position in (0, 100, 407):
        pcm = (ds[position].waveform.astype(np.float64) * 32768.0).astype("<i2")
        assert hashlib.sha256(pcm.tobytes()).digest() == expected[position]
