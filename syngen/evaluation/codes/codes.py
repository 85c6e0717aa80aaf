"""The file in which codes travel from an encoder to the metrics: values, and whose they are.

An ``.npz`` file of format 2 holds the arrays ``codes`` (float64, (n, d)) and ``rows`` (int64, (n,)), the
texts ``fingerprint``, ``encoder`` and ``selection`` (JSON), and what identifies the observation of each
row: of a recipe ``index`` (int64, (n,)) and, where a manifest has it, ``pcm_sha256`` (uint8, (n, 32)); of
audio files ``file_sha256`` (uint8, (n, 32)) and ``file_mark`` (int64, (n,)), a hash of name and factors.
Files of format 1 lack ``format``, ``selection`` and these. A plain ``.npy`` file of shape (n, d) is read
too; it cannot say whose codes they are. Nothing in either is ever unpickled.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._values import is_whole
from syngen.errors import ParameterError
from syngen.evaluation.codes.arrays import array_of
from syngen.identities import Identities
from syngen.io.atomic import atomic_file
from syngen.io.files import local_path

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import DatasetView, FloatArray, IntArray

__all__ = ["Codes", "Selection", "read_codes", "write_codes"]

FORMAT = 2
_ARRAYS = ("format", "codes", "rows", "fingerprint", "encoder", "selection")
_OF_GRID, _OF_FILES = ("index", "pcm_sha256"), ("file_sha256", "file_mark")


@dataclass(frozen=True)
class Selection:
    """Which observations of a dataset were asked to be encoded.

    Attributes
    ----------
    splits : mapping of str to tuple of str
        Names of splits by column, as in ``{"split": ("test",)}``; empty for all.
    limit : int or None
        At most so many of them, from the front.
    """

    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: int | None = None

    def __bool__(self) -> bool:
        return bool(self.splits) or self.limit is not None

    def __str__(self) -> str:
        named = [
            f"{'split' if column == 'split' else column} {', '.join(names) or 'none'}"
            for column, names in self.splits.items()
        ]
        if self.limit is not None:
            named.insert(0, f"the first {self.limit:,}")
        return " of ".join(named)


@dataclass(frozen=True, eq=False)
class Codes:
    """What an encoder made of the observations of a dataset.

    Parameters
    ----------
    values : ndarray of float64, shape (n, d)
        A row for each observation, a column for each code.
    rows : ndarray of int64, shape (n,)
        Row in the dataset of each observation. Codes are not joined by it: a part has other rows.
    fingerprint : str
        Of the dataset, empty where it is not known.
    encoder : str
        Name of the encoder, empty where it is not known.
    identities : Identities, optional
        Of the observations; by them codes are joined with a dataset. None where they are not known.
    selection : Selection
        What was asked to be encoded.

    Raises
    ------
    ParameterError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> Codes(np.zeros((3, 2)), np.array([0, 1, 5]), "f00d", "random")
    <Codes 'random': 3 rows of 2 codes>
    """

    values: FloatArray
    rows: IntArray
    fingerprint: str = ""
    encoder: str = ""
    identities: Identities | None = None
    selection: Selection = Selection()

    def __post_init__(self) -> None:
        for name, array in (("values", self.values), ("rows", self.rows)):
            if not isinstance(array, np.ndarray):
                raise ParameterError(
                    f"{name} of codes are a {type(array).__name__}; give an array, or Codes.of(values, ds)"
                )
        if self.values.ndim != 2 or self.values.dtype != np.float64:
            raise ParameterError(
                f"codes of shape {self.values.shape} and type {self.values.dtype}; "
                "an array of float64 of shape (n, d) is needed"
            )
        if self.rows.shape != self.values.shape[:1] or self.rows.dtype != np.int64:
            raise ParameterError(
                f"rows of shape {self.rows.shape} and type {self.rows.dtype} for {len(self.values)} codes; "
                f"int64 of shape ({len(self.values)},) is needed"
            )
        if len(self.rows) and self.rows.min() < 0:
            raise ParameterError(f"a row of codes is {self.rows.min()}; 0 or more is needed")
        if self.identities is not None and len(self.identities) != len(self.values):
            raise ParameterError(
                f"{len(self.identities)} observations are identified for {len(self.values)} rows of codes"
            )

    @classmethod
    def of(cls, values: ArrayLike, dataset: DatasetView, *, encoder: str = "") -> Codes:
        """Attach codes that were made elsewhere to the observations of a dataset.

        Parameters
        ----------
        values : array_like of float, shape (n, d) or (n,)
            In the order of the dataset: row i is of ``dataset[i]``.
        dataset : FactorDataset
            With n observations; a view will do.
        encoder : str
            What to call the encoder.

        Raises
        ------
        ParameterError
            If there is not one row of numbers for each observation.

        Examples
        --------
        >>> import syngen
        >>> ds = syngen.render("syntone-tiny").select(split="test")
        >>> syngen.Codes.of(ds.levels, ds, encoder="levels")
        <Codes 'levels': 43 rows of 3 codes>
        """
        found = array_of("codes", values)
        found = found[:, np.newaxis] if found.ndim == 1 else found
        if found.dtype.kind not in "fiub" or found.ndim != 2 or len(found) != len(dataset):
            raise ParameterError(
                f"codes of {found.dtype} of shape {np.shape(values)} for {len(dataset)} observations; "
                f"numbers of shape ({len(dataset)}, d) are needed"
            )
        return cls(
            found.astype(np.float64),
            np.asarray(dataset.rows, dtype=np.int64),
            dataset.fingerprint,
            encoder,
            dataset.identities(),
            Selection(dataset.selected_splits),
        )

    @classmethod
    def load(cls, path: str | Path) -> Codes:
        """Read the codes of a file that `save` or ``syngen encode`` wrote, or of a plain ``.npy`` file.

        Parameters
        ----------
        path : str or Path
            ``.npz`` or ``.npy``. The rows of a plain array are 0 to n - 1, its fingerprint is empty.

        Raises
        ------
        ParameterError
            If there is no such file, no codes of numbers are in it, or a later syngen wrote it.
        """
        return read_codes(path)

    def save(self, path: str | Path) -> Path:
        """Write an ``.npz`` file; one that is there is replaced as a whole, or not at all.

        Parameters
        ----------
        path : str or Path
            Must end in ``.npz``.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ParameterError
            If the ending is another, or there is no such folder.
        """
        write_codes(path, self)
        return Path(path).expanduser()

    def __getitem__(self, chosen: ArrayLike | slice) -> Codes:
        """Return the codes of some rows: ``codes[mask]``, ``codes[10:20]`` or ``codes[[3, 1]]``.

        Parameters
        ----------
        chosen : array_like of bool, shape (n,), or of int, shape (m,), or slice
            Which rows, or at which positions.

        Returns
        -------
        Codes
            They still say which observations they are of. What was asked to be encoded is not said any
            more where rows are missing: evaluate them with the same part of the dataset, or with
            ``common=True``.

        Raises
        ------
        ParameterError
            If it is something else, or there are no such rows.
        """
        positions = self._positions(chosen)
        is_whole = np.array_equal(positions, np.arange(len(self)))
        return Codes(
            self.values[positions],
            self.rows[positions],
            self.fingerprint,
            self.encoder,
            None if self.identities is None else self.identities.take(positions),
            self.selection if is_whole else Selection(),
        )

    def _positions(self, chosen: Any) -> IntArray:
        n = len(self)
        if isinstance(chosen, slice):
            return np.arange(n)[chosen]
        array = np.asarray(chosen)
        if array.shape == (0,):
            return np.empty(0, dtype=np.int64)
        if array.dtype.kind == "b" and array.shape == (n,):
            return np.flatnonzero(array).astype(np.int64)
        if array.dtype.kind in "iu" and array.ndim == 1:
            wrong = array[(array < -n) | (array >= n)]
            if len(wrong):
                raise ParameterError(f"codes have no row {wrong[0]}; there are 0 to {n - 1}")
            return array.astype(np.int64) % n
        raise ParameterError(
            f"codes[{array.dtype} of shape {array.shape}]; a mask of {n} truth values, a list of positions "
            "or a slice is needed, as in codes[[0, 2]]"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001  # NumPy's
        """Return the values, for NumPy."""
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    __iter__ = None  # rows are no codes; without this they would be asked for by number

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        n, d = self.values.shape
        return f"<Codes {self.encoder!r}: {n:,} rows of {d} codes>"


def read_codes(path: str | Path) -> Codes:
    """Read the codes of a file that `write_codes` made, or of a plain ``.npy`` file.

    Parameters
    ----------
    path : str or Path
        ``.npz`` or ``.npy``. The rows of a plain array are 0 to n - 1, its fingerprint is empty.

    Raises
    ------
    ParameterError
        If there is no such file, no codes of numbers are in it, or a later syngen wrote it.
    """
    path = local_path(path)
    if not path.is_file():
        raise ParameterError(
            f"no file {path}; give the .npz of 'syngen encode', or an .npy of shape (n, d)"
        )
    try:
        return _codes_of(_arrays_of(path))
    except KeyError as error:
        raise ParameterError(f"{path} has no array {error}; 'syngen encode' writes such files") from error
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    except (
        *(OSError, EOFError, ValueError, TypeError, AttributeError),
        *(OverflowError, MemoryError, RecursionError),
        *(zipfile.BadZipFile, zlib.error, RuntimeError),  # of an encrypted or unknown kind of archive, too
    ) as error:
        raise ParameterError(f"{path} holds no codes: {error}") from error


def _arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    # opened here: of a damaged archive NumPy would leave the file open
    with open(path, "rb") as file:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"codes": loaded}
        with loaded:
            names = {*_ARRAYS, *_OF_GRID, *_OF_FILES} & set(loaded.files)
            return {name: loaded[name] for name in sorted(names)}


def _codes_of(content: Mapping[str, NDArray[Any]]) -> Codes:
    found_format = _whole("format", content.get("format", np.array(1))).reshape(-1).tolist()
    if len(found_format) != 1 or not 1 <= found_format[0] <= FORMAT:
        raise ParameterError(
            f"codes of format {found_format}; this syngen reads up to {FORMAT}: install a later one"
        )
    values = content["codes"]
    if values.dtype.kind not in "fiub":
        raise ParameterError(f"codes of type {values.dtype}; numbers are needed")
    return Codes(
        values=values.astype(np.float64),
        rows=_whole("rows", content["rows"]) if "rows" in content else np.arange(len(values)),
        fingerprint=str(content.get("fingerprint", "")),
        encoder=str(content.get("encoder", "")),
        identities=_identities_of(content),
        selection=_selection_of(str(content.get("selection", "{}"))),
    )


def _identities_of(content: Mapping[str, NDArray[Any]]) -> Identities | None:
    if "index" in content:
        index, fingerprint = _whole("index", content["index"]), str(content.get("fingerprint", ""))
        if not fingerprint or (len(index) and index.min() < 0):
            raise ParameterError("the index of an observation is below 0, or there is no fingerprint")
        return Identities("grid", index, fingerprint, content.get("pcm_sha256"))
    if "file_sha256" in content:
        return Identities.of_files(content["file_sha256"], _whole("file_mark", content["file_mark"]))
    return None


def _whole(name: str, array: NDArray[Any]) -> IntArray:
    if array.dtype.kind not in "iu":
        raise ParameterError(f"{name} of type {array.dtype}; whole numbers are needed")
    return array.astype(np.int64)


def _selection_of(text: str) -> Selection:
    content = json.loads(text)
    splits, limit = content.get("splits", {}), content.get("limit")
    are_columns = all(column == "split" or column.startswith("split_") for column in splits)
    are_names = all(isinstance(name, str) for names in splits.values() for name in names)
    if not (are_columns and are_names) or not (limit is None or is_whole(limit, 1)):
        raise ParameterError(f"a selection {text!r}; splits by column, and a limit, are needed")
    return Selection({column: tuple(names) for column, names in splits.items()}, limit)


def write_codes(path: str | Path, codes: Codes) -> None:
    """Write codes to an ``.npz`` file; a file that is there is replaced at once, or not at all.

    Parameters
    ----------
    path : str or Path
        Must end in ``.npz``.
    codes : Codes
    """
    path = local_path(path)
    if path.suffix != ".npz":
        raise ParameterError(f"{path}: codes are written as .npz, as in {path.with_suffix('.npz').name}")
    if not path.parent.is_dir():
        raise ParameterError(f"{path}: there is no folder {path.parent}")
    selection = {"splits": codes.selection.splits, "limit": codes.selection.limit}
    with atomic_file(path) as file:
        np.savez(
            file,
            format=np.array(FORMAT),
            codes=codes.values,
            rows=codes.rows,
            fingerprint=np.array(codes.fingerprint),
            encoder=np.array(codes.encoder),
            selection=np.array(json.dumps(selection)),
            **_arrays_of_identities(codes.identities),  # type: ignore[arg-type]
        )


def _arrays_of_identities(identities: Identities | None) -> dict[str, NDArray[Any]]:
    if identities is None:
        return {}
    if identities.kind == "grid":
        arrays = dict(zip(_OF_GRID, (identities.keys, identities.hashes), strict=True))
    else:
        arrays = dict(zip(_OF_FILES, (identities.hashes, identities.marks), strict=True))
    return {name: array for name, array in arrays.items() if array is not None}
