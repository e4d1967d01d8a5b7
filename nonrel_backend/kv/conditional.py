"""The seam of stores with conditional writes: what optimistic transactions need.

Such a store puts and deletes items on conditions, several of them in one atomic batch:
DynamoDB, etcd, FoundationDB, Redis. See optimistic.py and commits.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from django.db import IntegrityError

from ..transactions import TransactionConflict
from .encoding import KeyRange
from .predicates import CompoundPredicate, Predicate
from .tables import Index, Table

Predicates: TypeAlias = Sequence[Predicate | CompoundPredicate]


@dataclass(slots=True)
class Intent:
    """What a large commit will make of an item: see commits.py."""

    # The id of the commit.
    commit: str
    # The value that the item will have; None if it will be deleted.
    value: Any


@dataclass(slots=True)
class Stored:
    """A row or an entry as it was read.

    The key of a row is that of the core. That of an entry is its payload, followed by
    the row's key unless no other row may have the same payload.
    """

    key: bytes
    # The row, or the key of an entry's row; None if there is only an intent.
    value: Any
    # What each change of a row changes. It is opaque to the core, which compares it.
    version: Any = None
    intent: Intent | None = None
    # Of an entry of an index that the store itself keeps: its row, if it came with it.
    row: "Stored | None" = None


class Expected(Enum):
    """The condition of a write."""

    NOTHING = "no item with the key"
    SAME = "the item as it was read"
    ANYTHING = "no condition"


@dataclass(slots=True)
class Write:
    """One write of a commit.

    `index` is the primary key for a row. Without `changes` the item stays as it is, and
    only the condition is checked.
    """

    table: Table
    index: Index
    key: bytes
    expected: Expected
    # The item as it was read, where it is expected to be the same.
    before: Stored | None
    # The new row, or the key of an entry's row; None to delete the item.
    value: Any
    # The names of the columns in which a row changes, None for all.
    columns: AbstractSet[str] | None = None
    changes: bool = True

    @property
    def is_row(self) -> bool:
        return self.index is self.table.primary


class Conflict(TransactionConflict):
    """A condition of a commit was not met; nothing of it is written.

    `writes` are those whose conditions were not met, as far as they are known.
    """

    def __init__(self, message: str, writes: Sequence[Write] = ()) -> None:
        super().__init__(message)
        self.writes = writes


class Taken(Conflict, IntegrityError):
    """Another transaction has put a key or a unique value first."""


class State(Enum):
    """The state of a large commit, as its record has it."""

    PENDING = "pending"
    COMMITTED = "committed"
    ABORTED = "aborted"


class ConditionalStore(ABC):
    """The items of a store, as committed.

    What is read may have intents, which the caller resolves: no method hides an item
    because of one.
    """

    # The most writes of one atomic batch, and the most bytes of their items.
    batch_writes = 100
    batch_bytes = 4_000_000

    # --- reading ---

    @abstractmethod
    def rows(
        self,
        table: Table,
        keys: Sequence[bytes],
        columns: AbstractSet[str] | None = None,
    ) -> list[Stored]:
        """Return the rows with these keys that exist, in any order.

        With `columns`, they may lack others.
        """

    @abstractmethod
    def all_rows(
        self,
        table: Table,
        limit: int | None = None,
        after: bytes | None = None,
        columns: AbstractSet[str] | None = None,
        filters: Predicates = (),
    ) -> Iterator[list[Stored]]:
        """Yield all rows of a table, in any order.

        `limit` is how many rows the caller expects to need. With `after` they come in
        an order of the store's, one after another, from the one after this key on; an
        empty key stands for the beginning. With `columns`, rows may lack others. Rows
        for which one of the filters is not true may be left out, unless they have an
        intent.
        """

    @abstractmethod
    def entries(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Stored]]:
        """Yield the entries whose keys are in the ranges, in batches.

        They come in the order of the ranges and, in each, of the keys.
        """

    @abstractmethod
    def found(self, table: Table, index: Index, keys: Sequence[bytes]) -> list[Stored]:
        """Return the entries with these keys that exist, in any order."""

    @abstractmethod
    def count(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int | None:
        """Return how many entries ranges hold; of the primary key, rows in the table.

        It is `limit` at most. Return None if one of the items has an intent.
        """

    # --- writing ---

    @abstractmethod
    def size(self, write: Write) -> int:
        """Return about how many bytes a write has in a batch."""

    @abstractmethod
    def commit(self, writes: Sequence[Write]) -> None:
        """Carry out a batch of writes, all or none.

        Raise Conflict if a condition is not met: an item that is expected to be the
        same or absent has no intent either. After an error of which the outcome is
        unknown it is safe to carry out the batch again.
        """

    def update_row(
        self,
        table: Table,
        key: bytes,
        values: dict[str, Any],
        required: Predicates = (),
    ) -> bool | None:
        """Change columns of a row, in one request; return whether there is one.

        A value is a stored one, JSON_NULL, MISSING for NULL, or an Increment. Return
        None, and change nothing, where the row must be read: where an intent or a NULL
        is in the way, a sum has more than 64 bits, or the row does not satisfy what is
        required, of which the store must be able to tell exactly.
        """
        return None

    def delete_row(
        self, table: Table, key: bytes, required: Predicates = ()
    ) -> bool | None:
        """Delete a row with its entries, in one request; return whether there is one.

        Return None, and delete nothing, where the row must be read: as update_row()
        does, and where other columns than the key have entries.
        """
        return None

    def hurried(self) -> AbstractContextManager[None]:
        """Let requests of the block fail soon: they may be left undone."""
        return nullcontext()

    # --- commits that are larger than a batch: see commits.py ---

    @abstractmethod
    def begin(self, commit: str, until: float) -> None:
        """Put the record of a new commit, PENDING until a time (as by time.time())."""

    @abstractmethod
    def extend(self, commit: str, until: float) -> None:
        """Put off the end of a pending commit; raise Conflict if it is not pending."""

    @abstractmethod
    def decide(self, commit: str, state: State) -> State:
        """Set the state of a commit if that is PENDING; return its state then.

        It is ABORTED where there is no record.
        """

    def has_room(self, write: Write) -> bool:
        """Return whether an item has room for an intent beside its old value."""
        return True

    def decide_with(self, commit: str, writes: Sequence[Write]) -> State:
        """Carry out a batch of writes, and set a pending commit to COMMITTED.

        It is both or none. Return the state of the commit then. Raise Conflict if a
        condition is not met.
        """
        raise NotImplementedError

    @abstractmethod
    def state(self, commit: str) -> tuple[State, float] | None:
        """Return (state, until) of a commit's record, None if there is none."""

    @abstractmethod
    def commits(self) -> list[tuple[str, State, float]]:
        """Return (commit, state, until) of all records of commits."""

    @abstractmethod
    def end(self, commit: str) -> None:
        """Delete the record of a commit."""

    @abstractmethod
    def put_intents(self, commit: str, writes: Sequence[Write]) -> None:
        """Put the intents of a batch of writes, all or none, on their conditions.

        Where there is no item yet, the intent is one without a value. Raise Conflict
        if a condition is not met, or an item has the intent of another commit.
        """

    @abstractmethod
    def settle(
        self, commit: str, items: Sequence[tuple[Table, Index, bytes]], state: State
    ) -> None:
        """Move the intents of a commit into place, or remove them if it is ABORTED.

        Items that have no intent of this commit stay as they are. Of the writes that
        only check a row the intent is removed.
        """

    def finish(
        self, commit: str, batches: Sequence[Sequence[Write]], state: State
    ) -> None:
        """Settle the intents of batches of writes, as put_intents() got them."""
        for batch in batches:
            items = [(each.table, each.index, each.key) for each in batch]
            self.settle(commit, items, state)
