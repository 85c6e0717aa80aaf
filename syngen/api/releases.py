"""Releases: built, checked and compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.api.datasets import load
from syngen.api.generation import verify
from syngen.errors import ManifestError, ParameterError
from syngen.io.files import local_path
from syngen.resolving.load import permissions_of

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.loaders.dataset import FactorDataset
    from syngen.releases.build import ReleaseReport
    from syngen.releases.compare import Difference

__all__ = ["check_release", "compare_releases", "release"]


def release(
    dataset: str | Path | FactorDataset,
    folder: str | Path,
    *,
    version: str,
    codec: str = "flac",
    size_limit: int | None = None,
    authors: Sequence[str] = (),
    date: str | None = None,
    url: str | None = None,
    jobs: int | None = None,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> ReleaseReport:
    """Write a dataset in the form in which it is published.

    The folder is a dataset too: the same observations in the same order, in shards of at most
    `size_limit` bytes, with a card, croissant.json, CITATION.cff, zenodo.json, a registry for pooch and a
    page to look at. Every observation is compared with its hash on the way. The same call gives the same
    bytes.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder of a finished dataset, or a dataset loaded from one.
    folder : str or Path
        Absent or empty; it appears as a whole or not at all.
    version : str
        Of the release, as in ``1.0.0`` (https://semver.org).
    codec : {"flac", "wav"}
    size_limit : int, optional
        Most bytes of a shard; by default what makes about fifty of them, from 32 MB to 2 GB.
    authors : sequence of str, optional
        ``Family, Given``, or names of groups; by default those of a shipped recipe, or "The authors of" it.
    date : str, optional
        Day of publication, ``YYYY-MM-DD``. No clock is read.
    url : str, optional
        Where the release will be at home.
    jobs : int, optional
        Worker processes; by default ``SYNGEN_JOBS``, or one per CPU.
    allow_other_audio, allow_programs
        See `load_recipe`; as when the dataset was made.
    progress : callable, optional
        Called with a `ProgressUpdate` after each shard.

    Returns
    -------
    ReleaseReport

    Raises
    ------
    ParameterError
        If an argument or the folder cannot be used.
    ManifestError
        If there is no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, or the release could not be written.
    VerificationError
        If the dataset is damaged, or this installation would make another.
    """
    from syngen.recipe.library import recipe_names
    from syngen.releases.build import build_release
    from syngen.releases.documents import FILES
    from syngen.storage.publication import Publication

    place = _folder_of(dataset, "a release is made of")
    if not isinstance(dataset, (str, Path)) and len(dataset) != getattr(
        dataset.description, "n_rows", None
    ):
        raise ParameterError(
            f"a release is made of a whole dataset, not of a view of {len(dataset):,} observations; "
            "generate a smaller dataset with limit, or give the folder"
        )
    if isinstance(authors, str):
        raise ParameterError(f"authors is a list of names, not {authors!r}")
    if size_limit is not None and size_limit < 1:
        raise ParameterError(f"the size limit is {size_limit}; a number of bytes is needed")

    name = _name_in(place)
    default = "The syngen developers" if name in recipe_names() else f"The authors of {name}"
    return build_release(
        place,
        local_path(folder),
        release=Publication(version, tuple(authors) or (default,), date, url, FILES),
        permissions=permissions_of(allow_other_audio, allow_programs),
        codec=codec,
        size_limit=size_limit,
        jobs=jobs,
        progress=progress,
    )


def check_release(
    folder: str | Path | FactorDataset,
    *,
    rerender: int = 0,
    seed: int = 0,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> list[str]:
    """Check every byte of a release, and its documents against its dataset and one another; offline.

    Parameters
    ----------
    folder : str, Path or FactorDataset
        Of a release.
    rerender, seed, allow_other_audio, allow_programs, progress
        See `verify`.

    Returns
    -------
    list of str
        Problems; empty when the release is sound.

    Raises
    ------
    ParameterError
        If there is no such folder, or it holds a dataset that is no release.
    ManifestError, GenerationIncompleteError
        See `verify`.
    """
    from syngen.releases.check import release_problems
    from syngen.storage.layout import Layout
    from syngen.storage.tables.manifest import vocabulary_of

    place = _folder_of(folder, "release check takes")
    problems = verify(
        place,
        rerender=rerender,
        seed=seed,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
        progress=progress,
    )
    try:
        opened = load(place)
        description = opened.description
        if description is None or description.release is None:
            raise ParameterError(
                f"{place} holds a dataset, but no release; syngen verify checks it, syngen release build "
                "makes a release of it"
            )
        vocabulary = vocabulary_of(opened.table.schema)
        return [*problems, *release_problems(Layout(place), description, vocabulary, opened)]
    except ManifestError as error:
        return problems or [str(error)]


def compare_releases(a: str | Path | FactorDataset, b: str | Path | FactorDataset) -> Difference:
    """Say what differs between two releases, or two datasets: factors, observations, hashes of samples.

    Parameters
    ----------
    a, b : str, Path or FactorDataset
        Folders, or URLs of an object store.

    Returns
    -------
    Difference
        With ``.lines()`` for people. An observation is the same if it has the same values of all factors.

    Raises
    ------
    ParameterError
        If there is no such folder.
    ManifestError
        If a folder holds no finished dataset.
    """
    from syngen.releases.compare import compare

    opened = [load(place) if isinstance(place, (str, Path)) else place for place in (a, b)]
    described = [found.description for found in opened]
    if described[0] is None or described[1] is None:
        raise ParameterError("a rendered dataset has no hashes to compare; give the folder of a dataset")
    return compare(opened[0], described[0], opened[1], described[1])


def _folder_of(dataset: str | Path | FactorDataset, what: str) -> Path:
    """Return the local folder of a dataset."""
    from syngen.io.object_store import Store, place_of

    folder = dataset if isinstance(dataset, (str, Path)) else dataset.folder
    place = None if folder is None else place_of(folder)
    if place is None or isinstance(place, Store):
        raise ParameterError(
            f"{what} the folder of a dataset on this machine, not {folder or 'a rendered dataset'}; "
            "copy or generate it into a folder first"
        )
    return place


def _name_in(folder: Path) -> str:
    """Return the name of the dataset in a folder, as far as it can be read."""
    from syngen.storage.description import read_description
    from syngen.storage.layout import Layout

    try:
        return str(read_description(Layout(folder).description).recipe["name"])
    except (ManifestError, KeyError):  # said in full by whoever needs it
        return "this dataset"
