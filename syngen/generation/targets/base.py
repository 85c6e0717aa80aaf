"""What a run asks of the place where it makes a dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.generation.plan import Plan
from syngen.storage.description import Description
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen.io.object_store import Store

__all__ = ["DatasetTarget"]


class DatasetTarget(ABC):
    """The dataset of a plan, where one run makes it; methods are called in the order in which they stand.

    Attributes
    ----------
    plan : Plan
    place : Path or str
        The folder or the URL, as reports name it.
    layout : Layout
        Of the folder that this process works in.
    store : Store or None
        Where the shards go, if not into that folder.
    about : dict of str to str
        Said of the run in its log.
    shards : sequence of Shard
        Those that the run is to make.
    receipts : dict of str to Receipt
        Of the shards that are there, by name.
    description : Description or None
        Of the finished dataset.
    kept : int
        Observations of a smaller dataset that stay where they are.
    shards_left : int
    left : tuple of str
        See `GenerationReport`.
    has_begun : bool
        Whether anything has been written to a store.
    """

    layout: Layout
    store: Store | None = None

    def __init__(self, plan: Plan, place: Path | str, *, overwrite: bool) -> None:
        self.plan, self.place, self._overwrite = plan, place, overwrite
        self.about: dict[str, str] = {}
        self.shards: Sequence[Shard] = plan.shards
        self.receipts: dict[str, Receipt] = {}
        self.description: Description | None = None
        self.kept = self.shards_left = 0
        self.left: tuple[str, ...] = ()
        self.has_begun = False

    def opened(self) -> AbstractContextManager[None]:
        """Have a folder to work in while a block runs."""
        return nullcontext()

    @abstractmethod
    def check_usable(self) -> None:
        """Refuse a place that generation must not touch; changes nothing.

        Raises
        ------
        ParameterError
            If it cannot be written, or holds what is no dataset's.
        PlanMismatchError, ManifestError
            If it holds a dataset of another plan, or one that lost its plan, as far as this is seen here.
        """

    def is_finished(self) -> bool:
        """Whether the dataset is there and nothing is left to do; sets `description` then.

        Raises
        ------
        PlanMismatchError
            If it is one of another plan.
        ManifestError
            If it lost a document or a shard, and cannot be completed.
        """
        return False

    @abstractmethod
    def check_names(self) -> None:
        """Refuse a place where a name that the dataset needs is taken; changes nothing.

        Raises
        ------
        InTheWayError
            With the first such name.
        """

    def check_space(self) -> None:  # noqa: B027  # a store is not asked
        """Refuse a plan that does not fit on the disk, as far as that can be known.

        Raises
        ------
        ParameterError
            With what is needed and what is there.
        """

    @abstractmethod
    def session(self) -> AbstractContextManager[bool]:
        """Have the place for this run while a block runs; what is to be overwritten is removed first.

        Gives False if another run has finished the dataset meanwhile. A block that ends without an error
        has finished it: what only an unfinished dataset has is then removed.
        """

    @abstractmethod
    def scan(self) -> None:
        """Find the shards that are there."""

    @property
    def missing(self) -> list[Shard]:
        """Shards that the run still has to make."""
        return [shard for shard in self.shards if shard.name not in self.receipts]

    def add(self, receipt: Receipt) -> None:
        """Note a shard that was made.

        Raises
        ------
        ManifestError
            If it is not what a finished dataset had.
        """
        self.receipts[receipt.entry.name] = receipt

    def confirm(self) -> None:  # noqa: B027  # in a folder they are
        """Forget the shards that are not there after all."""

    @abstractmethod
    def finish(self) -> bool:
        """Put the dataset together and set `description`; return whether this was for the run to do."""

    def clean_up(self) -> None:  # noqa: B027  # a scratch folder goes as a whole
        """Remove what is half-written, however the run ends."""

    def log_lock(self) -> AbstractContextManager[None]:
        """Be the only run at this place that appends to a log elsewhere."""
        return nullcontext()

    def keep_log(self, error: BaseException | None) -> None:  # noqa: B027  # it is in the folder
        """Keep the log for those who look at the dataset; `error` is what ended the run early."""
