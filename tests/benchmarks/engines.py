"""What a fresh instance of the library costs for each utterance: ``python -m tests.benchmarks.engines``.

Two cores of a shared x86-64 server, Python 3.11, CPU time for utterances of 2.6 s: one instance for all,
which is not exact, 2.43 ms; a fresh one each 2.94 ms; all of ``EspeakEngine.render`` 3.05 ms; a forked
child each 6.7 ms of wall time.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

from syngen.synth.speech.engines import espeak_library
from syngen.synth.speech.engines.base import Utterance
from syngen.synth.speech.engines.espeak import SELF_TEST, EspeakEngine

UTTERANCE = Utterance("Seven heavy boxes were carried over it.", variant=SELF_TEST[1].variant)


def cpu_ms(call: Callable[[], object], n: int = 400) -> float:
    """Return the CPU time of a call in milliseconds."""
    start = time.process_time()
    for _ in range(n):
        call()
    return (time.process_time() - start) / n * 1e3


def main() -> None:
    """Print one line for each way to speak."""
    with EspeakEngine(isolation="reload") as engine:
        engine.render(UTTERANCE)
        folder = engine._folder
        if folder is None:
            raise SystemExit("the engine has no folder")
        voice = f"en-us+{folder.variant_name(UTTERANCE.variant)}".encode()
        words = espeak_library.Words(UTTERANCE.text.encode(), voice, 165, 0, 1, 10**7)
        shared = ctypes.CDLL(str(engine._installation.library))
        shared.espeak_Initialize(2, espeak_library._BUFFER_MS, os.fsencode(folder.data), 0x8003)
        shared.espeak_SetSynthCallback(espeak_library._COLLECTOR.callback)
        shared.espeak_SetVoiceByName(voice)
        shared.espeak_SetParameter(2, 30, 0)
        shared.espeak_Synth.argtypes = espeak_library._SYNTH_ARGUMENTS

        def one_for_all() -> None:
            espeak_library._COLLECTOR.start(10**7)
            shared.espeak_Synth(words.text, len(words.text) + 1, 0, 1, 0, 0x1001, None, None)

        ways: dict[str, Callable[[], object]] = {
            "one instance for all": one_for_all,
            "a fresh one each": lambda: espeak_library.say(folder.library, folder.data, words),
            "EspeakEngine.render": lambda: engine.render(UTTERANCE),
        }
        for name, call in ways.items():
            print(f"{name:<22} {cpu_ms(call):.2f} ms")


if __name__ == "__main__":
    main()
