"""The seam: what a store gives to the core, as one statement sees it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias

from .encoding import EVERYTHING, LAST, KeyRange, following
from .layouts import Changes
from .tables import Index, Table

# A row as the store returned it: its key, its data and perhaps its version. Opaque to
# the core, which asks for its parts by keys() and rows().
Record: TypeAlias = Any


# (index, payload, whether no other row may have an entry with this payload): see
# Index.payloads().
Entry: TypeAlias = tuple[Index, bytes, bool]


@dataclass(slots=True)
class Change:
    """A row that is inserted, replaced or deleted, with its changes of entries."""

    # The record that is replaced or deleted, with its key; None for a new row. Of a
    # deletion without a record, whatever is there is deleted.
    record: Record
    old_key: bytes | None
    # The row that is put, under its key; None for a deletion.
    row: Any
    key: bytes | None
    removed: list[Entry]
    added: list[Entry]
    # Whether only the entries change, and the row is as it was.
    same_row: bool = False
    # The names of the columns in which a row that is replaced changes, if known.
    columns: AbstractSet[str] | None = None


def new_rows(table: Table, rows: Iterable[Any]) -> list[Change]:
    """Return the changes that insert rows."""
    return [
        Change(None, None, row, table.row_key(row), [], table.entries_of(row))
        for row in rows
    ]


class ReadAccess(ABC):
    """The rows and entries of a store's tables, as one statement sees them.

    It is a context manager: that of a statement that reads, for a store that has
    nothing to open or to close for it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: B027 (most have nothing to do)
        """Close what was opened for a statement that reads."""

    # --- tables ---

    @abstractmethod
    def table(self, name: str) -> Table:
        """Return a table; raise ProgrammingError if there is none."""

    def total(self, table: Table) -> int | None:
        """Return the number of rows of a table, None if that has to be counted."""
        return None

    def version(self, table: Table) -> Any:
        """Return what every change of the table's rows changes, None if nothing does.

        No version is used again.
        """
        return None

    def changed_since(
        self, table: Table, version: Any
    ) -> dict[bytes, AbstractSet[str] | None] | None:
        """Return {key of a row: names of its columns} of what changed since a version.

        Return None if that is unknown. In the place of the names it is None for rows
        that may be new or gone.
        """
        return None

    # --- rows ---

    # During an UPDATE that is computed from rows read before: the versions of these
    # rows by (table, key). See RetriedUpdateCompiler.
    seen: dict[tuple[str, bytes], Any] | None = None

    @abstractmethod
    def get(self, table: Table, keys: Sequence[bytes]) -> list[Record]:
        """Return the records with these keys that exist, in the order of the keys."""

    @abstractmethod
    def scan(
        self,
        table: Table,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Record]]:
        """Yield the records of ranges of keys in batches.

        Rows may be written between batches. `limit` is how many records the caller
        expects to need.
        """

    def scan_after(self, table: Table, key: bytes) -> Iterator[list[Record]]:
        """Yield the records of all rows after a key, in batches.

        They come in an order of the store's, in which an empty key is the first.
        """
        return self.scan(table, [(key, LAST)])

    def all_rows(self, table: Table) -> Iterator[list[tuple[Record, bytes, Any]]]:
        """Yield (record, key, row) of all rows in lists.

        Rows may be written meanwhile.
        """
        for records in self.scan(table, [EVERYTHING]):
            keys, rows = self.keys(table, records), self.rows(table, records)
            yield list(zip(records, keys, rows, strict=True))

    def keys(self, table: Table, records: list[Record]) -> list[bytes]:
        """Return the keys of records; the default takes them for (key, row)."""
        return [key for key, _ in records]

    def rows(
        self, table: Table, records: list[Record], layout: Any = None
    ) -> list[Any]:
        """Return the rows of records, in the table's layout or a narrowed one."""
        return [row for _, row in records]

    def record_version(self, record: Record) -> Any:
        """Return what each change of a row changes.

        It is None where statements are atomic.
        """
        return None

    def read(self, count: int) -> None:  # noqa: B027 (most have nothing to do)
        """Note that `count` rows were read, to give memory back, for instance."""

    # --- entries ---

    @abstractmethod
    def entries(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[bytes]]:
        """Yield the keys of the rows that have entries in the ranges, in batches.

        They come in the order of the ranges and, in each, of the payloads.
        """

    def find(
        self, table: Table, index: Index, payloads: Sequence[bytes]
    ) -> list[bytes]:
        """Return the keys of the rows with these payloads in a unique index."""
        ranges = [(payload, following(payload)) for payload in payloads]
        return [key for keys in self.entries(table, index, ranges) for key in keys]

    def entries_fit(self, table: Table) -> bool:
        """Return whether entries can be counted in the place of their rows.

        At any one moment there is an entry for each row, and none besides.
        """
        return table.entries_follow_rows

    def count(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int:
        """Return how many entries, or rows of the primary key, ranges hold.

        It is `limit` at most.
        """
        read: Callable[..., Iterator[list[Any]]] = (
            partial(self.scan, table)
            if index is table.primary
            else partial(self.entries, table, index)
        )
        total = 0
        for batch in read(ranges, False, limit):
            total += len(batch)
            if limit is not None and total >= limit:
                return limit
        return total

    def counts(
        self,
        table: Table,
        scans: Sequence[tuple[Index, Sequence[KeyRange]]],
        limit: int,
    ) -> list[int]:
        """Return count() of each of several scans."""
        return [self.count(table, index, ranges, limit) for index, ranges in scans]


class Access(ReadAccess):
    """A ReadAccess that also writes rows, each with its entries."""

    @abstractmethod
    def apply(self, table: Table, changes: Iterable[Change]) -> list[Change]:
        """Write changes, as atomically as the store can; return those not written.

        They are new rows, or else replaced and deleted ones. Of these remove all that
        goes before anything new is put, so that rows may swap keys and unique values.

        A store with atomic statements writes all, or raises IntegrityError, before
        anything is written of this change, if a key or a unique entry is another row's.
        Another store puts each row on a condition. It does not write a new row whose
        key is taken, nor one that others have changed since it was read; its change's
        `record` is then the row as it is now, None if there is none.
        """

    def insert_rows(self, table: Table, rows: list[Any]) -> list[Change]:
        """Put new rows; return the changes of those not written, as apply() does."""
        return self.apply(table, new_rows(table, rows))

    def patch(self, table: Table, records: list[Record], changes: Changes) -> bool:
        """Change columns of rows, on which neither their keys nor entries depend.

        Return False, and change nothing, where rows are to be put as a whole.
        """
        return False

    def claims(self) -> Table:
        """Return the table of claims, where `Table.claims_uniques`: see claims.py."""
        raise NotImplementedError

    def next_keys(self, table: Table, given: list[Any]) -> list[Any]:
        """Return the keys of new rows of a table with an AutoField.

        `given` are the keys that the rows have, None for those that get the next one.
        The default takes them of the toolkit's catalog.
        """
        catalog = self.store.catalog  # type: ignore[attr-defined]
        numbers = [key for key in given if type(key) is int]
        if numbers:
            catalog.advance(table.name, max(numbers))
        wanted = given.count(None)
        made = iter(catalog.next_keys(table.name, wanted) if wanted else ())
        return [next(made) if key is None else key for key in given]
