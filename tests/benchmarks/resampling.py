"""CPU time of resampling 2.6 s of speech: ``python -m tests.benchmarks.resampling``.

From 22,050 to 16,000 Hz on one core of an AMD EPYC (AVX-512), NumPy 2.4, SciPy 1.17, soxr 1.1:

===============================================  =======
groups of 32 outputs through BLAS (the one used)  0.24 ms
groups of 10 / 20 / 64 / 160 outputs              0.33 / 0.26 / 0.25 / 0.36 ms
soxr, HQ (not exact)                              0.44 ms
``scipy.signal.resample_poly``, 8,821 taps        1.36 ms
``scipy.signal.upfirdn``, our 22,931 taps (exact) 1.72 ms
===============================================  =======

One more array of the size of the result cost 0.4 ms in a fresh process: malloc then gave the memory back
after each call, and the next one faulted it in again. So the last step works in place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from scipy.signal import resample_poly, upfirdn

from syngen.dsp import resampling
from syngen.dsp.resampling import resample

N_SAMPLES = 57_330
RATES = (8000, 16000, 24000, 44100, 48000)


def cpu_ms(function: Callable[[], object], n: int = 200) -> float:
    """Return the median of the CPU time of a call."""
    function()
    times = []
    for _ in range(n):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * median(times)


def main() -> None:
    """Print a table."""
    pcm = np.random.default_rng(0).integers(-20_000, 20_000, N_SAMPLES).astype(np.int16)
    half = resampling._half_taps(320, 441)[:-1]
    taps = np.concatenate([half[:0:-1], half])
    wave = pcm.astype(np.float64)
    print(f"upfirdn        16000 Hz {cpu_ms(lambda: upfirdn(taps, wave, 320, 441), 30):6.3f} ms")
    print(f"resample_poly  16000 Hz {cpu_ms(lambda: resample_poly(wave, 320, 441), 30):6.3f} ms")
    for rate in RATES:
        print(f"resample       {rate:5} Hz {cpu_ms(lambda rate=rate: resample(pcm, 22050, rate)):6.3f} ms")


if __name__ == "__main__":
    main()
