from __future__ import annotations

from pathlib import Path

import pytest

import syngen
from syngen.errors import RecipeError
from syngen.recipe.library import recipe_path
from syngen.resolving.load import permissions_of, resolve_document


def old(name: str = "syntone-large") -> str:
    text = recipe_path(name).read_text("utf-8")
    assert text.count("\nversion: 2.0.0\n") == 1
    return text.replace("\nversion: 2.0.0\n", "\nversion: 1.0.0\n")


def test_earlier_version_of_a_shipped_recipe_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(old(), "utf-8")
    with pytest.raises(RecipeError) as caught:
        syngen.load_recipe(path)
    (issue,) = caught.value.issues
    assert str(issue).startswith(f"{path}:5:10: syntone-large 1.0.0 is an earlier recipe, ")
    for remedy in ("2.0.0 (syngen recipe show syntone-large)", "another name", "dataset.json"):
        assert remedy in issue.message


def test_that_it_is_earlier_is_all_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(old("syntone-tiny").replace("timbre:", "timber:"), "utf-8")
    with pytest.raises(RecipeError) as caught:
        syngen.load_recipe(path)
    assert len(caught.value.issues) == 1


def test_mapping_of_an_earlier_version_is_refused_and_a_document_of_a_dataset_is_not() -> None:
    document = {**syngen.load_recipe("syntone-tiny").recipe.document(), "version": "1.0.0"}
    with pytest.raises(RecipeError, match="syntone-tiny 1.0.0 is an earlier recipe"):
        syngen.load_recipe(document)
    # a dataset that exists is read, and checked by its recipe, whatever its version
    assert (
        resolve_document(document, permissions_of(allow_other_audio=False, allow_programs=())).size == 408
    )


def test_other_names_and_later_versions_have_versions_of_their_own(tmp_path: Path) -> None:
    document = syngen.load_recipe("syntone-tiny").recipe.document()
    for change in ({"name": "mine", "version": "1.0.0"}, {"version": "2.3.1"}, {"version": "3.0.0"}):
        assert syngen.load_recipe({**document, **change}).size == 408
    del document["version"]
    assert syngen.load_recipe(document).size == 408
