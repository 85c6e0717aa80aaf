"""WAV files with a JSON line for each, as NeMo reads them: ``audio_filepath``, ``duration``, ``text``."""

from __future__ import annotations

import json
from pathlib import Path

from syngen._files import new_folder
from syngen.exports.dataset import Exportable, filled_splits, records, write_wavs

__all__ = ["write"]


def write(dataset: Exportable, folder: Path) -> int:
    """Write ``audio/*.wav`` and ``<split>.jsonl``; return the number of observations.

    ``audio_filepath`` is relative to the folder, ``duration`` in seconds, ``text`` the transcript, empty
    where nothing is said. All columns of the manifest follow.
    """
    with new_folder(folder) as unfinished:
        for split, view in filled_splits(dataset):
            known = records(view)
            with open(unfinished / f"{split}.jsonl", "w", encoding="utf-8", newline="\n") as file:
                for position, name, n_samples in write_wavs(view, unfinished / "audio"):
                    record = known[position]
                    line = {
                        "audio_filepath": f"audio/{name}",
                        "duration": n_samples / dataset.sample_rate,
                        "text": record.get("transcript", ""),
                        **record,
                    }
                    file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    return len(dataset)
