"""Verification of an unfinished dataset: every shard that has a receipt, and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from syngen._typing import ProgressUpdate
from syngen.errors import GenerationIncompleteError, ManifestError, SyngenError, SynthesizerVersionError
from syngen.generation.plan import Plan
from syngen.io.atomic import is_temporary
from syngen.resolving.load import resolve_document
from syngen.resolving.makers import other_maker_in
from syngen.storage.codec import find_codec
from syngen.storage.description import read_json
from syngen.storage.layout import Layout
from syngen.storage.problems import Problem, schema_problems
from syngen.storage.receipts import read_receipt
from syngen.storage.shard_ranges import Shard, differing_lines
from syngen.storage.shards import MemberText
from syngen.storage.tables.manifest import Vocabulary, read_manifest
from syngen.verification.documents import plan_in, recipe_problems
from syngen.verification.options import VerificationOptions, foreign_files
from syngen.verification.rows import rendering_problems, row_problems, spoken_problems
from syngen.verification.shards import ShardCheck, rows_of

__all__ = ["plan_problems", "state_of", "unfinished_problems"]


def unfinished_problems(layout: Layout, options: VerificationOptions) -> Iterator[Problem]:
    """Yield what is wrong with the finished shards of an unfinished dataset, and with its plan.

    After problems comes one more line, with how much there is.

    Raises
    ------
    GenerationIncompleteError
        If nothing is wrong: with how much there is.
    SynthesizerVersionError
        If another version of the synthesizer began it.
    """
    _check_maker(layout)
    try:
        content = read_json(layout.plan)
        resolved = resolve_document(content.get("recipe", {}), options.permissions)
        plan = plan_in(content, resolved, layout.plan.name)
        _ = plan.shards
    except SyngenError as error:
        yield Problem(layout.plan.name, f"{layout.plan.name}: {error}")
        return
    check = _Unfinished(layout, plan, options)
    is_sound = True
    for problem in chain(plan_problems(layout, plan), _orphans(layout, plan), check.problems()):
        is_sound = False
        yield problem
    state = state_of(layout, plan, check.n_shards, check.n_rows)
    if is_sound:
        raise GenerationIncompleteError(state)
    yield Problem(layout.description.name, state)


def _check_maker(layout: Layout) -> None:
    """Refuse an unfinished dataset that another version of its synthesizer began.

    Its plan and the copy of it must both say so, as far as they can be read: one alone may be damaged.
    """
    others = []
    for path in (layout.plan, layout.copy(layout.plan)):
        with suppress(ManifestError):
            others.append(other_maker_in(read_json(path)))
    if others and None not in others:
        raise SynthesizerVersionError(
            f"this dataset is unfinished, and can neither be verified nor finished here: {others[0]}"
        )


def state_of(layout: Layout, plan: Plan, n_shards: int, n_rows: int) -> str:
    """Say how much of an unfinished dataset is there and sound."""
    return (
        f"{layout.folder} is unfinished: {n_shards:,} of {len(plan.shards):,} shards, {n_rows:,} of "
        f"{plan.resolved.size:,} observations are there and sound; run the same syngen generate command "
        "again to make the others"
    )


def plan_problems(layout: Layout, plan: Plan) -> Iterator[Problem]:
    """Compare plan.json and recipe.yaml of an unfinished dataset with the plan and their copies."""
    name = layout.plan.name
    found = layout.plan.read_bytes()
    versions = read_json(layout.plan).get("versions")
    wanted = plan.to_bytes(versions if isinstance(versions, dict) else None)
    if found != wanted:
        lines = "; ".join(differing_lines(found, wanted, most=4).splitlines())
        yield Problem(name, f"{name}: it contradicts itself (- there, + wanted): {lines}")
    yield from recipe_problems(layout.recipe, plan.resolved.recipe)
    for path in (layout.plan, layout.recipe):
        copy = layout.copy(path)
        if copy.is_file() and path.is_file() and copy.read_bytes() != path.read_bytes():
            where = copy.relative_to(layout.folder).as_posix()
            yield Problem(path.name, f"{path.name}: it differs from its copy {where}")


def _orphans(layout: Layout, plan: Plan) -> Iterator[Problem]:
    """Report what neither the plan nor a run that ended early explains."""
    files = () if plan.release is None else plan.release.files
    shards = (shard.name for shard in plan.shards)
    for path in foreign_files(layout, layout.final_files(plan.tables, files), shards):
        if not is_temporary(path):
            name = path.relative_to(layout.folder).as_posix()
            yield Problem(name, f"{name}: is not part of the dataset")


@dataclass
class _Unfinished:
    """Checks the finished shards of a plan and counts the sound ones."""

    layout: Layout
    plan: Plan
    options: VerificationOptions
    n_shards: int = 0
    n_rows: int = 0

    @property
    def _vocabulary(self) -> Vocabulary:
        return self.plan.vocabulary

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with each shard that has a receipt, then with rows rendered again."""
        finished = [shard for shard in self.plan.shards if self.layout.receipt(shard.name).exists()]
        total, done = sum(shard.n_rows for shard in finished), 0
        sound: list[Shard] = []
        parts: list[tuple[pa.Table, pa.Table | None]] = []
        for shard in finished:
            with self.options.materialize_shard(shard.name):
                found = [Problem(f"audio/{shard.name}.tar", text) for text in self._of_shard(shard)]
                if not found and self.options.rerender:
                    parts.append(self._parts(shard))
            yield from found
            done += shard.n_rows
            if not found:
                sound.append(shard)
            if self.options.progress is not None:
                self.options.progress(ProgressUpdate(done, total, 0.0))
        self.n_shards, self.n_rows = len(sound), sum(shard.n_rows for shard in sound)
        if parts:
            tables, annotations = zip(*parts, strict=True)
            numbers = [np.arange(shard.row, shard.row + shard.n_rows, dtype=np.int64) for shard in sound]
            yield from rendering_problems(
                self.plan.resolved,
                pa.concat_tables(tables),
                pa.concat_tables(annotations) if self._vocabulary.speaks else None,
                rerender=self.options.rerender,
                seed=self.options.seed,
                numbers=np.concatenate(numbers),
            )

    def _parts(self, shard: Shard) -> tuple[pa.Table, pa.Table | None]:
        """Read a shard's part of the manifest and, where something is spoken, of the annotations."""
        table = read_manifest(self.layout.shard_manifest(shard.name))
        if not self._vocabulary.speaks:
            return table, None
        return table, read_manifest(self.layout.annotations_part(shard.name))

    def _of_shard(self, shard: Shard) -> Iterator[str]:
        """Say what is wrong with a shard: its receipt, its parts or, if they are right, its rows."""
        layout, name, path = self.layout, f"shard {shard.name}", self.layout.shard(shard.name)
        receipt = read_receipt(layout, shard, is_checked=False)
        if receipt is None:
            yield f"{name}: its receipt cannot be read, or is not that of the plan"
            return
        if not path.is_file():
            yield f"{name}: cannot be read: there is a receipt, but no file"
            return
        if read_receipt(layout, shard) is None:
            size = path.stat().st_size
            text = f"{size} bytes, its receipt says {receipt.entry.bytes}"
            if size == receipt.entry.bytes:
                text = "its part of the manifest or of the annotations is damaged or missing"
            yield f"{name}: {text}"
            return
        try:
            table, spans = self._parts(shard)
        except ManifestError as error:
            yield f"{name}: {error}"
            return
        found = list(self._of_parts(shard, table, spans))
        yield from found
        if not found:
            file = f"audio/{path.name}"  # the part belongs to the shard and is made with it
            members = MemberText(self._vocabulary.grid)
            codec, rate = find_codec(self.plan.codec), self._vocabulary.sample_rate
            check = ShardCheck(receipt.entry, codec, rate, members, source="its receipt", manifest=file)
            yield from map(str, check.problems(path, list(rows_of(self._vocabulary, table, shard.row))))

    def _of_parts(self, shard: Shard, table: pa.Table, spans: pa.Table | None) -> Iterator[str]:
        """Say what is wrong with a shard's parts of the manifest and of the annotations."""
        name = f"the manifest of shard {shard.name}"
        found = [problem.text for problem in schema_problems(self._vocabulary, table.schema, name)]
        if not found and table.num_rows != shard.n_rows:
            text = f"shard {shard.name}: {table.num_rows} rows in its part of the manifest"
            found = [f"{text}, {shard.n_rows} in the plan"]
        yield from found
        if found:
            return
        indices = self.plan.indices(shard)
        resolved = self.plan.resolved
        yield from map(
            str, row_problems(resolved, self._vocabulary, table, indices, row=shard.row, file=name)
        )
        if spans is not None:
            for problem in spoken_problems(table, spans, row=shard.row):
                yield f"shard {shard.name}: {problem}"
