"""Reading the rows of an access path in batches: filtered, sorted and limited."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, groupby, islice
from typing import Any

from django.db import DatabaseError

from ..conditions import Column
from ..documents.functions import at_path
from .access import ReadAccess, Record
from .access_paths import (
    Choice,
    IndexIntersection,
    IndexScan,
    IndexUnion,
    Ordering,
)
from .choice import choose
from .forms import BAD_VALUE, Matches
from .predicates import all_of, bind
from .predicates import columns as columns_of
from .sorting import first_in_order, in_order
from .tables import Table

# Rows fetched at a time by keys that are known: it bounds memory only.
BATCH = 4096
# Where a limit is not reached, how many times more keys are read next.
GROWTH = 8


class TooMany(Exception):
    """A scan in order would read more rows than it may."""


class Scan:
    """One run of a query over a table."""

    def __init__(
        self,
        access: ReadAccess,
        table: Table,
        choice: Choice,
        query: Any = None,
        columns: Iterable[str] | None = None,
    ):
        """`columns` are those that are read of the rows found, by default all."""
        self.query = query
        self.access = access
        self.table = table
        self.choice = choice
        self.layout = table.layout
        if columns is not None:
            tested = map(columns_of, choice.residual)
            self.layout = self.layout.narrowed(chain(columns, *tested))
        # The residual predicates as one function of a row, None for no predicate.
        self.matches: Matches | None = None
        if choice.residual:
            self.matches = all_of([bind(each, self.getter) for each in choice.residual])
        # How many index entries and rows have been read so far.
        self.entries_read = self.rows_read = 0
        # How many rows may be read before another access path is taken.
        self.most_rows: int | None = None

    # --- reading ---

    def found(self) -> Iterator[tuple[Record, Any]]:
        """Yield (record, row) of all rows wanted."""
        for records in self.records(None):
            rows = self.unpacked(records)
            if self.matches is not None:
                wanted = self.matching(rows)
                records = list(compress(records, wanted))
                rows = list(compress(rows, wanted))
            yield from zip(records, rows, strict=True)

    def found_records(self) -> Iterator[Record]:
        """Yield the records of all rows wanted."""
        for records in self.records(None):
            if self.matches is not None:
                wanted = self.matching(self.unpacked(records))
                records = list(compress(records, wanted))
            yield from records

    def chunks(self, limit: int | None, skip: int = 0) -> Iterator[list[Any]]:
        """Return lists of the rows wanted, without the first `skip`.

        If no more than `limit` rows are needed, those skipped among them, the first
        batch is not larger.
        """
        if self.matches is None and self.choice.certain:
            return map(self.unpacked, self.records(limit, skip))
        is_short = self.choice.exact or self.most_rows is not None
        return self.filtered(limit if is_short else None, skip)

    def filtered(self, limit: int | None, skip: int) -> Iterator[list[Any]]:
        """Yield lists of the rows for which the residual predicates are true."""
        for records in self.records(limit):
            rows = self.unpacked(records)
            if self.matches is not None:
                rows = list(compress(rows, self.matching(rows)))
            if skip:
                skip, rows = max(0, skip - len(rows)), rows[skip:]
            if rows:
                yield rows

    def unpacked(self, records: list[Record]) -> list[Any]:
        self.rows_read += len(records)
        access, table = self.access, self.table
        if access.seen is not None:
            for key, record in zip(access.keys(table, records), records, strict=True):
                access.seen[table.name, key] = access.record_version(record)
        return access.rows(table, records, self.layout)

    def getter(self, name: str) -> Callable[[Any], Any]:
        """Return the function from a row that was read to a column's stored value."""
        self.table.column(name)
        getter: Callable[[Any], Any] = self.layout.getter(name)
        return getter

    def matching(self, rows: list[Any]) -> list[bool]:
        """Return for each row whether the residual predicates are true."""
        try:
            return list(map(self.matches, rows))  # type: ignore[arg-type]
        except BAD_VALUE as error:
            raise DatabaseError(
                f"The store is damaged: a row of {self.table.name} holds a value "
                "of another type than its column."
            ) from error

    def records(self, limit: int | None, skip: int = 0) -> Iterator[list[Record]]:
        """Return the records of the access path, without the first `skip`."""
        path = self.choice.access_path
        if isinstance(path, IndexScan) and path.index.many:
            # A row has an entry for each of its items.
            path = IndexUnion([path])
        if not isinstance(path, IndexScan):
            return self.collected(path, skip)
        if not path.unique:
            return self.scanned(path, limit, skip)
        keys = [key for key, _ in path.ranges]
        if path.index is self.table.primary:
            return self.of_keys(keys, limit, skip)
        keys = self.access.find(self.table, path.index, keys)
        self.entries_read += len(keys)
        records = self.fetched(keys)
        return iter([records[skip:]] if len(records) > skip else [])

    def of_keys(
        self, keys: list[bytes], limit: int | None, skip: int
    ) -> Iterator[list[Record]]:
        """Yield the records of those of the keys that exist, without the first `skip`.

        The keys are in order. With a limit, the first batch is not larger.
        """
        if self.choice.reverse:
            keys = keys[::-1]
        start, size = 0, len(keys) if limit is None else max(limit, 1)
        while start < len(keys):
            records = self.access.get(self.table, keys[start : start + size])
            self.entries_read += len(records)
            start, size = start + size, size * GROWTH
            skip, records = max(0, skip - len(records)), records[skip:]
            if records:
                yield records

    def scanned(
        self, scan: IndexScan, limit: int | None, skip: int
    ) -> Iterator[list[Record]]:
        """Yield the records of a scan, without the first `skip`.

        Raise TooMany before more than `most_rows` are read.
        """
        primary = scan.index is self.table.primary
        for batch in self.batches(scan, limit):
            self.entries_read += len(batch)
            if self.most_rows is not None and self.entries_read > self.most_rows:
                raise TooMany
            if skip:
                skip, batch = max(0, skip - len(batch)), batch[skip:]
                if not batch:
                    continue
            yield batch if primary else self.fetched(batch)

    def batches(self, scan: IndexScan, limit: int | None) -> Iterator[list[Any]]:
        """Return the records of a scan of the primary key, else the rows' keys."""
        access, table, reverse = self.access, self.table, self.choice.reverse
        if scan.index is table.primary:
            return access.scan(table, scan.ranges, reverse, limit)
        found = access.entries(table, scan.index, scan.ranges, reverse, limit)
        return found if table.entries_follow_rows else each_once(found)

    def fetched(self, keys: list[bytes]) -> list[Record]:
        """Return the records of entries; raise DatabaseError if one is missing."""
        records = self.access.get(self.table, keys)
        if len(records) != len(keys) and self.table.entries_follow_rows:
            raise self.table.missing()
        return records

    def collected(
        self, path: IndexUnion | IndexIntersection, skip: int
    ) -> Iterator[list[Record]]:
        """Yield the records of several scans by key, each row once."""
        sets = (self.row_keys(each) for each in path.scans)
        ordered = sorted(path.combine(sets))[skip:]
        for start in range(0, len(ordered), BATCH):
            yield self.fetched(ordered[start : start + BATCH])

    def row_keys(self, scan: IndexScan) -> set[bytes]:
        """Return the keys of the rows that one scan of several finds."""
        found: set[bytes] = set()
        if scan.unique and scan.index is self.table.primary:
            # Single keys, in any order, are no ranges of a scan.
            records = self.access.get(self.table, [key for key, _ in scan.ranges])
            self.entries_read += len(records)
            return set(self.access.keys(self.table, records))
        for batch in self.batches(scan, None):
            self.entries_read += len(batch)
            if scan.index is self.table.primary:  # its entries are the rows
                batch = self.access.keys(self.table, batch)
            found.update(batch)
        return found

    # --- ordering and limits ---

    def rows(
        self, ordering: Ordering, low: int, high: int | None
    ) -> Iterator[list[Any]]:
        """Yield chunks of the rows wanted, from number `low` to `high`, in order."""
        if high is not None and high <= low:
            return
        choice, most = self.choice, self.table.most_walked
        if most is None or high is None or not choice.ordered or choice.exact:
            yield from self.rows_by_path(ordering, low, high)
            return
        # Nobody knows how far apart the rows wanted are in the order of the index.
        self.most_rows = most
        try:
            found = list(self.rows_by_path(ordering, low, high))
        except TooMany:
            self.most_rows = None
            satisfied = getattr(choice.access_path, "satisfied", ())
            predicates = list(dict.fromkeys([*choice.residual, *satisfied]))
            self.choice = choose(self.access, self.table, predicates, ordering, None)
            found = self.rows_by_path(ordering, low, high)  # type: ignore[assignment]
        yield from found

    def rows_by_path(
        self, ordering: Ordering, low: int, high: int | None
    ) -> Iterator[list[Any]]:
        """Yield what rows() does, by the access path chosen."""
        if not self.choice.ordered:
            found = islice(self.sorted(ordering, high), low, None)
            yield from iter(lambda: list(islice(found, BATCH)), [])
            return
        if self.choice.prefix is not None:
            yield list(islice(self.sorted_within(ordering, high), low, high))
            return
        left = None if high is None else high - low
        for rows in self.chunks(high, low):
            if left is not None and len(rows) >= left:
                yield rows[:left]
                return
            if left is not None:
                left -= len(rows)
            yield rows

    def sorted_within(self, ordering: Ordering, high: int | None) -> Iterator[Any]:
        """Yield rows that come in the order of the first columns, in all its order."""
        prefix = self.choice.prefix
        first = self.sort_key([column for column, _ in ordering[:prefix]])
        rows = chain.from_iterable(self.chunks(high))
        for _, same in groupby(rows, first):
            yield from self.in_order(same, ordering[prefix:], None)

    def sorted(self, ordering: Ordering, high: int | None) -> Iterator[Any]:
        """Return the first `high` of the rows wanted, sorted here."""
        return self.in_order(chain.from_iterable(self.chunks(None)), ordering, high)

    def in_order(
        self, rows: Iterable[Any], ordering: Ordering, high: int | None
    ) -> Iterator[Any]:
        """Yield the first `high` of some rows in order."""
        directions = {ascending for _, ascending in ordering}
        if len(directions) == 1:
            columns = [column for column, _ in ordering]
            keys = [(self.sort_key(columns), directions == {False})]
        else:
            keys = [(self.sort_key([column]), not up) for column, up in ordering]
        try:
            if high is not None:
                yield from first_in_order(rows, keys, high)
            else:
                yield from in_order(rows, keys)
        except TypeError as error:
            raise DatabaseError(
                f"The store is damaged: a column of {self.table.name} holds values "
                "of more than one type."
            ) from error

    def sort_key(self, columns: list[Column]) -> Callable[[Any], Any]:
        """Return the sort key of a row: NULL and NaN first, then by value."""
        parts = [self.sorted_part(column) for column in columns]

        def value_of(
            row: Any,
            get: Callable[[Any], Any],
            is_nan: Matches,
            convert: Callable[[Any], Any],
        ) -> tuple[bool, Any]:
            value = get(row)
            if value is None or is_nan(value):
                return (False, None)
            return (True, convert(value))

        if len(parts) == 1:
            (part,) = parts
            return lambda row: value_of(row, *part)
        return lambda row: [value_of(row, *part) for part in parts]

    def sorted_part(
        self, column: Column
    ) -> tuple[Callable[[Any], Any], Matches, Callable[[Any], Any]]:
        """Return (value of a row, whether that is NaN, value to compare by)."""
        get = of_column = self.getter(column.name)
        if column.path:

            def get(row: Any) -> Any:
                return next(at_path(of_column(row), column.path), None)

        forms = self.table.forms
        return get, forms.is_nan(column.db_type), forms.compared(column.db_type)

    # --- counting ---

    def count(self, limit: int | None) -> int:
        """Return the number of rows wanted, at most `limit`."""
        path = self.choice.access_path
        is_all = self.matches is None or (
            self.choice.exact and self.access.entries_fit(self.table)
        )
        if (
            is_all
            and isinstance(path, IndexScan)
            and not path.unique
            and not path.index.many
        ):
            return self.access.count(self.table, path.index, path.ranges, limit)
        total = 0
        for rows in self.chunks(limit):
            total += len(rows)
            if limit is not None and total >= limit:
                return limit
        return total


def each_once(batches: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield keys in batches, without those that came before.

    A row whose entries do not fit it may have several in one scan.
    """
    seen: set[bytes] = set()
    for batch in batches:
        new = [key for key in dict.fromkeys(batch) if key not in seen]
        seen.update(new)
        yield new
