"""WAV files with a JSON line for each, as NeMo reads them: ``audio_filepath``, ``duration``, ``text``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from syngen.exports.dataset import filled_splits, records, write_wavs
from syngen.exports.naming import stems
from syngen.exports.trajectories import annotated_folder
from syngen.storage.tables.columns import exported_names

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["text_column", "write"]

_SPOKEN = ("transcript", "text")
_OWN = ("audio_filepath", "duration", "text", "offset", "file_name", "file", "path", "filename", "row")


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``audio/*.wav`` and ``<split>.jsonl``; return the number of observations.

    ``audio_filepath`` is relative to the folder, ``duration`` in seconds, ``text`` the transcript, or the
    column ``text`` of a table without transcripts, and empty where nothing is said. All columns of the
    manifest follow; those that NeMo or `syngen.from_manifest` would take for one of these are called
    ``source_<name>``.
    """
    spoken, stem = text_column(dataset.table.schema), stems(dataset, name)
    names = exported_names(dataset.table.column_names, _OWN)
    said_already = names["text"] if spoken == "text" else ""
    with annotated_folder(dataset, folder, hop=hop) as unfinished:
        for split, view in filled_splits(dataset):
            known = records(view, _OWN)
            texts = [None] * len(view) if spoken is None else view.table.column(spoken).to_pylist()
            with open(unfinished / f"{split}.jsonl", "w", encoding="utf-8", newline="\n") as file:
                audio = unfinished / "audio"
                for position, path, n_samples in write_wavs(view, audio, hop=hop, stem=stem):
                    line = {
                        "audio_filepath": f"audio/{path}",
                        "duration": n_samples / dataset.sample_rate,
                        "text": texts[position] or "",
                        **known[position],
                    }
                    line.pop(said_already, None)
                    file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    return len(dataset)


def text_column(schema: pa.Schema) -> str | None:
    """Return the column that has what is said."""
    for name in _SPOKEN:
        if name in schema.names and _is_text(schema.field(name).type):
            return name
    return None


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
