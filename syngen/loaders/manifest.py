"""The manifest of a dataset, whole or by column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import FactorError, suggestion

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from syngen._typing import IntArray
    from syngen.factors import FactorGrid
    from syngen.loaders.sources.source import Source

__all__ = ["OfManifest"]


class OfManifest(ABC):
    """What the manifest says of observations; what `FactorDataset` inherits."""

    _source: Source

    @property
    @abstractmethod
    def _chosen(self) -> IntArray | None: ...

    @property
    @abstractmethod
    def rows(self) -> IntArray: ...

    @property
    @abstractmethod
    def grid(self) -> FactorGrid: ...

    @property
    @abstractmethod
    def fingerprint(self) -> str: ...

    @abstractmethod
    def _of_rows(self, column: NDArray[Any]) -> NDArray[Any]: ...

    def split_column(self, column: str = "split") -> IntArray:
        """Return the split of each observation: positions among ``splits[column]``, shape (n,).

        Parameters
        ----------
        column : str
            ``split``, or ``split_<scheme>`` for another split scheme.

        Raises
        ------
        FactorError
            If there is no such scheme.
        """
        columns = self._source.vocabulary.split_columns
        if column not in columns:
            raise FactorError(
                f"no split scheme {column!r}{suggestion(column, columns)}; there are {', '.join(columns)}"
            )
        return self._of_rows(self._source.split_codes(column))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns of the manifest."""
        return self._source.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of the manifest of these observations; of a large one nothing else is read.

        Parameters
        ----------
        name : str
            One of ``column_names``.

        Raises
        ------
        FactorError
            If there is no such column.
        """
        if name not in self.column_names:
            raise FactorError(
                f"no column {name!r}{suggestion(name, self.column_names)}; there are "
                f"{', '.join(self.column_names)}"
            )
        return self._source.columns(self._chosen, [name]).column(0)

    @property
    def table(self) -> pa.Table:
        """The manifest of these observations as an Arrow table."""
        table = self._source.table
        return table if self._chosen is None else table.take(self._chosen)

    @property
    def manifest(self) -> pd.DataFrame:
        """The manifest of these observations as a pandas DataFrame; its index is the row.

        Its ``attrs`` say whose it is: ``fingerprint``, ``kinds`` (by factor) and ``derived`` (the factor by
        derived factor).
        """
        frame: pd.DataFrame = self.table.to_pandas().set_index(np.asarray(self.rows))
        frame.attrs = {
            "fingerprint": self.fingerprint,
            "kinds": {factor.name: factor.kind for factor in self.grid.factors},
            "derived": {name: factor for name, factor, _ in self._source.vocabulary.derived},
        }
        return frame
