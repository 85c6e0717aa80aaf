"""The speech synthesizer: who says what, and how.

An utterance is made by a speech engine (`syngen.synth.speech.engines`), brought to the sampling rate of
the recipe, put into its place, and colored by speaker and style. With the engine ``espeak`` it is a pure
function of the recipe and the index; the others sound as their programs please.

References
----------
Brima, Krumnack, Pika, Heidemann: "Learning Disentangled Speech Representations", 2023 (arXiv 2311.03389),
whose factors speaker, text and style these are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.resampling import resample
from syngen.errors import EngineError, FactorError, Issue, MissingExtraError, ParameterError, suggestion
from syngen.io.files import inside
from syngen.synth.plugin import Derived, FactorSpec, Renderer, SettingSpec, Spoken, Synthesizer
from syngen.synth.request import Parameter, Request, ValueSource
from syngen.synth.speech.alignment import spans_of
from syngen.synth.speech.engines.base import EngineSettings, Speech, SpeechEngine, Utterance
from syngen.synth.speech.engines.registry import engine_names, find_engine
from syngen.synth.speech.text.grammars import GRAMMARS
from syngen.synth.speech.text.spelling import normalise
from syngen.synth.speech.text.texts import file_texts, grammar_texts, sentence_texts, words_of
from syngen.synth.speech.voice.coloring import Coloring
from syngen.synth.speech.voice.contour import Contours
from syngen.synth.speech.voice.engine_parameters import median_hz, utterance_of
from syngen.synth.speech.voice.pauses import with_pauses, without_pauses_of_marks
from syngen.synth.speech.voice.speakers import find_speaker, speaker_names, speaker_table
from syngen.synth.speech.voice.styles import STYLES, Style, read_styles

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import FloatArray, Json, PcmArray, Value, ValueMapping
    from syngen.seeding import Stream
    from syngen.synth.speech.engines.espeak import SelfTest
    from syngen.synth.trajectories import Moments, Trajectory

__all__ = ["SpeechSynthesizer"]

_EXACT = "espeak"
_SEED_MASK = 2**31 - 1
_MIN_RATE, _MAX_RATE = 8_000, 48_000
_ENGINE_RATE = 22_050
_LONGEST_S = 60.0
_S_PER_CHARACTER = 0.07
_TEXTS_LOOKED_AT = 1_000
_LEAK = (
    "until speech version 2 room_tone was that far below the speech, so that silence told speaker and "
    "style; from version 3 on it is a level of its own: give it in dBFS, such as -84 (the default), or "
    "drawn, {uniform: {low: -86, high: -72}, unit: dBFS}"
)


def _speakers(given: Json, folder: Path | None) -> Sequence[Value]:
    content = given["speakers"]
    if not isinstance(content, Mapping) or "count" not in content:
        raise ParameterError(
            f"speakers is a map such as {{count: 20, female: 0.5, seed: 7}}, not {content!r}"
        )
    unknown = set(content) - {"count", "female", "seed"}
    if unknown:
        raise ParameterError(f"speakers has no {min(unknown)!r}; it has count, female and seed")
    return speaker_names(
        count=content["count"], seed=content.get("seed", 0), female=content.get("female", 0.5)
    )


def _grammar(given: Json, folder: Path | None) -> Sequence[Value]:
    if "count" not in given:
        raise ParameterError("a grammar needs count: how many of its sentences are drawn")
    return grammar_texts(given["grammar"], count=given["count"], seed=given.get("seed", 0))


def _sentences(given: Json, folder: Path | None) -> Sequence[Value]:
    count = given.get("count")
    if count is None and "seed" in given:
        raise ParameterError("a seed needs count: how many of the sentences are drawn")
    return sentence_texts(given["sentences"], count=count, seed=given.get("seed", 0))


def _file(given: Json, folder: Path | None) -> Sequence[Value]:
    name = given["file"]
    if folder is not None and isinstance(name, str):  # a recipe may come from anywhere
        inside(folder, name)
    return file_texts(name, folder=folder)


class SpeechSynthesizer(Synthesizer):
    """Speech with known speaker, text and style."""

    name = "speech"
    version = "3"
    speaks = True
    factors = (
        FactorSpec(
            "speaker",
            kind="nominal",
            sources={"speakers": ValueSource(_speakers)},
            summary="who speaks: s<seed>-f<number>, or a voice of an engine that has voices",
        ),
        FactorSpec(
            "text",
            kind="nominal",
            sources={
                "grammar": ValueSource(_grammar, options=("count", "seed")),
                "sentences": ValueSource(_sentences, options=("count", "seed")),
                "file": ValueSource(_file, is_external=True),
            },
            summary="what is said; numbers are spelled out",
        ),
        FactorSpec(
            "style",
            kind="nominal",
            default="neutral",
            summary=f"how it is said: {', '.join(STYLES)}, or one of the setting styles",
        ),
        FactorSpec(
            "room_tone",
            units={"dBFS": (-86.5, -30.0)},
            default=-84.0,
            summary="RMS of the noise of the room, which is all that pauses hold",
            former_units={"dB": _LEAK},
        ),
    )
    settings = (
        SettingSpec("engine", _EXACT, summary="the program that speaks; syngen voices lists them"),
        SettingSpec("room_tone_color", "white", choices=("white", "pink"), summary="color of that noise"),
        SettingSpec("styles", {}, summary="further styles: parameters by name"),
        SettingSpec("command", (), summary="of the engine command: program and arguments, as a list"),
        SettingSpec("voices", (), summary="of the engine command: names of its voices"),
        SettingSpec("timeout", 60.0, bounds=(1.0, 3600.0), summary="longest time for an utterance, in s"),
    )

    def check(self, request: Request) -> Iterable[Issue]:
        """Return engines, speakers, styles, texts and rates that cannot be."""
        rate = request.audio.sample_rate
        if not _MIN_RATE <= rate <= _MAX_RATE:
            yield Issue(
                ("audio", "sample_rate"),
                f"speech is made at {_MIN_RATE} to {_MAX_RATE} Hz, not at {rate}; 16000 is usual",
            )
        else:
            try:
                resample(np.zeros(1, dtype=np.int16), _ENGINE_RATE, rate)
            except ParameterError as error:
                yield Issue(("audio", "sample_rate"), str(error))
        if request.audio.duration is not None and request.audio.duration > _LONGEST_S:
            yield Issue(
                ("audio", "duration"), f"{request.audio.duration:g} s; at most {_LONGEST_S:g} s of speech"
            )
        engine = request.settings["engine"]
        if engine not in engine_names():
            try:
                find_engine(engine)
            except EngineError as error:
                yield Issue(("settings", "engine"), str(error))
        styles, problems = read_styles(request.settings["styles"])
        for keys, message in problems:
            yield Issue(("settings", "styles", *keys), message)
        yield from _value_issues(request.parameters["style"], lambda name: _find_style(styles, name))
        yield from _value_issues(request.parameters["text"], _Texts())
        if engine == _EXACT:
            yield from _value_issues(request.parameters["speaker"], find_speaker)

    def identity(self, request: Request) -> Json:
        """Return engine, SciPy's version and, of the exact engine, what is heard of it.

        That is the digest of the self-test: of the recorded one, which `make_ready` demands, or where the
        user allows another, of what the installed library says. Which file says it makes no difference.
        """
        content: Json = {"scipy": installed_version("scipy")}
        if request.settings["engine"] != _EXACT:
            return content | {"engine": _engine(request).version()}
        from syngen.synth.speech.engines.espeak import REFERENCE

        content |= {"engine": _exact_version(request), "self_test": REFERENCE}
        if request.permissions.other_audio:
            found = _self_test(request)
            content |= {"self_test": found.observed} | ({} if found.is_repeatable else {"repeats": False})
        return content

    def libraries(self, request: Request) -> Mapping[str, str]:
        """Return the SHA-256 of the file of the espeak library; of other engines nothing."""
        if request.settings["engine"] != _EXACT:
            return {}
        from syngen.synth.speech.engines.espeak import REFERENCE_LIBRARY
        from syngen.synth.speech.engines.espeak_data import Installation

        try:
            return {"espeak library": Installation().library_sha256}
        except MissingExtraError:
            return {"espeak library": REFERENCE_LIBRARY}  # what the recipe means, wherever it is looked at

    def derived(self, request: Request) -> Sequence[Derived]:
        """Return the gender of each speaker and the words of each sentence of a grammar."""
        found: list[Derived] = []
        speaker, text = request.parameters["speaker"], request.parameters["text"]
        if speaker.role == "factor" and request.settings["engine"] == _EXACT:
            genders = tuple(find_speaker(str(name)).gender for name in speaker.values)
            found.append(Derived("gender", "speaker", genders))
        if text.role == "factor":
            for grammar in GRAMMARS.values():
                words = [words_of(str(value), grammar) for value in text.values]
                if all(words):
                    found += [
                        Derived(f"text_{i}", "text", column)
                        for i, column in enumerate(zip(*(w for w in words if w), strict=True), 1)
                    ]
                    break
        return found

    def tables(self, request: Request) -> Mapping[str, Mapping[str, Sequence[Value]]]:
        """Return what makes each speaker, by name of the parameter."""
        if request.settings["engine"] != _EXACT:
            return {}
        names = tuple(sorted({str(name) for name in request.parameters["speaker"].values}))
        return {"speakers": speaker_table(names)}

    def trajectories(self, request: Request, moments: Moments) -> Mapping[str, Trajectory]:
        """Return ``word``, ``phone`` and ``voicing``; see `syngen.synth.speech.trajectories`."""
        from syngen.synth.speech.trajectories import speech_trajectories

        style = _style_of(request, moments.values)
        return speech_trajectories(moments, is_whispered=style.whisper)

    def median_f0(self, request: Request, values: ValueMapping) -> float | None:
        """Return the speaker's median pitch, moved by the style; None of a whisper and other voices."""
        style = _style_of(request, values)
        if style.whisper or request.settings["engine"] != _EXACT:
            return None
        return median_hz(find_speaker(str(values["speaker"])), style)

    def typical_s(self, request: Request) -> float:
        """Return what the shipped recipes take for texts of this length."""
        texts = request.parameters["text"].values[:_TEXTS_LOOKED_AT]
        return _S_PER_CHARACTER * sum(len(str(text)) for text in texts) / len(texts)

    def make_ready(self, request: Request) -> None:
        """Try the engine, and compare it with the recorded one."""
        if request.settings["engine"] == _EXACT:
            found = _self_test(request)
            if not found.is_reference and not request.permissions.other_audio:
                raise EngineError(
                    f"the espeak library {found.library_sha256[:16]}... does not sound as the recorded one "
                    f"does (self-test {found.observed[:16]}..., recorded {found.expected[:16]}...): its "
                    "audio would not be that of others. Install espeakng-loader==0.2.4, or go on with "
                    "--allow-other-audio (allow_other_audio=True), which gives the dataset another "
                    "fingerprint"
                )
            return
        with _engine(request) as engine:
            known = {voice.name for voice in engine.voices()}
            for name in map(str, request.parameters["speaker"].values):
                if known and name not in known:
                    raise EngineError(
                        f"the engine {engine.name!r} has no voice {name!r}; syngen voices --engine "
                        f"{engine.name} lists what there is"
                    )

    def prepare(self, request: Request) -> Renderer:
        """Return a renderer with an engine of its own."""
        return _SpeechRenderer(request)


def _value_issues(parameter: Parameter, accept: Callable[[str], object]) -> Iterable[Issue]:
    """Return an issue for each value that is not accepted."""
    for value in parameter.values:
        try:
            accept(str(value))
        except (FactorError, ParameterError) as error:
            yield parameter.issue(str(error), value)


class _Texts:
    """Accepts texts that can be spoken, each once."""

    def __init__(self) -> None:
        self._spoken: dict[str, str] = {}

    def __call__(self, text: str) -> None:
        first = self._spoken.setdefault(normalise(text), text)
        if first != text:
            raise FactorError(f"{text!r} says the same as {first!r}; remove one")


def _find_style(styles: Mapping[str, Style], name: str) -> Style:
    if name not in styles:
        raise FactorError(
            f"unknown style {name!r}{suggestion(name, styles)}; there are {', '.join(styles)}, and more "
            "can be defined under settings: styles:"
        )
    return styles[name]


def _style_of(request: Request, values: ValueMapping) -> Style:
    """Return the style of an observation; the others of the recipe are not read."""
    name, defined = str(values["style"]), request.settings["styles"]
    return read_styles({name: defined[name]} if name in defined else {})[0][name]


def _engine(request: Request) -> SpeechEngine:
    settings = request.settings
    return find_engine(settings["engine"]).create(
        EngineSettings(
            command=tuple(settings["command"]),
            allowed_programs=request.permissions.programs,
            voices=tuple(settings["voices"]),
            timeout_s=settings["timeout"],
        )
    )


def _exact_version(request: Request) -> Json:
    """Return the version of the exact engine, where it is not installed that of the recorded one."""
    from syngen.synth.speech.engines.espeak import REFERENCE_VERSION

    try:
        return _engine(request).version()
    except MissingExtraError:
        return dict(REFERENCE_VERSION)  # what the recipe means, wherever it is looked at


def _self_test(request: Request) -> SelfTest:
    from syngen.synth.speech.engines.espeak import EspeakEngine

    with EspeakEngine(timeout_s=request.settings["timeout"]) as engine:
        return engine.self_test()


class _SpeechRenderer:
    """Renders utterances of one request."""

    def __init__(self, request: Request) -> None:
        self._audio = request.audio
        self._styles, _ = read_styles(request.settings["styles"])
        self._engine = _engine(request)
        self._engine.prepare()
        self._contours = Contours(self._engine)
        self._has_speakers = request.settings["engine"] == _EXACT
        self._coloring = Coloring(request.audio.sample_rate, str(request.settings["room_tone_color"]))

    def __call__(self, values: ValueMapping, streams: Callable[[str], Stream]) -> Spoken:
        style = self._styles[str(values["style"])]
        speaker = find_speaker(str(values["speaker"])) if self._has_speakers else None
        transcript = _spoken(str(values["text"]))
        utterance = utterance_of(
            transcript,
            style,
            seed=int(streams("engine").raw(1)[0]) & _SEED_MASK,
            speaker=speaker,
            voice="" if speaker else str(values["speaker"]),
            contour_of=self._contours,
        )
        speech = _spaced(self._engine.render(utterance), utterance, style)
        rate = self._audio.sample_rate
        waveform = _placed(speech.pcm, speech.sample_rate, rate, self._audio.n_samples)
        spans, start, end = spans_of(
            speech, utterance.text, sample_rate=rate, start=0, n_samples=len(waveform)
        )
        colored = self._coloring.apply(
            waveform,
            style,
            resonances=speaker.resonances if speaker else (),
            room_tone_db=float(values["room_tone"]),
            pauses=[(span.start, span.end) for span in spans if span.kind == "phone" and not span.text],
            streams=streams,
        )
        return Spoken(colored, transcript, spans, start, end)


# a dataset says few texts, each of them often
_spoken = lru_cache(maxsize=4096)(normalise)


def _spaced(speech: Speech, utterance: Utterance, style: Style) -> Speech:
    """Return speech with the silences between words that a style declares."""
    if utterance.gap:
        return with_pauses(speech, style.pauses)
    return without_pauses_of_marks(speech, utterance.marks) if utterance.marks else speech


def _placed(pcm: PcmArray, rate_in: int, rate_out: int, n_samples: int) -> FloatArray:
    """Return speech at the output's rate, cut or filled up to a number of samples; 0: as it is."""
    waveform = resample(pcm, rate_in, rate_out)
    if n_samples == 0 or len(waveform) == n_samples:
        return waveform
    placed = np.zeros(n_samples)
    length = min(n_samples, len(waveform))
    placed[:length] = waveform[:length]
    return placed
