from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from syngen.errors import ParameterError
from syngen.seeding import (
    Permutation,
    Shuffle,
    Stream,
    normals,
    stream_key,
    uniforms,
    words_to_uniforms,
)

EDGES = [0, 1, 2, 255, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**61 + 12345, 2**62 - 1]
BLOCK = 1 << 14


def _independent_philox(seed: int, name: str, index: int) -> np.random.Philox:
    digest = hashlib.sha256(b"syngen-1\x00" + f"{seed}\x00{name}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    return np.random.Philox(key=key, counter=index << 128)


@pytest.mark.parametrize("seed", [0, 1, 2402, 2**63 - 1])
@pytest.mark.parametrize("name", ["order", "nuisance/phase", "split/défaut", ""])
def test_key_is_the_head_of_sha256_over_tag_seed_and_name(seed: int, name: str) -> None:
    text = b"syngen-1" + bytes(1) + str(seed).encode() + bytes(1) + name.encode("utf-8")
    words = np.frombuffer(hashlib.sha256(text).digest()[:16], dtype="<u8")
    assert stream_key(seed, name) == tuple(words.tolist())


@pytest.mark.parametrize("index", EDGES)
def test_stream_is_philox_at_the_counter_of_its_index(index: int) -> None:
    expected = _independent_philox(7, "a", index).random_raw(50)
    np.testing.assert_array_equal(Stream(7, "a", index).raw(50), expected)


def test_stream_goes_on_where_it_stopped() -> None:
    stream = Stream(7, "a", 3)
    parts = np.concatenate([stream.raw(1), stream.raw(0), stream.raw(6), stream.raw(10)])
    np.testing.assert_array_equal(parts, Stream(7, "a", 3).raw(17))


def test_uniform_numbers_are_the_upper_53_bits() -> None:
    words = np.array([0, 1, (1 << 11) - 1, 1 << 11, 2**63, 2**64 - 1], dtype=np.uint64)
    expected = [0.0, 0.0, 0.0, 2.0**-53, 0.5, 1.0 - 2.0**-53]
    assert words_to_uniforms(words).tolist() == expected
    raw = Stream(7, "a", 3).raw(100)
    assert Stream(7, "a", 3).uniform(100).tolist() == [(int(w) >> 11) / 2**53 for w in raw]


def test_many_first_uniforms_equal_those_of_single_streams(rng: np.random.Generator) -> None:
    indices = np.concatenate([EDGES, rng.integers(0, 2**62, 500)]).astype(np.int64)
    expected = [Stream(2402, "nuisance/phase", i).uniform(1)[0] for i in indices.tolist()]
    assert uniforms(2402, "nuisance/phase", indices).tolist() == expected


def test_arrays_longer_than_a_block_have_the_same_uniforms() -> None:
    indices = np.arange(2 * BLOCK + 17, dtype=np.int64) * 3
    found = uniforms(5, "b", indices)
    for i in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 16):
        assert found[i] == Stream(5, "b", int(indices[i])).uniform(1)[0]
    np.testing.assert_array_equal(uniforms(5, "b", indices[::-1]), found[::-1])


def test_first_uniforms_take_any_memory_layout_and_leave_it_alone() -> None:
    indices = np.arange(64, dtype=np.int64).reshape(32, 2)[:, 1]
    before = indices.copy()
    np.testing.assert_array_equal(uniforms(5, "b", indices), uniforms(5, "b", before))
    np.testing.assert_array_equal(indices, before)
    assert uniforms(5, "b", indices[:0]).shape == (0,)


def test_normals_are_finite_and_bounded() -> None:
    z = normals(5, "c", np.arange(200_000, dtype=np.int64))
    assert np.abs(z).max() < 8.3
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1.0) < 0.01
    assert z[17] == Stream(5, "c", 17).normal(1)[0]


def test_a_uniform_of_zero_gives_a_finite_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0, "zero", 0)
    monkeypatch.setattr(stream, "raw", lambda n: np.zeros(n, dtype=np.uint64))
    z = stream.normal(1)[0]
    assert -8.3 < z < -8.2


def test_uniforms_fill_the_unit_interval_evenly() -> None:
    counts, _ = np.histogram(
        uniforms(5, "d", np.arange(100_000, dtype=np.int64)), bins=100, range=(0.0, 1.0)
    )
    chi_squared = ((counts - 1000.0) ** 2 / 1000.0).sum()
    assert 50.0 < chi_squared < 160.0


@pytest.mark.parametrize(
    ("seed", "name", "index"), [(1, "a", 0), (0, "b", 0), (0, "a", 1), (0, "a", 2**61), (0, "A", 0)]
)
def test_streams_of_another_seed_name_or_index_share_nothing(seed: int, name: str, index: int) -> None:
    ours = set(Stream(0, "a", 0).raw(1000).tolist())
    assert ours.isdisjoint(Stream(seed, name, index).raw(1000).tolist())


def test_neighbouring_indices_do_not_overlap() -> None:
    first = Stream(0, "a", 5).raw(10_000)
    second = Stream(0, "a", 6).raw(10_000)
    assert set(first.tolist()).isdisjoint(second.tolist())


@pytest.mark.parametrize(
    "size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 100, 408, 1000, 4096, 32000, BLOCK + 1, 100_003]
)
def test_permutation_meets_every_point_once(size: int) -> None:
    permutation = Permutation(size, seed=3, name="order")
    points = permutation(np.arange(size))
    np.testing.assert_array_equal(np.sort(points), np.arange(size))
    np.testing.assert_array_equal(permutation.inverse(points), np.arange(size))
    np.testing.assert_array_equal(permutation(permutation.inverse(np.arange(size))), np.arange(size))


@pytest.mark.parametrize("size", [2**31 + 11, 2**53 + 1, 2**62 - 1, 2**62])
def test_permutation_of_a_large_grid_is_undone_by_its_inverse(size: int, rng: np.random.Generator) -> None:
    permutation = Permutation(size, seed=3, name="order")
    positions = np.unique(np.concatenate([[0, 1, size - 1], rng.integers(0, size, 5000)]))
    points = permutation(positions)
    assert points.min() >= 0
    assert points.max() < size
    assert len(np.unique(points)) == len(positions)
    np.testing.assert_array_equal(permutation.inverse(points), positions)


def test_permutation_of_a_point_does_not_depend_on_the_others() -> None:
    permutation = Permutation(1_000_003, seed=3, name="order")
    whole = permutation(np.arange(50_000))
    np.testing.assert_array_equal(permutation(np.arange(100, 200)), whole[100:200])
    assert permutation(np.array([49_999]))[0] == whole[49_999]
    assert permutation(np.arange(0)).shape == (0,)


def test_permutation_leaves_its_input_alone() -> None:
    positions = np.arange(1000)
    Permutation(1000, seed=3, name="order")(positions)
    np.testing.assert_array_equal(positions, np.arange(1000))


def test_permutations_of_other_seeds_and_names_differ() -> None:
    positions = np.arange(1000)
    base = Permutation(1000, seed=3, name="order")(positions)
    for other in (
        Permutation(1000, seed=4, name="order"),
        Permutation(1000, seed=3, name="split/x"),
    ):
        assert (other(positions) == base).mean() < 0.02


def test_permutation_scatters_neighbours() -> None:
    points = Permutation(100_000, seed=3, name="order")(np.arange(100_000))
    correlation = np.corrcoef(points[:-1], points[1:])[0, 1]
    assert abs(correlation) < 0.02
    # a tenth of the walk holds a tenth of every tenth of the grid
    counts = np.bincount(points[:10_000] // 10_000, minlength=10)
    assert (np.abs(counts - 1000) < 200).all()


@pytest.mark.parametrize("size", [0, -1, 2**62 + 1])
def test_permutation_refuses_impossible_sizes(size: int) -> None:
    with pytest.raises(ParameterError, match=rf"permutation of {size} points: 1 to 2\*\*62"):
        Permutation(size, seed=3, name="order")


# Literal numbers that freeze the contract: a change of one of them changes every dataset.
GOLDEN_STREAMS = [
    (
        (0, "order", 0),
        (0x22EF8506C123069A, 0xF6FD272A1DDF98A8, 0x53BF16CDD071DDDB),
        "0x1.177c283609180p-3",
        "-0x1.18a90e8c7b1f3p+0",
    ),
    (
        (2402, "nuisance/phase", 0),
        (0x2576A63637D8D57A, 0x6080B7A10FAD6199, 0xB5D8247FF2DEFB8C),
        "0x1.2bb531b1bec68p-3",
        "-0x1.0d60778d91c66p+0",
    ),
    (
        (2402, "nuisance/phase", 1),
        (0xF2DCB120D08AF2D7, 0x42A348663EB7E8EA, 0xBA36D8B2D4BE532C),
        "0x1.e5b96241a115ep-1",
        "0x1.a1d7084eaa196p+0",
    ),
    (
        (2402, "split/default", 12345),
        (0x3E2790641C6BC34E, 0x215DFA929AE2F8D9, 0xDEFE11E531E35610),
        "0x1.f13c8320e35e0p-3",
        "-0x1.650b597c05433p-1",
    ),
    (
        (2**63 - 1, "correlation/a,b", 2**62 - 1),
        (0x5FB82D180E1C4014, 0x28EC9A2DDB9A17FF, 0x618EED7AD59FEC9E),
        "0x1.7ee0b46038710p-2",
        "-0x1.493f6483f0954p-2",
    ),
]
GOLDEN_PERMUTATIONS = [
    ((10, 0, "order"), [4, 7, 3, 2, 8, 0, 1, 5]),
    ((17, 1, "split/speakers"), [11, 7, 8, 1, 6, 0, 4, 15]),
    ((408, 2402, "order"), [341, 304, 362, 86, 286, 106, 55, 179]),
    ((32000, 2402, "order"), [12274, 11659, 28276, 29215, 15778, 13352, 27724, 1136]),
    (
        (2**62, 2402, "order"),
        [
            2734604596029864667,
            54803838075777129,
            77507897759392,
            636169822567136797,
            4065916205628349772,
            2733002133734132816,
            3019373618414829008,
            4144976222455678730,
        ],
    ),
]


@pytest.mark.parametrize(("place", "words", "uniform", "normal"), GOLDEN_STREAMS)
def test_streams_give_the_numbers_of_the_contract(
    place: tuple[int, str, int], words: tuple[int, ...], uniform: str, normal: str
) -> None:
    assert tuple(Stream(*place).raw(3).tolist()) == words
    assert Stream(*place).uniform(1)[0] == float.fromhex(uniform)
    assert Stream(*place).normal(1)[0] == float.fromhex(normal)


@pytest.mark.parametrize(("place", "points"), GOLDEN_PERMUTATIONS)
def test_permutations_give_the_points_of_the_contract(
    place: tuple[int, int, str], points: list[int]
) -> None:
    size, seed, name = place
    assert Permutation(size, seed=seed, name=name)(np.arange(8)).tolist() == points


@pytest.mark.parametrize("size", [1, 2, 3, 6, 16, 17, 40])
def test_a_shuffle_is_a_permutation_with_its_inverse(size: int) -> None:
    shuffle = Shuffle(size, seed=3, name="order")
    points = shuffle(np.arange(size))
    assert points.dtype == np.int64
    assert sorted(points.tolist()) == list(range(size))
    assert shuffle.inverse(points).tolist() == list(range(size))
    assert shuffle(np.array([size - 1, 0])).tolist() == [points[-1], points[0]]


def test_many_points_are_shuffled_by_the_network() -> None:
    for size in (17, 1000):
        network = Permutation(size, seed=3, name="order")(np.arange(size))
        assert Shuffle(size, seed=3, name="order")(np.arange(size)).tolist() == network.tolist()


@pytest.mark.parametrize("size", [3, 5, 6, 7])
def test_every_pair_of_few_points_comes_first_as_often(size: int) -> None:
    pairs = [tuple(Shuffle(size, seed=seed, name="x")(np.arange(2)).tolist()) for seed in range(4_000)]
    counts = Counter(pairs)
    assert len(counts) == size * (size - 1)
    assert stats.chisquare(list(counts.values())).pvalue > 0.001
