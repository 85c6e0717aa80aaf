from __future__ import annotations

import mpmath
import numpy as np
import pytest

from syngen.nuisances import Choice, Distribution, LogUniform, Normal, Nuisance, Uniform
from syngen.seeding import Stream

INDICES = np.arange(20_000, dtype=np.int64) * 97
SEED = 5

DISTRIBUTIONS: dict[str, Distribution] = {
    "uniform": Uniform(-2.0, 3.0),
    "log_uniform": LogUniform(50.0, 800.0),
    "normal": Normal(10.0, 2.0),
    "cut normal": Normal(0.0, 1.0, -0.5, 1.5),
    "choice": Choice(("a", "b", "c")),
}


def _draw(distribution: Distribution, indices: np.ndarray = INDICES) -> np.ndarray:
    return np.array(distribution.draw(SEED, "n", indices))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draw_of_an_index_does_not_depend_on_the_others(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    whole = _draw(distribution)
    np.testing.assert_array_equal(_draw(distribution, INDICES[::-7]), whole[::-7])
    assert _draw(distribution, INDICES[123:124])[0] == whole[123]
    assert len(_draw(distribution, INDICES[:0])) == 0


@pytest.mark.parametrize("name", ["uniform", "log_uniform", "normal", "cut normal"])
def test_numbers_stay_within_their_bounds(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    low, high = distribution.bounds
    values = _draw(distribution)
    assert values.dtype == np.float64
    assert values.min() >= low
    assert values.max() <= high


def test_uniform_stretches_the_uniform_of_the_index() -> None:
    values = _draw(DISTRIBUTIONS["uniform"])
    assert values[3] == Stream(SEED, "n", int(INDICES[3])).uniform(1)[0] * 5.0 - 2.0
    assert abs(values.mean() - 0.5) < 0.05
    counts, _ = np.histogram(values, bins=5, range=(-2.0, 3.0))
    assert (np.abs(counts - 4000) < 250).all()


def test_log_uniform_has_as_many_values_in_every_octave() -> None:
    values = _draw(DISTRIBUTIONS["log_uniform"])
    counts, _ = np.histogram(values, bins=[50.0, 100.0, 200.0, 400.0, 800.0])
    assert (np.abs(counts - 5000) < 300).all()
    u = mpmath.mpf(float(Stream(SEED, "n", int(INDICES[9])).uniform(1)[0]))
    assert abs(values[9] / (50 * mpmath.mpf(16) ** u) - 1) < 4e-15


def test_normal_has_its_mean_and_deviation() -> None:
    values = _draw(DISTRIBUTIONS["normal"])
    assert values[5] == Stream(SEED, "n", int(INDICES[5])).normal(1)[0] * 2.0 + 10.0
    assert abs(values.mean() - 10.0) < 0.05
    assert abs(values.std() - 2.0) < 0.05


def test_normal_without_limits_is_bounded_by_what_can_be_drawn() -> None:
    assert Normal(10.0, 2.0).bounds == (10.0 - 8.3 * 2.0, 10.0 + 8.3 * 2.0)
    assert Normal(10.0, 2.0, low=9.0).bounds == (9.0, 10.0 + 8.3 * 2.0)
    assert Normal(10.0, 2.0, low=-100.0, high=100.0).bounds == Normal(10.0, 2.0).bounds


def test_normal_is_set_to_its_limits_beyond_them() -> None:
    values = _draw(DISTRIBUTIONS["cut normal"])
    assert abs(np.mean(values == -0.5) - 0.3085) < 0.02
    assert abs(np.mean(values == 1.5) - 0.0668) < 0.02
    free = _draw(Normal(0.0, 1.0))
    inside = (free > -0.5) & (free < 1.5)
    np.testing.assert_array_equal(values[inside], free[inside])


def test_choices_are_equally_likely_and_keep_their_type() -> None:
    drawn = DISTRIBUTIONS["choice"].draw(SEED, "n", INDICES)
    counts = np.unique(np.array(drawn), return_counts=True)[1]
    assert (np.abs(counts - 20_000 / 3) < 350).all()
    numbers = Choice((1, 2.5)).draw(SEED, "n", INDICES[:50])
    assert {type(number) for number in numbers} == {int, float}
    assert DISTRIBUTIONS["choice"].bounds == ("a", "b", "c")


def test_nuisances_of_other_names_are_independent() -> None:
    first = np.asarray(Nuisance("a", Uniform(0.0, 1.0)).draw(SEED, INDICES))
    second = np.asarray(Nuisance("b", Uniform(0.0, 1.0)).draw(SEED, INDICES))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    np.testing.assert_array_equal(first, Uniform(0.0, 1.0).draw(SEED, "nuisance/a", INDICES))


# Literal numbers that freeze the contract.
GOLDEN = {
    "uniform": [-1.3325465531646485, 0.5969186074349699, -1.9977665730281413, -1.4208162893021559],
    "log_uniform": [72.39503974905861, 211.04269397844098, 50.06196210567724, 68.93683498324667],
    "normal": [7.779918090118517, 10.09721383522474, 3.35576508867959, 7.607881735619071],
    "cut normal": [-0.5, 0.04860691761236941, -0.5, -0.5],
    "choice": ["a", "b", "a", "a"],
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_are_those_of_the_contract(name: str) -> None:
    drawn = DISTRIBUTIONS[name].draw(2402, "nuisance/golden", np.array([0, 1, 2, 2**40]))
    assert list(drawn) == GOLDEN[name]


@pytest.fixture
def _largest_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "syngen.nuisances.uniforms", lambda seed, name, indices: np.full(len(indices), 1.0 - 2.0**-53)
    )


@pytest.mark.usefixtures("_largest_uniform")
@pytest.mark.parametrize(("low", "high"), [(1.0, 3.0), (-86.0, -72.0), (0.0, 1.0), (1e9, 1e9 + 1e-6)])
def test_uniform_never_gives_its_upper_end(low: float, high: float) -> None:
    values = _draw(Uniform(low, high))
    assert (values < high).all()
    assert (values >= low).all()


@pytest.mark.usefixtures("_largest_uniform")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 1000])
def test_the_largest_uniform_is_the_last_choice(n: int) -> None:
    assert set(Choice(tuple(range(n))).draw(SEED, "n", INDICES[:5])) == {n - 1}
