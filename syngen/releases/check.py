"""The documents of a release against its dataset and one another; the dataset itself is verification's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syngen._distribution import version
from syngen.errors import ManifestError, SyngenError
from syngen.releases.documents import documents_of, registry, release_metadata
from syngen.releases.metadata import ReleaseMetadata
from syngen.storage.checksums import parse_checksums
from syngen.storage.description import read_json
from syngen.storage.layout import Layout

if TYPE_CHECKING:
    from syngen._typing import DatasetView
    from syngen.storage.description import Description
    from syngen.storage.tables.manifest import Vocabulary

__all__ = ["release_problems"]

_ACTIVE = ("<script", 'http-equiv="refresh', "javascript:", "<iframe", "<object", "<embed", ' src="http')


def release_problems(
    layout: Layout, description: Description, vocabulary: Vocabulary, dataset: DatasetView
) -> list[str]:
    """Return what is wrong with the documents of a release, one line each.

    A release of this version of syngen must have every document as it would be written; the page with
    clips apart, whose pictures may differ in a shade on another machine. Of one of another version, what
    the documents say must agree.

    Parameters
    ----------
    layout : Layout
    description : Description
        With a release.
    vocabulary : Vocabulary
    dataset : DatasetView
    """
    try:
        subject = release_metadata(layout, description, vocabulary, dataset)
        hashes = parse_checksums(layout.checksums.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ManifestError) as error:
        return [f"the documents cannot be compared with the dataset: {error}"]
    found = [*_missing(subject), *_registry_problems(layout, hashes), *_statement_problems(layout, subject)]
    found += _croissant_problems(layout, subject, hashes)
    found += _page_problems(layout)
    if description.versions.get("syngen") == version():
        found += _difference_problems(layout, subject)
    return list(dict.fromkeys(found))


def _missing(subject: ReleaseMetadata) -> Iterator[str]:
    for name in ("CITATION.cff", "README.md", "croissant.json", "registry.txt", "zenodo.json"):
        if name not in subject.release.files:
            yield f"{name}: is no file of this release"


def _registry_problems(layout: Layout, hashes: Mapping[str, str]) -> Iterator[str]:
    name = "registry.txt"
    text = _text(layout, name)
    wanted = registry({key: digest for key, digest in hashes.items() if key != name})
    if text is None or text == wanted:
        return
    lines, right = set(text.splitlines()), set(wanted.splitlines())
    for line in sorted(right - lines):
        yield f"{name}: has no line {line!r}"
    for line in sorted(lines - right):
        yield f"{name}: {line!r} is not what SHA256SUMS says"
    if lines == right:
        yield f"{name}: its lines are not sorted by name, each once"


def _statement_problems(layout: Layout, subject: ReleaseMetadata) -> Iterator[str]:
    """Compare what every document says of title, version, authors and licence."""
    release = subject.release
    authors = list(release.authors)
    described = {
        "croissant.json": {
            "name": subject.name,
            "version": release.version,
            "license": subject.licence[1] if subject.licence else None,
            "creator": authors,
            "datePublished": release.date,
            "url": release.url,
        },
        "zenodo.json": {
            "version": release.version,
            "creators": authors,
            "license": subject.licence[0].casefold() if subject.licence else None,
            "publication_date": release.date,
        },
        "CITATION.cff": {
            "title": subject.title,
            "version": release.version,
            "authors": authors,
            "date-released": release.date,
            "url": release.url,
        },
    }
    for name, wanted in described.items():
        try:
            content = _content(layout, name)
        except ManifestError as error:
            yield str(error)
            continue
        for key, value in wanted.items():
            found = content.get(key)
            said = _names(found) if isinstance(value, list) else found
            if said != value:
                yield f"{name}: {key} is {said!r}, dataset.json says {value!r}"
    card = _text(layout, "README.md") or ""
    for what, word in (("version", release.version), ("fingerprint", subject.description.fingerprint)):
        if word not in card:
            yield f"README.md: does not have the {what} {word}"


def _content(layout: Layout, name: str) -> dict[str, Any]:
    if name == "CITATION.cff":
        return _yaml(layout, name)
    content = read_json(layout.folder / name)
    if name == "zenodo.json":
        content = content.get("metadata")  # type: ignore[assignment]
        if not isinstance(content, dict):
            raise ManifestError(f"{name}: has no metadata")
    return content


def _yaml(layout: Layout, name: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = _text(layout, name)
    try:
        content = YAML(typ="safe", pure=True).load(text or "")
    except (YAMLError, RecursionError, ValueError) as error:
        raise ManifestError(f"{name}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{name}: a map is needed")
    return content


def _names(authors: object) -> list[str]:
    """Return the names in any of the forms that documents have them."""
    found = []
    for author in authors if isinstance(authors, list) else []:
        entry = author if isinstance(author, dict) else {}
        parts = [str(entry[key]) for key in ("family-names", "given-names") if key in entry]
        found.append(", ".join(parts) if parts else str(entry.get("name")))
    return found


def _croissant_problems(
    layout: Layout, subject: ReleaseMetadata, hashes: Mapping[str, str]
) -> Iterator[str]:
    name = "croissant.json"
    try:
        content = read_json(layout.folder / name)
    except ManifestError:  # told already
        return
    listed: dict[str, Any] = {}
    distribution = content.get("distribution")
    for entry in distribution if isinstance(distribution, list) else []:
        if isinstance(entry, dict) and "sha256" in entry:
            listed[str(entry.get("contentUrl"))] = entry["sha256"]
    for file in sorted(set(subject.files) - set(listed)):
        yield f"{name}: {file} is not in its distribution"
    for file, sha256 in listed.items():
        if hashes.get(file) != sha256:
            yield f"{name}: its SHA-256 of {file!r} is not that of SHA256SUMS"
    found = content.get("recordSet")
    sets = {str(entry.get("@id")) for entry in found or [] if isinstance(entry, dict)}
    for wanted in ("splits", "factors", "manifest", "observations"):
        if wanted not in sets:
            yield f"{name}: has no record set {wanted}"


def _page_problems(layout: Layout) -> Iterator[str]:
    text = (_text(layout, "preview.html") or "").casefold()
    for word in _ACTIVE:
        if word in text:
            yield f"preview.html: has {word!r}; a page of a release runs nothing and fetches nothing"


def _difference_problems(layout: Layout, subject: ReleaseMetadata) -> Iterator[str]:
    """Compare the documents with what would be written."""
    try:
        made = documents_of(subject, with_preview=False)
    except (SyngenError, OSError, ValueError) as error:
        yield f"the documents cannot be made for comparison: {error}"
        return
    for name, wanted in made.items():
        try:
            found = (layout.folder / name).read_bytes()
        except OSError:
            continue  # told by the checksums
        if found != wanted:
            yield f"{name}: its content is not what the dataset gives: {_first_difference(found, wanted)}"


def _first_difference(found: bytes, wanted: bytes) -> str:
    lines = (data.decode("utf-8", "replace").splitlines() for data in (found, wanted))
    for number, (there, here) in enumerate(zip(*lines, strict=False), 1):
        if there != here:
            return f"line {number} is {there[:120]!r}, not {here[:120]!r}"
    return f"it has {len(found)} bytes, not {len(wanted)}"


def _text(layout: Layout, name: str) -> str | None:
    """Return the text of a document; None where it cannot be read, which the checksums tell."""
    path = layout.folder / name
    try:
        return path.read_text("utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None
