"""Type aliases and Protocols shared by the layers above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from syngen.factors import FactorGrid
    from syngen.identities import Identities

    FloatArray: TypeAlias = NDArray[np.float64]
    Float32Array: TypeAlias = NDArray[np.float32]
    IntArray: TypeAlias = NDArray[np.int64]
    UIntArray: TypeAlias = NDArray[np.uint64]
    BoolArray: TypeAlias = NDArray[np.bool_]
    PcmArray: TypeAlias = NDArray[np.int16]
    RandomState: TypeAlias = np.random.RandomState | np.random.Generator | int

Value: TypeAlias = str | int | float
"""What a level stands for: text, a whole number or a real number."""

Setting: TypeAlias = Any
"""What a setting of a synthesizer may be: a truth value, a number, a text, a list of texts or a map."""

Kind: TypeAlias = Literal["nominal", "ordinal", "continuous"]

DocumentPath: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of a recipe to one of its values."""

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class ProgressUpdate:
    """State of a long job, handed to a `Progress` callable after each step.

    Attributes
    ----------
    done, total : int
        Observations finished, of how many.
    audio_s : float
        Seconds of audio rendered by this run so far.
    """

    done: int
    total: int
    audio_s: float


class Progress(Protocol):
    """A callable that is told about progress; called in the process that started the job."""

    def __call__(self, update: ProgressUpdate, /) -> None: ...


class DatasetView(Protocol):
    """A dataset, or the part of one that a view selects, as far as other packages use it.

    `syngen.loaders.dataset.FactorDataset` is what they are given, and where each member is documented.
    """

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> Any: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def samples_key(self) -> str: ...

    @property
    def grid(self) -> FactorGrid: ...

    @property
    def derived(self) -> dict[str, tuple[str, tuple[Value, ...]]]: ...

    @property
    def nuisances(self) -> tuple[str, ...]: ...

    @property
    def recipe(self) -> Json | None: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def n_samples(self) -> int: ...

    @property
    def is_spoken(self) -> bool: ...

    @property
    def splits(self) -> dict[str, tuple[str, ...]]: ...

    @property
    def selected_splits(self) -> dict[str, tuple[str, ...]]: ...

    @property
    def column_names(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> IntArray: ...

    @property
    def indices(self) -> IntArray: ...

    @property
    def levels(self) -> IntArray: ...

    @property
    def lengths(self) -> IntArray: ...

    @property
    def shard_numbers(self) -> IntArray: ...

    @property
    def shards(self) -> list[Path]: ...

    @property
    def table(self) -> pa.Table: ...

    @property
    def manifest(self) -> pd.DataFrame: ...

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> Any: ...

    def select(self, /, **conditions: Any) -> Self: ...

    def take(self, positions: Any, /) -> Self: ...

    def checked(self, positions: ArrayLike, /) -> IntArray: ...

    def rows_at(self, positions: IntArray, /) -> IntArray: ...

    def level_column(self, factor: str, /) -> IntArray: ...

    def split_column(self, column: str = ..., /) -> IntArray: ...

    def column(self, name: str, /) -> pa.ChunkedArray: ...

    def median_f0(self, positions: ArrayLike, /) -> FloatArray: ...

    def batch(self, positions: ArrayLike, /) -> Float32Array: ...

    def padded(self, positions: ArrayLike, /) -> tuple[Float32Array, IntArray]: ...

    def pcm(self, positions: ArrayLike, /) -> list[PcmArray]: ...

    def annotations(self, position: int, /) -> pd.DataFrame: ...

    def trajectories(self, position: int, /, *, hop: float = ...) -> Any: ...

    def identities(self, positions: ArrayLike | None = None, /) -> Identities: ...


ValueMapping: TypeAlias = Mapping[str, Value]
