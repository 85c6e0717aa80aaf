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
from syngen.generation.folder.restored_manifests import DatasetParts
from syngen.io.atomic import sync_folder, write_atomic
from syngen.io.workspace import InTheWayError, check_file
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.card import card_text
from syngen.storage.checksums import checksums_for
from syngen.storage.description import Description, ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.manifest import read_manifest, read_series, write_table
from syngen.storage.problems import Problem
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from syngen.verification.documents import is_by_this_version
from syngen.verification.plan_recovery import FoundPlan, PlanRecovery, hash_of, is_corrupted_digest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DocumentRepair"]


class DocumentRepair:
    """Finds out which documents are damaged and makes them again.

    Parameters
    ----------
    evidence : PlanRecovery
    found : FoundPlan
        What the dataset was made by.
    problems : sequence of Problem
        What verification found.
    scratch : Layout
        Folder to make things in.
    """

    def __init__(
        self,
        evidence: PlanRecovery,
        found: FoundPlan,
        problems: Sequence[Problem],
        scratch: Layout,
    ) -> None:
        self._evidence, self._found = evidence, found
        self._layout, self._scratch = evidence.layout, scratch
        self._entries: dict[str, ShardEntry] = {}
        self._receipts: dict[str, Receipt] = {}
        self.written: list[str] = []
        self._proven: set[str] = set()
        self._suspects = {problem.file for problem in problems}
        self._wrong = {problem.file for problem in problems if not problem.is_hash}
        tables = found.plan.tables
        self._manifests = self._layout.series("manifest", tables)
        annotations = self._layout.series("annotations", tables) if "annotations" in tables else ()
        # the files of one table are judged together: what is wrong in one may have been told of another
        own = [(self._layout.table(name),) for name in synthesizer_tables(found.plan.resolved)]
        self._to_build = [
            files[0].name.removesuffix(".parquet")
            for files in (self._manifests, annotations, *own)
            # what has no hash to be compared with is made again, to be compared itself
            if any(path.name in self._suspects or path.name not in evidence.hashes for path in files)
        ]
        self._needs_parts = bool({"manifest", "annotations"} & set(self._to_build))
        self._parts = DatasetParts(found.plan, self._layout, distrusted=self._wrong)

    def known_hash(self, shard: Shard) -> str | None:
        """Return the hash of a shard that verification found nothing wrong with."""
        hashes = self._evidence.shard_hashes(shard.name)
        is_suspect = f"audio/{shard.name}.tar" in self._suspects
        is_known = len(hashes) == 1 and not is_suspect and self._evidence.was_checked(shard.name)
        return next(iter(hashes)) if is_known else None

    def add(self, shard: Shard, sha256: str) -> None:
        """Note a shard that is in its place and sound."""
        n_bytes = self._layout.shard(shard.name).stat().st_size
        entry = ShardEntry(shard.name, shard.split, shard.n_rows, n_bytes, sha256)
        self._entries[shard.name] = entry

    def has_part(self, shard: Shard) -> bool:
        """Whether a sound shard's part of the manifest is not needed, or is found without rendering."""
        if not self._needs_parts:
            return True
        receipt = self._parts.write(shard, self._entries[shard.name], self._scratch)
        if receipt is not None:
            self._receipts[shard.name] = receipt
        return receipt is not None

    def add_part(self, shard: Shard, receipt: Receipt) -> None:
        """Note that a shard's part of the manifest is in the scratch folder."""
        self._receipts[shard.name] = receipt

    def manifest_confirms(self, shard: Shard, receipt: Receipt, scratch: Layout) -> bool:
        """Whether the manifest has the samples of a shard that no document has a hash of."""
        if self._evidence.shard_hashes(shard.name) or self._is_manifest_wrong:
            return False
        try:
            table = read_series(self._manifests, columns=["pcm_sha256"])
            made = read_manifest(scratch.shard_manifest(receipt.entry.name), columns=["pcm_sha256"])
        except ManifestError:
            return False
        part = table.column(0).slice(shard.row, shard.n_rows)
        return bool(part.combine_chunks().equals(made.column(0).combine_chunks()))

    def write(self) -> list[str]:
        """Write what is damaged; return what cannot be made again, and why."""
        layout, plan = self._layout, self._found.plan
        reasons = self._write_tables()
        text = self._evidence.recipe_text(plan.resolved)
        self._put_if_proven(layout.plan, self._found.to_bytes(), reasons)
        if text is None:
            reasons.append(
                "recipe.yaml: its text, with layout and comments, is nowhere else in the folder; put the "
                "original file there. What it said is in plan.json."
            )
            return reasons
        self._put(layout.recipe, text, reasons)
        description = self._description(text.decode("utf-8"))
        if description is None:
            return [*reasons, *self._undescribed()]
        if plan.release is None:
            card = card_text(description, vocabulary_for(plan.resolved)).encode("utf-8")
            self._put_if_proven(layout.card, card, reasons)
        else:
            reasons += self._damaged_files(plan.release.files)
        hashes = self._final_hashes(description)
        if None in hashes.values():
            unknown = ", ".join(name for name, sha256 in hashes.items() if sha256 is None)
            reasons.append(f"SHA256SUMS cannot be made again: what {unknown} should be is not known")
        else:
            known = {name: sha256 for name, sha256 in hashes.items() if sha256 is not None}
            self._put(layout.checksums, checksums_for(description, known), reasons)
        self._put_if_proven(layout.description, description.to_bytes(), reasons)
        return reasons

    def _write_tables(self) -> list[str]:
        """Make manifest, annotations and the synthesizer's tables again where that is called for."""
        plan, reasons = self._found.plan, []
        names = [shard.name for shard in plan.shards]
        own = synthesizer_tables(plan.resolved)
        for name in self._to_build:
            if name in own:
                write_table(self._scratch.table(name), own[name])
            elif len(self._receipts) < len(names):
                reasons.append(f"{name}.parquet cannot be made again before all shards are")
                continue
            else:
                write_joined(plan, self._scratch, name, names)
            files = [self._layout.table(name)] if name in own else self._layout.series(name, plan.tables)
            for path in files:
                reasons += self._place(self._scratch.folder / path.name, path)
        return reasons

    @property
    def _is_manifest_wrong(self) -> bool:
        return any(path.name in self._wrong for path in self._manifests)

    def _place(self, made: Path, path: Path) -> list[str]:
        """Put a table in its place if it is proven to be what it was."""
        sha256, wanted = hash_of(made), self._evidence.hashes.get(path.name)
        if sha256 is None or sha256 == hash_of(path):
            return []
        if wanted is not None and is_corrupted_digest(sha256, wanted):
            wanted = sha256
        in_the_way = _in_the_way(path)
        if in_the_way is not None:
            return [in_the_way]
        if sha256 != wanted and (wanted is not None or _is_by_another(path, made)):
            text = (
                f"{path.name}: made again by pyarrow {pa.__version__} it has other bytes than it had, so "
                "what is there was kept; the version that wrote it is needed"
            )
            return [text]
        made.replace(path)
        sync_folder(path.parent)
        self.written.append(path.name)
        return []

    def _put(self, path: Path, content: bytes, reasons: list[str]) -> None:
        self._proven.add(path.name)
        if hash_of(path) == hashlib.sha256(content).hexdigest():
            return
        in_the_way = _in_the_way(path)
        if in_the_way is None:
            write_atomic(path, content)
            self.written.append(path.name)
        else:
            self._proven.discard(path.name)
            reasons.append(in_the_way)

    def _put_if_proven(self, path: Path, content: bytes, reasons: list[str]) -> None:
        """Write a document that this version of syngen makes as it was made, or that has its hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        wanted = self._evidence.hashes.get(path.name)
        if hash_of(path) == sha256 or is_by_this_version(self._found.versions) or sha256 == wanted:
            self._put(path, content, reasons)
        elif hash_of(path) != wanted:
            made_by = self._found.versions.get("syngen", "another version")
            reasons.append(f"{path.name}: it was written by syngen {made_by}, which is needed to repair it")

    def _description(self, recipe_text: str) -> Description | None:
        """Return what dataset.json should say, or None where a shard or the manifest is not known."""
        n_samples = self._n_samples()
        listed = self._evidence.description
        entries = {entry.name: entry for entry in listed.shards} if listed is not None else {}
        if not self._evidence.trusts_description:
            entries = {}
        entries |= self._entries
        shards = self._found.plan.shards
        if n_samples is None or any(shard.name not in entries for shard in shards):
            return None
        in_order = [entries[shard.name] for shard in shards]
        return description_for(
            self._found.plan,
            in_order,
            n_samples=n_samples,
            recipe_text=recipe_text,
            versions=self._found.versions,
        )

    def _n_samples(self) -> int | None:
        if len(self._receipts) == len(self._found.plan.shards):
            return sum(receipt.n_samples for receipt in self._receipts.values())
        if not self._is_manifest_wrong:
            try:
                column = read_series(self._manifests, columns=["n_samples"]).column(0)
                return int(pc.sum(column).as_py() or 0)
            except ManifestError:
                pass
        listed = self._evidence.description
        if listed is not None and self._evidence.trusts_description:
            return round(listed.hours * 3600.0 * self._found.plan.resolved.audio.sample_rate)
        return None

    def _damaged_files(self, names: Sequence[str]) -> list[str]:
        """Say which files of a release are damaged: they are made when it is built, and not here."""
        listed = self._evidence.hashes
        return [
            f"{name}: a file of the release that is not made again here; fetch it from where the release "
            "was published, or build the release again"
            for name in names
            if name not in listed or hash_of(self._layout.folder / name) != listed[name]
        ]

    def _final_hashes(self, description: Description) -> dict[str, str | None]:
        """Return the hash that each file beside the shards should have, None where it is not known."""
        last = (self._layout.checksums, self._layout.description)
        files = self._layout.final_files(description.tables, description.files)
        paths = [path for path in files if path not in last]
        listed = self._evidence.hashes
        return {
            path.name: hash_of(path) if self._is_right(path) else listed.get(path.name) for path in paths
        }

    def _is_right(self, path: Path) -> bool:
        """Whether a file was written by this repair, or was found to be what would be written."""
        if path.name in self.written or path.name in self._proven:
            return True
        made, found = self._scratch.folder / path.name, hash_of(path)
        return found is not None and found == (hash_of(made) or self._evidence.hashes.get(path.name))

    def _undescribed(self) -> list[str]:
        names = [s.name for s in self._found.plan.shards if s.name not in self._entries]
        if not names:
            return ["dataset.json cannot be made again before the manifest is"]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        shown = ", ".join(names[:3])
        return [f"dataset.json, README.md and SHA256SUMS cannot be made again without {shown}{more}"]


def _in_the_way(path: Path) -> str | None:
    """Say why a file may not be replaced; None if it may."""
    try:
        check_file(path)
    except InTheWayError as error:
        return str(error)
    return None


def _is_by_another(path: Path, made: Path) -> bool:
    """Whether a table with other bytes than what was made has the same content, by another writer.

    The same writer would have given the same bytes.
    """
    try:
        is_equal = read_manifest(path).equals(read_manifest(made), check_metadata=True)
    except ManifestError:
        return False
    writers = {pq.read_metadata(file).created_by for file in (path, made)}
    return bool(is_equal) and len(writers) == 2
