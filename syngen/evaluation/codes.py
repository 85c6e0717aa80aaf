"""The file in which codes travel from an encoder to the metrics: values, rows, and whose rows they are.

An ``.npz`` file holds the arrays ``codes`` (float64, (n, d)), ``rows`` (int64, (n,)) and the texts
``fingerprint`` and ``encoder``. A plain ``.npy`` file of shape (n, d) is read too; it cannot say whose
codes they are. Nothing in either is ever unpickled.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._files import atomic_file
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray

__all__ = ["Codes", "read_codes", "write_codes"]


@dataclass(frozen=True, eq=False)
class Codes:
    """What an encoder made of the observations of a dataset.

    Parameters
    ----------
    values : ndarray of float64, shape (n, d)
        A row for each observation, a column for each code.
    rows : ndarray of int64, shape (n,)
        Row in the dataset of each observation; none twice.
    fingerprint : str
        Of the dataset, empty where it is not known.
    encoder : str
        Name of the encoder, empty where it is not known.

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

    def __post_init__(self) -> None:
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
        if len(self.rows) and (self.rows.min() < 0 or len(np.unique(self.rows)) < len(self.rows)):
            raise ParameterError("rows of codes must be 0 or more, and none twice")

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
        If there is no such file, or no codes of numbers in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ParameterError(
            f"no file {path}; give the .npz of 'syngen encode', or an .npy of shape (n, d)"
        )
    try:
        content = _arrays_of(path)
        values = np.asarray(content["codes"])
        if values.dtype.kind not in "fiub":
            raise ParameterError(f"{path}: codes of type {values.dtype}; numbers are needed")
        rows = np.asarray(content["rows"]) if "rows" in content else np.arange(len(values))
        if rows.dtype.kind not in "iu":
            raise ParameterError(f"{path}: rows of type {rows.dtype}; whole numbers are needed")
        return Codes(
            values=values.astype(np.float64),
            rows=rows.astype(np.int64),
            fingerprint=str(content.get("fingerprint", "")),
            encoder=str(content.get("encoder", "")),
        )
    except KeyError as error:
        raise ParameterError(f"{path} has no array {error}; 'syngen encode' writes such files") from error
    except ParameterError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ParameterError(f"{path} holds no codes: {error}") from error


def _arrays_of(path: Path) -> dict[str, Any]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"codes": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}


def write_codes(path: str | Path, codes: Codes) -> None:
    """Write codes to an ``.npz`` file; a file that is there is replaced at once, or not at all.

    Parameters
    ----------
    path : str or Path
        Must end in ``.npz``.
    codes : Codes
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ParameterError(f"{path}: codes are written as .npz, as in {path.with_suffix('.npz').name}")
    if not path.parent.is_dir():
        raise ParameterError(f"{path}: there is no folder {path.parent}")
    with atomic_file(path) as file:
        np.savez(
            file,
            codes=codes.values,
            rows=codes.rows,
            fingerprint=np.array(codes.fingerprint),
            encoder=np.array(codes.encoder),
        )
