"""Recipes by name, path or document: what is refused before anything is resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.recipe.library import recipe_path
from syngen.resolving.load import resolve_document
from syngen.synth.request import NO_PERMISSIONS

NAME = "syntone-tiny"
REFUSED = (
    rf"{NAME} 0\.9\.0 is a recipe of an earlier syngen, of which this one would make other audio\. "
    rf"It ships {NAME} \d+\.\d+\.\d+: take that, or give this recipe a name of its own"
)


def shipped(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = syngen.load_recipe(NAME).recipe.document()
    return document | changes


def test_a_shipped_recipe_of_an_earlier_version_is_one_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(syngen.RecipeError, match=REFUSED) as raised:
        syngen.load_recipe(shipped(version="0.9.0"))
    assert len(raised.value.issues) == 1
    text = recipe_path(NAME).read_text("utf-8")
    version = syngen.load_recipe(NAME).recipe.version
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(f"version: {version}", "version: 0.9.0"), "utf-8")
    with pytest.raises(syngen.RecipeError, match=REFUSED) as raised:
        syngen.load_recipe(path)
    (issue,) = raised.value.issues
    assert issue.line == 1 + text.splitlines().index(f"version: {version}")


def test_other_problems_of_such_a_recipe_are_told_too() -> None:
    with pytest.raises(syngen.RecipeError) as raised:
        syngen.load_recipe(shipped(version="0.9.0", seed=-1))
    assert len(raised.value.issues) == 2


@pytest.mark.parametrize("changes", [{}, {"name": "mine", "version": "0.9.0"}, {"version": "99.0.0"}])
def test_the_same_version_a_later_one_and_another_name_are_free(changes: dict[str, Any]) -> None:
    assert syngen.load_recipe(shipped(**changes)).size == syngen.load_recipe(NAME).size


def test_minor_versions_make_the_same_audio() -> None:
    major = syngen.load_recipe(NAME).recipe.version.partition(".")[0]
    assert syngen.load_recipe(shipped(version=f"{major}.0.0")).fingerprint


def test_the_document_of_a_dataset_is_judged_by_what_made_it() -> None:
    assert resolve_document(shipped(version="0.9.0"), NO_PERMISSIONS).recipe.version == "0.9.0"
