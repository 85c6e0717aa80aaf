"""Any program that reads a text file and writes an audio file: flite, festival, piper and others."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Self

from syngen.errors import EngineError, ParameterError
from syngen.io.files import sha256_of
from syngen.io.workspace import temporary_folder
from syngen.synth.speech.engines.audio_files import read_speech
from syngen.synth.speech.engines.base import EngineSettings, Speech, SpeechEngine, Utterance, Voice
from syngen.synth.speech.engines.checks import refuse_unknown_voice, shown

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["CommandEngine"]

_PLACEHOLDER = re.compile(r"\{(text_file|text|voice|output|rate)\}")
_REQUIRED = ("text_file", "output")
_SHELLS = frozenset(
    {
        "sh",
        "bash",
        "dash",
        "zsh",
        "ksh",
        "mksh",
        "csh",
        "tcsh",
        "fish",
        "ash",
        "busybox",
        "cmd",
        "powershell",
    }
    | {"pwsh"}
)
_MAX_VOICE = 200
_STDERR_TAIL = 400


class CommandEngine(SpeechEngine):
    """Runs a program for every utterance: as an argument list, never in a shell, with a time limit.

    The program runs in an empty folder of its own that is removed afterwards, without input.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments. Wherever they stand in an argument, ``{text_file}`` and
        ``{output}`` become the paths of the text (UTF-8) and of the audio file to write, ``{voice}`` and
        ``{rate}`` those of the utterance. Other braces are left alone. Without ``{rate}`` the program
        speaks as fast as it likes.
    allowed : collection of str
        Programs that may be run, exactly as they stand in `arguments`: a recipe from somebody else may
        name a program, but only the user allows it.
    voices : sequence of str
        What ``{voice}`` may be, the first being the default; empty for anything the utterance asks for.
    timeout_s : float
        Longest time for one utterance; then the program and all it started are killed.

    Raises
    ------
    ParameterError
        If the arguments cannot be used.
    EngineError
        If the program is a shell. Whether it is allowed is seen when it is to run.

    Examples
    --------
    >>> flite = ["flite", "-voice", "{voice}", "-f", "{text_file}", "-o", "{output}"]
    >>> CommandEngine(flite, allowed=["flite"], voices=["slt", "rms"]).voices()[0].name
    'slt'
    """

    name = "command"
    is_exact = False

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        allowed: Collection[str],
        voices: Sequence[str] = (),
        timeout_s: float = 60.0,
    ) -> None:
        if isinstance(arguments, str) or isinstance(allowed, str):
            raise ParameterError("the engine 'command' takes lists of text, not one text")
        self._arguments = tuple(arguments)
        self._voices = tuple(voices)
        self._timeout_s = timeout_s
        _check_arguments(self._arguments)
        _check_program(self._arguments[0])
        self._allowed = frozenset(allowed)
        for voice in self._voices:
            _check_voice(voice)
        found = set(_PLACEHOLDER.findall("\n".join(self._arguments)))
        self._takes_voices = "voice" in found
        if self._voices and not self._takes_voices:
            raise ParameterError("the engine 'command' has voices, but no {voice} among its arguments")

    @classmethod
    def create(cls, settings: EngineSettings) -> Self:
        return cls(
            settings.command,
            allowed=settings.allowed_programs,
            voices=settings.voices,
            timeout_s=settings.timeout_s,
        )

    def _program(self) -> Path:
        """Return the file of the program."""
        found = shutil.which(self._arguments[0])
        if found is None:
            raise EngineError(f"the program {self._arguments[0]!r} is not installed, or not on the PATH")
        return Path(found).absolute()

    def version(self) -> Json:
        # a recipe may be looked at where its program is not installed
        is_here = shutil.which(self._arguments[0]) is not None
        return {
            "engine": self.name,
            "arguments": list(self._arguments),
            "program_sha256": sha256_of(self._program()) if is_here else None,
        }

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(name) for name in self._voices)

    def prepare(self) -> None:
        """Look for the program.

        Raises
        ------
        EngineError
            If it is not allowed, or not installed.
        """
        _check_allowed(self._arguments[0], self._allowed)
        self._program()

    def speak(self, utterance: Utterance) -> Speech:
        _check_allowed(self._arguments[0], self._allowed)
        voice = self._voice(utterance.voice)
        with temporary_folder("syngen-command-") as folder:
            text_file, output = folder / "text.txt", folder / "speech.wav"
            text_file.write_text(utterance.text + "\n", "utf-8")
            values = {"text_file": str(text_file), "output": str(output), "voice": voice}
            values["rate"] = str(utterance.rate)
            self._run(utterance.text, values, folder)
            return read_speech(output, utterance.text)

    def _voice(self, voice: str) -> str:
        """Return the voice to ask the program for."""
        if not self._takes_voices:
            if voice:
                raise EngineError(f"the command has no {{voice}} among its arguments to ask for {voice!r}")
            return ""
        if voice:
            _check_voice(voice)
            if self._voices:
                refuse_unknown_voice(self.name, voice, self._voices)
            return voice
        if not self._voices:
            raise EngineError(
                "the command has a {voice} among its arguments, and the utterance asks for none"
            )
        return self._voices[0]

    def _run(self, text: str, values: Mapping[str, str], folder: Path) -> None:
        arguments = [
            _PLACEHOLDER.sub(lambda found: values[found[1]], argument) for argument in self._arguments[1:]
        ]
        program = self._program()
        what = f"{self._arguments[0]} failed at {shown(text)}"
        errors = folder / "stderr.txt"
        with open(errors, "wb") as file:
            try:
                process = subprocess.Popen(
                    [str(program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise EngineError(f"{what}: it cannot be started: {error}") from error
            try:
                status = process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                raise EngineError(f"{what}: it took longer than {self._timeout_s:g} s") from None
            finally:
                _kill_group(process)
        if status != 0:
            reason = f"signal {-status}" if status < 0 else f"exit status {status}"
            said = _tail(errors)
            raise EngineError(f"{what}: {reason}" + (f"; it said: {said}" if said else ""))


def _check_arguments(arguments: tuple[str, ...]) -> None:
    if not arguments:
        raise EngineError(
            "the engine 'command' runs a program that you name; give its arguments, as in flite "
            "-voice {voice} -f {text_file} -o {output}"
        )
    for argument in arguments:
        if not isinstance(argument, str) or "\0" in argument:
            raise ParameterError(f"argument {argument!r} of the command; text without NUL is needed")
    found = {name for argument in arguments[1:] for name in _PLACEHOLDER.findall(argument)}
    if "text" in found:
        raise ParameterError(
            "{text} cannot stand among the arguments of a command: a text could be taken for an option, "
            "and everybody can read the arguments of a process; use {text_file}"
        )
    for name in _REQUIRED:
        if name not in found:
            raise ParameterError(
                f"{{{name}}} is missing among the arguments of the command {arguments[0]!r}"
            )


def _check_program(program: str) -> None:
    if _PLACEHOLDER.search(program):
        raise ParameterError(f"the program of a command must be named, not {program!r}")
    if PurePath(program).name.removesuffix(".exe").casefold() in _SHELLS:
        raise EngineError(
            f"{program!r} is a shell, which the engine 'command' never runs; name the program"
        )


def _check_allowed(program: str, allowed: Collection[str]) -> None:
    if program not in allowed:
        raise EngineError(
            f"the program {program!r} is not allowed to run; if you trust it, say so: "
            f'--allow-program {program} on the command line, allow_programs=["{program}"] in Python'
        )


def _check_voice(voice: str) -> None:
    if not voice or len(voice) > _MAX_VOICE or not voice.isprintable() or voice.startswith("-"):
        raise ParameterError(
            f"{voice[:_MAX_VOICE]!r} cannot be a voice of a command: 1 to {_MAX_VOICE} printable "
            "characters without a leading dash are needed"
        )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _tail(path: Path) -> str:
    """Return the last words of a file, without control characters."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _STDERR_TAIL))
        text = file.read().decode("utf-8", errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
