"""What counts as a whole number is decided in one place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen._values import check_whole, is_whole
from syngen.errors import ParameterError


@pytest.mark.parametrize("value", [0, -3, 2**70, np.int64(4), np.uint8(4), np.array(4)])
def test_whole_numbers_of_python_and_numpy_are_whole(value):
    assert is_whole(value)
    assert type(check_whole("n", value, -3)) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, [3], np.array([3]), 1j])
def test_nothing_else_is_whole(value):
    assert not is_whole(value)
    with pytest.raises(ParameterError, match=re.escape(f"n is {value!r}; a whole number from 0 on")):
        check_whole("n", value, 0)


def test_bounds_are_closed():
    assert [is_whole(n, 1, 3) for n in range(5)] == [False, True, True, True, False]
    with pytest.raises(ParameterError, match="n is 4; a whole number from 1 to 3 is needed"):
        check_whole("n", 4, 1, 3)


def test_no_other_module_tells_whole_numbers_from_truth_values_itself():
    either = r"(?:int|int \| np\.integer|\(int, np\.integer\))"
    own = re.compile(rf"isinstance\((\w+), bool\)\s+or not isinstance\(\1, {either}\)")
    root = Path(syngen.__file__).parent
    places = [path.name for path in sorted(root.rglob("*.py")) if own.search(path.read_text("utf-8"))]
    assert places == []
