"""Plans: what decides a byte, in numbers that can be written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.generation.plan import Plan
from tests.support import WHOLE_LOOKING


@pytest.mark.parametrize("size", [True, False, 0, -1, 5.0, 2.5, "5", None, 1_000_001, 10**30])
def test_a_shard_size_that_cannot_be_is_refused(size: Any) -> None:
    with pytest.raises(ParameterError, match="shard_size is .*; a whole number from 1 to 1000000"):
        Plan(syngen.load_recipe(WHOLE_LOOKING), size)


@pytest.mark.parametrize("size", [True, 0, -3, 2.5, "5", None])
def test_a_number_of_observations_that_cannot_be_is_refused(size: Any) -> None:
    with pytest.raises(ParameterError, match="size is .*; a whole number from 1 on is needed"):
        syngen.load_recipe(WHOLE_LOOKING).with_size(size)


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    resolved = syngen.load_recipe(WHOLE_LOOKING)
    plan, wanted = Plan(resolved.with_size(np.int64(9)), np.int32(5)), Plan(resolved.with_size(9), 5)
    assert plan.to_bytes() == wanted.to_bytes()
    assert list(plan.shards) == list(wanted.shards)


@pytest.mark.parametrize("codec", ["mp3", 7, None, ["wav"]])
def test_a_codec_that_there_is_not_is_refused(codec: Any) -> None:
    with pytest.raises(ParameterError, match="no codec .*; there are wav, flac"):
        Plan(syngen.load_recipe(WHOLE_LOOKING), codec=codec)
