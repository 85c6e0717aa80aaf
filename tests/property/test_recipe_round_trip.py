"""Recipe -> plain data -> YAML text -> the same recipe."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from syngen.recipe.fields import RESERVED_NAMES
from syngen.recipe.parse import parse_recipe
from syngen.recipe.schema import Recipe

pytestmark = pytest.mark.slow

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?", fullmatch=True)
FACTOR_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in RESERVED_NAMES and not name.startswith("split_")
)
SPLIT_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda n: n != "all")
# the words and numbers that YAML 1.1 would have read as something else are given a good chance
TEXTS = st.one_of(
    st.sampled_from(["no", "Yes", "on", "~", "null", "1e3", ".5", "0x1F", "12:30:00", "<<", "=", "true"]),
    st.text(st.characters(exclude_categories=("C", "Z")), max_size=12),
    st.text("ab :#-?{}[],&*!|>'\"%@`", max_size=12),
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(TEXTS, FLOATS, st.integers(-(2**63), 2**63))
VALUES = st.lists(SCALARS, min_size=1, max_size=5)
POSITIVE = st.floats(1e-300, 1e300)
# ends whose distance is a number too
ENDS = st.tuples(FLOATS, FLOATS).filter(lambda pair: math.isfinite(pair[1] - pair[0]))
ORDERED = ENDS.filter(lambda pair: pair[0] < pair[1])
COUNTS = st.integers(1, 10**6)


def _optional(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


def _one_of(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(*(st.fixed_dictionaries({key: s}) for key, s in strategies.items()))


INTERVALS = ORDERED.map(lambda pair: {"low": pair[0], "high": pair[1]})
CONDITIONS = st.lists(
    st.dictionaries(
        FACTOR_NAMES,
        VALUES | _optional(min=FLOATS, max=FLOATS).filter(bool),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=3,
)
SOURCES = _one_of(
    values=VALUES,
    linspace=st.builds(lambda ends, num: {"start": ends[0], "stop": ends[1], "num": num}, ENDS, COUNTS),
    geomspace=st.fixed_dictionaries({"start": POSITIVE, "stop": POSITIVE, "num": COUNTS}),
    range=st.fixed_dictionaries({"stop": COUNTS}, optional={"step": st.integers(1, 5)}),
)
FACTORS = st.builds(
    lambda source, more: source | more,
    SOURCES,
    _optional(unit=TEXTS, kind=st.sampled_from(["nominal", "ordinal", "continuous"])),
)
NUISANCES = st.builds(
    lambda distribution, more: distribution | more,
    _one_of(
        uniform=INTERVALS,
        normal=st.fixed_dictionaries({"mean": FLOATS, "sd": POSITIVE}, optional={"low": FLOATS}),
        log_uniform=POSITIVE.map(lambda low: {"low": low, "high": low * 2.0}),
        choice=VALUES,
    ),
    _optional(unit=TEXTS),
)
SAMPLING = _optional(
    size=st.integers(1, 10**10),
    where=CONDITIONS,
    exclude=CONDITIONS,
    correlations=st.lists(
        st.fixed_dictionaries(
            {"factors": st.lists(FACTOR_NAMES, min_size=2, max_size=2), "sigma": POSITIVE}
        ),
        min_size=1,
        max_size=2,
    ),
)
SHARES = st.floats(0.001, 0.999) | VALUES
SPLITS = _one_of(
    random=st.sampled_from([{"train": 1.0}, {"train": 0.5, "test": 0.5}, {"a": 0.25, "b": 0.75}]),
    hold_out=CONDITIONS,
    interpolation=st.fixed_dictionaries({"factor": FACTOR_NAMES, "every": st.integers(2, 10**6)}),
    extrapolation=st.fixed_dictionaries({"factor": FACTOR_NAMES, "above": FLOATS}),
    by_factor=st.fixed_dictionaries(
        {"factor": FACTOR_NAMES, "test": SHARES}, optional={"validation": SHARES}
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "synthesizer": TEXTS.filter(bool),
        "seed": st.integers(0, 2**63 - 1),
        "factors": st.dictionaries(FACTOR_NAMES, FACTORS, min_size=1, max_size=3),
    },
    optional={
        "version": st.sampled_from(["0.0.1", "1.0.0", "12.3.45"]),
        "title": TEXTS,
        "licence": TEXTS,
        "audio": _optional(
            sample_rate=st.integers(1_000, 384_000), duration=st.floats(1e-5, 600.0) | st.just(1)
        ),
        "nuisances": st.dictionaries(FACTOR_NAMES, NUISANCES, max_size=2),
        "settings": st.dictionaries(TEXTS, SCALARS | st.booleans(), max_size=3),
        "sampling": SAMPLING,
        "splits": st.dictionaries(SPLIT_NAMES, SPLITS, max_size=2),
    },
)


class _FlowRepresenter(SafeRepresenter):
    """Quotes texts such as ``:#`` and ``?x``, which ruamel writes plain in flow style and cannot read."""

    def represent_str(self, data: str) -> Any:
        style = '"' if data.startswith((":", "?")) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_FlowRepresenter.add_representer(str, _FlowRepresenter.represent_str)


def _yaml(document: dict[str, Any], *, is_flow: bool) -> str:
    yaml = YAML(typ="safe", pure=True)
    if is_flow:
        yaml.Representer = _FlowRepresenter
    yaml.default_flow_style = is_flow
    buffer = io.StringIO()
    yaml.dump(document, buffer)
    return buffer.getvalue()


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


ODD_TEXTS = {
    "name": "odd-texts",
    "synthesizer": "?b",
    "seed": 0,
    "factors": {
        "a": {"values": [":#", ":x", "?x", "? x", "-x", "#", "&a", "*a", "!a", "|", "%", "@", "`"]}
    },
    "settings": {":#": False, "?x": 1, "::": ":"},
}


@given(DOCUMENTS, st.booleans())
@example(ODD_TEXTS, True)
@example(ODD_TEXTS, False)
def test_recipe_comes_back_from_its_yaml(document: dict[str, Any], is_flow: bool) -> None:
    recipe = Recipe.model_validate(document)
    text = _yaml(recipe.document(), is_flow=is_flow)
    draft = parse_recipe(text)
    assert draft.issues == ()
    assert draft.recipe is not None
    assert draft.recipe.text == text
    # as JSON, where 1 is not 1.0 and 0.0 is not -0.0
    assert _json(draft.recipe.document()) == _json(recipe.document())
    assert draft.recipe.with_origin(text="") == recipe


@given(DOCUMENTS)
def test_document_of_a_recipe_is_what_was_given(document: dict[str, Any]) -> None:
    assert Recipe.model_validate(document).document() == document
