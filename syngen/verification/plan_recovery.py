"""What a damaged dataset was meant to be, by one rule: two of three documents must agree.

The plan is said by plan.json and by dataset.json, or, of an unfinished dataset, by plan.json and its copy;
the third document is the list of hashes. Whichever of the three is damaged contradicts the other two.
Everything else follows from the plan and the shards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from syngen.errors import ManifestError, SyngenError, VerificationError
from syngen.generation.assembly import description_for
from syngen.generation.folder.lifecycle import is_unfinished
from syngen.generation.plan import Plan
from syngen.io.files import sha256_of
from syngen.resolving.load import resolve_document
from syngen.resolving.makers import other_maker_in
from syngen.storage.checksums import listed_hashes
from syngen.storage.description import Description, read_description, read_json
from syngen.storage.layout import Layout
from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE, MAX_SHARD_SIZE
from syngen.storage.tables.manifest import check_format
from syngen.verification.documents import has_shards_of, plan_in, recipe_text_problem

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import Json
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.request import Permissions

__all__ = ["FoundPlan", "PlanRecovery", "hash_of"]


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

    def is_described_by(self, description: Description) -> bool:
        """Whether a description is of this plan, whatever it says of hours and of the shards' hashes."""
        expected = description_for(
            self.plan,
            description.shards,
            n_samples=0,
            recipe_text=description.recipe_text,
            versions=self.versions,
        )
        return has_shards_of(description, self.plan) and replace(description, hours=0.0) == expected


class PlanRecovery:
    """What the documents of a folder say, as far as they can be read.

    Parameters
    ----------
    layout : Layout

    Attributes
    ----------
    hashes : dict of str to str
        Hashes by name, of those lines of SHA256SUMS that have their form.
    is_own_list : bool
        Whether SHA256SUMS is of this dataset, as the manifest shows: it says more than any other file.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.hashes = listed_hashes(layout.checksums)
        self.is_own_list = self.hashes.get(layout.manifest.name) in (None, hash_of(layout.manifest))
        self._is_finished = not is_unfinished(layout)
        if self._is_finished:
            self._listed = self.hashes if self.is_own_list else {}
        else:
            self._listed = listed_hashes(layout.copy(layout.checksums))

    @cached_property
    def description(self) -> Description | None:
        """What dataset.json says."""
        with suppress(ManifestError):
            return read_description(self.layout.description)
        return None

    def is_listed(self, path: Path) -> bool:
        """Whether a document, or the copy of one, has the hash that it should have."""
        return path.name in self._listed and hash_of(path) == self._listed[path.name]

    def plan(self, permissions: Permissions) -> FoundPlan:
        """Find the plan.

        Raises
        ------
        VerificationError
            If the documents do not give one, or this installation cannot make what they say.
        """
        layout = self.layout
        reasons: list[str] = []
        unreadable: list[str] = []
        found: dict[Path, FoundPlan] = {}
        said: dict[Path, bytes] = {}
        for path in (layout.plan, layout.description if self._is_finished else layout.copy(layout.plan)):
            try:
                plan = self._plan_in(path, permissions, found.get(layout.plan))
                said[path] = plan.to_bytes()
                found[path] = plan
            except VerificationError as error:
                reasons += error.problems
            except _UNREADABLE:
                unreadable.append(f"{path.name} cannot be read: put it back as it was")
        if not found:
            raise VerificationError([*reasons, *unreadable] if reasons else [_NOTHING_READABLE])
        settled = self._settled(layout.plan.name, said)
        if settled is None:
            lists = layout.checksums if self._is_finished else layout.copy(layout.checksums)
            paths = [*said, *([lists] if len(set(said.values())) == 1 else [])]
            names = [path.relative_to(layout.folder).as_posix() for path in paths]
            raise VerificationError([f"{' and '.join(names)} disagree, {_UNDECIDED}"])
        return next(f for path, f in found.items() if said[path] == settled)

    def recipe_text(self, resolved: ResolvedRecipe) -> bytes | None:
        """Return the text of the recipe as it was given, or None where it cannot be found."""
        layout = self.layout
        said: dict[Path, bytes] = {}
        for path in (layout.recipe, *(() if self._is_finished else (layout.copy(layout.recipe),))):
            with suppress(OSError):
                if path.is_file():
                    said[path] = path.read_bytes()
        if self.description is not None:
            said[layout.description] = self.description.recipe_text.encode("utf-8")
        fitting = {
            path: text for path, text in said.items() if recipe_text_problem(text, resolved.recipe) is None
        }
        return self._settled(layout.recipe.name, fitting)

    def _settled(self, name: str, said: Mapping[Path, bytes]) -> bytes | None:
        """Return the content of a document that its hash proves, or that other documents agree on.

        Parameters
        ----------
        name : str
            Of the document whose content is sought.
        said : mapping of Path to bytes
            What it is by each document that can be read.
        """
        listed = self._listed.get(name)
        proven = [data for path, data in said.items() if _sha256(data) == listed or self.is_listed(path)]
        different = set(proven or said.values())
        is_certain = bool(proven) or len(said) > 1 or listed is None
        return different.pop() if len(different) == 1 and is_certain else None

    def _plan_in(self, path: Path, permissions: Permissions, other: FoundPlan | None) -> FoundPlan:
        """Return the plan that a document means."""
        content = read_json(path)
        check_format(content, path.name)
        maker = other_maker_in(content)
        if maker is not None:
            raise VerificationError([maker])
        try:
            resolved = resolve_document(content["recipe"], permissions)
            _ = resolved.rows.split_sizes
        except SyngenError as error:
            raise VerificationError([f"the recipe in {path.name} cannot be used: {error}"]) from error
        versions = dict(content["versions"])
        versions["syngen"].encode()
        if content["fingerprint"] != resolved.fingerprint_in(content["format"]):
            raise VerificationError([_other_fingerprint(path.name, content, resolved, versions)])
        if "shard_size" not in content:  # dataset.json of format 1
            plan = plan_in(content | {"shard_size": MAX_SHARD_SIZE}, resolved, path.name)
            size = self._shard_size(content, FoundPlan(plan, versions), other)
            content = content | {"shard_size": size}
        return FoundPlan(plan_in(content, resolved, path.name), versions)

    def _shard_size(self, content: Json, largest: FoundPlan, other: FoundPlan | None) -> int:
        """Return the shard size of a dataset whose description is given, which does not state it."""
        rows: dict[str, list[int]] = {}
        for entry in content["shards"]:
            rows.setdefault(entry["split"], []).append(entry["rows"])
        several = [of_split[0] for of_split in rows.values() if len(of_split) > 1]
        if several:
            return several[0]
        # every split is one shard: any size from the largest on would do, and only a hash tells which
        first = max(1, *(of_split[0] for of_split in rows.values()))
        said = other.plan.shard_size if other is not None else DEFAULT_SHARD_SIZE
        known = self.hashes.get(self.layout.plan.name)  # no other list would have such a hash
        before, after = largest.to_bytes().split(b'"shard_size": %d' % MAX_SHARD_SIZE, 1)
        sizes: Iterable[int] = chain((said, DEFAULT_SHARD_SIZE), range(first, MAX_SHARD_SIZE + 1))
        for size in sizes if known else ():
            if size >= first and _sha256(before + b'"shard_size": %d' % size + after) == known:
                return size
        if other is None:
            raise VerificationError([_NO_SHARD_SIZE])
        return max(first, said)


_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, SyngenError)
_NOTHING_READABLE = (
    "neither plan.json nor dataset.json can be read: put one of them back as it was, or make the dataset "
    "again with syngen generate --overwrite"
)
_NO_SHARD_SIZE = (
    "plan.json cannot be read, and neither the shards nor SHA256SUMS say how large a shard may be: put "
    "plan.json back as it was, or make the dataset again with syngen generate --overwrite"
)
_UNDECIDED = (
    "and nothing in the folder says which is right: put the one that is damaged back as it was, or remove "
    "it, and run the same command again"
)


def _other_fingerprint(
    name: str, content: Json, resolved: ResolvedRecipe, versions: Mapping[str, str]
) -> str:
    wanted = resolved.fingerprint_in(content["format"])
    here = ", ".join(f"{k} {v}" for k, v in Plan(resolved, 1, content["codec"]).versions().items())
    there = ", ".join(f"{k} {v}" for k, v in versions.items())
    return (
        f"{name}: the fingerprint is {content['fingerprint'][:16]}..., its recipe gives "
        f"{wanted[:16]}... here: either the file is damaged, or this installation "
        f"would make other audio (made with {there}; here are {here}, perhaps with another speech "
        "engine, or without --allow-other-audio)"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
