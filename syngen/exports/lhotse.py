"""WAV files with lhotse's cuts: supervisions with words and phones, and factors as custom fields."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.exports.dataset import filled_splits, records, write_wavs
from syngen.exports.jsonl import text_column
from syngen.exports.naming import stems
from syngen.exports.trajectories import annotated_folder

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Json

__all__ = ["write"]


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``audio/*.wav`` and ``cuts_<split>.jsonl.gz``; return the number of observations.

    A column ``row`` of the manifest is called ``source_row``. The text of a supervision is the transcript,
    or the column ``text`` of a table without transcripts.
    Read with ``CutSet.from_file(folder / "cuts_train.jsonl.gz").with_recording_path_prefix(folder)``.
    """
    stem, spoken = stems(dataset, name), text_column(dataset.table.schema)
    with annotated_folder(dataset, folder, hop=hop) as unfinished:
        for split, view in filled_splits(dataset):
            # lhotse takes a dict for a manifest of its own
            known = records(view, as_text=(dict,))
            with (
                open(unfinished / f"cuts_{split}.jsonl.gz", "wb") as raw,
                # no name and no time: the same bytes each time
                gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file,
            ):
                audio = unfinished / "audio"
                for position, path, n_samples in write_wavs(view, audio, hop=hop, stem=stem):
                    cut = _cut(view, position, path, n_samples, known[position], spoken)
                    file.write(json.dumps(cut, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    return len(dataset)


def _cut(
    view: DatasetView, position: int, name: str, n_samples: int, record: Json, spoken: str | None
) -> Json:
    rate, key = view.sample_rate, f"{view.name}-{name.removesuffix('.wav')}"
    duration = n_samples / rate
    supervision: Json = {
        "id": key,
        "recording_id": key,
        "start": 0.0,
        "duration": duration,
        "channel": 0,
        "custom": record,
    }
    if spoken is not None and record[spoken] is not None:
        supervision["text"] = record[spoken]
    if view.is_spoken:
        supervision["alignment"] = _alignment(view, position, rate)
    for field in ("speaker", "gender"):
        if record.get(field) is not None:
            supervision[field] = str(record[field])
    return {
        "id": key,
        "start": 0.0,
        "duration": duration,
        "channel": 0,
        "supervisions": [supervision],
        "recording": {
            "id": key,
            "sources": [{"type": "file", "channels": [0], "source": f"audio/{name}"}],
            "sampling_rate": rate,
            "num_samples": n_samples,
            "duration": duration,
            "channel_ids": [0],
        },
        "type": "MonoCut",
    }


def _alignment(view: DatasetView, position: int, rate: int) -> dict[str, list[list[Any]]]:
    """Return words and phones as symbol, start and duration in seconds, and score; without the silence."""
    found: dict[str, list[list[Any]]] = {}
    for span in view.annotations(position).itertuples():
        if span.text:
            start, end = int(str(span.start)), int(str(span.end))
            item = [span.text, start / rate, (end - start) / rate, None]
            found.setdefault(str(span.kind), []).append(item)
    return found
