"""Datasets opened, rendered on the fly, made of anybody's audio, exported, and counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from syngen.api.downloads import download as fetch
from syngen.errors import ParameterError
from syngen.resolving.load import load_recipe

if TYPE_CHECKING:
    from syngen.evaluation.statistics.report import Statistics
    from syngen.loaders.dataset import FactorDataset
    from syngen.resolving.load import RecipeLike

__all__ = ["export", "from_manifest", "load", "opened", "render", "statistics"]


def opened(dataset: str | Path | FactorDataset) -> FactorDataset:
    """Return a dataset that is given as such, or as the folder or URL that it is in.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if isinstance(dataset, (str, Path)):
        return load(dataset)
    if not hasattr(dataset, "grid") or not hasattr(dataset, "identities"):
        raise ParameterError(
            f"a dataset of type {type(dataset).__name__}; give a folder, a URL, or what syngen.load, "
            "syngen.render or syngen.from_manifest returns"
        )
    return dataset


def local_folder(name: str, value: object) -> Path:
    """Return a folder of this machine that is given as a path, or as a URL of a file.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    from syngen.io.object_store import Store, place_of

    if not isinstance(value, (str, Path)):
        raise ParameterError(f"{name} is a {type(value).__name__}; the path of a folder is needed")
    place = place_of(value)
    if isinstance(place, Store):
        raise ParameterError(f"{name} is {value}; a folder of this machine is needed, not a URL")
    return place


def load(
    dataset: str | Path,
    *,
    cache_bytes: int = 0,
    download: bool = False,
    version: str | None = None,
    catalog: str | Path | None = None,
) -> FactorDataset:
    """Open a dataset on disk or in an object store, or download a release first.

    Of one in a store, description and manifest are fetched into the cache folder (``SYNGEN_CACHE``), and
    observations are read when they are asked for: those of a batch together, neighbours by one request.

    Parameters
    ----------
    dataset : str or Path
        Folder that `generate` made, or a URL such as ``s3://bucket/folder``.
    cache_bytes : int
        Of a dataset in a store: keep whole shards in the cache folder, up to so many bytes for all
        datasets; what was not used for longest goes first. With 0 none is kept.
    download : bool
        Whether `dataset` is a release, as `download` takes it. It is downloaded into the cache folder; what
        is there already is opened without asking any server.
    version, catalog
        Of a release; see `download`.

    Raises
    ------
    ParameterError
        If there is no such folder, or no dataset at the URL.
    DownloadError
        If a release cannot be downloaded.
    ManifestError
        If the dataset is unfinished, damaged, or of a later format.
    StoreError
        If the store refuses (`StoreAccessError`) or gives up.
    MissingExtraError
        If the URL needs an extra that is not installed.
    """
    from syngen.io.object_store import Store, place_of
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.sources.remote import RemoteSource
    from syngen.loaders.sources.stored import StoredSource

    if download:
        dataset = fetch(dataset, version=version, catalog=catalog).folder
    elif version is not None or catalog is not None:
        raise ParameterError("version and catalog are of releases; say download=True, or leave them out")
    place = place_of(dataset)
    if isinstance(place, Store):
        return FactorDataset(RemoteSource(place, cache_bytes=cache_bytes))
    # absolute: the program may go to another folder before it reads
    return FactorDataset(StoredSource(place.absolute()))


def export(
    dataset: str | Path | FactorDataset,
    folder: str | Path,
    *,
    to: str,
    trajectories: float | None = None,
    name: str | None = None,
) -> int:
    """Write a dataset in the format of another tool.

    The columns of the manifest go along. One with the name of a column that the format has of its own, as
    ``file_name`` or ``row``, is called ``source_<name>``. Parquet keeps dates, times, decimals and lists.
    In JSON and CSV dates and times are ISO 8601, durations seconds, decimals texts, bytes hexadecimal.
    Categories are their values everywhere, NaN is null in JSON, and what a format cannot hold is refused
    before anything is written. Splits that ``datasets`` would not take get underscores: ``val 1`` becomes
    ``val_1``; the column ``split`` keeps the name.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, or a dataset; a view or a rendered one will do.
    folder : str or Path
        Absent or empty; it appears as a whole or not at all.
    to : {"huggingface", "jsonl", "lhotse", "wav", "webdataset", "npz"}
        Parquet with embedded audio and class labels; WAV files and NeMo's JSON lines; WAV files and
        lhotse's cuts; WAV files and ``metadata.csv``; tar files of WAV and JSON; one file of arrays as
        dSprites has them.
    trajectories : float, optional
        Time between two moments in seconds: with it, ground truth over time goes along (see
        `FactorDataset.trajectories`). huggingface has it in columns of lists, ``trajectory_time``,
        ``trajectory_f0`` and so on; all others but npz have ``<clip>.f0.csv`` and so on beside each
        clip, columns of time in seconds and value without a header, as loaders of mirdata have them, and
        the units in ``trajectories.json``; npz has none. Where a tone is silent, ``f0`` is 0.
    name : str, optional
        What the audio files are called, without their suffix: a text with columns in braces, as in
        ``"{speaker}_{style}_{row}"``; by default the row. Numbers take a width or a precision
        (``{row:06d}``, ``{frequency:.1f}``), and a slash divides folders. Characters that file systems do
        not share become dashes. npz has no such files.

    Returns
    -------
    int
        Observations written.

    Raises
    ------
    ParameterError
        If there is no such format, the folder is not empty or cannot be written, trajectories are wanted
        of a dataset or in a format without any, a column holds what the format cannot, or `name` has a
        field that is no column or gives two rows the same name.
    ShardError
        If an observation cannot be read.
    """
    from syngen.exports.formats import find_format

    write = find_format(to)
    return write(opened(dataset), local_folder("folder", folder), hop=trajectories, name=name)


def from_manifest(
    folder: str | Path,
    table: Any,
    *,
    file: str | None = None,
    factors: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    name: str | None = None,
    channel: int | Literal["mean"] | None = None,
) -> FactorDataset:
    """Open anybody's audio files as a dataset with factors.

    Parameters
    ----------
    folder : str or Path
        Where the audio files are: of one sample rate, in any format that soundfile reads.
    table : DataFrame, pyarrow.Table, mapping of columns, sequence of mappings, str or Path
        One row for each file. A path is that of a CSV, TSV, JSON lines or Parquet file, compressed or not,
        in UTF-8 or as its byte order mark says; one in the folder comes before one of that name elsewhere.
        Columns ``split`` and ``split_<scheme>`` name splits, by names that files may have on
        every system. A column ``n_samples`` spares looking into every file. What pandas wrote of an index
        is no factor.
    file : str, optional
        The column that names the files, relative to the folder; by default the first there is of
        ``file_name``, ``file``, ``path``, ``filename`` and ``audio_filepath``.
    factors : sequence of str, optional
        The columns that are factors; by default all others but ``source_file_name`` and its like, which
        exports make.
    kinds : mapping, optional
        ``nominal``, ``ordinal`` or ``continuous`` by factor. By default texts and truth values are nominal,
        whole numbers and ordered categories ordinal, and other numbers continuous.
    units : mapping, optional
        Unit by factor.
    name : str, optional
        A name that a file may have on every system; by default that of the folder.
    channel : int or "mean", optional
        Which channel of files that have several, from 0 on, or the mean of all.

    Returns
    -------
    FactorDataset
        Rows in the order of the table; several may have the same factors. A column ``index`` of the table,
        or ``<factor>_level``, that says something else than the dataset's is called ``source_<name>``.

    Warns
    -----
    UserWarning
        If tables of the name given are both in the folder and in the working folder.

    Raises
    ------
    ParameterError
        If the table cannot be used, no file can be read, a name leads out of the folder, or that of a split
        could not be that of a file: empty, with a slash or a control character, beginning with a dot,
        longer than 100 bytes, a device of Windows, or one that differs from another in case alone.
    FactorError
        If a factor is no column, has missing or infinite values, lists or mappings (with their number), or
        there are too many columns of numbers, or too many combinations, to take all for factors.

    Notes
    -----
    Nothing is lost on the way. Cells of a CSV file are numbers only if numbers are written so: ``01``,
    ``+1``, ``1e3``, ``1_000`` and whole numbers beyond 64 bits make a column one of texts, as ``1.10``
    beside ``1.9`` does; ``kinds`` says that they are numbers nevertheless. A column of ``true`` and
    ``false`` is one of truth values. Whole numbers of any table beyond ``2**63 - 1`` are texts. Dates and
    times are texts by ISO 8601, time spans seconds. Numbers beside texts become texts, unless two values
    became one. Columns that are no factors keep their types.

    Samples that are NaN or infinite, and files that were cut, are refused when they are read. Files whose
    header says that the length was not known are read to their end.
    """
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.sources.table import TableSource
    from syngen.loaders.sources.table_reading import read_table

    place = local_folder("folder", folder).absolute()
    options = {
        "file": file,
        "factors": factors,
        "kinds": kinds,
        "units": units,
        "name": name,
        "channel": channel,
    }
    return FactorDataset(TableSource(place, read_table(place, table, file=file, kinds=kinds), options))


def render(
    recipe: RecipeLike, *, allow_other_audio: bool = False, allow_programs: Collection[str] = ()
) -> FactorDataset:
    """Open the dataset of a recipe without a file: observations are rendered when asked for.

    Sample for sample it equals what `generate` writes and `load` reads.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`.
    allow_other_audio, allow_programs
        See `load_recipe`.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> ds[0].waveform.shape
    (4000,)
    """
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.sources.rendered import RenderedSource
    from syngen.resolving.vocabulary import vocabulary_for

    resolved = load_recipe(recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    return FactorDataset(RenderedSource(resolved, vocabulary_for(resolved)))


def statistics(
    dataset: str | Path | FactorDataset, *, split: str | None = None, n_shuffles: int = 200, seed: int = 0
) -> Statistics:
    """Count what a dataset holds: levels, pairs of levels, loudness, lengths, pitch.

    No audio is read. Factors are counted by level and split, and every two factors together; whether they
    are independent is said by their mutual information and that of shuffled rows. A factor pair with very
    many levels is counted by runs of adjacent levels. Pitch is what the recipe declares for up to 2,000
    rows, evenly spaced; of audio files of one's own it is a factor in Hz that is called ``f0``, ``f0_hz``,
    ``frequency`` or ``pitch``.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, or a dataset; a view or a rendered one will do.
    split : str, optional
        Only this split.
    n_shuffles : int
        Shuffles of the rows that say what mutual information chance gives; at least 20.
    seed : int
        Of the shuffles.

    Returns
    -------
    Statistics
        With ``.factors``, ``.pairs``, ``.numbers``, ``.splits`` and ``.notes`` on what is left out;
        ``.to_markdown()``, ``.to_json()`` and ``.plot()``.

    Raises
    ------
    ParameterError
        If there are no observations, or too few shuffles, or `seed` is negative.
    FactorError
        If there is no such split.
    ManifestError
        If the dataset is unfinished or damaged.

    Examples
    --------
    >>> import syngen
    >>> found = syngen.statistics(syngen.render("syntone-tiny"))
    >>> found
    <Statistics of syntone-tiny: 408 observations, 3 factors, 0 of 3 pairs above chance>
    >>> found.pairs["timbre", "amplitude"].counts[0].tolist()
    [17, 17, 17, 17, 17, 17]
    """
    from syngen.evaluation.statistics.measuring import statistics_of

    ds = opened(dataset)
    view = ds if split is None else ds.select(split=split)
    return statistics_of(view, n_shuffles=n_shuffles, seed=seed)
