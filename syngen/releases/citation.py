"""CITATION.cff and zenodo.json: who made a release, and what archives want to know of it.

References
----------
Citation File Format 1.2.0, https://github.com/citation-file-format/citation-file-format
Deposit metadata, https://developers.zenodo.org/#representation
"""

from __future__ import annotations

import html
import io
import sys
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
    content: Json = {
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
    return _yaml(content)


def _author(name: str) -> dict[str, str]:
    family, comma, given = name.partition(", ")
    return {"family-names": family, "given-names": given} if comma and given else {"name": name}


def _yaml(content: Json) -> str:
    """Return a YAML map in which every text is quoted, so that none is taken for a number or a day."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = sys.maxsize
    yaml.indent(mapping=2, sequence=4, offset=2)
    buffer = io.StringIO()
    yaml.dump(_quoted(content), buffer)
    return buffer.getvalue()


def _quoted(value: Any) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


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
