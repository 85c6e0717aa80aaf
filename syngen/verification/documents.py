"""plan.json, recipe.yaml, dataset.json, README.md and SHA256SUMS against one another and the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from syngen._distribution import version
from syngen._values import is_whole
from syngen.errors import EngineError, ManifestError, ParameterError, RecipeError
from syngen.generation.assembly import description_for
from syngen.generation.plan import Plan
from syngen.io.files import inside, sha256_of
from syngen.recipe.parse import Draft, parse_document, parse_recipe
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.card import card_text
from syngen.storage.description import Description, read_json
from syngen.storage.documents import json_in
from syngen.storage.layout import Layout
from syngen.storage.problems import Problem
from syngen.storage.publication import publication_in
from syngen.storage.shard_ranges import MAX_SHARD_SIZE, Shard, ShardRanges, differing_lines
from syngen.storage.tables.manifest import check_format
from syngen.synth.registry import find_synthesizer

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import Json
    from syngen.recipe.schema import Recipe
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = [
    "agreement_problems",
    "checksum_problems",
    "document_problems",
    "has_shards_of",
    "is_by_this_version",
    "plan_in",
    "recipe_problems",
    "recipe_text_problem",
    "wanted_names",
]


def wanted_names(layout: Layout, description: Description) -> set[str]:
    """Return the names that SHA256SUMS must list."""
    names = {path.name for path in layout.final_files(description.tables, description.files)} - {
        layout.checksums.name
    }
    return names | {f"audio/{entry.name}.tar" for entry in description.shards}


def checksum_problems(
    layout: Layout, hashes: dict[str, str], description: Description | None
) -> Iterator[Problem]:
    """Compare every file but the shards, which are looked at more closely, with SHA256SUMS."""
    sums = layout.checksums.name
    files = {path.name for path in layout.final_files()} - {sums}
    known = wanted_names(layout, description) if description is not None else None
    for name, expected in hashes.items():
        if known is not None and name not in known:
            yield Problem(sums, f"{sums}: {name!r} is listed, but is no file of the dataset")
            continue
        if name.startswith("audio/"):
            continue
        try:
            path = inside(layout.folder, name)
            if path.exists() and not path.is_file():
                raise OSError("not a file")
            found = sha256_of(path)
        except (OSError, ParameterError) as error:
            yield Problem(name, f"{name}: cannot be read: {error}")
            continue
        if found != expected:
            text = f"{name}: SHA-256 is {found[:16]}..., SHA256SUMS says {expected[:16]}..."
            yield Problem(name, text, is_hash=True)
    if not hashes:
        return
    for name in sorted((known or files) - set(hashes)):
        yield Problem(sums, f"{sums}: {name} is not listed")
    for entry in description.shards if description is not None else ():
        if hashes.get(f"audio/{entry.name}.tar", entry.sha256) != entry.sha256:
            text = f"{sums}: the hash of shard {entry.name} is not that of dataset.json"
            yield Problem(sums, text)


def is_by_this_version(versions: Mapping[str, str]) -> bool:
    """Whether this version of syngen made it: what another one writes may read otherwise."""
    return versions.get("syngen") == version()


def plan_in(content: Json, resolved: ResolvedRecipe, name: str) -> Plan:
    """Return the plan that a recipe and the shard size, codec and format of a document make.

    Parameters
    ----------
    content : dict
        Of the document.
    resolved : ResolvedRecipe
    name : str
        Of the document, for messages.

    Raises
    ------
    ManifestError
        If the document says something impossible, or is of a later format.
    """
    check_format(content, name)
    said: tuple[Any, Any] = content.get("shard_size"), content.get("codec")  # which the plan checks
    try:
        return Plan(resolved, *said, publication_in(content), content["format"])
    except ParameterError as error:
        raise ManifestError(f"{name}: {error}") from error


def has_shards_of(description: Description, plan: Plan) -> bool:
    """Whether a description lists the shards of a plan, in their order."""
    return _has_shards(description, plan.shards)


def _has_shards(description: Description, shards: Sequence[Shard]) -> bool:
    found = [(entry.name, entry.split, entry.rows) for entry in description.shards]
    return found == [(shard.name, shard.split, shard.n_rows) for shard in shards]


def document_problems(
    layout: Layout, description: Description, resolved: ResolvedRecipe, n_samples: int
) -> Iterator[Problem]:
    """Compare the documents of a finished dataset with what its recipe and its shards give.

    Those of a part of a release, of which the recipe does not give all, are compared with one another.

    Parameters
    ----------
    layout : Layout
    description : Description
        What dataset.json says.
    resolved : ResolvedRecipe
        Its recipe.
    n_samples : int
        Samples of audio, as the manifest counts them.
    """
    yield from recipe_problems(layout.recipe, resolved.recipe)
    try:
        content = read_json(layout.plan)
        plan = None if description.part_of else plan_in(content, resolved, layout.plan.name)
    except ManifestError as error:
        yield Problem(layout.plan.name, str(error))
        return
    versions = description.versions
    if plan is None:
        yield from _plan_problems(layout, description, content)
        yield from _length_problems(layout, description, n_samples / resolved.audio.sample_rate)
    else:
        yield from _difference(layout.plan, plan.to_bytes(versions), versions)
        if not has_shards_of(description, plan):
            text = "dataset.json: its shards are not those of plan.json, in their order"
            yield Problem(layout.description.name, text)
            return
        expected = description_for(
            plan,
            description.shards,
            n_samples=n_samples,
            recipe_text=description.recipe_text,
            versions=versions,
        )
        yield from _difference(layout.description, expected.to_bytes(), versions)
    if is_by_this_version(versions) and (description.part_of or description.release is None):
        vocabulary = vocabulary_for(resolved, file_format=description.format)
        card = card_text(description, vocabulary).encode("utf-8")
        yield from _difference(layout.card, card, versions)


def agreement_problems(layout: Layout, description: Description, audio_s: float) -> Iterator[Problem]:
    """Compare the documents of a finished dataset with one another, whatever synthesizer made it.

    Parameters
    ----------
    layout : Layout
    description : Description
        What dataset.json says.
    audio_s : float
        Seconds of audio, as the manifest counts them.
    """
    try:
        recipe = parse_document(description.recipe).recipe
        content = read_json(layout.plan)
        check_format(content, layout.plan.name)
    except (RecipeError, ManifestError) as error:
        yield Problem(layout.plan.name, str(error))
        return
    if recipe is not None:
        yield from recipe_problems(layout.recipe, recipe)
    yield from _plan_problems(layout, description, content)
    yield from _length_problems(layout, description, audio_s)
    for key, value in (("recipe", description.recipe), ("versions", description.versions)):
        if content.get(key) != value:
            yield Problem(layout.plan.name, f"{layout.plan.name}: its {key} is not that of dataset.json")
    size = content.get("shard_size")
    if not is_whole(size, 1, MAX_SHARD_SIZE) or description.shard_size not in (None, size):
        text = f"its shard_size is {size!r}, dataset.json has {description.shard_size}"
        yield Problem(layout.plan.name, f"{layout.plan.name}: {text}")
    elif not _has_shards(description, ShardRanges(description.counts, size)):
        text = "dataset.json: its shards are not those of plan.json, in their order"
        yield Problem(layout.description.name, text)


def _plan_problems(layout: Layout, description: Description, plan: Json) -> Iterator[Problem]:
    """Compare what a dataset says of itself with its plan, as far as no recipe is needed."""
    wanted = {
        "fingerprint": description.fingerprint,
        "rows": description.n_rows,
        "splits": description.counts,
        "codec": description.codec,
        "part_of": description.part_of,
    }
    name = layout.plan.name
    for key, value in wanted.items():
        if plan.get(key) != value:
            yield Problem(name, f"{name}: its {key} is {plan.get(key)!r}, dataset.json has {value!r}")


def _length_problems(layout: Layout, description: Description, audio_s: float) -> Iterator[Problem]:
    """Compare the hours that a dataset states with its manifest."""
    hours = audio_s / 3600.0
    if description.hours != hours:
        name = layout.description.name
        yield Problem(name, f"{name}: hours is {description.hours}, the manifest has {hours}")


def _difference(path: Path, wanted: bytes, versions: Mapping[str, str]) -> Iterator[Problem]:
    try:
        found = path.read_bytes() if path.is_file() else None
    except OSError:
        found = None
    if found is None or found == wanted:  # that it cannot be read is told by the checksums
        return
    if not is_by_this_version(versions) and json_in(found) == json_in(wanted):
        return
    lines = "; ".join(differing_lines(found, wanted, most=4).splitlines())
    yield Problem(
        path.name, f"{path.name}: its content is not what the recipe gives (- there, + wanted): {lines}"
    )


def recipe_problems(path: Path, recipe: Recipe) -> Iterator[Problem]:
    """Say in what a recipe's text is not the recipe of a dataset.

    The dataset may have another size, by ``--limit``, and lists the values that the text takes from
    a file.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a file")
        problem = recipe_text_problem(path.read_bytes(), recipe)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    if problem is not None:
        yield Problem(path.name, f"{path.name}: {problem}")


def recipe_text_problem(data: bytes, wanted: Recipe) -> str | None:
    """Say in what a text is not the recipe of a dataset; None if it is. See `recipe_problems`."""
    try:
        recipe = _draft_of(data).recipe
    except (RecipeError, ValueError) as error:
        return f"cannot be read: {error}"
    if recipe is None:
        return "it is no recipe"
    external = _external_factors(wanted)
    said, meant = (_comparable(some, external) for some in (recipe, wanted))
    differing = [key for key in meant | said if said.get(key) != meant.get(key)]
    return f"its {differing[0]} is not that of the dataset" if differing else None


def _draft_of(data: bytes) -> Draft:
    """Read the text of a recipe; raises what `parse_recipe` raises, and ValueError."""
    text = data.decode("utf-8-sig")
    if text.startswith("{"):  # a recipe given as data, which may be larger than a file
        try:
            return parse_document(json.loads(text))
        except (ValueError, RecursionError):
            pass
    return parse_recipe(text)


def _external_factors(recipe: Recipe) -> set[str]:
    """Return the factors whose values the text of a recipe may take from a file."""
    try:
        specs = {spec.name: spec for spec in find_synthesizer(recipe.synthesizer).factors}
    except EngineError:
        return set()
    return {
        name
        for name in recipe.factors
        if name in specs and any(source.is_external for source in specs[name].sources.values())
    }


def _comparable(recipe: Recipe, external: Set[str]) -> Json:
    content = recipe.document()
    sampling = {key: value for key, value in content.pop("sampling", {}).items() if key != "size"}
    factors = content.pop("factors", {})
    for name in external & set(factors):
        factors[name] = {key: v for key, v in factors[name].items() if key in ("unit", "kind")}
    return {**content, "sampling": sampling, **{f"factor {name}": f for name, f in factors.items()}}
