"""A dataset whose waveforms come from the synthesizer, when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen.loaders.sources.source import Source, checked_length, read_only
from syngen.resolving.rendering import Rendering
from syngen.resolving.vocabulary import recipe_columns
from syngen.storage.tables.annotations import annotation_table
from syngen.storage.tables.columns import SPOKEN, STORED
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    from syngen._typing import Float32Array, IntArray, Json, PcmArray
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.plugin import Span

__all__ = ["RenderedSource"]


class RenderedSource(Source):
    """A dataset that is rendered when it is asked for; nothing is written.

    Parameters
    ----------
    resolved : ResolvedRecipe
    vocabulary : Vocabulary
        What its columns mean.
    """

    def __init__(self, resolved: ResolvedRecipe, vocabulary: Vocabulary) -> None:
        self.resolved = resolved
        self.vocabulary = vocabulary
        self._started: tuple[int, Lock, Rendering] | None = None
        self._last_spans: dict[int, tuple[Span, ...]] = {}

    def __reduce__(self) -> tuple[type[RenderedSource], tuple[ResolvedRecipe, Vocabulary]]:
        return RenderedSource, (self.resolved, self.vocabulary)

    @property
    def folder(self) -> None:
        return None

    @property
    def recipe(self) -> Json:
        return self.resolved.recipe.document()

    def columns(self, rows: IntArray | None, names: Sequence[str]) -> pa.Table:
        if rows is None:
            return super().columns(rows, names)
        columns = recipe_columns(self.resolved, self.vocabulary, self.indices[rows])
        return pa.table({name: columns[name] for name in names})

    @property
    def n_samples(self) -> int:
        return self.resolved.audio.n_samples

    @cached_property
    def indices(self) -> IntArray:
        rows = self.resolved.rows
        parts = [rows.indices(split, 0, size) for split, size in rows.split_sizes.items()]
        return read_only(np.concatenate(parts))

    @cached_property
    def table(self) -> pa.Table:
        columns = recipe_columns(self.resolved, self.vocabulary, self.indices)
        return pa.table(columns).replace_schema_metadata(self.vocabulary.metadata())

    @property
    def column_names(self) -> tuple[str, ...]:
        stored = STORED | SPOKEN
        return tuple(name for name in self.vocabulary.part_schema().names if name not in stored)

    def _rendering(self) -> tuple[Lock, Rendering]:
        """Return the caches of this process, and what keeps its threads from using them at once."""
        if self._started is None or self._started[0] != os.getpid():
            self._started = (os.getpid(), Lock(), Rendering(self.resolved))
        return self._started[1:]

    def resolve(self) -> ResolvedRecipe:
        return self.resolved

    def annotations(self, row: int) -> pa.Table:
        index = int(self.indices[row])
        spans = self._last_spans.get(index)
        if spans is None:
            spans = self._rendered_at(self.indices[row : row + 1])[1][index]
        return annotation_table(row, [[(s.kind, s.text, s.start, s.end) for s in spans]])

    def pcm(self, rows: IntArray) -> list[PcmArray]:
        return self._pcm_at(self.indices[rows])

    def waveforms_at(self, indices: IntArray) -> Float32Array:
        """Return the waveforms of any grid points, in the dataset or not: float32, (n, n_samples)."""
        result = np.empty((len(indices), checked_length(self.n_samples)), dtype=np.float32)
        lock, rendering = self._rendering()
        with lock:
            rendering.write_waveforms(result, indices)
        return result

    def waveforms(self, rows: IntArray) -> Float32Array:
        return self.waveforms_at(self.indices[rows])

    def _pcm_at(self, indices: IntArray) -> list[PcmArray]:
        samples, spans = self._rendered_at(indices)
        self._last_spans = spans  # who has read samples asks for their annotations next
        return samples

    def _rendered_at(self, indices: IntArray) -> tuple[list[PcmArray], dict[int, tuple[Span, ...]]]:
        """Return the samples of grid points, and their words and phones by index."""
        samples: list[PcmArray] = []
        spans: dict[int, tuple[Span, ...]] = {}
        lock, rendering = self._rendering()
        with lock:
            for observation in rendering.observations(indices):
                samples.append(observation.pcm)
                spans[observation.index] = observation.spoken.spans if observation.spoken else ()
        return samples, spans
