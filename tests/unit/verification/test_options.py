"""What verification is told."""

from __future__ import annotations

from typing import Any

import pytest

from syngen.errors import ParameterError
from syngen.synth.request import Permissions
from syngen.verification.options import VerificationOptions


@pytest.mark.parametrize("rerender", [-1, 2.5, True, "2", None])
def test_a_number_of_observations_that_cannot_be_is_refused(rerender: Any) -> None:
    with pytest.raises(ParameterError, match="rerender is .*; a whole number from 0 on is needed"):
        VerificationOptions(Permissions(), rerender)


@pytest.mark.parametrize("seed", [0.5, True, "x", None])
def test_a_seed_that_is_no_whole_number_is_refused(seed: Any) -> None:
    with pytest.raises(ParameterError, match="seed is .*; a whole number is needed"):
        VerificationOptions(Permissions(), 1, seed)


def test_every_whole_number_is_a_seed() -> None:
    assert [VerificationOptions(Permissions(), 1, seed).seed for seed in (-1, 0, 10**30)] == [-1, 0, 10**30]
