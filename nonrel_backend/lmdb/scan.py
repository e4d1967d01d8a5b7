"""Reading the rows of an access path in batches: filtered, sorted and limited."""

import heapq
from collections.abc import Callable, Iterator
from itertools import chain, compress
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import DatabaseError

from ..documents.functions import at_path
from .access_paths import (
    Choice,
    IndexIntersection,
    IndexScan,
    IndexUnion,
    Ordering,
)
from .catalog import TREE_SIZE, Table
from .entries import (
    FIRST_BATCH,
    GROWTH,
    LARGEST_BATCH,
    Txn,
    count_entries,
    read_entries,
)
from .predicates import (
    COMPARABLE,
    NANS,
    CompoundPredicate,
    Matches,
    Predicate,
    all_of,
    bind,
    never,
    same,
)
from .rows import Found, missing
from .values import BAD_VALUE, unpack_rows

# Returns the transaction to read from: a savepoint may begin or end between batches.
CurrentTransaction: TypeAlias = Callable[[], Txn]
# (row key with the prefix of its table, packed row)
Item: TypeAlias = tuple[bytes, bytes]


class Scan:
    """One run of a query over a table."""

    def __init__(self, table: Table, choice: Choice):
        self.table = table
        self.choice = choice
        self.matches = self.bound(choice.residual)
        # How many index entries and rows have been read so far.
        self.entries_read = self.rows_read = 0

    def bound(self, predicates: list[Predicate | CompoundPredicate]) -> Matches | None:
        """Return the predicates as one function of a row, None for no predicate."""
        if not predicates:
            return None
        return all_of([bind(each, self.table.position) for each in predicates])

    # --- reading ---

    def found(self, now: CurrentTransaction) -> Iterator[Found]:
        """Yield (row key, row) of all rows wanted."""
        for items in self.items(now, None):
            keys = [key[TREE_SIZE:] for key, _ in items]
            rows = self.unpacked(items)
            if self.matches is not None:
                wanted = self.matching(rows)
                keys, rows = list(compress(keys, wanted)), list(compress(rows, wanted))
            yield from zip(keys, rows, strict=True)

    def chunks(
        self, now: CurrentTransaction, limit: int | None, skip: int = 0
    ) -> Iterator[list]:
        """Return lists of the rows wanted, without the first `skip`.

        If no more than `limit` rows are needed, those skipped among them, the first
        batch is not larger.
        """
        if self.matches is None:
            return map(self.unpacked, self.items(now, limit, skip))
        return self.filtered(now, limit, skip)

    def filtered(
        self, now: CurrentTransaction, limit: int | None, skip: int
    ) -> Iterator[list]:
        """Yield lists of the rows for which the residual predicates are true."""
        for items in self.items(now, limit):
            rows = self.unpacked(items)
            rows = list(compress(rows, self.matching(rows)))
            skip, rows = max(0, skip - len(rows)), rows[skip:]
            if rows:
                yield rows

    def unpacked(self, items: list[Item]) -> list[list]:
        return unpack_rows([data for _, data in items], self.table.width)

    def matching(self, rows: list[list]) -> list[bool]:
        """Return for each row whether the residual predicates are true."""
        try:
            return list(map(self.matches, rows))  # type: ignore[arg-type]
        except BAD_VALUE as error:
            raise DatabaseError(
                f"The store is damaged: a row of {self.table.name} holds a value "
                "of another type than its column."
            ) from error

    def items(
        self, now: CurrentTransaction, limit: int | None, skip: int = 0
    ) -> Iterator[list[Item]]:
        """Return the items of the access path, without the first `skip`."""
        path = self.choice.access_path
        if isinstance(path, IndexScan) and path.index.many:
            # A row has an entry for each of its items.
            path = IndexUnion([path])
        if not isinstance(path, IndexScan):
            return self.collected(now, path, skip)
        if path.unique:
            items = self.looked_up(now(), path)[skip:]
            return iter([items] if items else [])
        return self.scanned(now, path, limit, skip)

    def looked_up(self, txn: Txn, scan: IndexScan) -> list[Item]:
        """Return the items of a scan whose ranges are complete keys of one row each."""
        keys = [key for key, _ in scan.ranges]
        found = list(map(txn.get, keys))
        if scan.index is not self.table.primary:
            row_keys = [row_key for row_key in found if row_key is not None]
            self.entries_read += len(row_keys)
            return self.items_of(txn, row_keys)
        pairs = zip(keys, found, strict=True)
        items = [(key, data) for key, data in pairs if data is not None]
        self.entries_read += len(items)
        self.rows_read += len(items)
        return items

    def scanned(
        self, now: CurrentTransaction, scan: IndexScan, limit: int | None, skip: int
    ) -> Iterator[list[Item]]:
        """Yield the items of a scan, without the first `skip`."""
        primary = scan.index is self.table.primary
        for txn, batch in self.batches(now, scan, limit):
            if skip:
                skip, batch = max(0, skip - len(batch)), batch[skip:]
                if not batch:
                    continue
            if primary:
                self.rows_read += len(batch)
                yield batch
            else:
                yield self.items_of(txn, [row_key for _, row_key in batch])

    def batches(
        self, now: CurrentTransaction, scan: IndexScan, limit: int | None
    ) -> Iterator[tuple[Txn, list[Item]]]:
        """Yield (transaction, index entries) until all ranges are read.

        Every batch has its own cursor, so that rows may be written, and savepoints made
        and rolled back, between batches.
        """
        reverse = self.choice.reverse
        size = FIRST_BATCH
        if limit is not None and self.matches is None:
            size = max(1, min(limit, LARGEST_BATCH))
        for low, high in scan.ranges:
            while True:
                txn = now()
                batch = read_entries(txn, low, high, reverse, size)
                if batch:
                    self.entries_read += len(batch)
                    yield txn, batch
                if len(batch) < size:
                    break
                if reverse:
                    high = batch[-1][0]
                else:
                    low = batch[-1][0] + b"\0"
                size = min(size * GROWTH, LARGEST_BATCH)

    def items_of(self, txn: Txn, row_keys: list[bytes]) -> list[Item]:
        """Return the items of these rows; raise DatabaseError if one is missing."""
        table = self.table
        self.rows_read += len(row_keys)
        keys = [table.prefix + key for key in row_keys]
        if len(keys) == 1:
            data = txn.get(keys[0])
            items = [] if data is None else [(keys[0], data)]
        else:
            items = txn.cursor().getmulti(keys)
        if len(items) != len(keys):
            raise missing(table)
        return items

    def collected(
        self, now: CurrentTransaction, path: IndexUnion | IndexIntersection, skip: int
    ) -> Iterator[list[Item]]:
        """Yield the items of several scans by key, each row once."""
        sets = (self.row_keys(now, each) for each in path.scans)
        ordered = sorted(path.combine(sets))[skip:]
        for start in range(0, len(ordered), LARGEST_BATCH):
            yield self.items_of(now(), ordered[start : start + LARGEST_BATCH])

    def row_keys(self, now: CurrentTransaction, scan: IndexScan) -> set[bytes]:
        """Return the keys of the rows that one scan of several finds."""
        part = Scan(self.table, Choice(scan, []))
        batches = (batch for _, batch in part.batches(now, scan, None))
        if scan.index is self.table.primary:  # its entries are the rows
            keys = {key[TREE_SIZE:] for batch in batches for key, _ in batch}
        else:
            keys = {row_key for batch in batches for _, row_key in batch}
        self.entries_read += part.entries_read
        return keys

    # --- ordering and limits ---

    def rows(
        self, now: CurrentTransaction, ordering: Ordering, low: int, high: int | None
    ) -> Iterator[list[list]]:
        """Yield chunks of the rows wanted, from number `low` to `high`, in order."""
        if high is not None and high <= low:
            return
        if not self.choice.ordered:
            yield self.sorted(now, ordering, high)[low:]
            return
        left = None if high is None else high - low
        for rows in self.chunks(now, high, low):
            if left is not None and len(rows) >= left:
                yield rows[:left]
                return
            if left is not None:
                left -= len(rows)
            yield rows

    def sorted(
        self, now: CurrentTransaction, ordering: Ordering, high: int | None
    ) -> list[list]:
        """Return the first `high` of the rows wanted, sorted here."""
        rows = chain.from_iterable(self.chunks(now, None))
        try:
            directions = {ascending for _, ascending in ordering}
            if len(directions) == 1:
                key = self.sort_key([position for position, _ in ordering])
                descending = directions == {False}
                if high is not None:
                    take = heapq.nlargest if descending else heapq.nsmallest
                    return take(high, rows, key=key)
                return sorted(rows, key=key, reverse=descending)
            found = list(rows)
            for position, ascending in reversed(ordering):
                found.sort(key=self.sort_key([position]), reverse=not ascending)
        except TypeError as error:
            raise DatabaseError(
                f"The store is damaged: a column of {self.table.name} holds values "
                "of more than one type."
            ) from error
        return found if high is None else found[:high]

    def sort_key(self, positions: list) -> Callable[[list], Any]:
        """Return the sort key of a row: NULL and NaN first, then by value."""
        parts = [self.sorted_part(position) for position in positions]

        def value_of(
            row: list,
            get: Callable[[list], Any],
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
        self, position: Any
    ) -> tuple[Callable[[list], Any], Matches, Callable[[Any], Any]]:
        """Return (value of a row, whether that is NaN, value to compare by)."""
        get: Callable[[list], Any]
        if isinstance(position, tuple):
            at, path, db_type = position

            def get(row: list) -> Any:
                return next(at_path(row[at], path), None)

        else:
            db_type = self.table.by_position[position].db_type
            get = itemgetter(position)
        return get, NANS.get(db_type, never), COMPARABLE.get(db_type, same)

    # --- counting ---

    def count(self, now: CurrentTransaction, limit: int | None) -> int:
        """Return the number of rows wanted, at most `limit`."""
        path = self.choice.access_path
        total = 0
        if (
            self.matches is None
            and isinstance(path, IndexScan)
            and not path.unique
            and not path.index.many
        ):
            for low, high in path.ranges:
                left = None if limit is None else limit - total
                total += count_entries(now(), low, high, left)
                if limit is not None and total >= limit:
                    break
            return total
        for rows in self.chunks(now, limit):
            total += len(rows)
            if limit is not None and total >= limit:
                return limit
        return total
