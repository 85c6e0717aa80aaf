"""The voices of the operating system, by pyttsx3 in a child process that may hang or die."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from syngen.errors import EngineError
from syngen.io.workspace import temporary_folder
from syngen.synth.speech.engines.audio_files import read_speech
from syngen.synth.speech.engines.base import EngineSettings, Speech, SpeechEngine, Utterance, Voice
from syngen.synth.speech.engines.checks import refuse_unknown_voice, shown

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["Pyttsx3Engine"]

_CHILD = (sys.executable, "-m", "syngen.synth.speech.engines.pyttsx3_child")


class Pyttsx3Engine(SpeechEngine):
    """Speaks with what the operating system has: espeak on Linux, SAPI5 on Windows, NSSpeech on macOS.

    What these say may change with any update; use the engine ``espeak`` where samples must stay equal.

    Parameters
    ----------
    timeout_s : float
        Longest time for one utterance; a child that takes longer is killed, and the next utterance gets
        a new one.
    child : sequence of str, optional
        Program and arguments of the child process, by default the one that drives pyttsx3.
    """

    name = "pyttsx3"
    is_exact = False

    def __init__(self, *, timeout_s: float = 60.0, child: Sequence[str] = _CHILD) -> None:
        self._timeout_s = timeout_s
        self._command = tuple(child)
        self._child: _Child | None = None
        self._voices: tuple[Voice, ...] = ()

    @classmethod
    def create(cls, settings: EngineSettings) -> Self:
        return cls(timeout_s=settings.timeout_s)

    def version(self) -> Json:
        from importlib.metadata import version

        _require()
        content = {
            "engine": self.name,
            "version": version("pyttsx3"),
            "platform": f"{platform.system()} {platform.release()}",
        }
        if sys.platform.startswith("linux"):
            from syngen.synth.speech.engines.espeak_data import Installation

            content["library_sha256"] = Installation().library_sha256
            del content["platform"]
        return content

    def prepare(self) -> None:
        """Start the child process and ask it for its voices.

        Raises
        ------
        MissingExtraError
            If the extra ``speech`` is not installed.
        EngineError
            If pyttsx3 cannot be started.
        """
        if self._child is not None and self._child.owner == os.getpid():
            return
        if self._command == _CHILD:
            _require()
        self._child = _Child(self._command)
        weakref.finalize(self, self._child.close)
        try:
            answer = self._asked({"do": "voices"}, "when asked for its voices")
            self._voices = tuple(Voice(*voice) for voice in answer["voices"])
        except (KeyError, TypeError) as error:
            self.close()
            raise EngineError(f"pyttsx3 answers without voices: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def voices(self) -> tuple[Voice, ...]:
        self.prepare()
        return self._voices

    def speak(self, utterance: Utterance) -> Speech:
        self.prepare()
        if utterance.voice:
            refuse_unknown_voice(self.name, utterance.voice, (voice.name for voice in self._voices))
        with temporary_folder("syngen-pyttsx3-") as folder:
            path = folder / "speech.wav"
            request = {
                "do": "say",
                "text": utterance.text,
                "voice": utterance.voice,
                "rate": utterance.rate,
            }
            self._asked({**request, "path": str(path)}, f"at {shown(utterance.text)}")
            return read_speech(path, utterance.text)

    def _asked(self, request: Json, when: str) -> Json:
        """Return the child's answer; a child that gives none is ended, and replaced when needed."""
        child = self._child
        if child is None:  # prepare has just started it
            raise EngineError("the pyttsx3 engine is closed")
        try:
            answer = child.ask(request, self._timeout_s)
        except EngineError as error:
            self.close()
            raise EngineError(f"pyttsx3 failed {when}: {error}") from error
        except BaseException:
            self.close()  # an answer that is still to come would be taken for the next one
            raise
        if "error" in answer:
            raise EngineError(f"pyttsx3 failed {when}: {answer['error']}")
        return answer


def _require() -> None:
    from importlib.util import find_spec

    from syngen._distribution import require

    # looked for, not imported: its driver loads a library into the process
    if find_spec("pyttsx3") is None:
        require("pyttsx3", extra="speech")
    if sys.platform.startswith("linux"):
        require("espeakng_loader", extra="speech")


class _Child:
    """A process that answers a line of JSON with a line of JSON."""

    def __init__(self, command: Sequence[str]) -> None:
        self.owner = os.getpid()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise EngineError(f"the child process of pyttsx3 cannot be started: {error}") from error
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        output = self._process.stdout
        if output is not None:
            with contextlib.suppress(ValueError, OSError):
                for line in output:
                    self._answers.put(line)
        self._answers.put("")

    def ask(self, request: Json, timeout_s: float) -> Json:
        """Return the answer to a request, or raise an EngineError."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise EngineError(f"it took longer than {timeout_s:g} s") from None
        except BrokenPipeError:
            line = ""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            status = self._process.poll()
            if status is None:
                raise EngineError("its process closed its output")
            reason = f"signal {-status}" if status < 0 else f"status {status}"
            raise EngineError(f"its process ended with {reason}")
        try:
            answer: Any = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise EngineError(f"its process answers {line[:60]!r}")
        return answer

    def close(self) -> None:
        """End the process; in a forked child, leave it to the parent."""
        if self.owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        self._listener.join(timeout=5.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
