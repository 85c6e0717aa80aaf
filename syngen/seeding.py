"""Random numbers that belong to an index, never to a worker, a batch or an order.

A stream is named by (seed, name, index). Its 64-bit words come from Philox 4x64 with ten rounds, a
counter-based generator: any stream starts anywhere at once, and the words are integers, hence the same
on every machine. Uniform and normal numbers are made of the words by exact arithmetic.

References
----------
Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
Luby, Rackoff: "How to construct pseudorandom permutations from pseudorandom functions", SIAM J.
Comput. 17 (1988) (the Feistel network of `Permutation`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import normal_quantile
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, UIntArray

__all__ = ["Permutation", "Shuffle", "Stream", "normals", "stream_key", "uniforms", "words_to_uniforms"]

_MASK32 = np.uint64(0xFFFFFFFF)
_SHIFT32 = np.uint64(32)
_PHILOX_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_PHILOX_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_PHILOX_ROUNDS = 10
_BLOCK = 1 << 14  # arrays of this many words stay in the CPU's cache

# Odd constants and shifts of the 64-bit finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_FEISTEL_ROUNDS = 8
_MOST_LISTED = 16


@lru_cache(maxsize=1024)
def stream_key(seed: int, name: str) -> tuple[int, int]:
    """Key of a stream: the first 16 bytes of SHA-256 over the contract's tag, the seed and the name.

    Parameters
    ----------
    seed : int
        Seed of the recipe, 0 or more.
    name : str
        What the numbers are for, for example ``"nuisance/phase"``.

    Returns
    -------
    tuple of two int
        The two 64-bit words of the Philox key, each read little-endian.

    Notes
    -----
    The hashed bytes are ``b"syngen-1"``, the seed in decimal and the name in UTF-8, joined by zero
    bytes.
    """
    text = b"\0".join((b"syngen-1", str(seed).encode("ascii"), name.encode("utf-8")))
    digest = hashlib.sha256(text).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def words_to_uniforms(words: UIntArray) -> FloatArray:
    """Uniform numbers in [0, 1): the upper 53 bits of each word, times 2**-53."""
    return np.multiply((words >> np.uint64(11)).astype(np.float64), 2.0**-53)


def _uniforms_to_normals(uniform: FloatArray) -> FloatArray:
    # a uniform of exactly zero stands for half the step above it, which keeps |z| below 8.3
    return normal_quantile(np.maximum(uniform, 2.0**-54))


class Stream:
    """The random numbers of one (seed, name, index), drawn one after the other.

    Parameters
    ----------
    seed : int
        Seed of the recipe.
    name : str
        What the numbers are for; streams of different names are independent.
    index : int
        Index of the observation, 0 to 2**62.

    Examples
    --------
    >>> stream = Stream(2402, "example", 7)
    >>> first, second = stream.uniform(2)
    >>> bool(first == Stream(2402, "example", 7).uniform(1)[0])
    True
    """

    def __init__(self, seed: int, name: str, index: int) -> None:
        self._generator = np.random.Philox(
            counter=[0, 0, index, 0],
            key=np.array(stream_key(seed, name), dtype=np.uint64),
        )

    def raw(self, n: int) -> UIntArray:
        """Return the next `n` words, uint64."""
        words: UIntArray = self._generator.random_raw(n)
        return words

    def uniform(self, n: int) -> FloatArray:
        """Return the next `n` uniform numbers in [0, 1), float64."""
        return words_to_uniforms(self.raw(n))

    def normal(self, n: int) -> FloatArray:
        """Return the next `n` standard normal numbers, float64, absolute value below 8.3."""
        return _uniforms_to_normals(self.uniform(n))


def _multiply_high_low(a: UIntArray, multiplier: np.uint64) -> tuple[UIntArray, UIntArray]:
    """Upper and lower 64 bits of the 128-bit product, from 32-bit halves."""
    m_low, m_high = multiplier & _MASK32, multiplier >> _SHIFT32
    a_low, a_high = a & _MASK32, a >> _SHIFT32
    cross = a_high * m_low
    middle = a_low * m_low
    middle >>= _SHIFT32
    middle += cross & _MASK32
    a_low *= m_high
    middle += a_low
    middle >>= _SHIFT32
    cross >>= _SHIFT32
    middle += cross
    a_high *= m_high
    middle += a_high
    return middle, a * multiplier


def _first_words(key: tuple[int, int], indices: UIntArray) -> UIntArray:
    """First word of the stream of each index: what ``Stream.raw(1)`` gives, for many at once."""
    # numpy counts up before it makes a block, so the first block has counter (1, 0, index, 0)
    c0, c1 = np.ones_like(indices), np.zeros_like(indices)
    c2, c3 = indices, np.zeros_like(indices)
    k0, k1 = key
    for _ in range(_PHILOX_ROUNDS):
        high0, low0 = _multiply_high_low(c0, _PHILOX_MULTIPLIERS[0])
        high1, low1 = _multiply_high_low(c2, _PHILOX_MULTIPLIERS[1])
        high1 ^= c1
        high1 ^= np.uint64(k0)
        high0 ^= c3
        high0 ^= np.uint64(k1)
        c0, c1, c2, c3 = high1, low1, high0, low0
        k0 = (k0 + _PHILOX_WEYL[0]) & 0xFFFFFFFFFFFFFFFF
        k1 = (k1 + _PHILOX_WEYL[1]) & 0xFFFFFFFFFFFFFFFF
    return c0


def uniforms(seed: int, name: str, indices: IntArray) -> FloatArray:
    """First uniform number of the stream of each index.

    Parameters
    ----------
    seed : int
        Seed of the recipe.
    name : str
        What the numbers are for.
    indices : ndarray of int64, shape (n,)
        Indices of observations, not negative.

    Returns
    -------
    ndarray of float64, shape (n,)
        In [0, 1); element i equals ``Stream(seed, name, indices[i]).uniform(1)[0]``.
    """
    key = stream_key(seed, name)
    counters = np.ascontiguousarray(indices, dtype=np.int64).view(np.uint64)
    words = np.empty(len(counters), dtype=np.uint64)
    for start in range(0, len(counters), _BLOCK):
        words[start : start + _BLOCK] = _first_words(key, counters[start : start + _BLOCK])
    return words_to_uniforms(words)


def normals(seed: int, name: str, indices: IntArray) -> FloatArray:
    """First standard normal number of the stream of each index; see `uniforms`."""
    return _uniforms_to_normals(uniforms(seed, name, indices))


class Permutation:
    """A keyed permutation of 0..size-1 that needs no memory: any position is computed alone.

    A Feistel network permutes the smallest power of two that holds `size`; a result outside is put
    through the network again until it falls inside (cycle-walking), on average less than twice.

    Parameters
    ----------
    size : int
        Number of points, 1 to 2**62.
    seed : int
        Seed of the recipe.
    name : str
        What the permutation is for.

    Examples
    --------
    >>> permutation = Permutation(10, seed=1, name="example")
    >>> sorted(permutation(np.arange(10)).tolist()) == list(range(10))
    True
    >>> permutation.inverse(permutation(np.arange(10))).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, size: int, *, seed: int, name: str) -> None:
        if not 1 <= size <= 2**62:
            raise ParameterError(f"a permutation of {size} points: 1 to 2**62 are possible")
        self.size = size
        bits = max(2, (size - 1).bit_length())
        self._right_bits = np.uint64(bits // 2)
        self._right_mask = np.uint64((1 << (bits // 2)) - 1)
        self._left_mask = np.uint64((1 << (bits - bits // 2)) - 1)
        self._keys = Stream(seed, name, 0).raw(_FEISTEL_ROUNDS)

    def __call__(self, positions: IntArray) -> IntArray:
        """Map positions to points: int64 of any length, each 0..size-1."""
        return self._walk(positions, range(_FEISTEL_ROUNDS))

    def inverse(self, points: IntArray) -> IntArray:
        """Map points back to their positions."""
        return self._walk(points, range(_FEISTEL_ROUNDS - 1, -1, -1))

    def _walk(self, numbers: IntArray, rounds: range) -> IntArray:
        source = np.ascontiguousarray(numbers, dtype=np.int64).view(np.uint64)
        result = np.empty_like(source)
        size = np.uint64(self.size)
        for start in range(0, len(source), _BLOCK):
            block = self._network(source[start : start + _BLOCK], rounds)
            outside = np.flatnonzero(block >= size)
            while len(outside):
                again = self._network(block[outside], rounds)
                block[outside] = again
                outside = outside[again >= size]
            result[start : start + _BLOCK] = block
        return result.view(np.int64)

    def _network(self, numbers: UIntArray, rounds: range) -> UIntArray:
        left, right = numbers >> self._right_bits, numbers & self._right_mask
        for i in rounds:
            if i % 2:
                right ^= self._mixed(left, self._keys[i]) & self._right_mask
            else:
                left ^= self._mixed(right, self._keys[i]) & self._left_mask
        left <<= self._right_bits
        left |= right
        return left

    @staticmethod
    def _mixed(half: UIntArray, key: np.uint64) -> UIntArray:
        """Scramble a half with a round key; all 64 bits depend on both."""
        x = half ^ key
        x *= _MIX_1
        x ^= x >> _SHIFT32
        x *= _MIX_2
        x ^= x >> _SHIFT32
        return x


class Shuffle(Permutation):
    """A keyed permutation that is uniform for few points too.

    The Feistel network of `Permutation` has keys enough for every order of many points, but its rounds are
    too narrow for some of few: of six points, two come first up to 1.4 times as often as others. Up to 16
    points are put into the order of random words instead.

    Parameters
    ----------
    size : int
        Number of points, 1 to 2**62.
    seed : int
        Seed of the recipe.
    name : str
        What the permutation is for.
    """

    def __init__(self, size: int, *, seed: int, name: str) -> None:
        super().__init__(size, seed=seed, name=name)
        self._points: IntArray | None = None
        if size <= _MOST_LISTED:
            # the stream of index 0 has the keys of the network
            self._points = np.argsort(Stream(seed, name, 1).raw(size), kind="stable").astype(np.int64)
            self._positions = np.argsort(self._points)

    def __call__(self, positions: IntArray) -> IntArray:
        """Map positions to points: int64 of any length, each 0..size-1."""
        return super().__call__(positions) if self._points is None else self._points[positions]

    def inverse(self, points: IntArray) -> IntArray:
        """Map points back to their positions."""
        return super().inverse(points) if self._points is None else self._positions[points]
