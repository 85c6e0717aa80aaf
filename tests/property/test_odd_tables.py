"""Odd tables and arrays at every public entry: an error of syngen's own, or what a few lines of pandas say.

Thousands of examples: ``HYPOTHESIS_PROFILE=nightly``.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import syngen
from syngen.exports.formats import FORMATS
from syngen.exports.naming import stems
from syngen.io.names import is_name
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.selection import conditions_in
from tests.property.odd import WORDS, answer, arrays, as_given, columns, frames, sane
from tests.support import examples, names_below

N = 8
FILES = [f"{i}.wav" for i in range(N)]
FORMS = st.sampled_from(["frame", "frame", "dict", "arrow"])


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of 16 samples, each of other samples."""
    folder = tmp_path_factory.mktemp("odd") / "clips"
    folder.mkdir()
    for i, file in enumerate(FILES):
        soundfile.write(folder / file, np.arange(16, dtype=np.int16) + 100 * i, 8000, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module")
def tones() -> FactorDataset:
    return syngen.render("syntone-tiny")[::9]


def with_files(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the column of file names before the others."""
    return pd.concat([pd.Series(FILES, name="file_name", index=frame.index, dtype=object), frame], axis=1)


def groups(cells: Any) -> list[frozenset[int]]:
    """Return which rows are alike, for each value the set of its rows."""
    found: dict[Any, list[int]] = {}
    for row, cell in enumerate(cells):
        found.setdefault(cell, []).append(row)
    return sorted(map(frozenset, found.values()), key=min)


def opened(clips: Path, table: Any, **options: Any) -> FactorDataset | None:
    return answer(lambda: syngen.from_manifest(clips, table, **options))


@pytest.mark.slow
@examples(40)
@given(frames(N, most=2), FORMS, st.booleans())
def test_tables_are_opened_with_their_rows_and_levels_or_refused(
    clips: Path, frame: pd.DataFrame, form: str, all_factors: bool
) -> None:
    table = with_files(frame)
    factors = None if all_factors else [str(frame.columns[0])]
    ds = opened(clips, as_given(table, form), factors=factors)
    if ds is None:
        return
    assert len(ds) == N
    for name in ds.grid.names:
        column = next(frame[key] for key in frame.columns if str(key) == name)
        levels = ds.level_column(name)
        assert groups(levels.tolist()) == groups(column.tolist()), name
        value = ds.values[name][0].item() if hasattr(ds.values[name][0], "item") else ds.values[name][0]
        chosen = answer(lambda name=name, value=value: ds.select(**{name: value}).rows.tolist())
        assert chosen == sorted(next(rows for rows in groups(column.tolist()) if 0 in rows)), name
    if "split" in frame.columns:
        for split in ds.splits["split"]:
            assert ds.select(split=split).rows.tolist() == np.flatnonzero(frame["split"] == split).tolist()
    found = answer(lambda: syngen.statistics(ds, n_shuffles=20))
    assert found is not None
    for name in ds.grid.names:
        column = next(frame[key] for key in frame.columns if str(key) == name)
        counts = found.factors[name].counts.sum(axis=1)
        assert sorted(counts) == sorted(map(len, groups(column.tolist()))), name
    assert len(ds.manifest) == N


@pytest.mark.slow
@examples(30)
@given(frames(N, doubled=False), st.sampled_from(list(FORMATS)))
def test_tables_are_exported_as_they_are_or_leave_nothing(
    clips: Path, tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame, to: str
) -> None:
    table = with_files(frame.assign(number=range(N)))
    ds = opened(clips, table, factors=["number"])
    if ds is None:
        return
    folder = tmp_path_factory.mktemp("export")
    n = answer(lambda: syngen.export(ds, folder / "out", to=to))
    if n is None:
        assert names_below(folder) == []
    else:
        assert n == N
        rows = sorted(exported_rows(folder / "out", to))
        assert [number for number, _ in rows] == list(range(N))
        for number, pcm in rows:
            assert pcm is None or pcm == [100 * number + i for i in range(16)]
    shutil.rmtree(folder)


def exported_rows(folder: Path, to: str) -> Iterator[tuple[int, list[int] | None]]:
    """Yield the factor and the samples of each observation, as pandas, json and NumPy read them."""
    if to == "wav":
        frame = pd.read_csv(folder / "metadata.csv", keep_default_na=False, dtype=str)
        for number, name in zip(frame["number"], frame["file_name"], strict=True):
            yield int(number), soundfile.read(folder / name, dtype="int16")[0].tolist()
    elif to == "jsonl":
        for path in folder.glob("*.jsonl"):
            for line in map(json.loads, path.read_text("utf-8").split("\n")[:-1]):
                yield (
                    line["number"],
                    soundfile.read(folder / line["audio_filepath"], dtype="int16")[0].tolist(),
                )
    elif to == "huggingface":
        for path in (folder / "data").iterdir():
            yield from ((number, None) for number in pd.read_parquet(path, columns=["number"])["number"])
    elif to == "npz":
        with np.load(folder / "dataset.npz") as archive:
            yield from zip(
                archive["latents_values"][:, 0].astype(int).tolist(), archive["pcm"].tolist(), strict=True
            )
    elif to == "webdataset":
        import tarfile

        for path in folder.glob("*.tar"):
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.name.endswith(".json"):
                        file = archive.extractfile(member)
                        assert file is not None
                        yield json.load(file)["number"], None
    else:
        import gzip

        for path in folder.glob("cuts_*.jsonl.gz"):
            for line in map(
                json.loads, gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[:-1]
            ):
                yield line["supervisions"][0]["custom"]["number"], None


TEMPLATES = st.lists(
    st.sampled_from(
        [
            "{row}",
            "{number}",
            "{a}",
            "{a.__class__}",
            "{a!r}",
            "{row:03d}",
            "{number:.1f}",
            "{",
            "}",
            "/",
            "..",
            "~",
        ]
    )
    | st.text(max_size=3),
    max_size=4,
).map("".join)


@pytest.mark.slow
@examples(40)
@given(columns(N), TEMPLATES, st.booleans())
def test_names_of_files_are_distinct_and_harmless_or_refused(
    clips: Path, column: pd.Series, template: str, may_have_dots: bool
) -> None:
    ds = opened(clips, with_files(pd.DataFrame({"a": column, "number": range(N)})), factors=["number"])
    if ds is None:
        return
    stem = answer(lambda: stems(ds, template, may_have_dots=may_have_dots))
    if stem is not None:
        names = [stem(row) for row in range(N)]
        assert len({name.casefold() for name in names}) == N
        assert all(is_name(part) for name in names for part in name.split("/"))
        assert may_have_dots or not any("." in name for name in names)


def entropy_of(column: pd.Series) -> float:
    shares = column.value_counts(normalize=True, dropna=False).to_numpy()
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.slow
@examples(25)
@given(sane(24) | arrays(24), frames(24, most=1) | arrays(24))
def test_scores_are_numbers_of_the_factors_given_or_refused(codes: Any, factors: Any) -> None:
    kinds = "nominal"
    scores = answer(lambda: syngen.evaluate(codes, factors, metrics=["mig", "sap"], factor_kinds=kinds))
    if scores is None:
        return
    for key in ("mig", "sap"):
        assert 0.0 <= scores[key] <= 1.0 or np.isnan(scores[key])
    if isinstance(factors, pd.DataFrame) and "entropy" in scores.factors:
        for name, entropy in scores.factors["entropy"].items():
            column = next(factors[key] for key in factors.columns if str(key) == name)
            if column.nunique(dropna=False) <= 20:
                assert entropy == pytest.approx(entropy_of(column), abs=1e-9), name


@pytest.mark.slow
@examples(25)
@given(sane(12) | arrays(12), frames(12, most=2), st.sampled_from(["odd", "label", "many"]))
def test_probes_are_told_chance_by_their_labels_or_refuse(
    codes: Any, manifest: pd.DataFrame, target: str
) -> None:
    manifest = manifest.assign(label=list("aab" * 4), many=range(12))
    name = manifest.columns[0] if target == "odd" else target
    report = answer(lambda: syngen.probe(codes, manifest, target=name, folds=2, model="ridge"))
    if report is None:
        return
    result = report[str(name)]
    if result.accuracy is None:
        assert result.r2 <= 1.0
        return
    assert 0.0 <= result.accuracy <= 1.0
    assert result.chance == pytest.approx(manifest[name].value_counts(normalize=True).max())


@pytest.mark.slow
@examples(30)
@given(arrays(N))
def test_codes_are_the_numbers_given_or_refused(clips: Path, given_codes: Any) -> None:
    ds = syngen.from_manifest(clips, {"file_name": FILES, "a": list(range(N))})
    for make in (
        lambda: syngen.Codes.of(given_codes, ds),
        lambda: syngen.encode(lambda batch: given_codes, ds, batch_size=N),
    ):
        codes = answer(make)
        if codes is not None:
            expected = np.asarray(given_codes)
            if expected.ndim == 3:
                expected = np.concatenate([expected.mean(axis=2), expected.std(axis=2)], axis=1)
            np.testing.assert_array_equal(codes.values, expected.astype(float).reshape(N, -1))
            assert codes.rows.tolist() == list(range(N))


PITCHES = st.none() | st.floats(50.0, 3_000.0)
GOOD = (
    st.tuples(st.just("timbre"), st.lists(st.sampled_from(["sine", "square", "triangle", "sawtooth"])))
    | st.tuples(st.just("frequency"), st.tuples(PITCHES, PITCHES))
    | st.tuples(st.just("split"), st.sampled_from(["train", "test", ["test", "validation"]]))
    | st.tuples(st.just("amplitude"), st.sampled_from([-11.0, np.float32(-11), [-11], (-20, None)]))
)
ODD_VALUES = (
    st.sampled_from(
        [None, "", "sine", ["sine", "square"], "sin", (None, None), (1,), (1, 2, 3), {"min": 0}, {}, []]
    )
    | st.floats()
    | st.integers()
    | st.tuples(st.none() | st.floats(), st.none() | st.floats())
    | st.lists(st.floats() | st.text(max_size=2) | st.none(), max_size=3)
    | st.text(max_size=3)
    | st.binary(max_size=2)
    | st.booleans()
    | st.sampled_from(
        [np.float32(440), np.int64(3), np.array([440.0]), pd.NA, pd.Timestamp(0), 1j, object(), print]
    )
)


@examples(60)
@given(GOOD | st.tuples(st.sampled_from(["timbre", "frequency", "split", "self", "timber"]), ODD_VALUES))
def test_selections_are_those_of_pandas_or_refused(tones: FactorDataset, pair: tuple[str, Any]) -> None:
    name, wanted = pair
    view = answer(lambda: len(tones.select(**{name: wanted})) and tones.select(**{name: wanted}))
    if view is None:
        return
    rows = view.rows.tolist() if view else []
    column = tones.manifest[name]
    if isinstance(wanted, (tuple, dict)):
        low, high = wanted if isinstance(wanted, tuple) else (wanted.get("min"), wanted.get("max"))
        holds = column.between(
            -np.inf if low is None else low - 1e-6, np.inf if high is None else high + 1e-6
        )
    elif isinstance(wanted, (list, np.ndarray)):
        near = [np.isclose(column, each) if column.dtype.kind == "f" else column == each for each in wanted]
        holds = pd.Series(np.any(near, axis=0) if near else np.zeros(len(column), bool), index=column.index)
    else:
        holds = np.isclose(column, wanted) if column.dtype.kind == "f" else column == wanted
    assert rows == column.index[np.asarray(holds)].tolist()


@examples(60)
@given(
    st.lists(
        st.sampled_from(
            [
                "timbre=",
                "frequency=",
                "amplitude=",
                "split=",
                "=",
                "..",
                ",",
                "sine",
                "440",
                "nan",
                "inf",
                "-",
            ]
        )
        | st.text(max_size=3),
        max_size=4,
    ).map("".join)
)
def test_conditions_of_the_command_line_are_read_or_refused(tones: FactorDataset, text: str) -> None:
    conditions = answer(lambda: conditions_in([text], tones.grid))
    if conditions is not None:
        rows = answer(lambda: tones.select(**conditions).rows)
        assert rows is None or set(rows.tolist()) <= set(tones.rows.tolist())


@examples(30)
@given(
    st.sampled_from([*WORDS, "foo://x", "://", "x" * 5_000, "a\0b", ".", "/", "~nobody/x"])
    | st.text(max_size=8)
)
def test_places_without_a_dataset_are_refused(tmp_path_factory: pytest.TempPathFactory, place: str) -> None:
    with contextlib.chdir(tmp_path_factory.getbasetemp()):
        assert answer(lambda: syngen.load(place)) is None
        assert answer(lambda: syngen.statistics(place)) is None


@pytest.mark.parametrize(
    "odd", [None, 3, 1.5, b"x", ["x"], {"a": 1}, object(), pd.DataFrame({"a": [1]}), print]
)
def test_what_is_no_dataset_is_refused_everywhere(odd: Any, clips: Path, tmp_path: Path) -> None:
    for call in (
        lambda: syngen.load(odd),
        lambda: syngen.statistics(odd),
        lambda: syngen.export(odd, tmp_path / "out", to="wav"),
        lambda: syngen.encode("factors", odd),
        lambda: syngen.from_manifest(odd, {"file_name": FILES, "a": FILES}),
        lambda: syngen.export(syngen.render("syntone-tiny")[:1], odd, to="wav"),
        lambda: syngen.export(syngen.render("syntone-tiny")[:1], tmp_path / "out", to=odd),
        lambda: syngen.encode(odd, syngen.render("syntone-tiny")[:1]),
        lambda: syngen.probe(np.zeros((1, 1)), odd, target="b"),
        lambda: syngen.probe(np.zeros((1, 1)), pd.DataFrame({"a": [1]}), target=odd),
    ):
        assert answer(call) is None
    assert names_below(tmp_path) == []


def test_a_factor_may_have_the_name_of_an_argument(clips: Path) -> None:
    names = ["self", "cls", "position", "values", "conditions", "name", "dataset", "target"]
    table = {"file_name": FILES, **{name: list("ababacac") for name in names}}
    ds = syngen.from_manifest(clips, table)
    for name in names:
        assert ds.select(**{name: "b"}).rows.tolist() == [1, 3]
    assert ds.index_of(**dict.fromkeys(names, "b")) == 1
    assert ds.traversal(1, factor="self").rows.tolist() == [1, 3]
