"""The child process of the engine ``pyttsx3``: JSON requests on stdin, JSON answers on stdout.

``{"do": "voices"}`` is answered by ``{"voices": [[name, language, gender], ...]}``, and ``{"do": "say",
"text": ..., "voice": ..., "rate": ..., "path": ...}`` by ``{}`` when the file is there; either by
``{"error": ...}``.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any

_ESPEAK = "pyttsx3.drivers._espeak"
_RATE_TIMEOUT_S = 0.3  # some drivers round the rate, and never say what they were told
_SETTLE_TIMEOUT_S = 30.0  # espeak's says it always, on a busy machine later
_ATTEMPTS = 3
_SMALLEST_FILE = 1_000  # bytes: a header, or a click


def main() -> None:
    """Answer requests until stdin ends."""
    # pyttsx3 and the library print: stdout belongs to the answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    try:
        engine, default_voice = _start()
    except Exception as error:  # noqa: BLE001  # whatever the driver of an operating system raises
        failure = f"pyttsx3 cannot start: {type(error).__name__}: {error}"
        while True:
            requests.get()
            print(json.dumps({"error": failure}), file=answers, flush=True)
    while True:
        request = json.loads(requests.get())
        try:
            answer = _answer(engine, request, default_voice)
        except Exception as error:  # noqa: BLE001  # whatever the driver of an operating system raises
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _listen(requests: queue.SimpleQueue[str]) -> None:
    """Receive requests; end the process with its parent, even while the driver hangs."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _start() -> tuple[Any, str]:
    if sys.platform.startswith("linux"):
        _provide_espeak()
    import pyttsx3

    engine = pyttsx3.init()
    engine.runAndWait()  # until then it is busy, and puts off whatever it is told
    return engine, _default_voice(engine)


def _default_voice(engine: Any) -> str:
    """Return the voice that is set, or the first English one."""
    voice = engine.getProperty("voice")
    if voice:
        return str(voice)
    described = [_described(voice) for voice in engine.getProperty("voices")]
    return next((name for name, language, _ in described if language.startswith("en")), "")


def _provide_espeak() -> None:
    """Load the library of espeakng-loader, so that no system package is needed."""
    import ctypes
    from pathlib import Path

    import espeakng_loader

    library = Path(espeakng_loader.get_library_path())
    os.environ["ESPEAK_DATA_PATH"] = str(library.parent / "espeak-ng-data")
    # pyttsx3 asks for the library by the name that this one has, and gets it: it is loaded already
    ctypes.CDLL(str(library))


def _answer(engine: Any, request: dict[str, Any], default_voice: str) -> dict[str, Any]:
    if request["do"] == "voices":
        return {"voices": [_described(voice) for voice in engine.getProperty("voices")]}
    voice = request["voice"] or default_voice
    if voice:  # set each time: the engine keeps the last one
        engine.setProperty("voice", voice)
    _set_rate(engine, request["rate"])
    for _ in range(_ATTEMPTS):
        _settle()
        engine.save_to_file(request["text"], request["path"])
        engine.runAndWait()
        if _is_written(request["path"]):
            break
    return {}


def _settle() -> None:
    """Wait until espeak is idle: its last callback would end the next utterance before it is spoken."""
    driver = sys.modules.get(_ESPEAK)
    end = time.monotonic() + _SETTLE_TIMEOUT_S
    while driver is not None and driver.IsPlaying() and time.monotonic() < end:
        time.sleep(0.001)


def _is_written(path: str) -> bool:
    try:
        return os.stat(path).st_size >= _SMALLEST_FILE
    except FileNotFoundError:
        return False


def _set_rate(engine: Any, rate: int) -> None:
    """Set the rate, and wait until it is set: espeak's driver would speak before."""
    engine.setProperty("rate", rate)
    end = time.monotonic() + (_SETTLE_TIMEOUT_S if _ESPEAK in sys.modules else _RATE_TIMEOUT_S)
    while engine.getProperty("rate") != rate and time.monotonic() < end:
        time.sleep(0.001)
    _settle()


def _described(voice: Any) -> list[str]:
    languages = [
        item.decode("utf-8", "ignore") if isinstance(item, bytes) else str(item)
        for item in voice.languages or ()
    ]
    language = "".join(c for c in languages[0] if c.isprintable()) if languages else ""
    return [str(voice.id), language, str(voice.gender or "").lower()]


if __name__ == "__main__":
    main()
