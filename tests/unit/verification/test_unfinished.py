"""Unfinished datasets whose plan, or the copy of it, says who made them, and may be damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.errors import SynthesizerVersionError
from tests.support import WHOLE_LOOKING, digests_of, edit_json, interrupt_after

PLANS = ("plan.json", ".syngen/plan.json")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    return interrupt_after(1, WHOLE_LOOKING, tmp_path / "begun", shard_size=5)


def by_another(content: dict[str, Any]) -> None:
    content["versions"]["synthesizer tone"] = "0"


@pytest.mark.parametrize("name", PLANS)
def test_one_plan_alone_does_not_say_that_another_version_made_it(name: str, begun: Path) -> None:
    before = digests_of(begun)
    edit_json(begun / name, by_another)
    assert "plan.json: it differs from its copy .syngen/plan.json" in syngen.verify(begun)
    report = syngen.repair(begun, jobs=1)
    assert (report.files, report.left) == ((name,), ())
    assert digests_of(begun) == before


@pytest.mark.parametrize("damaged", [(), PLANS[:1], PLANS[1:]])
@pytest.mark.parametrize("is_readable", [False, True])
def test_what_another_version_began_is_left_alone_whichever_plan_is_damaged(
    damaged: Sequence[str], is_readable: bool, begun: Path
) -> None:
    for name in PLANS:
        edit_json(begun / name, by_another)
    for name in damaged:
        if is_readable:
            edit_json(begun / name, lambda content: content["recipe"].update(seed=8))
        else:
            (begun / name).write_bytes(b"{")
    before = digests_of(begun)
    for act in (syngen.verify, syngen.repair):
        with pytest.raises(SynthesizerVersionError, match="version 0 of the synthesizer tone made it"):
            act(begun)
    assert digests_of(begun) == before


def test_half_a_character_in_a_plan_is_damage(begun: Path) -> None:
    before = digests_of(begun)
    edit_json(begun / "plan.json", lambda content: content["versions"].update(syngen="@"))
    text = (begun / "plan.json").read_bytes()
    (begun / "plan.json").write_bytes(text.replace(b'"@"', rb'"\ud800"'))
    (problem,) = syngen.verify(begun)
    assert "plan.json is damaged: 'utf-8' codec can't encode" in problem
    assert syngen.repair(begun, jobs=1).left == ()
    assert digests_of(begun) == before
