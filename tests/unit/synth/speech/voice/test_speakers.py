"""Speakers: their names, their order, how far apart they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from syngen.errors import FactorError, ParameterError
from syngen.seeding import Stream
from syngen.synth.speech.voice import speakers
from syngen.synth.speech.voice.speakers import (
    MAX_SPEAKERS,
    Speaker,
    _farthest,
    _features,
    _People,
    find_speaker,
    speaker_names,
    speaker_table,
)


@pytest.mark.parametrize("female", [0.0, 0.3, 0.5, 2.0 / 3.0, 1.0])
def test_fewer_speakers_are_the_first_of_more(female: float) -> None:
    many = speaker_names(count=200, seed=7, female=female)
    assert len(set(many)) == 200
    for count in (1, 2, 3, 19, 20, 199):
        assert speaker_names(count=count, seed=7, female=female) == many[:count]


@pytest.mark.slow
@pytest.mark.parametrize("female", [0.0, 0.3, 0.5, 1.0])
def test_genders_are_balanced_from_the_first_speaker_on(female: float) -> None:
    genders = [find_speaker(name).gender for name in speaker_names(count=100, seed=1, female=female)]
    for k in range(1, 101):
        assert abs(genders[:k].count("female") - k * female) <= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count is 0; a whole number from 1 to 2000 is needed"),
        ({"count": -3}, "count is -3"),
        ({"count": 100_000}, "count is 100000; a whole number from 1 to 2000"),
        ({"count": 2.0}, "count is 2.0; a whole number"),
        ({"count": True}, "count is True"),
        ({"count": "20"}, "count is '20'"),
        ({"seed": -1}, "seed is -1; a whole number from 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"seed": None}, "seed is None"),
        ({"female": -0.1}, "female is -0.1; a share from 0 to 1"),
        ({"female": 1.1}, "female is 1.1"),
        ({"female": math.nan}, "female is nan"),
        ({"female": "half"}, "female is 'half'"),
        ({"female": True}, "female is True"),
    ],
)
def test_impossible_numbers_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        speaker_names(**{"count": 4, "seed": 7, **arguments})  # type: ignore[arg-type]


def test_a_name_says_who_it_is() -> None:
    for name in ("s7-f0012", "s0-m0000", f"s{2**63 - 1}-f0001"):
        assert find_speaker(name).name == name
    assert find_speaker("s7-f0003").gender == "female"
    assert find_speaker("s7-m0003").gender == "male"


@pytest.mark.parametrize(
    "name",
    [
        *("", "s7", "s7-x0001", "s7-f1", "s7-f00001", "s-f0001", "S7-f0001", " s7-f0001", "s7-f0001\n"),
        *(
            "s7-f2000",
            f"s{2**63}-f0001",
            "s\u0667-f0001",
            "s7-f\u0660\u0660\u0660\u0661",
            "s-7-f0001",
            "slt",
            "s07-f0001",
        ),
    ],
)
def test_other_names_are_nobody(name: str) -> None:
    with pytest.raises(FactorError, match=r"is no speaker; a name is s<seed>-f<number>"):
        find_speaker(name)


@pytest.mark.slow
def test_who_is_asked_for_first_changes_nobody() -> None:
    forwards = [_People(5, "male").speaker(k) for k in range(12)]
    people = _People(5, "male")
    backwards = [people.speaker(k) for k in reversed(range(12))][::-1]
    assert forwards == backwards == [find_speaker(f"s5-m{k:04d}") for k in range(12)]


def test_seeds_and_genders_are_people_of_their_own() -> None:
    names = ("s1-f0000", "s1-m0000", "s2-f0000", "s2-m0000", "s1-f0001")
    assert len({find_speaker(name).formants for name in names}) == len(names)


def crowd(gender: str, n: int = 150) -> list[Speaker]:
    return [find_speaker(f"s7-{gender}{k:04d}") for k in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("gender", ["female", "male"])
def test_nobody_resembles_anybody(gender: speakers.Gender) -> None:
    people = _People(7, gender)
    people.speaker(149)
    chosen = least_distances(np.array(people._features))
    by_chance = least_distances(
        np.array(
            [_features(speakers._drawn(gender, Stream(7, f"chance/{gender}", k)))[0] for k in range(150)]
        )
    )
    # nobody drawn by chance would be as far from the others as everybody is
    assert chosen.min() > np.median(by_chance) > 1.3 * by_chance.min()


def least_distances(features: np.ndarray) -> np.ndarray:
    distance = np.sqrt(((features[:, None] - features[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=1)


def test_of_candidates_the_farthest_from_everybody_is_taken() -> None:
    known = [np.array([0.0, 0.0]), np.array([4.0, 0.0])]
    candidates = np.array([[1.0, 0.0], [2.0, 1.0], [5.0, 0.5], [2.0, 3.0]])
    assert _farthest(candidates, known) == 3
    assert _farthest(candidates[:3], known) == 1


def test_half_of_the_resonances_are_peaks() -> None:
    patterns = set()
    for speaker in [*crowd("f", 60), *crowd("m", 60)]:
        gains = [resonance.gain_db for resonance in speaker.resonances]
        assert sum(gain > 0.0 for gain in gains) == 4
        assert all(5.0 <= abs(gain) <= 7.0 for gain in gains)
        patterns.add(tuple(gain > 0.0 for gain in gains))
    assert len(patterns) > 40  # of 70


def test_speakers_lie_in_their_ranges_and_genders_apart() -> None:
    women, men = crowd("f"), crowd("m")
    assert np.median([s.f0_hz for s in women]) > 1.7 * np.median([s.f0_hz for s in men])
    assert min(s.formant_scale for s in women) > max(s.formant_scale for s in men)
    for speaker in (*women, *men):
        assert 60.0 < speaker.f0_hz < 260.0
        assert 0.9 < speaker.formant_scale < 1.22
        assert 0 <= speaker.roughness <= 2
        assert 2 <= speaker.flutter <= 7
        assert 90.0 <= speaker.tempo <= 112.0
        assert 105.0 <= speaker.consonants <= 160.0
        width = math.log2(5_800.0 / 500.0) / 8
        for band, resonance in enumerate(speaker.resonances):
            assert band * width < math.log2(resonance.frequency_hz / 500.0) < (band + 1) * width
            assert 2.0 <= resonance.q <= 3.2


def test_the_table_has_every_parameter_of_every_speaker() -> None:
    names = speaker_names(count=5, seed=7)
    table = speaker_table(names)
    assert next(iter(table)) == "speaker"
    assert {len(column) for column in table.values()} == {5}
    assert table["speaker"] == list(names)
    expected = {
        "gender",
        "formant_scale",
        "bandwidth_scale",
        "f0_hz",
        "span_st",
        "breath",
        "roughness",
        "flutter",
    }
    assert "formant_gain_6" not in table
    expected |= {"tilt_db", "consonants", "tempo", "formant_1", "formant_5", "formant_gain_5", "stress_8"}
    expected |= {"resonance_1_hz", "resonance_8_db", "resonance_8_q"}
    assert expected < set(table)
    n_parameters = 1 + 11 + 5 + 5 + 8 + 24
    assert len(table) == n_parameters
    third = find_speaker(names[2])
    assert table["formant_2"][2] == third.formants[1]
    assert table["resonance_4_q"][2] == third.resonances[3].q
    kinds = [{type(value) for value in column} for column in table.values()]
    assert all(len(kind) == 1 for kind in kinds)


@pytest.mark.slow
def test_there_is_room_for_many() -> None:
    assert len(speaker_names(count=MAX_SPEAKERS, seed=1)) == MAX_SPEAKERS
    assert find_speaker("s7-m0250").gender == "male"
