"""English phonemes of texts, as espeak-ng transcribes them; run as a child process by the tests.

``python -m tests.unit.synth.speech.phonemes`` reads texts, one a line, and prints how often each phoneme
occurs as one JSON object. A process of its own: the library keeps state.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections import Counter

_IPA, _SEPARATED, _SEPARATOR = 2, 1 << 7, "_"
_STRESS = str.maketrans("", "", "ˈˌ")


def counts(texts: list[str]) -> Counter[str]:
    """Count the phonemes of texts in General American."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize(1, 0, espeakng_loader.get_data_path().encode(), 0x8000)
    if library.espeak_SetVoiceByName(b"en-us"):
        raise RuntimeError("espeak-ng has no voice en-us")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
    found: Counter[str] = Counter()
    mode = _IPA | ord(_SEPARATOR) << 8
    for text in texts:
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        rest = ctypes.c_void_p(ctypes.addressof(buffer))
        while rest.value:
            clause = library.espeak_TextToPhonemes(ctypes.byref(rest), 1, mode).decode("utf-8")
            found.update(part for part in clause.translate(_STRESS).replace(" ", "_").split("_") if part)
    return found


if __name__ == "__main__":
    table = counts([line for line in sys.stdin.read().splitlines() if line])
    sys.stdout.write(json.dumps(dict(table.most_common()), ensure_ascii=False, indent=1) + "\n")
