"""Every document of a release, by name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syngen.io.files import sha256_of
from syngen.releases.card import release_card
from syngen.releases.citation import citation, zenodo
from syngen.releases.croissant import croissant
from syngen.releases.metadata import ReleaseMetadata
from syngen.releases.plots import factor_plots
from syngen.releases.preview import preview
from syngen.storage.description import Description, json_bytes
from syngen.storage.layout import Layout
from syngen.storage.names import RELEASE_FILES
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["FILES", "documents_of", "registry", "release_metadata"]

FILES = RELEASE_FILES


def release_metadata(
    layout: Layout, description: Description, vocabulary: Vocabulary, dataset: DatasetView
) -> ReleaseMetadata:
    """Return what the documents of a release are made from.

    Parameters
    ----------
    layout : Layout
        Of a folder that has plan, recipe, tables and shards.
    description : Description
    vocabulary : Vocabulary
    dataset : DatasetView
        Its observations, wherever they are read.
    """
    tables = [layout.table(name) for name in description.tables]
    paths = [layout.plan, layout.recipe, layout.manifest, *tables]
    files = {path.name: (path.stat().st_size, sha256_of(path)) for path in paths}
    files |= {f"audio/{shard.name}.tar": (shard.bytes, shard.sha256) for shard in description.shards}
    return ReleaseMetadata(description, vocabulary, dataset, files)


def documents_of(subject: ReleaseMetadata, *, with_preview: bool = True) -> dict[str, bytes]:
    """Return the content of every document by name; the registry is last, for it has the hashes of all.

    Parameters
    ----------
    subject : ReleaseMetadata
    with_preview : bool
        Whether to make the page with clips, and the registry, which has its hash.
    """
    made = {
        "CITATION.cff": citation(subject).encode("utf-8"),
        "README.md": release_card(subject).encode("utf-8"),
        "croissant.json": json_bytes(croissant(subject)),
        "factors.svg": factor_plots(subject).encode("utf-8"),
        "zenodo.json": json_bytes(zenodo(subject)),
    }
    if not with_preview:
        return made
    made["preview.html"] = preview(subject).encode("utf-8")
    hashes = {name: sha256 for name, (_, sha256) in subject.files.items()}
    hashes |= {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    hashes["dataset.json"] = hashlib.sha256(subject.description.to_bytes()).hexdigest()
    made["registry.txt"] = registry(hashes).encode("utf-8")
    return made


def registry(hashes: dict[str, str]) -> str:
    """Return what ``pooch.create(...).load_registry`` reads: a line for each file, name and hash."""
    return "".join(f"{name} sha256:{digest}\n" for name, digest in sorted(hashes.items()))
