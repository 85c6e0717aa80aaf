"""Verification of an unfinished dataset: every shard that has a receipt, and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen._typing import ProgressUpdate
from syngen.errors import GenerationIncompleteError, ManifestError, SyngenError
from syngen.generation.plan import Plan
from syngen.io.atomic import is_temporary
from syngen.resolving.load import resolve_document
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.codec import find_codec
from syngen.storage.description import read_json
from syngen.storage.layout import Layout
from syngen.storage.manifest import read_manifest
from syngen.storage.problems import Problem, schema_problems
from syngen.storage.receipts import Receipt, read_receipt
from syngen.storage.shard_ranges import Shard, differing_lines
from syngen.storage.shards import MemberText
from syngen.verification.documents import plan_in, recipe_problem
from syngen.verification.rows import rendering_problems, row_problems, spoken_problems
from syngen.verification.shards import MaterializeShard, ShardCheck, already_local, rows_of

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.synth.request import Permissions

__all__ = ["plan_problems", "state_of", "unfinished_problems"]


def unfinished_problems(
    layout: Layout,
    permissions: Permissions,
    *,
    rerender: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
    materialize_shard: MaterializeShard = already_local,
) -> Iterator[Problem]:
    """Yield what is wrong with the finished shards of an unfinished dataset, and with its plan.

    After problems comes one more line, with how much there is.

    Raises
    ------
    GenerationIncompleteError
        If nothing is wrong: with how much there is.
    """
    n_problems = 0
    plan: Plan | None = None
    try:
        content = read_json(layout.plan)
        resolved = resolve_document(content.get("recipe", {}), permissions)
        plan = plan_in(content, resolved, layout.plan.name)
        _ = plan.shards
    except SyngenError as error:
        n_problems += 1
        yield Problem(layout.plan.name, f"{layout.plan.name}: {error}")
    if plan is None:
        return
    check = _Unfinished(layout, plan, progress, materialize_shard)
    for problem in (*plan_problems(layout, plan), *_orphans(layout, plan)):
        n_problems += 1
        yield problem
    for problem in check.problems(rerender, seed):
        n_problems += 1
        yield problem
    state = state_of(layout, plan, check.n_shards, check.n_rows)
    if not n_problems:
        raise GenerationIncompleteError(state)
    yield Problem(layout.description.name, state)


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
    problem = recipe_problem(layout.recipe, plan.resolved)
    if problem:
        yield Problem(layout.recipe.name, problem)
    for path in (layout.plan, layout.recipe):
        copy = layout.copy(path)
        if copy.is_file() and path.is_file() and copy.read_bytes() != path.read_bytes():
            where = copy.relative_to(layout.folder).as_posix()
            yield Problem(path.name, f"{path.name}: it differs from its copy {where}")


def _orphans(layout: Layout, plan: Plan) -> Iterator[Problem]:
    """Report what neither the plan nor a run that ended early explains."""
    shards = {f"{shard.name}.tar" for shard in plan.shards}
    files = () if plan.release is None else plan.release.files
    known = {path.name for path in layout.final_files(plan.tables, files)}
    known |= {layout.audio.name, layout.work.name}
    for folder, names in ((layout.audio, shards), (layout.folder, known)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in names and not is_temporary(path):
                name = path.relative_to(layout.folder).as_posix()
                yield Problem(name, f"{name}: is not part of the dataset")


@dataclass
class _Unfinished:
    """Checks the finished shards of a plan and counts the sound ones."""

    layout: Layout
    plan: Plan
    progress: Progress | None
    materialize_shard: MaterializeShard
    n_shards: int = 0
    n_rows: int = 0

    def problems(self, rerender: int, seed: int) -> Iterator[Problem]:
        """Yield what is wrong with each shard that has a receipt, then with rows rendered again."""
        finished = [shard for shard in self.plan.shards if self.layout.receipt(shard.name).exists()]
        total, done = sum(shard.n_rows for shard in finished), 0
        tables: list[pa.Table] = []
        annotations: list[pa.Table] = []
        numbers: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        for shard in finished:
            with self.materialize_shard(shard.name):
                found = list(self._of_shard(shard))
                if not found and rerender:
                    tables.append(read_manifest(self.layout.shard_manifest(shard.name)))
                    numbers.append(np.arange(shard.row, shard.row + shard.n_rows, dtype=np.int64))
                    if self.plan.resolved.synthesizer.speaks:
                        annotations.append(read_manifest(self.layout.annotations_part(shard.name)))
            yield from found
            done += shard.n_rows
            if not found:
                self.n_shards += 1
                self.n_rows += shard.n_rows
            if self.progress is not None:
                self.progress(ProgressUpdate(done, total, 0.0))
        if tables:
            yield from rendering_problems(
                self.plan.resolved,
                pa.concat_tables(tables),
                pa.concat_tables(annotations) if annotations else None,
                rerender=rerender,
                seed=seed,
                numbers=np.concatenate(numbers),
            )

    def _of_shard(self, shard: Shard) -> Iterator[Problem]:
        layout, file = self.layout, f"audio/{shard.name}.tar"
        receipt = read_receipt(layout, shard, is_checked=False)
        if receipt is None:
            text = f"shard {shard.name}: its receipt cannot be read, or is not that of the plan"
            yield Problem(file, text)
            return
        found = list(self._of_parts(shard, receipt))
        yield from found
        if found:
            return
        table = read_manifest(layout.shard_manifest(shard.name))
        vocabulary = vocabulary_for(self.plan.resolved)
        check = ShardCheck(
            receipt.entry,
            find_codec(self.plan.codec),
            vocabulary.sample_rate,
            MemberText(vocabulary.grid),
            source="its receipt",
            manifest=file,  # the part belongs to the shard and is made with it
        )
        yield from check.problems(layout.shard(shard.name), list(rows_of(vocabulary, table, shard.row)))

    def _of_parts(self, shard: Shard, receipt: Receipt) -> Iterator[Problem]:
        """Yield what is wrong with a shard's parts of the manifest and of the annotations."""
        layout, resolved, file = self.layout, self.plan.resolved, f"audio/{shard.name}.tar"
        if read_receipt(layout, shard) is None and layout.shard(shard.name).is_file():
            size = layout.shard(shard.name).stat().st_size
            text = f"{size} bytes, its receipt says {receipt.entry.bytes}"
            if size == receipt.entry.bytes:
                text = "its part of the manifest or of the annotations is damaged or missing"
            yield Problem(file, f"shard {shard.name}: {text}")
            return
        if not layout.shard(shard.name).is_file():
            yield Problem(file, f"shard {shard.name}: cannot be read: there is a receipt, but no file")
            return
        vocabulary = vocabulary_for(resolved)
        try:
            table = read_manifest(layout.shard_manifest(shard.name))
            found = schema_problems(vocabulary, table.schema, f"the manifest of shard {shard.name}")
            if not found and table.num_rows != shard.n_rows:
                text = f"shard {shard.name}: {table.num_rows} rows in its part of the manifest"
                found = [Problem(file, f"{text}, {shard.n_rows} in the plan")]
            yield from (Problem(file, problem.text) for problem in found)
            if found:
                return
            name = f"the manifest of shard {shard.name}"
            rows = row_problems(
                resolved, vocabulary, table, self.plan.indices(shard), row=shard.row, file=name
            )
            yield from (Problem(file, problem.text) for problem in rows)
            if vocabulary.speaks:
                spans = read_manifest(layout.annotations_part(shard.name))
                spoken = spoken_problems(table, spans, row=shard.row)
                yield from (Problem(file, f"shard {shard.name}: {p.text}") for p in spoken)
        except ManifestError as error:
            yield Problem(file, f"shard {shard.name}: {error}")
