"""CITATION.cff and zenodo.json: who made a release, and what archives want to know of it.

References
----------
Citation File Format 1.2.0, https://github.com/citation-file-format/citation-file-format
Deposit metadata, https://developers.zenodo.org/#representation
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from syngen.releases.metadata import (
    LICENCES,
    PAPER_AUTHORS,
    PAPER_TITLE,
    PAPER_URL,
    PAPER_YEAR,
    ReleaseMetadata,
    engine_sentences,
    limits,
)

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["citation", "zenodo"]


def citation(subject: ReleaseMetadata) -> str:
    """Return the text of CITATION.cff, version 1.2.0."""
    release = subject.release
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it as below.",
        "title": subject.title,
        "type": "dataset",
        "authors": [_author(name) for name in release.authors],
        "version": release.version,
    }
    if release.date:
        content["date-released"] = release.date
    licence = subject.licence
    if licence and licence[0].casefold() in LICENCES:
        content["license"] = licence[0]
    elif licence:
        content["license-url"] = licence[1]
    if release.url:
        content["url"] = release.url
    content["abstract"] = subject.summary
    content["keywords"] = list(subject.keywords)
    content["identifiers"] = [
        {
            "type": "other",
            "value": f"sha256:{subject.description.fingerprint}",
            "description": "Fingerprint of all that decides a sample.",
        }
    ]
    content["references"] = [
        {
            "type": "article",
            "title": PAPER_TITLE,
            "authors": [_author(name) for name in PAPER_AUTHORS],
            "year": PAPER_YEAR,
            "url": PAPER_URL,
        },
        {
            "type": "software",
            "title": "syngen",
            "authors": [_author("The syngen developers")],
            "version": subject.description.versions["syngen"],
        },
    ]
    return "\n".join(_yaml(content)) + "\n"


def _author(name: str) -> dict[str, str]:
    family, comma, given = name.partition(", ")
    return {"family-names": family, "given-names": given} if comma and given else {"name": name}


def _yaml(content: dict[str, Any], indent: str = "") -> list[str]:
    """Return the lines of a YAML map of texts, numbers, and lists of them or of maps of them."""
    lines = []
    for key, value in content.items():
        if not isinstance(value, list):
            lines.append(f"{indent}{key}: {_scalar(value)}")
            continue
        lines.append(f"{indent}{key}:")
        for item in value:
            if isinstance(item, dict):
                first, *rest = _yaml(item, indent + "    ")
                lines += [f"{indent}  - {first.lstrip()}", *rest]
            else:
                lines.append(f"{indent}  - {_scalar(item)}")
    return lines


def _scalar(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML, and quotes whatever needs quotes


def zenodo(subject: ReleaseMetadata) -> Json:
    """Return the metadata that Zenodo's deposit interface takes."""
    release = subject.release
    paragraphs = [
        subject.summary,
        (
            f"syngen.load reads it, syngen verify and sha256sum --check SHA256SUMS prove every byte, and "
            f"recipe.yaml makes it again (fingerprint {subject.description.fingerprint})."
        ),
        engine_sentences(subject),
        " ".join(limits(subject)),
    ]
    metadata: Json = {
        "title": f"{subject.title} ({subject.name} {release.version})",
        "upload_type": "dataset",
        "description": "".join(f"<p>{html.escape(text, quote=False)}</p>" for text in paragraphs),
        "creators": [{"name": name} for name in release.authors],
        "access_right": "open",
        "version": release.version,
        "keywords": list(subject.keywords),
        "notes": f"Made by syngen {subject.description.versions['syngen']}.",
        "related_identifiers": [{"identifier": PAPER_URL, "relation": "references"}],
    }
    if subject.licence:
        metadata["license"] = subject.licence[0].casefold()
    if release.date:
        metadata["publication_date"] = release.date
    if subject.is_spoken:
        metadata["language"] = "eng"
    return {"metadata": metadata}
