"""Probes: the protocol, on codes of which it is known what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.evaluation.codes.codes import Codes, write_codes
from syngen.evaluation.probes.probing import probe
from syngen.evaluation.probes.targets import Columns
from syngen.identities import Identities


@pytest.fixture
def speech() -> pd.DataFrame:
    """A manifest of 20 speakers, 25 texts and 3 styles; gender and the first word derive."""
    axes = np.meshgrid(np.arange(20), np.arange(25), np.arange(3), indexing="ij")
    speaker, text, style = (axis.ravel() for axis in axes)
    columns: dict[str, object] = {"index": np.arange(1500), "split": "train"}
    for name, levels in (("speaker", speaker), ("text", text), ("style", style)):
        columns[name] = [f"{name}-{level}" for level in levels]
        columns[f"{name}_level"] = levels.astype(np.int16)
    columns["gender"] = np.where(speaker % 2, "male", "female")
    columns["text_1"] = [f"word-{level % 5}" for level in text]
    columns["shard"] = "train-000000"
    columns["n_samples"] = 1000 + speaker
    order = np.random.default_rng(5).permutation(1500)
    return pd.DataFrame(columns).take(order).set_index(np.arange(1500))


def one_hot(levels: pd.Series) -> np.ndarray:
    return np.eye(int(levels.max()) + 1)[levels]


def test_columns_are_understood_without_being_told(speech: pd.DataFrame) -> None:
    columns = Columns.of(speech)
    assert columns.kinds == {"speaker": "nominal", "text": "nominal", "style": "nominal"}
    assert columns.derived == {"gender": "speaker", "text_1": "text"}


@pytest.mark.slow
def test_tables_without_levels_are_understood_too(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    plain = speech[["style", "gender", "speaker", "text", "text_1"]].copy()
    plain["same"] = plain["speaker"].str.upper()
    columns = Columns.of(plain)
    assert list(columns.kinds) == ["style", "speaker", "text"]
    assert columns.derived == {"gender": "speaker", "text_1": "text", "same": "speaker"}
    codes = one_hot(speech["style_level"]) + rng.standard_normal((1500, 3))
    assert probe(codes, plain, target="style").result == probe(codes, speech, target="style").result
    assert probe(codes, plain, target="gender").result.group_by == ("speaker",)


def test_the_only_factor_is_split_by_rows(rng: np.random.Generator) -> None:
    levels = np.arange(300) % 3
    result = probe(one_hot(pd.Series(levels)), pd.DataFrame({"mood": levels}), target="mood").result
    assert (result.group_by, result.n_groups, result.accuracy) == ((), 300, 1.0)
    assert "| row " in probe(levels, pd.DataFrame({"mood": levels}), target="all").to_markdown()


def test_manifests_say_what_their_columns_are() -> None:
    ds = syngen.render("synspeech-tiny")
    manifest = ds.manifest
    assert manifest.attrs["fingerprint"] == ds.fingerprint
    stated = Columns.of(manifest)
    manifest.attrs = {}
    assert Columns.of(manifest).kinds == stated.kinds == dict(ds.grid.kinds)
    assert stated.derived["gender"] == "speaker"


@pytest.mark.parametrize(
    ("target", "group"),
    [
        ("text", "speaker"),
        ("speaker", "text"),
        ("style", "speaker"),
        ("gender", "speaker"),
        ("text_1", "text"),
    ],
)
def test_default_groups_are_those_of_the_protocol(
    target: str, group: str, speech: pd.DataFrame, rng: np.random.Generator
) -> None:
    report = probe(rng.standard_normal((1500, 3)), speech, target=target)
    assert report[target].group_by == (group,)


def test_tones_are_grouped_by_the_other_factor_with_most_levels() -> None:
    ds = syngen.render("syntone-tiny")
    report = probe(ds.levels, ds.manifest, target="all")
    groups = {name: result.group_by for name, result in report.items()}
    assert groups == {"timbre": ("frequency",), "amplitude": ("frequency",), "frequency": ("amplitude",)}
    assert [result.is_continuous for result in report.values()] == [False, True, True]
    assert report["timbre"].accuracy == 1.0
    assert report["frequency"].r2 == pytest.approx(1.0, abs=1e-6)
    assert report["amplitude"].r2 == pytest.approx(1.0, abs=1e-6)
    assert max(result.control for result in report.values() if result.is_continuous) < 0.05


@pytest.mark.slow
def test_perfect_codes_are_read_and_their_control_is_chance(speech: pd.DataFrame) -> None:
    codes = np.hstack([one_hot(speech[f"{name}_level"]) for name in ("speaker", "text", "style")])
    report = probe(codes, speech, target="all")
    for name, size in (("speaker", 20), ("text", 25), ("style", 3)):
        result = report[name]
        assert result.accuracy == result.balanced_accuracy == result.normalized == 1.0
        assert result.chance == result.chance_uniform == pytest.approx(1.0 / size)
        assert result.control == pytest.approx(1.0 / size, abs=0.06)
        assert set(result.recall.values()) == {1.0}
        assert len(result.recall) == size
        assert len(result.folds) == len(result.strengths) == 5


@pytest.mark.slow
def test_who_knows_speakers_does_not_know_gender(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    codes = one_hot(speech["speaker_level"]) + 0.02 * rng.standard_normal((1500, 20))
    honest = probe(codes, speech, target="gender")
    assert honest.accuracy is not None
    assert honest.accuracy < 0.65
    flattering = probe(codes, speech, target="gender", group_by="index")
    assert flattering.accuracy == 1.0
    assert "recognising speakers is enough" in flattering.result.notes[0]
    # with a target of all, gender keeps its group whatever is asked for
    assert probe(codes, speech, target="all", group_by="text")["gender"].group_by == ("speaker",)


@pytest.mark.slow
def test_codes_are_standardised_and_constant_ones_do_no_harm(
    speech: pd.DataFrame, rng: np.random.Generator
) -> None:
    codes = one_hot(speech["style_level"]) + rng.standard_normal((1500, 3))
    expected = probe(codes, speech, target="style")
    scaled = np.hstack([codes * [1e-6, 1.0, 1e6] + [0.0, 1e3, -5.0], np.full((1500, 2), 0.1)])
    found = probe(scaled, speech, target="style")
    assert found.result.folds == pytest.approx(expected.result.folds, abs=0.01)
    nothing = probe(np.zeros((1500, 4)), speech, target="style")
    assert nothing.accuracy == pytest.approx(1 / 3)
    assert nothing.normalized == pytest.approx(0.0)
    assert nothing.result.strengths == (0.0,) * 5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    codes = one_hot(speech["style_level"]) + 2.0 * rng.standard_normal((1500, 3))
    reports = [probe(codes, speech, target="all", seed=seed).to_json() for seed in (3, 3, 4)]
    assert reports[0] == reports[1] != reports[2]


def test_rare_classes_count_as_much_in_balanced_accuracy(
    speech: pd.DataFrame, rng: np.random.Generator
) -> None:
    kept = speech[(speech["style_level"] == 0) | (speech["text_level"] < 3)]
    report = probe(rng.standard_normal((len(kept), 4)), kept, target="style")
    result = report.result
    assert result.chance is not None
    assert result.chance > 0.75
    assert result.accuracy == pytest.approx(result.chance, abs=0.05)
    assert result.balanced_accuracy == pytest.approx(1 / 3, abs=0.05)
    assert result.normalized == pytest.approx(0.0, abs=0.2)


@pytest.mark.slow
def test_ridge_is_a_choice_and_the_rule_above_a_hundred_classes(rng: np.random.Generator) -> None:
    word, voice = (axis.ravel() for axis in np.meshgrid(np.arange(120), np.arange(8), indexing="ij"))
    manifest = pd.DataFrame(
        {
            "text": [f"t{n:03d}" for n in word],
            "text_level": word,
            "speaker": [f"s{n}" for n in voice],
            "speaker_level": voice,
        }
    )
    codes = rng.standard_normal((120, 60))[word] + 0.3 * rng.standard_normal((960, 60))
    report = probe(codes, manifest, target="all")
    assert (report["text"].model, report["speaker"].model) == ("ridge", "logistic")
    assert report["text"].score > 0.8
    assert probe(codes, manifest, target="speaker", model="ridge").result.model == "ridge"


def test_numbers_that_are_no_factors_can_be_probed(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    report = probe(speech[["n_samples"]] + 0.1 * rng.standard_normal((1500, 1)), speech, target="n_samples")
    assert report.r2 is not None
    assert report.r2 > 0.99
    assert report.accuracy is None


@pytest.mark.slow
def test_unseen_speakers_are_verified(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    voices = rng.standard_normal((20, 6))[speech["speaker_level"]]
    report = probe(voices + 0.05 * rng.standard_normal((1500, 6)), speech, target="all")
    assert report["speaker"].eer is not None
    assert report["speaker"].eer < 0.05
    assert report["style"].eer is None


def test_group_by_takes_several_columns(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    result = probe(
        rng.standard_normal((1500, 2)), speech, target="style", group_by=["speaker", "text"]
    ).result
    assert (result.group_by, result.n_groups) == (("speaker", "text"), 500)


@pytest.mark.slow
def test_codes_are_looked_up_by_grid_point(speech: pd.DataFrame, rng: np.random.Generator) -> None:
    speech.attrs["fingerprint"] = "f" * 64
    values = one_hot(speech["style_level"]) + rng.standard_normal((1500, 3))
    chosen = rng.permutation(1500)[:600]
    points = Identities("grid", speech["index"].to_numpy()[chosen], "f" * 64)
    codes = Codes(values[chosen], np.arange(600), "f" * 64, "mine", points)
    kept = np.sort(chosen)
    expected = probe(values[kept], speech.iloc[kept], target="style")
    assert probe(codes, speech.iloc[kept], target="style").result == expected.result
    common = probe(codes, speech, target="style", common=True)
    assert common.result == expected.result
    assert (common.encoder, common.n_rows, common.n_left_out) == ("mine", 600, 900)
    assert "- 900 of 1,500 observations left out: there are no codes for them" in common.to_markdown()
    assert json.loads(common.to_json())["left_out"] == 900
    with pytest.raises(syngen.ParameterError, match="no codes for 900 of 1,500 observations.*--common"):
        probe(codes, speech, target="style")


@pytest.mark.slow
def test_manifests_that_do_not_say_whose_they_are_are_believed_by_their_hashes(
    speech: pd.DataFrame, rng: np.random.Generator
) -> None:
    values = one_hot(speech["style_level"]) + rng.standard_normal((1500, 3))
    hashes = rng.integers(0, 256, size=(1500, 32), dtype=np.uint8)
    points = Identities("grid", speech["index"].to_numpy(), "f" * 64, hashes)
    codes = Codes(values, np.arange(1500), "f" * 64, "mine", points)
    with pytest.raises(syngen.ParameterError, match="does not say whose it is"):
        probe(codes, speech, target="style")
    hashed = speech.assign(pcm_sha256=[row.tobytes() for row in hashes])
    expected = probe(values, speech, target="style")
    assert probe(codes, hashed, target="style").result == expected.result
    shuffled = hashed.sample(frac=1.0, random_state=1)
    assert probe(codes, shuffled, target="style").n_rows == 1500
    others = hashed.assign(pcm_sha256=hashed["pcm_sha256"].to_numpy()[::-1])
    with pytest.raises(
        syngen.ParameterError, match="any of the 1,500 .*for 1,500 of them the codes are of o"
    ):
        probe(codes, others, target="style")
    with pytest.raises(syngen.ParameterError, match="no column index of grid points; give the dataset"):
        probe(codes, hashed.drop(columns="index"), target="style")


@pytest.mark.slow
def test_reports_are_tables_json_and_markdown(
    speech: pd.DataFrame, rng: np.random.Generator, tmp_path: Path
) -> None:
    report = probe(rng.standard_normal((1500, 3)), speech, target="all")
    assert list(report) == ["speaker", "text", "style", "gender", "text_1"]
    assert report.frame.loc["gender", "group_by"] == "speaker"
    assert report.frame["accuracy"].between(0.0, 1.0).all()
    assert report.fold_frame.loc["style"].shape == (5, 2)
    assert report.recall_frame.loc["gender"].index.tolist() == ["female", "male"]
    assert report.to_json(tmp_path / "report.json") + "\n" == (tmp_path / "report.json").read_text("utf-8")
    content = json.loads(report.to_json())
    assert [target["target"] for target in content["targets"]] == list(report)
    lines = report.to_markdown().splitlines()
    assert len({len(line) for line in lines if line.startswith("|")}) == 1
    assert "| gender  | speaker |" in report.to_markdown()
    with pytest.raises(syngen.ParameterError, match="5 targets were probed"):
        _ = report.accuracy
    with pytest.raises(syngen.FactorError, match=r"'styl' was not probed \(did you mean 'style'\?\)"):
        _ = report["styl"]


@pytest.mark.slow
def test_what_cannot_be_probed_is_left_out_of_all_with_its_reason() -> None:
    manifest = syngen.render("synspeech-tiny").manifest
    report = probe(np.arange(len(manifest))[:, None], manifest, target="all", folds=5)
    assert "speaker" in report
    assert (
        "of which these rows have 4; 5 folds need as many: take folds=4" in (report.skipped or {})["style"]
    )
    assert "style is not probed: " in report.to_markdown()
    assert "style" in probe(np.arange(len(manifest))[:, None], manifest, target="all", folds=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "spekaer"}, r"target 'spekaer' is no column .* \(did you mean 'speaker'\?\)"),
        ({"target": "shard"}, "has the same value in all 1500 rows"),
        ({"target": None}, "target is None; the name of a column is needed"),
        ({"group_by": "spaeker"}, r"group_by 'spaeker' is no column .* \(did you mean 'speaker'\?\)"),
        ({"group_by": []}, "names no column"),
        ({"group_by": "style"}, "each class is in one group only|which these rows have 3"),
        ({"group_by": "style", "folds": 3}, "each class is in one group only"),
        ({"group_by": "gender"}, "which these rows have 2; 5 folds need as many: take folds=2 or fewer"),
        ({"folds": 1}, "folds is 1; a whole number from 2 on is needed"),
        ({"folds": 2.5}, "folds is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"model": "logistics"}, r"model 'logistics' \(did you mean 'logistic'\?\)"),
        ({"codes": np.zeros((3, 2))}, "3 rows of codes and 1500 of the manifest"),
        ({"codes": np.array([["a"]] * 1500)}, "codes of type <U1; numbers are needed"),
        ({"codes": np.zeros((1500, 2, 2))}, r"codes of shape \(1500, 2, 2\)"),
        ({"codes": np.zeros((1500, 0))}, r"codes of shape \(1500, 0\)"),
        ({"manifest": "somewhere"}, "the manifest is a str; give a DataFrame"),
        (
            {"codes": Codes(np.zeros((2, 1)), np.array([0, 1499]))},
            "the codes hold row numbers only",
        ),
        ({"codes": np.zeros((1500, 2)), "common": True}, "an array does not say whose its rows are"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, object], message: str, speech: pd.DataFrame) -> None:
    arguments = {"codes": np.zeros((1500, 2)), "manifest": speech, "target": "style", **change}
    with pytest.raises(syngen.SyngenError, match=message):
        probe(arguments.pop("codes"), arguments.pop("manifest"), **arguments)  # type: ignore[arg-type]


def test_values_that_are_not_finite_are_named_and_counted(speech: pd.DataFrame) -> None:
    codes = np.zeros((1500, 5))
    codes[[3, 7], 3] = np.nan
    codes[9, 3] = -np.inf
    with pytest.raises(syngen.ParameterError, match=r"column 3 \(z3\) has 2 NaN and 1 infinite"):
        probe(codes, speech, target="style")
    codes[1, 4] = np.inf
    with pytest.raises(syngen.ParameterError, match=r"1 infinite; column 4 \(z4\) has 1 infinite; leave"):
        probe(codes, speech, target="style")
    gap = speech.assign(mood=[None, *["calm", "cross"] * 749, "calm"])
    with pytest.raises(syngen.FactorError, match="target 'mood': 1 of 1500 values are missing"):
        probe(np.zeros(1500), gap, target="mood")


def test_codes_of_another_dataset_are_refused(speech: pd.DataFrame) -> None:
    speech.attrs["fingerprint"] = "f" * 64
    codes = Codes(np.zeros((1500, 2)), np.arange(1500), "a" * 64, "mine")
    with pytest.raises(syngen.ParameterError, match=r"fingerprint is aaaaaaaaaaaa.*not ffffffffffff"):
        probe(codes, speech, target="style")


@pytest.mark.slow
def test_the_facade_takes_files_and_datasets(tiny_dataset: Path, tiny_codes: Path, tmp_path: Path) -> None:
    expected = syngen.probe(syngen.encode("factors", tiny_dataset), tiny_dataset, target="timbre")
    ds = syngen.load(tiny_dataset)
    for manifest in (str(tiny_dataset), ds, ds.manifest):
        assert syngen.probe(tiny_codes, manifest, target="timbre").to_json() == expected.to_json()
    other = syngen.render("synspeech-tiny")
    with pytest.raises(syngen.ParameterError, match="encode this dataset"):
        syngen.probe(tiny_codes, other, target="style")
    codes = syngen.encode("mfcc", ds, split="test")
    write_codes(tmp_path / "test.npz", codes)
    report = syngen.probe(tmp_path / "test.npz", ds, target="timbre", folds=3)
    assert report.n_rows == len(ds.select(split="test"))


def singers(n_songs: int = 12) -> tuple[np.ndarray, pd.DataFrame]:
    """Codes that place 14 singers of 12 songs, and their table."""
    singer, song = (axis.ravel() for axis in np.meshgrid(np.arange(14), np.arange(n_songs), indexing="ij"))
    rng = np.random.default_rng(11)
    codes = rng.standard_normal((14, 5))[singer] + 0.05 * rng.standard_normal((len(singer), 5))
    return codes, pd.DataFrame({"singer": [f"s{k}" for k in singer], "song": song, "number": singer})


@pytest.mark.slow
def test_any_factor_that_names_identities_has_an_equal_error_rate() -> None:
    codes, table = singers()
    report = probe(codes, table[["singer", "song"]])
    assert report["singer"].eer is not None
    assert report["singer"].eer < 0.05
    assert report["song"].eer is None  # whole numbers are ordinal unless one says that they are names
    named = probe(codes, table[["song", "number"]], target="number", identities="number")
    assert named.eer == pytest.approx(report["singer"].eer)
    assert probe(codes, table, target="singer", identities=["singer"]).eer == pytest.approx(named.eer)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"identities": "style"}, syngen.ParameterError, "'style', which has 3 levels; .* 10 with 5 folds"),
        (
            {"identities": ["speaker"]},
            syngen.FactorError,
            "'speaker', which is not probed; add it to target",
        ),
        ({"target": ()}, syngen.ParameterError, "target names no column; leave it out"),
        ({"target": ["style", 3]}, syngen.ParameterError, "target names 3; the name of a column is needed"),
        ({"group_by": 3}, syngen.ParameterError, "group_by is 3; the name of a column is needed"),
    ],
)
def test_names_that_cannot_be_used_are_refused(
    speech: pd.DataFrame, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        probe(np.zeros((1500, 2)), speech, **{"target": "style", **change})


@pytest.mark.slow
def test_all_targets_are_probed_unless_some_are_named() -> None:
    ds = syngen.render("syntone-tiny")
    assert list(syngen.probe(ds.levels, ds)) == ["timbre", "amplitude", "frequency"]
    assert list(syngen.probe(ds.levels, ds, target=["frequency", "timbre"])) == ["frequency", "timbre"]


@pytest.mark.slow
def test_a_shuffled_manifest_is_put_into_the_order_of_a_frame_of_codes(speech: pd.DataFrame) -> None:
    codes = one_hot(speech["style_level"]) + np.random.default_rng(0).standard_normal((1500, 3))
    expected = probe(codes, speech, target="style")
    shuffled = speech.sample(frac=1.0, random_state=1)
    found = probe(pd.DataFrame(codes), shuffled, target="style")
    assert found.result == expected.result
    assert found.notes == ("rows were put into the order of the codes by the labels of their index",)
    with pytest.raises(syngen.ParameterError, match="the index of the manifest is in another order"):
        probe(codes, shuffled, target="style")
    in_order = shuffled.reset_index(drop=True)
    assert probe(codes, in_order, target="style").accuracy < expected.accuracy - 0.2  # type: ignore[operator]
