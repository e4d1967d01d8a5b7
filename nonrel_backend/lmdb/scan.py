"""The rows of a choice, found, tested, ordered and cut to size."""

import heapq
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.db import DatabaseError

from .catalog import Table
from .paths import Choice, Ordering, Path, Union, count_entries, read_entries
from .predicates import COMPARABLE, NANS, Matches, all_of, bind, never, same
from .rows import Found, get
from .values import BAD_VALUE, unpack_row

# Entries read at a time: a few first, for who wants few rows.
FIRST_BATCH, LARGEST_BATCH, GROWTH = 16, 4096, 8
# What is read now: a transaction under way may be a deeper one at the next batch.
Now = Callable[[], Any]


class Scan:
    """One run of a query over a table."""

    def __init__(self, table: Table, choice: Choice):
        self.table = table
        self.choice = choice
        self.matches = self.bound(choice.residual)
        # What has been read so far: entries of indexes, and rows.
        self.keys = self.documents = 0

    def bound(self, tests: list) -> Matches | None:
        return (
            all_of([bind(test, self.table.position) for test in tests])
            if tests
            else None
        )

    # --- what is found ---

    def found(self, now: Now, limit: int | None = None) -> Iterator[Found]:
        """(row's key, row) of all rows wanted; of `limit`, no more need be read."""
        rows = self.candidates(now, limit)
        return rows if self.matches is None else self.tested(rows, self.matches)

    def tested(self, rows: Iterator[Found], matches: Matches) -> Iterator[Found]:
        try:
            for item in rows:
                if matches(item[1]):
                    yield item
        except BAD_VALUE as error:
            raise DatabaseError(
                f"The store is damaged: a row of {self.table.name} holds a value "
                "of another type than its column."
            ) from error

    def candidates(self, now: Now, limit: int | None) -> Iterator[Found]:
        path = self.choice.path
        if isinstance(path, Union):
            return self.united(now, path)
        if path.unique:
            return self.looked_up(now(), path)
        return self.scanned(now, path, limit)

    def looked_up(self, txn, path: Path) -> Iterator[Found]:
        """By whole keys, of which each has one row or none."""
        table = self.table
        if path.index is table.primary:
            for key, _ in path.ranges:
                data = txn.get(key)
                if data is not None:
                    self.keys += 1
                    self.documents += 1
                    yield key[4:], unpack_row(data, table.width)
            return
        for key, _ in path.ranges:
            row_key = txn.get(key)
            if row_key is not None:
                self.keys += 1
                self.documents += 1
                yield row_key, get(txn, table, row_key)

    def scanned(self, now: Now, path: Path, limit: int | None) -> Iterator[Found]:
        table = self.table
        primary = path.index is table.primary
        for txn, batch in self.batches(now, path, limit):
            if primary:
                self.documents += len(batch)
                width = table.width
                for key, data in batch:
                    yield key[4:], unpack_row(data, width)
            else:
                yield from self.rows_of(txn, [row_key for _, row_key in batch])

    def batches(self, now: Now, path: Path, limit: int | None):
        """(transaction, entries) until all ranges are through.

        Every batch has a cursor of its own, so that rows may be written, savepoints
        made and undone while they are read.
        """
        reverse = self.choice.reverse
        size = FIRST_BATCH
        if limit is not None and self.matches is None:
            size = max(1, min(limit, LARGEST_BATCH))
        for low, high in path.ranges:
            while True:
                txn = now()
                batch = read_entries(txn, low, high, reverse, size)
                if batch:
                    self.keys += len(batch)
                    yield txn, batch
                if len(batch) < size:
                    break
                if reverse:
                    high = batch[-1][0]
                else:
                    low = batch[-1][0] + b"\0"
                size = min(size * GROWTH, LARGEST_BATCH)

    def rows_of(self, txn, row_keys: list[bytes]) -> Iterator[Found]:
        table = self.table
        self.documents += len(row_keys)
        prefix, width = table.prefix, table.width
        if len(row_keys) == 1:
            yield row_keys[0], get(txn, table, row_keys[0])
            return
        items = txn.cursor().getmulti([prefix + key for key in row_keys])
        if len(items) != len(row_keys):
            for row_key in row_keys:
                get(txn, table, row_key)  # says which
        for key, data in items:
            yield key[4:], unpack_row(data, width)

    def united(self, now: Now, union: Union) -> Iterator[Found]:
        keys: set[bytes] = set()
        for path in union.paths:
            part = Scan(self.table, Choice(path, []))
            entries = part.batches(now, path, None)
            if path.index is self.table.primary:  # whose entries are the rows
                keys.update(key[4:] for _, batch in entries for key, _ in batch)
            else:
                keys.update(row_key for _, batch in entries for _, row_key in batch)
            self.keys += part.keys
        ordered = sorted(keys)
        for start in range(0, len(ordered), LARGEST_BATCH):
            yield from self.rows_of(now(), ordered[start : start + LARGEST_BATCH])

    # --- in order, cut to size ---

    def rows(
        self, now: Now, ordering: Ordering, low: int, high: int | None
    ) -> Iterator[list]:
        """The rows from `low` to `high` of those wanted."""
        if high is not None and high <= low:
            return iter(())
        if self.choice.ordered:
            found = self.found(now, high)
            return (row for _, row in islice(found, low, high))
        return iter(self.sorted(now, ordering, high)[low:])

    def sorted(self, now: Now, ordering: Ordering, high: int | None) -> list[list]:
        rows = (row for _, row in self.found(now))
        try:
            ways = {ascending for _, ascending in ordering}
            if len(ways) == 1:
                key = self.sort_key([position for position, _ in ordering])
                descending = ways == {False}
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

    def sort_key(self, positions: list[int]) -> Callable[[list], Any]:
        """NULLs (and NaN) first, then by value."""
        parts = [
            (
                at,
                NANS.get(self.table.by_position[at].db_type, never),
                COMPARABLE.get(self.table.by_position[at].db_type, same),
            )
            for at in positions
        ]

        def value_of(row, at, is_nan, convert):
            value = row[at]
            if value is None or is_nan(value):
                return (False, None)
            return (True, convert(value))

        if len(parts) == 1:
            (part,) = parts
            return lambda row: value_of(row, *part)
        return lambda row: [value_of(row, *part) for part in parts]

    # --- counted ---

    def count(self, now: Now, limit: int | None) -> int:
        path = self.choice.path
        if self.matches is None and isinstance(path, Path) and not path.unique:
            total = 0
            for low, high in path.ranges:
                left = None if limit is None else limit - total
                total += count_entries(now(), low, high, left)
                if limit is not None and total >= limit:
                    break
            return total
        return sum(1 for _ in islice(self.found(now, limit), limit))
