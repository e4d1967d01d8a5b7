"""The rows of a choice, found, tested, ordered and cut to size, batch by batch."""

import heapq
from collections.abc import Callable, Iterator
from itertools import chain, compress
from operator import itemgetter
from typing import Any

from django.db import DatabaseError

from ..documents.functions import at_path
from .catalog import Table
from .entries import count_entries, read_entries
from .paths import Choice, Intersection, Ordering, Path, Union
from .predicates import COMPARABLE, NANS, Matches, all_of, bind, never, same
from .rows import Found, missing
from .values import BAD_VALUE, unpack_rows

# Entries read at a time: a few first, for who wants few rows.
FIRST_BATCH, LARGEST_BATCH, GROWTH = 16, 4096, 8
# What is read now: a transaction under way may be a deeper one at the next batch.
Now = Callable[[], Any]
# (a row's key with its table's prefix, the row as bytes)
Item = tuple[bytes, bytes]


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

    def found(self, now: Now) -> Iterator[Found]:
        """(row's key, row) of all rows wanted."""
        for items in self.items(now, None):
            keys = [key[4:] for key, _ in items]
            rows = self.unpacked(items)
            if self.matches is not None:
                right = self.right(rows)
                keys, rows = list(compress(keys, right)), list(compress(rows, right))
            yield from zip(keys, rows, strict=True)

    def chunks(self, now: Now, limit: int | None, skip: int = 0) -> Iterator[list]:
        """Lists of the rows wanted; of `limit`, no more need be read. The first
        `skip` are left out.
        """
        if self.matches is None:
            yield from map(self.unpacked, self.items(now, limit, skip))
            return
        for items in self.items(now, limit):
            rows = self.unpacked(items)
            rows = list(compress(rows, self.right(rows)))
            skip, rows = max(0, skip - len(rows)), rows[skip:]
            if rows:
                yield rows

    def unpacked(self, items: list[Item]) -> list[list]:
        return unpack_rows([data for _, data in items], self.table.width)

    def right(self, rows: list[list]) -> list[bool]:
        """Which of the rows are wanted."""
        try:
            return list(map(self.matches, rows))  # type: ignore[arg-type]
        except BAD_VALUE as error:
            raise DatabaseError(
                f"The store is damaged: a row of {self.table.name} holds a value "
                "of another type than its column."
            ) from error

    def items(self, now: Now, limit: int | None, skip: int = 0) -> Iterator[list[Item]]:
        """The rows of the path as they are stored, but for the first `skip`."""
        path = self.choice.path
        if isinstance(path, Path) and path.index.many:
            # A row has an entry for each of its items.
            path = Union([path])
        if not isinstance(path, Path):
            yield from self.collected(now, path, skip)
        elif path.unique:
            items = self.looked_up(now(), path)[skip:]
            if items:
                yield items
        else:
            yield from self.scanned(now, path, limit, skip)

    def looked_up(self, txn, path: Path) -> list[Item]:
        """By whole keys, of which each has one row or none."""
        keys = [key for key, _ in path.ranges]
        if path.index is not self.table.primary:
            found = [txn.get(key) for key in keys]
            row_keys = [row_key for row_key in found if row_key is not None]
            self.keys += len(row_keys)
            return self.items_of(txn, row_keys)
        found = [(key, txn.get(key)) for key in keys]
        items = [item for item in found if item[1] is not None]
        self.keys += len(items)
        self.documents += len(items)
        return items

    def scanned(self, now: Now, path: Path, limit, skip: int) -> Iterator[list[Item]]:
        primary = path.index is self.table.primary
        for txn, batch in self.batches(now, path, limit):
            if skip:
                skip, batch = max(0, skip - len(batch)), batch[skip:]
                if not batch:
                    continue
            if primary:
                self.documents += len(batch)
                yield batch
            else:
                yield self.items_of(txn, [row_key for _, row_key in batch])

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

    def items_of(self, txn, row_keys: list[bytes]) -> list[Item]:
        """The rows that entries name."""
        table = self.table
        self.documents += len(row_keys)
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
        self, now: Now, path: Union | Intersection, skip: int
    ) -> Iterator[list[Item]]:
        """Rows of many ranges, each once, by key."""
        sets = (self.row_keys(now, each) for each in path.paths)
        ordered = sorted(path.combine(sets))[skip:]
        for start in range(0, len(ordered), LARGEST_BATCH):
            yield self.items_of(now(), ordered[start : start + LARGEST_BATCH])

    def row_keys(self, now: Now, path: Path) -> set[bytes]:
        part = Scan(self.table, Choice(path, []))
        batches = (batch for _, batch in part.batches(now, path, None))
        if path.index is self.table.primary:  # whose entries are the rows
            keys = {key[4:] for batch in batches for key, _ in batch}
        else:
            keys = {row_key for batch in batches for _, row_key in batch}
        self.keys += part.keys
        return keys

    # --- in order, cut to size ---

    def rows(
        self, now: Now, ordering: Ordering, low: int, high: int | None
    ) -> Iterator[list[list]]:
        """Chunks of the rows from `low` to `high` of those wanted."""
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

    def sorted(self, now: Now, ordering: Ordering, high: int | None) -> list[list]:
        rows = chain.from_iterable(self.chunks(now, None))
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

    def sort_key(self, positions: list) -> Callable[[list], Any]:
        """NULLs (and NaN) first, then by value."""
        parts = [self.sorted_part(position) for position in positions]

        def value_of(row, get, is_nan, convert):
            value = get(row)
            if value is None or is_nan(value):
                return (False, None)
            return (True, convert(value))

        if len(parts) == 1:
            (part,) = parts
            return lambda row: value_of(row, *part)
        return lambda row: [value_of(row, *part) for part in parts]

    def sorted_part(self, position) -> tuple:
        """What of a row is compared, what is NaN in it, and how it is compared."""
        if isinstance(position, tuple):
            at, path, db_type = position

            def get(row):
                return next(at_path(row[at], path), None)

        else:
            db_type, get = (
                self.table.by_position[position].db_type,
                itemgetter(position),
            )
        return get, NANS.get(db_type, never), COMPARABLE.get(db_type, same)

    # --- counted ---

    def count(self, now: Now, limit: int | None) -> int:
        path = self.choice.path
        total = 0
        if (
            self.matches is None
            and isinstance(path, Path)
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
