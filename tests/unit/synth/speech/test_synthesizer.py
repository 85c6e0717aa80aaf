"""Recipes of speech: what is refused, where, and that all of it is told at once."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from syngen.errors import EngineError, MissingExtraError, RecipeError
from syngen.generation.plan import Plan
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from syngen.synth.request import Permissions
from syngen.synth.speech.engines import espeak
from syngen.synth.speech.engines.espeak import EspeakEngine, SelfTest
from syngen.synth.speech.engines.espeak_data import Installation
from tests.support import needs_speech

GOOD = """\
name: good
synthesizer: speech
seed: 1
audio: {sample_rate: 16000}
settings: {engine: espeak}
factors:
  speaker: {speakers: {count: 2, seed: 7}}
  text: {values: [Good morning., How are you?]}
  style: {values: [neutral, sad]}
"""


def read(text: str, folder: Path | None = None, **permissions: object) -> ResolvedRecipe:
    draft = parse_recipe(text, source="r.yaml", folder=folder)
    return resolve_draft(draft, permissions=Permissions(**permissions))  # type: ignore[arg-type]


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def problems(text: str, folder: Path | None = None) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        read(text, folder)
    return [str(issue) for issue in raised.value.issues]


def texts(value: str) -> str:
    return replaced("values: [Good morning., How are you?]", value)


def one_text(text: str) -> str:
    return texts(f"values: [{json.dumps(text, ensure_ascii=False)}]")


SPEAKERS = "speakers: {count: 2, seed: 7}"
BAD = {
    # texts
    "empty": (one_text(""), "8:19: '': the text is empty"),
    "blank": (one_text("   "), "8:19: '   ': the text is empty"),
    "only signs": (one_text("...!"), "8:19: '...!': the text has no word to speak"),
    "10,000 characters": (one_text("a b " * 2_500), "the text has 10,000 characters, 500 are possible"),
    "emoji": (one_text("Hello \U0001f600"), "character 7 is U+1F600 (grinning face)"),
    "other script": (one_text("доброе утро"), "character 1 is U+0434 (cyrillic small letter de)"),
    "Greek": (one_text("Good αβγ"), "character 6 is U+03B1"),
    "markup": (one_text("<speak>Hello</speak>"), "character 1 is U+003C (less-than sign)"),
    "NUL": (one_text("Hello\0there"), "character 6 is U+0000 (a control character)"),
    "embedded command": (one_text("Hello\x01 there"), "character 6 is U+0001 (a control character)"),
    "glued digits": (one_text("room 4b"), "r.yaml:8:19: 'room 4b'"),
    "the same twice": (
        texts("values: [I have 5 cats., I have five cats.]"),
        "r.yaml:8:35: 'I have five cats.' says the same as 'I have 5 cats.'; remove one",
    ),
    "number": (texts("values: [5]"), "'text' is text; 5 is a number"),
    # grammars and sentences
    "unknown grammar": (
        texts("{grammar: matrix-eng, count: 5}".strip("{}")),
        "r.yaml:8:19: there is no grammar 'matrix-eng' (did you mean 'matrix-en'?)",
    ),
    "a list of grammars": (texts("grammar: [matrix-en], count: 5"), "there is no grammar ['matrix-en']"),
    "no count": (texts("grammar: matrix-en"), "a grammar needs count"),
    "count 0": (texts("grammar: matrix-en, count: 0"), "0 texts of grammar 'matrix-en': 1 to 100,000"),
    "count 1,000,000": (texts("grammar: matrix-en, count: 1000000"), "1 to 100,000 are possible"),
    "seed of a grammar": (texts("grammar: matrix-en, count: 5, seed: x"), "seed is 'x'; a whole number"),
    "negative seed": (texts("grammar: matrix-en, count: 5, seed: -1"), "seed is -1; a whole number"),
    "unknown language": (texts("sentences: de"), "r.yaml:8:21: there are no sentences in 'de'"),
    "too many sentences": (texts("sentences: en, count: 1000000"), "the sentences 'en': 1 to"),
    "sentences with a seed alone": (texts("sentences: en, seed: 4"), "a seed needs count"),
    "two sources": (
        texts("grammar: matrix-en, count: 5, sentences: en"),
        "r.yaml:8:3: exactly one of values, linspace, geomspace, range, grammar, sentences, file is",
    ),
    "no source": (texts("kind: nominal"), "found none"),
    "unknown key beside a source": (
        texts("grammar: matrix-en, cuont: 5"),
        "unknown key 'cuont' (did you mean 'count'?)",
    ),
    "key of another source": (
        texts("values: [Hello.], count: 5"),
        "'count' does not go with 'values'; leave it out",
    ),
    # files
    "missing file": (texts("file: nothing.txt"), "there is no file of texts"),
    "file outside": (texts("file: ../texts.txt"), "r.yaml:8:16: '../texts.txt' leads out of"),
    "absolute file": (texts("file: /etc/passwd"), "'/etc/passwd' leads out of"),
    "file with a long name": (texts(f"file: {'x' * 3_000}"), "there is no file of texts '...x"),
    "a file is a name": (texts("file: 3"), "a file of texts is named by a text, not by 3"),
    "files": (texts("file: [a.txt]"), "a file of texts is named by a text, not by ['a.txt']"),
    # speakers
    "speakers {}": (replaced(SPEAKERS, "speakers: {}"), "speakers is a map such as {count: 20"),
    "speakers 3": (replaced(SPEAKERS, "speakers: 3"), "speakers is a map such as {count: 20"),
    "0 speakers": (replaced(SPEAKERS, "speakers: {count: 0}"), "r.yaml:7:13: count is 0; a whole number"),
    "100,000 speakers": (
        replaced(SPEAKERS, "speakers: {count: 100000}"),
        "count is 100000; a whole number",
    ),
    "share": (replaced(SPEAKERS, "speakers: {count: 2, female: 2}"), "female is 2; a share from 0 to 1"),
    "key of speakers": (replaced(SPEAKERS, "speakers: {count: 2, femal: 1}"), "speakers has no 'femal'"),
    "unknown speaker": (
        replaced(SPEAKERS, "values: [s7-f0000, s7-g0001]"),
        "7:32: 's7-g0001' is no speaker",
    ),
    # styles, rooms, rates
    "unknown style": (
        replaced("[neutral, sad]", "[neutral, whsipering]"),
        "r.yaml:9:29: unknown style 'whsipering' (did you mean 'whispering'?)",
    ),
    "parameter of a style": (
        replaced("{engine: espeak}", "{styles: {calm: {tempo: 9.0}}}"),
        "r.yaml:5:35: tempo is 9.0; a number from 0.5 to 2 is needed",
    ),
    "contour": (
        replaced("{engine: espeak}", "{styles: {calm: {contour: [x]}}}"),
        "contour cannot be ['x']; it is one of",
    ),
    "styles": (replaced("{engine: espeak}", "{styles: [calm]}"), "styles is a map, not ['calm']"),
    "room_tone": (
        replaced("espeak}", "espeak, room_tone: -90.0}"),
        "room_tone -90 is outside -86.5..-30 dBFS",
    ),
    "room_tone of version 2": (
        replaced("espeak}", "espeak, room_tone: 50.0}"),
        "if that is in dB: until speech version 2 room_tone was that far below the speech",
    ),
    "drawn room_tone of version 2": (
        GOOD + "nuisances:\n  room_tone: {uniform: {low: 45.0, high: 60.0}, unit: dB}\n",
        "silence told speaker and style; from version 3 on it is a level of its own: give it in",
    ),
    "factor room_tone of version 2": (
        GOOD + "  room_tone: {values: [45.0, 60.0], unit: dB}\n",
        "room_tone in dB: until speech version 2",
    ),
    "style of version 2": (
        replaced("{engine: espeak}", "{styles: {calm: {swing: 1.0}}}"),
        "r.yaml:5:35: 'swing' is called 'alternating_pitch' from speech version 3 on: rename it",
    ),
    "color of the room": (
        replaced("espeak}", "espeak, room_tone_color: brown}"),
        "room_tone_color cannot be 'brown'",
    ),
    "sample rate 5,000": (
        replaced("16000", "5000"),
        "4:22: speech is made at 8000 to 48000 Hz, not at 5000",
    ),
    "sample rate 96,000": (replaced("16000", "96000"), "speech is made at 8000 to 48000 Hz, not at 96000"),
    "odd sample rate": (replaced("16000", "16001"), "r.yaml:4:22: 22050 to 16001 Hz is the ratio"),
    "duration 1000": (replaced("16000}", "16000, duration: 1000.0}"), "less than or equal to 600"),
    "duration 100": (replaced("16000}", "16000, duration: 100.0}"), "100 s; at most 60 s of speech"),
    # engines
    "unknown engine": (
        replaced("engine: espeak", "engine: espaek"),
        "r.yaml:5:20: no speech engine 'espaek' (did you mean 'espeak'?)",
    ),
    "engine 3": (replaced("engine: espeak", "engine: 3"), "engine is text, not 3"),
    "time-out": (replaced("espeak}", "espeak, timeout: 0.0}"), "timeout 0 is outside 1..3600"),
    "unknown setting": (replaced("espeak}", "espeak, stile: x}"), "no setting 'stile'"),
}


def test_the_good_recipe_is_good() -> None:
    assert read(GOOD).grid.sizes == (2, 2, 2)


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_error_at_its_place(what: str, tmp_path: Path) -> None:
    text, expected = BAD[what]
    (problem,) = problems(text, tmp_path)
    assert expected in problem
    assert problem.startswith("r.yaml:")
    assert len(problem) < 500


def test_all_problems_are_told_at_once_in_the_order_of_the_document() -> None:
    text = (
        GOOD.replace("16000", "5000, duration: 90.0")
        .replace("{engine: espeak}", "{engine: espeek, styles: {calm: {tempo: 0.1}, hot: 3}}")
        .replace("Good morning.", '"", "a<b"')
        .replace("[neutral, sad]", "[neutral, sda]")
    )
    found = problems(text)
    expected = ["4:22", "4:38", "5:20", "5:51", "5:62", "8:19", "8:23", "9:29"]
    assert [problem.removeprefix("r.yaml:").split(": ")[0] for problem in found] == expected


def test_problems_of_splits_and_of_speech_are_told_together() -> None:
    text = (
        GOOD.replace("neutral, sad", "neutral, sda")
        + "splits:\n  default: {by_factor: {factor: stile, test: 0.5}}\n"
    )
    found = problems(text)
    assert len(found) == 2
    assert "unknown style 'sda'" in found[0]
    assert "no factor 'stile'" in found[1]


def test_texts_of_a_file_are_copied_into_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("# greetings\nGood morning.\n\nI have 3 cats.\n", "utf-8")
    resolved = read(texts("file: texts.txt"), tmp_path)
    assert resolved.grid["text"].values == ("Good morning.", "I have three cats.")
    assert resolved.recipe.document()["factors"]["text"] == {
        "values": ["Good morning.", "I have three cats."]
    }
    (tmp_path / "texts.txt").unlink()
    assert resolved.with_size(3).grid == resolved.grid
    assert resolved.fingerprint == read(texts('values: [Good morning., "I have three cats."]')).fingerprint


def test_every_problem_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Good.\n<b>\nGood.\n", "utf-8")
    (problem,) = problems(texts("file: texts.txt"), tmp_path)
    assert "line 2" in problem
    assert "line 3: says the same as line 1" in problem


@pytest.mark.slow
def test_styles_of_the_recipe_and_rooms_decide_the_fingerprint() -> None:
    prints = {
        read(text).fingerprint
        for text in (
            GOOD,
            replaced("espeak}", "espeak, room_tone: -70.0}"),
            replaced("espeak}", "espeak, room_tone_color: pink}"),
            replaced("espeak}", "espeak, styles: {sad: {tempo: 0.8}}}"),
            replaced("16000", "24000"),
            replaced("count: 2, seed: 7", "count: 2, seed: 8"),
        )
    }
    assert len(prints) == 6
    assert read(replaced("espeak}", "espeak, room_tone: -84.0}")).fingerprint == read(GOOD).fingerprint


def other_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library be in another file with other bytes, which says the same."""
    import espeakng_loader

    library = folder / "libespeak-ng.so"
    library.write_bytes(Path(espeakng_loader.get_library_path()).read_bytes() + bytes(64))
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(library))


@needs_speech
@pytest.mark.parametrize("permissions", [{}, {"other_audio": True}])
def test_the_fingerprint_has_what_is_heard_and_not_which_file_says_it(
    permissions: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = read(GOOD, **permissions)
    (recorded,) = here.synthesizer.libraries(here.request).values()
    other_file(tmp_path, monkeypatch)
    there = read(GOOD, **permissions)
    assert there.fingerprint == here.fingerprint
    libraries = there.synthesizer.libraries(there.request)
    assert libraries == {
        "espeak library": hashlib.sha256((tmp_path / "libespeak-ng.so").read_bytes()).hexdigest()
    }
    assert libraries["espeak library"] != recorded
    assert libraries.items() <= Plan(there).versions().items()
    assert Plan(here).fingerprint == Plan(there).fingerprint


@pytest.mark.slow
@needs_speech
def test_another_file_of_the_same_sound_is_no_other_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wanted,) = Rendering(read(GOOD)).observations(np.array([3]))
    other_file(tmp_path, monkeypatch)
    (found,) = Rendering(read(GOOD)).observations(np.array([3]))
    np.testing.assert_array_equal(found.pcm, wanted.pcm)


@needs_speech
def test_what_is_heard_and_the_data_decide_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, identity = read(GOOD).fingerprint, read(GOOD).synthesizer.identity(read(GOOD).request)
    assert identity["self_test"] == espeak.REFERENCE
    assert set(identity["engine"]) == {"engine", "binding", "data_sha256"}
    heard = SelfTest("1" * 64, espeak.REFERENCE, "f" * 64, is_repeatable=True)
    prints = {plain}
    for found in (heard, replace(heard, observed="2" * 64), replace(heard, is_repeatable=False)):
        monkeypatch.setattr(EspeakEngine, "self_test", lambda _, found=found: found)
        prints.add(read(GOOD, other_audio=True).fingerprint)
        assert read(GOOD).fingerprint == plain
    monkeypatch.setattr(Installation, "data_sha256", "3" * 64)
    prints.add(read(GOOD).fingerprint)
    assert len(prints) == 5


def test_what_is_not_installed_is_taken_for_the_recorded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    resolved = read(GOOD)
    assert resolved.synthesizer.identity(resolved.request)["engine"] == espeak.REFERENCE_VERSION
    assert resolved.synthesizer.libraries(resolved.request) == {"espeak library": espeak.REFERENCE_LIBRARY}


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="recorded there")
@needs_speech
def test_the_recorded_one_is_what_the_extra_installs() -> None:
    resolved = read(GOOD)
    assert resolved.synthesizer.identity(resolved.request)["engine"] == espeak.REFERENCE_VERSION
    assert resolved.synthesizer.libraries(resolved.request) == {"espeak library": espeak.REFERENCE_LIBRARY}


def test_other_engines_have_no_library_to_state() -> None:
    resolved = read(replaced("espeak}", "pyttsx3}"))
    assert resolved.synthesizer.libraries(resolved.request) == {}


def test_derived_factors_are_gender_and_the_slots_of_a_grammar() -> None:
    resolved = read(texts("grammar: matrix-en, count: 10"))
    derived = {d.name: d for d in resolved.synthesizer.derived(resolved.request)}
    assert list(derived) == ["gender", "text_1", "text_2", "text_3", "text_4", "text_5"]
    assert derived["gender"].values == ("female", "male")
    first = resolved.grid["text"].values[0]
    words = [derived[f"text_{i}"].values[0] for i in range(1, 6)]
    assert " ".join(map(str, words)).casefold() + "." == str(first).casefold()
    plain = read(GOOD)
    assert [d.name for d in plain.synthesizer.derived(plain.request)] == ["gender"]


@pytest.mark.slow
@needs_speech
def test_styles_of_a_recipe_are_heard() -> None:
    text = replaced("espeak}", "espeak, styles: {slow: {tempo: 0.5, level: -20.0}}}").replace("sad", "slow")
    resolved = read(text)
    neutral, slow = Rendering(resolved).observations(np.array([0, 1]))
    assert len(slow.pcm) > 1.5 * len(neutral.pcm)
    assert abs(slow.pcm.astype(int)).mean() > 1.5 * abs(neutral.pcm.astype(int)).mean()


@pytest.mark.slow
@needs_speech
def test_other_libraries_are_refused_unless_the_user_allows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read(GOOD)
    monkeypatch.setattr(espeak, "REFERENCE", "0" * 64)
    with pytest.raises(
        EngineError, match=r"does not sound as the recorded one.*espeakng-loader==0\.2\.4.*--allow-other"
    ):
        Rendering(plain)
    assert read(GOOD).fingerprint == plain.fingerprint, "what is not rendered needs no permission"
    allowed = read(GOOD, other_audio=True)
    assert allowed.fingerprint != plain.fingerprint
    (observation,) = Rendering(allowed).observations(np.array([3]))
    assert len(observation.pcm) > 8_000


@pytest.mark.slow
@needs_speech
def test_a_permission_changes_nothing_where_the_library_is_the_recorded_one() -> None:
    assert read(GOOD, other_audio=True).fingerprint == read(GOOD).fingerprint


@pytest.mark.slow
@needs_speech
def test_a_library_that_never_repeats_itself_is_no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SelfTest(espeak.REFERENCE, espeak.REFERENCE, "f" * 64, is_repeatable=False)
    monkeypatch.setattr(EspeakEngine, "self_test", lambda _: found)
    with pytest.raises(EngineError, match="does not sound as the recorded one"):
        Rendering(read(GOOD))


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    resolved = read(GOOD)
    with pytest.raises(MissingExtraError, match=r'pip install "syngen-audio\[speech\]"'):
        Rendering(resolved)
