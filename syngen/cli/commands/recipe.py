"""``syngen recipe``: look at recipes, check them, start new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syngen.cli.options import LOCAL_PATH, json_option
from syngen.cli.reporting import echo_json, human_bytes, say

__all__ = ["recipe"]


@click.group()
def recipe() -> None:
    """List, show, check and expand recipes; start new ones.

    Example: syngen recipe list
    """


@recipe.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the shipped recipes.

    Example: syngen recipe list --json
    """
    from syngen.api import load_recipe
    from syngen.recipe.library import recipe_names

    entries: list[dict[str, Any]] = []
    for name in recipe_names():
        resolved = load_recipe(name)
        entries.append(
            {
                "name": name,
                "version": resolved.recipe.version,
                "title": resolved.recipe.title,
                "observations": resolved.size,
                "factors": dict(zip(resolved.grid.names, resolved.grid.sizes, strict=True)),
            }
        )
    if as_json:
        echo_json(entries)
        return
    for entry in entries:
        factors = ", ".join(f"{name} {size}" for name, size in entry["factors"].items())
        click.echo(f"{entry['name']:<24} {entry['observations']:>9,}  {factors}")


@recipe.command("show")
@click.argument("name")
def show_recipe(name: str) -> None:
    """Print the YAML text of a recipe.

    Example: syngen recipe show syntone-small
    """
    from syngen.recipe.library import find_recipe
    from syngen.recipe.parse import read_text

    click.echo(read_text(find_recipe(name)), nl=False)


@recipe.command("check")
@click.argument("name")
@json_option
def check_recipe(name: str, as_json: bool) -> None:
    """Check a recipe and print every problem at its line and column.

    Example: syngen recipe check syntone-small
    """
    from syngen.api import load_recipe
    from syngen.errors import RecipeError

    try:
        resolved = load_recipe(name)
    except RecipeError as error:
        if as_json:
            echo_json([vars(issue) for issue in error.issues])
        raise
    if as_json:
        echo_json([])
        return
    click.echo(f"{name}: no problems; {resolved.size:,} observations of {resolved.grid!r}")


@recipe.command("expand")
@click.argument("name")
@click.argument("file", type=LOCAL_PATH)
def expand_recipe(name: str, file: Path) -> None:
    """Write the factor manifest of a recipe: one row per observation, without audio.

    Example: syngen recipe expand syntone-tiny syntone-tiny.parquet
    """
    from syngen.api import expand

    n_rows = expand(name, file)
    say(f"{n_rows:,} rows, {human_bytes(file.stat().st_size)} in {file}")


@recipe.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of recipes, for editors.

    Example: syngen recipe schema
    """
    from syngen.recipe.schema import json_schema

    echo_json(json_schema())


@recipe.command("new")
@click.argument("file", type=LOCAL_PATH)
def new_recipe(file: Path) -> None:
    """Write a commented recipe to start from; its name is that of the file.

    Example: syngen recipe new my-tones.yaml
    """
    from syngen.recipe.library import write_template

    write_template(file)
    say(f"{file} written; edit it, then: syngen recipe check {file}")
