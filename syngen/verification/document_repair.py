"""The files of a finished dataset beside its shards, made again where they are damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from syngen.errors import ManifestError
from syngen.generation.assembly import (
    description_for,
    synthesizer_tables,
    write_joined,
)
from syngen.generation.folder.lifecycle import check_files
from syngen.generation.folder.restored_manifests import DatasetParts
from syngen.io.atomic import sync_folder, write_atomic
from syngen.io.workspace import InTheWayError
from syngen.storage.card import card_text
from syngen.storage.checksums import checksums_for
from syngen.storage.description import Description, ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.problems import Problem
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from syngen.storage.tables.arrays import mapped_file
from syngen.storage.tables.manifest import read_manifest, read_series, write_table
from syngen.verification.documents import is_by_this_version
from syngen.verification.plan_recovery import FoundPlan, PlanRecovery, hash_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DocumentRepair", "is_free"]


class DocumentRepair:
    """Finds out which documents are damaged and makes them again.

    Parameters
    ----------
    recovery : PlanRecovery
    found : FoundPlan
        What the dataset was made by.
    problems : sequence of Problem
        What verification found.
    scratch : Layout
        Folder to make things in.

    Attributes
    ----------
    written : list of str
        Names of the files that were written again.
    reasons : list of str
        What cannot be made again, and why.
    """

    def __init__(
        self,
        recovery: PlanRecovery,
        found: FoundPlan,
        problems: Sequence[Problem],
        scratch: Layout,
    ) -> None:
        self._recovery, self._found, self._scratch = recovery, found, scratch
        self._layout = recovery.layout
        self.written: list[str] = []
        self.reasons: list[str] = []
        self._hashes: dict[str, str] = {}
        self._refused: set[str] = set()
        self._entries: dict[str, ShardEntry] = {}
        self._receipts: dict[str, Receipt] = {}
        self._suspects = {problem.file for problem in problems}
        described = recovery.description
        said = {} if described is None else {f"audio/{e.name}.tar": e.sha256 for e in described.shards}
        self._checked = recovery.hashes if described is None else said  # what verification compared with
        if described is None or not found.is_described_by(described):
            described, said = None, {}
        self._sound = described if recovery.is_listed(self._layout.description) else None
        # SHA256SUMS of this dataset outvotes a dataset.json that it has another hash for
        is_outvoted = self._sound is None and recovery.is_own_list
        self._shard_hashes = said | recovery.hashes if is_outvoted else recovery.hashes | said
        self._to_build = self._tables_to_build()
        self._needs_parts = bool({"manifest", "annotations"} & set(self._to_build))
        wrong = {problem.file for problem in problems if not problem.is_hash}
        self._parts = DatasetParts(found.plan, self._layout, distrusted=wrong)

    def _tables_to_build(self) -> dict[str, Sequence[Path]]:
        """Return the files of each table that is damaged, or has no hash to be compared with."""
        plan, listed = self._found.plan, self._recovery.hashes
        names = ["manifest", *(["annotations"] if "annotations" in plan.tables else [])]
        files: dict[str, Sequence[Path]] = {n: self._layout.series(n, plan.tables) for n in names}
        files |= {name: (self._layout.table(name),) for name in synthesizer_tables(plan.resolved)}
        # the files of one table are judged together: what is wrong in one may have been told of another
        return {
            name: paths
            for name, paths in files.items()
            if any(path.name in self._suspects or path.name not in listed for path in paths)
        }

    def hashes_of(self, shard: Shard) -> tuple[str | None, str | None]:
        """Return the hash that a shard should have and the one that it has, as far as there are such."""
        path, name = self._layout.shard(shard.name), f"audio/{shard.name}.tar"
        wanted = self._shard_hashes.get(name)
        if name not in self._suspects and wanted is not None and self._checked.get(name) == wanted:
            return wanted, wanted  # verification has compared them
        return wanted, hash_of(path)

    def add(self, shard: Shard, sha256: str) -> None:
        """Note a shard that is in its place and sound."""
        n_bytes = self._layout.shard(shard.name).stat().st_size
        self._entries[shard.name] = ShardEntry(shard.name, shard.split, shard.n_rows, n_bytes, sha256)

    def has_part(self, shard: Shard) -> bool:
        """Whether a sound shard's part of the manifest is not needed, or is found without rendering."""
        if not self._needs_parts:
            return True
        receipt = self._parts.write(shard, self._entries[shard.name], self._scratch)
        if receipt is not None:
            self._receipts[shard.name] = receipt
        return receipt is not None

    def add_made(self, receipt: Receipt) -> None:
        """Note a shard that was made again, and whose part of the manifest is in the scratch folder."""
        self._entries[receipt.entry.name] = receipt.entry
        self._receipts[receipt.entry.name] = receipt

    def write(self) -> None:
        """Write what is damaged."""
        layout, plan, found = self._layout, self._found.plan, self._found
        self._write_tables()
        text = self._recovery.recipe_text(plan.resolved)
        self._put_if_proven(layout.plan, found.to_bytes())
        if text is None:
            self.reasons.append(
                "recipe.yaml: its text, with layout and comments, is nowhere else in the folder; put the "
                "original file there. What it said is in plan.json."
            )
            return
        self._put(layout.recipe, text)
        description = self._sound or self._description(text.decode("utf-8"))
        if description is None:
            return
        if plan.release is None:
            card = card_text(description, plan.vocabulary).encode("utf-8")
            self._put_if_proven(layout.card, card)
        else:
            self._name_damaged_files(plan.release.files)
        self._write_checksums(description)
        self._put_if_proven(layout.description, description.to_bytes())

    def _write_tables(self) -> None:
        """Make manifest, annotations and the synthesizer's tables again where that is called for."""
        plan = self._found.plan
        names = [shard.name for shard in plan.shards]
        own = synthesizer_tables(plan.resolved)
        for name, paths in self._to_build.items():
            if name in own:
                write_table(self._scratch.table(name), own[name])
            elif len(self._receipts) < len(names):
                self.reasons.append(f"{name}.parquet cannot be made again before all shards are")
                continue
            else:
                write_joined(plan, self._scratch, name, names)
            for path in paths:
                self._place(self._scratch.folder / path.name, path)

    def _place(self, made: Path, path: Path) -> None:
        """Put a table in its place if it is proven to be what it was."""
        sha256, there = hash_of(made), hash_of(path)
        wanted = self._recovery.hashes.get(path.name)
        if sha256 is None:
            return
        if sha256 not in (wanted, there) and (wanted is not None or _is_by_another(path, made)):
            self.reasons.append(
                f"{path.name}: made again by pyarrow {pa.__version__} it has other bytes than it had, so "
                "what is there was kept; the version that wrote it is needed, or SHA256SUMS as it was"
            )
            self._refused.add(path.name)
            return
        self._hashes[path.name] = sha256
        if sha256 != there and is_free(self.reasons, path):
            made.replace(path)
            sync_folder(path.parent)
            self.written.append(path.name)

    def _put(self, path: Path, content: bytes) -> None:
        self._hashes[path.name] = hashlib.sha256(content).hexdigest()
        if hash_of(path) != self._hashes[path.name] and is_free(self.reasons, path):
            write_atomic(path, content)
            self.written.append(path.name)

    def _put_if_proven(self, path: Path, content: bytes) -> None:
        """Write a document that this version of syngen makes as it was made, or that has its hash."""
        wanted, there = self._recovery.hashes.get(path.name), hash_of(path)
        versions = self._found.versions
        if is_by_this_version(versions) or hashlib.sha256(content).hexdigest() in (wanted, there):
            self._put(path, content)
        elif there != wanted:
            made_by = versions.get("syngen", "another version")
            self.reasons.append(
                f"{path.name}: it was written by syngen {made_by}, which is needed to repair it"
            )

    def _description(self, recipe_text: str) -> Description | None:
        """Return what dataset.json should say; None, for a reason, without a shard or the manifest."""
        plan = self._found.plan
        missing = [shard.name for shard in plan.shards if shard.name not in self._entries]
        n_samples = self._n_samples()
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            shown = ", ".join(missing[:3])
            self.reasons.append(
                f"dataset.json, README.md and SHA256SUMS cannot be made again without {shown}{more}"
            )
        elif n_samples is None:
            self.reasons.append("dataset.json cannot be made again before the manifest is")
        if missing or n_samples is None:
            return None
        return description_for(
            plan,
            [self._entries[shard.name] for shard in plan.shards],
            n_samples=n_samples,
            recipe_text=recipe_text,
            versions=self._found.versions,
        )

    def _n_samples(self) -> int | None:
        """Return the samples of audio in all shards, by their parts of the manifest or by a sound one."""
        if "manifest" in self._to_build:
            n_samples = [receipt.n_samples for receipt in self._receipts.values()]
            return sum(n_samples) if len(n_samples) == len(self._found.plan.shards) else None
        manifests = self._layout.series("manifest", self._found.plan.tables)
        try:
            return int(pc.sum(read_series(manifests, columns=["n_samples"]).column(0)).as_py() or 0)
        except ManifestError:
            return None

    def _name_damaged_files(self, names: Sequence[str]) -> None:
        """Say which files of a release are damaged: they are made when it is built, and not here."""
        listed = self._recovery.hashes
        self.reasons += [
            f"{name}: a file of the release that is not made again here; fetch it from where the release "
            "was published, or build the release again"
            for name in names
            if name not in listed or hash_of(self._layout.folder / name) != listed[name]
        ]

    def _write_checksums(self, description: Description) -> None:
        """Write SHA256SUMS if of every file it is known what its hash should be."""
        layout = self._layout
        files = layout.final_files(description.tables, description.files)
        names = [path.name for path in files if path not in (layout.checksums, layout.description)]
        known = self._recovery.hashes | self._hashes
        content = checksums_for(description, {name: known[name] for name in names if name in known})
        unknown = [name for name in names if name not in known or name in self._refused]
        if unknown and hash_of(layout.checksums) != hashlib.sha256(content).hexdigest():
            self.reasons.append(
                f"SHA256SUMS cannot be made again: what {', '.join(unknown)} should be is not known"
            )
        else:
            self._put(layout.checksums, content)


def is_free(reasons: list[str], *paths: Path) -> bool:
    """Whether files may be replaced; if not, add to the reasons why."""
    try:
        check_files(paths)
    except InTheWayError as error:
        reasons.append(str(error))
        return False
    return True


def _is_by_another(path: Path, made: Path) -> bool:
    """Whether a table with other bytes than what was made has the same content, by another writer.

    The same writer would have given the same bytes.
    """
    try:
        is_equal = read_manifest(path).equals(read_manifest(made), check_metadata=True)
    except ManifestError:
        return False
    writers = {_writer_of(file) for file in (path, made)}
    return bool(is_equal) and len(writers) == 2


def _writer_of(path: Path) -> str:
    with mapped_file(path) as source:
        return str(pq.read_metadata(source).created_by)
