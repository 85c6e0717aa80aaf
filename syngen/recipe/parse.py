"""From YAML text to a `Recipe`, with every problem at its line and column.

A recipe may come from anywhere: its size, depth, aliases and tags are checked on the stream of parser
events, before anything is built from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from syngen._typing import DocumentPath
from syngen.errors import Issue, RecipeError
from syngen.recipe.messages import message_of, path_of, without_consequences
from syngen.recipe.schema import Recipe
from syngen.recipe.yaml_errors import yaml_problem

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Draft", "parse_document", "parse_recipe", "read_text"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_MAX_BITS = 128  # whole numbers; more than any key may have, so that messages can show them


@dataclass(frozen=True)
class Draft:
    """A recipe document as far as it could be read.

    Attributes
    ----------
    recipe : Recipe or None
        The parts without problems; None if too little is left to make sense of.
    issues : tuple of Issue
        Problems of form, with positions.
    positions : mapping of document path to (line, column)
        Where each part of the document stands, 1-based.
    source : str
        File name for messages.
    lines : tuple of str
        The text, for messages; empty if there is none.
    """

    recipe: Recipe | None
    issues: tuple[Issue, ...]
    positions: Mapping[DocumentPath, tuple[int, int]]
    source: str
    lines: tuple[str, ...] = ()

    def located(self, issue: Issue) -> Issue:
        """Return the issue with the position of its path, or of the nearest part around it."""
        if not self.positions:
            return Issue(issue.path, issue.message, self.source)
        path = issue.path
        while path and path not in self.positions:
            path = path[:-1]
        line, column = self.positions.get(path, (1, 1))
        # what is missing altogether has no line to show
        text = self.lines[line - 1] if path and line <= len(self.lines) else None
        return Issue(issue.path, issue.message, self.source, line, column, text)


def read_text(path: Path) -> str:
    """Read a recipe file, refusing one that is too large before reading it.

    Raises
    ------
    RecipeError
        If the file is not there, not a file, larger than 1 MiB, or not UTF-8.
    """
    source = str(path)
    try:
        if path.is_dir():
            raise RecipeError([Issue((), "this is a folder; a recipe is a YAML file", source)])
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecipeError([Issue((), f"cannot be read: {error.strerror or error}", source)]) from error
    if len(data) > MAX_BYTES:
        message = f"the recipe is larger than {MAX_BYTES} bytes; use linspace, geomspace or range"
        raise RecipeError([Issue((), message, source)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; save the recipe as UTF-8"
        raise RecipeError([Issue((), message, source)]) from error


def parse_recipe(text: str, *, source: str = "recipe", folder: Path | None = None) -> Draft:
    """Read a recipe document.

    Parameters
    ----------
    text : str
        YAML 1.2.
    source : str
        File name for messages.
    folder : Path, optional
        Where files that the recipe names are looked for; by default the current folder.

    Returns
    -------
    Draft
        With every problem of form; only problems that hide all others are raised.

    Raises
    ------
    RecipeError
        If the text is too large, too deep, not YAML, or uses an alias, anchor, tag or directive.
    """
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise RecipeError([Issue((), f"the recipe is larger than {MAX_BYTES} bytes", source)])
    lines = tuple(text.split("\n"))
    positions: dict[DocumentPath, tuple[int, int]] = {}
    try:
        duplicates = tuple(_shown(issue, lines) for issue in _checked_events(text, source))
        document = _constructed(text, source)
        plain = _plain(document, (), positions, source)
    except RecipeError as error:
        raise RecipeError(_shown(issue, lines) for issue in error.issues) from error
    if not isinstance(plain, dict):
        message = "a recipe is a map that starts with name:, synthesizer:, seed:, factors:"
        raise RecipeError([Issue((), message, source, 1, 1)])
    return _drafted(plain, text, positions, source, duplicates, folder, lines)


def _shown(issue: Issue, lines: Sequence[str]) -> Issue:
    """Return an issue with the line of the text that it is about."""
    is_there = issue.line is not None and issue.line <= len(lines)
    return replace(issue, text=lines[issue.line - 1]) if is_there and issue.line else issue


def parse_document(document: Mapping[str, Any], *, source: str = "recipe") -> Draft:
    """Check a recipe that is plain data already; problems carry paths instead of positions.

    Raises
    ------
    RecipeError
        If the document holds something that JSON cannot say.
    """
    try:
        text = _escaped(json.dumps(document, indent=2, ensure_ascii=False))
        text.encode("utf-8")
        plain = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecipeError([Issue((), f"not plain data: {error}", source)]) from error
    return _drafted(plain, text + "\n", {}, source, (), None)


def _escaped(text: str) -> str:
    """Escape what JSON may hold and YAML may not."""
    unprintable = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
    return re.sub(unprintable, lambda match: f"\\u{ord(match[0]):04x}", text)


def _drafted(
    document: dict[str, Any],
    text: str,
    positions: Mapping[DocumentPath, tuple[int, int]],
    source: str,
    duplicates: tuple[Issue, ...],
    folder: Path | None,
    lines: tuple[str, ...] = (),
) -> Draft:
    recipe, issues = _validated(document)
    draft = Draft(None, (), positions, source, lines)
    located = [*duplicates, *(draft.located(issue) for issue in issues)]
    if recipe is not None:
        recipe = recipe.with_origin(text=text, broken=recipe.broken, folder=folder)
    return Draft(recipe, tuple(located), positions, source, lines)


@dataclass
class _Frame:
    """An open map or list of the event stream."""

    is_map: bool
    keys: set[str] = field(default_factory=set)
    expects_key: bool = True


def _checked_events(text: str, source: str) -> Iterator[Issue]:
    """Yield duplicate keys; raise what must not be constructed."""
    from ruamel.yaml import YAML
    from ruamel.yaml import events as yaml_events
    from ruamel.yaml.error import YAMLError

    def refuse(event: Any, message: str) -> RecipeError:
        mark = event.start_mark
        return RecipeError([Issue((), message, source, mark.line + 1, mark.column + 1)])

    frames: list[_Frame] = []
    n_documents = 0
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            if isinstance(event, yaml_events.DocumentStartEvent):
                n_documents += 1
                if event.version or event.tags:
                    raise refuse(event, "directives (%YAML, %TAG) are not allowed in a recipe")
                if n_documents > 1:
                    raise refuse(event, "a recipe is one document; remove the second ---")
            if isinstance(event, yaml_events.AliasEvent) or getattr(event, "anchor", None):
                raise refuse(event, "anchors and aliases are not allowed in a recipe; write it out")
            if getattr(event, "tag", None):
                raise refuse(event, f"the tag {event.tag} is not allowed in a recipe; remove it")
            if isinstance(event, yaml_events.CollectionEndEvent):
                frames.pop()
                continue
            if not isinstance(event, yaml_events.NodeEvent):
                continue
            if getattr(event, "value", None) == "<<" and getattr(event, "style", None) is None:
                raise refuse(event, "the merge key '<<' is not allowed in a recipe; write it out")
            duplicate = _duplicate_key(frames, event)
            if duplicate is not None:
                mark = event.start_mark
                message = f"duplicate key {duplicate!r}; keep one"
                yield Issue((), message, source, mark.line + 1, mark.column + 1)
            if isinstance(event, yaml_events.CollectionStartEvent):
                frames.append(_Frame(isinstance(event, yaml_events.MappingStartEvent)))
                if len(frames) > MAX_DEPTH:
                    raise refuse(event, f"nested deeper than {MAX_DEPTH} levels")
    except YAMLError as error:
        raise _not_yaml(error, source) from error


def _duplicate_key(frames: list[_Frame], event: Any) -> str | None:
    """Follow a node into the innermost map; return its text if it is a key seen before."""
    if not frames or not frames[-1].is_map:
        return None
    frame = frames[-1]
    is_key, frame.expects_key = frame.expects_key, not frame.expects_key
    text = getattr(event, "value", None)
    if not is_key or text is None:
        return None
    is_seen = text in frame.keys
    frame.keys.add(text)
    return text if is_seen else None


def _constructed(text: str, source: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt", pure=True)
    yaml.allow_duplicate_keys = True  # they are reported already; the first one counts
    try:
        return yaml.load(text)
    except YAMLError as error:
        raise _not_yaml(error, source) from error
    except (ValueError, OverflowError, TypeError) as error:
        raise RecipeError([Issue((), f"a value cannot be read: {error}", source, 1, 1)]) from error


def _not_yaml(error: Exception, source: str) -> RecipeError:
    message, line, column = yaml_problem(error)
    return RecipeError([Issue((), message, source, line, column)])


def _plain(
    node: Any, path: DocumentPath, positions: dict[DocumentPath, tuple[int, int]], source: str
) -> Any:
    """Turn ruamel's nodes into plain data, and note where each stands."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(node, CommentedMap):
        result = {}
        for key, value in node.items():
            here = (*path, key if isinstance(key, str) else str(key))
            key_line, key_column, line, column = node.lc.data.get(key, (0, 0, 0, 0))
            is_scalar = not isinstance(value, (CommentedMap, CommentedSeq))
            place = (line, column) if is_scalar and value is not None else (key_line, key_column)
            positions[here] = place[0] + 1, place[1] + 1
            result[here[-1]] = _plain(value, here, positions, source)
        return result
    if isinstance(node, CommentedSeq):
        for i in range(len(node)):
            line, column = node.lc.data.get(i, (0, 0))[:2]
            positions[(*path, i)] = line + 1, column + 1
        return [_plain(value, (*path, i), positions, source) for i, value in enumerate(node)]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int) and node.bit_length() > _MAX_BITS:
        line, column = positions.get(path, (1, 1))
        message = f"a whole number of more than {_MAX_BITS} bits"
        raise RecipeError([Issue(path, message, source, line, column)])
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node  # a date, for example; the schema refuses it with its value


def _validated(document: dict[str, Any]) -> tuple[Recipe | None, list[Issue]]:
    """Check a document; where it has problems, keep the recipe that is left without them."""
    try:
        return Recipe.model_validate(document), []
    except ValidationError as error:
        issues = _issues_of(error, document)
    pruned: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in document.items()}
    broken = frozenset(issue.path[:2] for issue in issues)
    for path in broken:
        section = pruned.get(str(path[0])) if path else None
        if len(path) == 2 and path[0] in ("factors", "nuisances", "settings", "splits"):
            if isinstance(section, dict):
                section.pop(path[1], None)
        elif path:
            pruned.pop(str(path[0]), None)
    # names and numbers that only label the dataset must not hide problems of the rest
    pruned = {"name": "unnamed", "seed": 0, **pruned}
    try:
        recipe = Recipe.model_validate(pruned)
    except ValidationError:
        return None, issues
    return recipe.with_origin(text="", broken=broken), issues


def _issues_of(error: ValidationError, document: dict[str, Any]) -> list[Issue]:
    issues: dict[DocumentPath, Issue] = {}
    for problem in without_consequences(error.errors(), document, Recipe):
        path = path_of(problem, document)
        issues.setdefault(path, Issue(path, message_of(problem, path, Recipe)))
    return list(issues.values())
