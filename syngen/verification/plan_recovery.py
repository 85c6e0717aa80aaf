"""What a damaged dataset was meant to be, found out by agreement of what is left of it.

Each of plan.json, dataset.json and SHA256SUMS follows from the plan and the shards, so none of them is
needed, and whichever is damaged contradicts the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from syngen.errors import ManifestError, ParameterError, SyngenError, VerificationError
from syngen.generation.plan import Plan
from syngen.io.files import sha256_of
from syngen.recipe.library import recipe_names, recipe_path
from syngen.recipe.parse import parse_document
from syngen.resolving.load import resolve_document
from syngen.storage.checksums import listed_hashes, listed_tables
from syngen.storage.codec import CODECS
from syngen.storage.description import Description, ShardEntry, read_description, read_json
from syngen.storage.layout import Layout
from syngen.storage.manifest import read_series
from syngen.storage.publication import publication_in
from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE, MAX_SHARD_SIZE
from syngen.verification.documents import draft_of, recipe_problem, recipe_text_problem

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import Json
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.request import Permissions

__all__ = ["FoundPlan", "PlanRecovery", "hash_of", "is_corrupted_digest"]


def hash_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None where there is no file that can be read."""
    with suppress(OSError):
        if path.is_file():
            return sha256_of(path)
    return None


@dataclass(frozen=True)
class FoundPlan:
    """A plan and the versions that the dataset was made with."""

    plan: Plan
    versions: dict[str, str]

    def to_bytes(self) -> bytes:
        """Return what plan.json was."""
        return self.plan.to_bytes(self.versions)


class PlanRecovery:
    """What the documents of a folder say, as far as they can be read.

    Parameters
    ----------
    layout : Layout
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Hashes by name, of those lines of SHA256SUMS that have their form."""
        return listed_hashes(self.layout.checksums)

    @cached_property
    def _own_hashes(self) -> dict[str, str]:
        """Hashes of plan and recipe: of an unfinished dataset those beside the copies."""
        return listed_hashes(self.layout.copy(self.layout.checksums)) or self.hashes

    @cached_property
    def description(self) -> Description | None:
        """What dataset.json says."""
        with suppress(ManifestError):
            return read_description(self.layout.description)
        return None

    @cached_property
    def trusts_description(self) -> bool:
        """Whether dataset.json has the hash that SHA256SUMS gives it."""
        name = self.layout.description.name
        return name in self.hashes and hash_of(self.layout.description) == self.hashes[name]

    def shard_hashes(self, name: str) -> set[str]:
        """Return the hashes that a shard may have: one, or two where the documents disagree."""
        listed = {entry.sha256 for entry in self._entries if entry.name == name}
        if listed and self.trusts_description:
            return listed
        return listed | {value for key, value in self.hashes.items() if key == f"audio/{name}.tar"}

    @property
    def _entries(self) -> Sequence[ShardEntry]:
        return () if self.description is None else self.description.shards

    def was_checked(self, name: str) -> bool:
        """Whether verification has looked at a shard: it looks at those that a document lists."""
        return self.description is None or any(entry.name == name for entry in self._entries)

    def plan(self, permissions: Permissions) -> FoundPlan:
        """Find the plan.

        Raises
        ------
        VerificationError
            If the documents do not give one, or this installation cannot make what they say.
        """
        reasons: list[str] = []
        found: list[FoundPlan] = []
        for name, content in self._contents():
            with suppress(*_UNREADABLE):
                found += self._candidates(name, content, permissions, reasons)
        known = self._own_hashes.get(self.layout.plan.name)
        if not found and known is not None:
            with suppress(*_UNREADABLE):
                found += self._from_recipe(permissions, known)
        proven = [f for f in found if _sha256(f.to_bytes()) == known]
        if len({f.to_bytes() for f in proven or found}) > 1:
            fitting = [f for f in found if recipe_problem(self.layout.recipe, f.plan.resolved) is None]
            found = fitting or found
        chosen = proven or found
        if not chosen:
            raise VerificationError(reasons or ["neither plan.json nor dataset.json can be read"])
        if len({f.to_bytes() for f in chosen}) > 1:
            raise VerificationError(
                ["plan.json and dataset.json disagree, and nothing in the folder says which is right"]
            )
        return chosen[0]

    def _contents(self) -> Iterator[tuple[str, Json]]:
        layout = self.layout
        for path in (layout.plan, layout.copy(layout.plan), layout.description):
            with suppress(ManifestError):
                yield path.name, read_json(path)

    def _candidates(
        self,
        name: str,
        content: Json,
        permissions: Permissions,
        reasons: list[str],
    ) -> Iterator[FoundPlan]:
        """Yield the plans that a document may mean."""
        try:
            resolved = resolve_document(content["recipe"], permissions)
            _ = resolved.rows.split_sizes
        except SyngenError as error:
            reasons.append(f"the recipe in {name} cannot be used: {error}")
            return
        versions = dict(content["versions"])
        if content["fingerprint"] != resolved.fingerprint:
            here = ", ".join(f"{k} {v}" for k, v in Plan(resolved, 1, content["codec"]).versions().items())
            there = ", ".join(f"{k} {v}" for k, v in versions.items())
            reasons.append(
                f"{name}: the fingerprint is {content['fingerprint'][:16]}..., its recipe gives "
                f"{resolved.fingerprint[:16]}... here: either the file is damaged, or this installation "
                f"would make other audio (made with {there}; here are {here}, perhaps with another speech "
                "engine, or without --allow-other-audio)"
            )
            return
        release = publication_in(content)
        for shard_size in self._shard_sizes(content, resolved, versions):
            yield FoundPlan(Plan(resolved, shard_size, content["codec"], release), versions)

    def _from_recipe(self, permissions: Permissions, known: str) -> Iterator[FoundPlan]:
        """Yield the plan of recipe.yaml and the manifest that has a known hash."""
        recipe = draft_of(self.layout.recipe.read_bytes()).recipe
        if recipe is None:
            return
        files = self.layout.series("manifest", listed_tables(self.hashes))
        names = read_series(files, columns=["shard"]).column(0)
        counts = [entry["counts"] for entry in pc.value_counts(names).to_pylist()]
        for sized in (recipe, recipe.with_size(len(names))):
            resolved = resolve_document(sized.document(), permissions)
            for codec, size in product(CODECS, sorted({DEFAULT_SHARD_SIZE, *counts})):
                found = FoundPlan(Plan(resolved, size, codec), Plan(resolved, size, codec).versions())
                if _sha256(found.to_bytes()) == known:
                    yield found
                    return

    def _shard_sizes(
        self, content: Json, resolved: ResolvedRecipe, versions: Mapping[str, str]
    ) -> Iterator[int]:
        if "shard_size" in content:
            yield content["shard_size"]
            return
        rows: dict[str, list[int]] = {}
        for entry in content["shards"]:
            rows.setdefault(entry["split"], []).append(entry["rows"])
        several = [of_split[0] for of_split in rows.values() if len(of_split) > 1]
        if several:
            yield several[0]
            return
        # every split is one shard: any size from the largest on would do, and only a hash tells which
        known = self.hashes.get(self.layout.plan.name)
        first = max(of_split[0] for of_split in rows.values())
        text = Plan(resolved, MAX_SHARD_SIZE, content["codec"], publication_in(content)).to_bytes(versions)
        before, after = text.split(b'"shard_size": %d' % MAX_SHARD_SIZE, 1)
        for size in (DEFAULT_SHARD_SIZE, *range(first, MAX_SHARD_SIZE + 1)) if known else ():
            if size >= first and _sha256(before + b'"shard_size": %d' % size + after) == known:
                yield size
                return

    def recipe_text(self, resolved: ResolvedRecipe) -> bytes | None:
        """Return the text of the recipe as it was given, or None where it cannot be found."""
        layout = self.layout
        name = layout.recipe.name
        wanted = self._own_hashes.get(name)
        stored, possible = list(_stored_texts(layout)), list(_possible_texts(resolved))
        if self.description is not None:
            stored.append(self.description.recipe_text.encode("utf-8"))
        for text in (*stored, *possible):
            if _sha256(text) == wanted:
                return text
        for text in stored:
            is_unproven = wanted is None or stored.count(text) > 1  # no hash, or a copy agrees against it
            if text in possible or (wanted is not None and is_corrupted_digest(_sha256(text), wanted)):
                return text
            if is_unproven and recipe_text_problem(text, resolved) is None:
                return text
        return None


_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ParameterError, SyngenError)


def _stored_texts(layout: Layout) -> Iterator[bytes]:
    """Yield the text of a recipe and that of its copy, as far as they can be read."""
    for path in (layout.recipe, layout.copy(layout.recipe)):
        with suppress(OSError):
            if path.is_file():
                yield path.read_bytes()


def _possible_texts(resolved: ResolvedRecipe) -> Iterator[bytes]:
    """Yield what the text of a recipe may have been: that of a shipped one, or data."""
    if resolved.name in recipe_names():
        yield recipe_path(resolved.name).read_bytes()
    document = resolved.recipe.document()
    sampling = {k: v for k, v in document.get("sampling", {}).items() if k != "size"}
    without = {key: value for key, value in document.items() if key != "sampling"}
    for content in (document, document | {"sampling": sampling}, without):
        recipe = parse_document(content).recipe
        if recipe is not None:
            yield recipe.text.encode("utf-8")


def is_corrupted_digest(found: str, listed: str) -> bool:
    """Whether a hash is one that was damaged in its list: what is hashed by chance agrees in a 16th."""
    return sum(a == b for a, b in zip(found, listed, strict=True)) > len(found) // 2


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
