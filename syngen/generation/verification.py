"""Verification: every byte of a dataset against its recipe, its manifest and its hashes.

The manifest says where each member is, so every byte of a shard belongs to a row and is checked by
itself: one damaged header does not hide what follows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syngen._files import inside, sha256_of
from syngen._typing import ProgressUpdate
from syngen.errors import ManifestError, ParameterError, ShardError, SyngenError
from syngen.generation.plan import vocabulary_for
from syngen.generation.worker import levels_db, mean_square_of, peak_of
from syngen.seeding import Permutation
from syngen.storage.annotations import ANNOTATION_SCHEMA, annotation_problems
from syngen.storage.checksums import parse_checksums
from syngen.storage.codec import Codec, find_codec
from syngen.storage.description import Description, ShardEntry, read_description
from syngen.storage.layout import Layout, key_of
from syngen.storage.manifest import Vocabulary, factor_columns, read_manifest, vocabulary_of
from syngen.storage.shards import BLOCK, END, MemberText, header_of, padding_of
from syngen.synth.rendering import Rendering

if TYPE_CHECKING:
    from syngen._typing import Json, PcmArray, Progress
    from syngen.synth.base import Spoken
    from syngen.synth.resolve import ResolvedRecipe

__all__ = ["verify_folder"]

_MOST_PROBLEMS = 1000


def verify_folder(
    folder: Path,
    *,
    resolve: Callable[[Json], ResolvedRecipe],
    rerender: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[str]:
    """Check a finished dataset.

    Parameters
    ----------
    folder : Path
    resolve : callable
        Turns the recipe document of dataset.json into a resolved recipe.
    rerender : int
        Render so many observations again, chosen by `seed`, and compare their hashes.
    seed : int
    progress : callable, optional
        Told after every shard.

    Returns
    -------
    list of str
        One line per problem, naming file, shard, row and member; empty if all is well.

    Raises
    ------
    ParameterError
        If the folder is not there, or a number is negative.
    ManifestError
        If the folder holds no finished dataset, or one of a later format.
    """
    if rerender < 0:
        raise ParameterError(f"rerender is {rerender}; 0 or more is needed")
    layout = Layout(folder)
    if not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder; verify takes the folder of a dataset")
    if not layout.description.exists():
        raise ManifestError(f"{folder} holds no finished dataset: there is no dataset.json")
    problems: list[str] = []
    for problem in _problems(layout, resolve, rerender, seed, progress):
        problems.append(problem)
        if len(problems) == _MOST_PROBLEMS:
            problems.append(f"more than {_MOST_PROBLEMS} problems; stopped here")
            break
    return problems


def _problems(
    layout: Layout,
    resolve: Callable[[Json], ResolvedRecipe],
    rerender: int,
    seed: int,
    progress: Progress | None,
) -> Iterator[str]:
    hashes, unreadable = _read_checksums(layout)
    yield from unreadable
    yield from _checksum_problems(layout, hashes)
    try:
        description = read_description(layout.description)
        table = read_manifest(layout.manifest)
        vocabulary = vocabulary_of(table.schema)
    except ManifestError as error:
        yield str(error)
        return
    missing = set(vocabulary.dataset_schema().names) - set(table.column_names)
    if missing:
        yield f"manifest.parquet: the columns {', '.join(sorted(missing))} are missing"
        return
    for name in description.tables:
        if hashes and layout.table(name).name not in hashes:
            yield f"SHA256SUMS: {layout.table(name).name} is not listed"
    for entry in description.shards:
        if hashes and hashes.get(f"audio/{entry.name}.tar") != entry.sha256:
            yield f"SHA256SUMS: the hash of shard {entry.name} is not that of dataset.json"
    yield from _orphans(layout, description)
    if table.num_rows != description.n_rows:
        yield (f"manifest.parquet: {table.num_rows} rows, but dataset.json counts {description.n_rows}")
        return
    yield from _shard_problems(layout, description, vocabulary, table, progress)
    if vocabulary.speaks:
        yield from _annotation_problems(layout, table)
    try:
        resolved = resolve(description.recipe)
    except SyngenError as error:
        yield f"dataset.json: the recipe cannot be resolved, so no row can be checked by it: {error}"
        return
    yield from _row_problems(resolved, description, vocabulary, table)
    yield from _table_problems(layout, resolved)
    yield from _rendering_problems(layout, resolved, table, rerender, seed)


def _read_checksums(layout: Layout) -> tuple[dict[str, str], list[str]]:
    """Return the hashes by name, and what prevents reading them."""
    try:
        return parse_checksums(layout.checksums.read_bytes().decode("utf-8")), []
    except (OSError, UnicodeDecodeError, ManifestError) as error:
        return {}, [f"SHA256SUMS cannot be read: {error}"]


def _checksum_problems(layout: Layout, hashes: dict[str, str]) -> Iterator[str]:
    """Compare every file but the shards, which are looked at more closely, with SHA256SUMS."""
    for name, expected in hashes.items():
        if name.startswith("audio/"):
            continue
        try:
            found = sha256_of(inside(layout.folder, name))
        except (OSError, ParameterError) as error:
            yield f"{name}: cannot be read: {error}"
            continue
        if found != expected:
            yield f"{name}: SHA-256 is {found[:16]}..., SHA256SUMS says {expected[:16]}..."
    for path in layout.final_files():
        if hashes and path != layout.checksums and path.name not in hashes:
            yield f"SHA256SUMS: {path.name} is not listed"


def _orphans(layout: Layout, description: Description) -> Iterator[str]:
    listed = {layout.shard(entry.name).name for entry in description.shards}
    if layout.audio.is_dir():
        for path in sorted(layout.audio.iterdir()):
            if path.name not in listed:
                yield f"audio/{path.name}: belongs to no shard of dataset.json"
    known = {path.name for path in layout.final_files(description.tables)} | {layout.audio.name}
    for path in sorted(layout.folder.iterdir()):
        if path.name not in known:
            yield f"{path.name}: is not part of the dataset"


@dataclass(frozen=True)
class _Row:
    """What the manifest says of one row's storage."""

    row: int
    index: int
    split: str
    levels: tuple[int, ...]
    offset: int
    size: int
    n_samples: int
    sha256: bytes
    peak: float
    rms_db: float | None


def _rows_of(vocabulary: Vocabulary, table: pa.Table, start: int) -> Iterator[_Row]:
    grid = vocabulary.grid
    levels = [table.column(f"{name}_level").to_pylist() for name in grid.names]
    names = ("index", "split", "offset", "size", "n_samples", "pcm_sha256", "peak", "rms_db")
    columns = [table.column(name).to_pylist() for name in names]
    for i, (index, split, *rest) in enumerate(zip(*columns, strict=True)):
        yield _Row(start + i, index, split, tuple(column[i] for column in levels), *rest)


def _shard_problems(
    layout: Layout,
    description: Description,
    vocabulary: Vocabulary,
    table: pa.Table,
    progress: Progress | None,
) -> Iterator[str]:
    codec, text = find_codec(description.codec), MemberText(vocabulary.grid)
    row, samples = 0, 0
    for entry in description.shards:
        rows = list(_rows_of(vocabulary, table.slice(row, entry.rows), row))
        shards = set(table.slice(row, entry.rows).column("shard").to_pylist())
        if shards != {entry.name}:
            yield f"manifest.parquet: rows {row}.. belong to {sorted(shards)}, not to {entry.name}"
        else:
            check = _ShardCheck(entry, codec, vocabulary.sample_rate, text)
            yield from check.problems(layout.shard(entry.name), rows)
        row += entry.rows
        samples += sum(r.n_samples for r in rows)
        if progress is not None:
            progress(ProgressUpdate(row, table.num_rows, samples / vocabulary.sample_rate))


def _annotation_problems(layout: Layout, table: pa.Table) -> Iterator[str]:
    try:
        annotations = read_manifest(layout.annotations)
    except ManifestError as error:
        yield str(error)
        return
    n_samples = np.asarray(table.column("n_samples").to_numpy(), dtype=np.int64)
    yield from annotation_problems(annotations, n_samples)


@dataclass(frozen=True)
class _ShardCheck:
    """Checks one shard against the rows that the manifest gives it."""

    entry: ShardEntry
    codec: Codec
    sample_rate: int
    text: MemberText

    def problems(self, path: Path, rows: list[_Row]) -> Iterator[str]:
        """Yield what is wrong, each with the row and the member or header."""
        name = f"shard {self.entry.name}"
        try:
            data = memoryview(path.read_bytes())
        except OSError as error:
            yield f"{name}: cannot be read: {error.strerror or error}"
            return
        if len(data) != self.entry.bytes:
            yield f"{name}: {len(data)} bytes, dataset.json says {self.entry.bytes}"
        n_found = 0
        position: int | None = 0
        for row in rows:
            if position is not None and row.offset != position + BLOCK:
                n_found += 1
                yield (
                    f"{name}: row {row.row}: the manifest puts it at byte {row.offset}, "
                    f"the rows before it end at {position + BLOCK}"
                )
            try:
                position = self._check_row(data, row)
            except _MemberError as error:
                n_found += 1
                position = error.position
                yield f"{name}: row {row.row}: {error}"
        if position is not None and bytes(data[position:]) != END:
            n_found += 1
            yield f"{name}: the end of the archive, after the last row, is damaged"
        if hashlib.sha256(data).hexdigest() != self.entry.sha256 and not n_found:
            yield from self._by_encoding_again(name, data, rows)

    def _check_row(self, data: memoryview, row: _Row) -> int:
        """Check header, audio, padding and JSON of a row; return where the next one starts."""
        self._check_place(data, row)
        key = key_of(row.row)
        audio_name, text_name = f"{key}.{self.codec.name}", f"{key}.json"
        text = self.text.of(row.index, row.split, row.levels)
        padding = padding_of(row.size)
        text_at = row.offset + row.size + len(padding) + BLOCK
        end = text_at + len(text) + len(padding_of(len(text)))
        expected = (
            (f"header of member {audio_name}", row.offset - BLOCK, header_of(audio_name, row.size)),
            (f"padding of member {audio_name}", row.offset + row.size, padding),
            (f"header of member {text_name}", text_at - BLOCK, header_of(text_name, len(text))),
            (f"member {text_name}", text_at, text),
            (f"padding of member {text_name}", text_at + len(text), padding_of(len(text))),
        )
        for what, start, wanted in expected:
            if data[start : start + len(wanted)] != wanted:
                raise _MemberError(f"the {what} is damaged", end)
        try:
            pcm = self.codec.decode(data[row.offset : row.offset + row.size])
        except ShardError as error:
            raise _MemberError(f"member {audio_name}: {error}", end) from error
        problem = _pcm_problem(pcm, row)
        if problem:
            raise _MemberError(f"member {audio_name}: {problem}", end)
        if self.codec.name == "wav" and not self._has_rate(data, row):
            raise _MemberError(f"member {audio_name}: another sampling rate", end)
        return end

    def _check_place(self, data: memoryview, row: _Row) -> None:
        """Refuse what the manifest cannot mean, so that nothing below stumbles over it."""
        for name, level, size in zip(self.text.grid.names, row.levels, self.text.grid.sizes, strict=True):
            if not 0 <= level < size:
                raise _MemberError(
                    f"the manifest gives {name} the level {level}, outside 0..{size - 1}", None
                )
        if row.size < 0 or row.offset < BLOCK or row.offset + row.size > len(data):
            raise _MemberError(
                f"the manifest puts {row.size} bytes of audio at byte {row.offset} of {len(data)}", None
            )

    def _has_rate(self, data: memoryview, row: _Row) -> bool:
        return int.from_bytes(data[row.offset + 24 : row.offset + 28], "little") == self.sample_rate

    def _by_encoding_again(self, name: str, data: memoryview, rows: list[_Row]) -> Iterator[str]:
        """Find damage that leaves every sample as it was, such as in a FLAC file's metadata."""
        n_found = 0
        for row in rows:
            stored = data[row.offset : row.offset + row.size]
            if self.codec.encode(self.codec.decode(stored), self.sample_rate) != stored:
                n_found += 1
                yield (
                    f"{name}: row {row.row}: member {key_of(row.row)}.{self.codec.name}: the samples are "
                    f"right, but {self.codec.library} would write other bytes"
                )
        if not n_found:
            yield f"{name}: every row is right, but the SHA-256 is not what dataset.json says"


class _MemberError(Exception):
    """What is wrong with a row, and where the next one starts, if that is known."""

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(message)
        self.position = position


def _pcm_problem(pcm: PcmArray, row: _Row) -> str | None:
    if len(pcm) != row.n_samples:
        return f"{len(pcm)} samples, the manifest says {row.n_samples}"
    if hashlib.sha256(pcm.astype("<i2", copy=False).tobytes()).digest() != row.sha256:
        return "the samples have another SHA-256 than the manifest says"
    if peak_of(pcm) != row.peak or levels_db([mean_square_of(pcm)])[0].as_py() != row.rms_db:
        return "peak or rms_db of the manifest do not fit the samples"
    return None


def _row_problems(
    resolved: ResolvedRecipe, description: Description, vocabulary: Vocabulary, table: pa.Table
) -> Iterator[str]:
    """Compare the manifest's factors, splits and nuisances with what the recipe gives."""
    for what, fingerprint in (
        ("dataset.json", description.fingerprint),
        ("manifest.parquet", vocabulary.fingerprint),
    ):
        if fingerprint != resolved.fingerprint:
            yield (
                f"{what}: the fingerprint is {fingerprint[:16]}..., its recipe gives "
                f"{resolved.fingerprint[:16]}... with this version of the synthesizer"
            )
    sizes = resolved.rows.split_sizes
    if sizes != description.counts:
        yield f"dataset.json: counts are {description.counts}, its recipe gives {sizes}"
        return
    if vocabulary != vocabulary_for(resolved):
        yield "manifest.parquet: its vocabulary (factors, nuisances, split schemes) is not the recipe's"
        return
    row = 0
    for split, n_rows in sizes.items():
        indices = resolved.rows.indices(split, 0, n_rows)
        levels = resolved.grid.levels_of(indices)
        codes = {s.name: resolved.split_codes(s, indices, levels) for s in resolved.schemes}
        columns = factor_columns(vocabulary, indices, levels, codes, with_values=True)
        for nuisance in resolved.nuisances:
            columns[nuisance.name] = pa.array(nuisance.draw(resolved.recipe.seed, indices))
        part = table.slice(row, n_rows)
        for name, wanted in columns.items():
            found = part.column(name).combine_chunks()
            if not found.equals(wanted):
                first = next(i for i in range(n_rows) if found[i] != wanted[i])
                yield (
                    f"manifest.parquet: row {row + first}: {name} is {found[first]}, "
                    f"the recipe gives {wanted[first]}"
                )
        row += n_rows


def _table_problems(layout: Layout, resolved: ResolvedRecipe) -> Iterator[str]:
    """Compare the tables beside the manifest with what the synthesizer says."""
    for name, columns in resolved.synthesizer.tables(resolved.request).items():
        path = layout.table(name)
        try:
            found = read_manifest(path)
        except ManifestError as error:
            yield str(error)
            continue
        if found.to_pydict() != {key: list(values) for key, values in columns.items()}:
            yield f"{path.name}: its content is not what the recipe gives"


def _rendering_problems(
    layout: Layout, resolved: ResolvedRecipe, table: pa.Table, rerender: int, seed: int
) -> Iterator[str]:
    n = min(rerender, table.num_rows)
    if not n:
        return
    rows = np.sort(Permutation(table.num_rows, seed=seed, name="verify")(np.arange(n)))
    chosen = table.select(["index", "shard", "pcm_sha256"]).take(rows)
    indices = np.asarray(chosen.column("index").to_numpy(), dtype=np.int64)
    hashes = chosen.column("pcm_sha256").to_pylist()
    rendering = Rendering(resolved)
    spoken = _SpokenCheck(layout, table) if resolved.synthesizer.speaks else None
    for position, observation in enumerate(rendering.observations(indices)):
        pcm = observation.pcm.astype("<i2", copy=False)
        if hashlib.sha256(pcm.tobytes()).digest() != hashes[position]:
            shard = chosen.column("shard")[position]
            yield (
                f"shard {shard}: row {rows[position]}: rendered again, index {indices[position]} "
                "has other samples"
            )
        if spoken is not None and observation.spoken is not None:
            yield from spoken.problems(int(rows[position]), observation.spoken)


class _SpokenCheck:
    """Compares what is said in rows with the manifest and the annotations."""

    def __init__(self, layout: Layout, table: pa.Table) -> None:
        self._table = table.select(["transcript", "speech_start", "speech_end"])
        try:
            self._annotations: pa.Table | None = read_manifest(layout.annotations)
        except ManifestError:  # told already
            self._annotations = None

    def problems(self, row: int, spoken: Spoken) -> Iterator[str]:
        said = self._table.slice(row, 1).to_pylist()[0]
        wanted = {
            "transcript": spoken.transcript,
            "speech_start": spoken.start,
            "speech_end": spoken.end,
        }
        for name, value in wanted.items():
            if said[name] != value:
                yield f"manifest.parquet: row {row}: {name} is {said[name]!r}, the recipe gives {value!r}"
        if self._annotations is None or self._annotations.column_names != ANNOTATION_SCHEMA.names:
            return
        found = self._annotations.filter(pc.equal(self._annotations.column("row"), row)).to_pylist()
        spans = [(s.kind, s.text, s.start, s.end) for s in spoken.spans]
        if [(f["kind"], f["text"], f["start"], f["end"]) for f in found] != spans:
            yield f"annotations.parquet: row {row}: its words and phones are not those of the recipe"
