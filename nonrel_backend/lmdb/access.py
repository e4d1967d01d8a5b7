"""The Access of LMDB: a transaction's keys and values."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import lmdb
from django.db import DatabaseError

from ..batching import batches
from ..kv.bytes import FIRST_BATCH, GROWTH, LARGEST_BATCH, TREE_SIZE, Item
from ..kv.encoding import CRC_SIZE, WHOLE, KeyRange, whole
from ..kv.layouts import Changes
from ..kv.snapshots import NotedReads, Reads
from ..kv.tables import Index, Table
from ..kv.trees import TreesAccess
from . import memory
from .tables import FORMAT, FORMAT_KEY, LMDBTable, converted, place_columns
from .values import ZERO, checksum, pack, pack_row, patch_rows, unpack

if TYPE_CHECKING:
    from .environment import Environment

# A transaction whose keys and values are bytes.
if TYPE_CHECKING:
    Txn: TypeAlias = lmdb.Transaction[bytes]
else:
    Txn = lmdb.Transaction
# The first byte of what is in the catalog with a checksum: msgpack begins nothing so.
CHECKED = b"\xc1"
# To count fewer entries takes no longer than to find out whether the count is known.
MANY = 1_000
COUNTS_REMEMBERED = 1_000
# Returns the transaction to read from: a savepoint may begin or end between batches.
CurrentTransaction: TypeAlias = Callable[[], Txn]


class LMDBAccess(TreesAccess):
    """What one statement reads and writes, in the transaction that `now` returns."""

    catalog_keys = (FORMAT_KEY,)

    def __init__(self, environment: "Environment", now: CurrentTransaction) -> None:
        super().__init__(environment.tables)
        self.environment = environment
        self.now = now
        # Rows read since memory was given back.
        self.rows_read = 0

    # --- keys and values ---

    def value(self, key: bytes) -> bytes | None:
        return self.now().get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.now().put(key, value)

    def remove(self, key: bytes) -> None:
        self.now().delete(key)

    def put_all(self, items: Iterable[Item]) -> None:
        self.now().cursor().putmulti(items)

    def put_all_new(self, keys: list[bytes], values: list[bytes]) -> bool:
        items = zip(keys, values, strict=True)
        _, added = self.now().cursor().putmulti(items, overwrite=False)
        return bool(added == len(keys))

    def values(self, keys: Sequence[bytes]) -> list[Item]:
        if len(keys) != 1:
            return self.now().cursor().getmulti(keys)
        data = self.now().get(keys[0])
        return [] if data is None else [(keys[0], data)]

    def items(self, low: bytes, high: bytes, reverse: bool, limit: int) -> list[Item]:
        if low >= high:
            return []
        cursor = self.now().cursor()
        if reverse:
            found = cursor.prev() if cursor.set_range(high) else cursor.last()
            if not found:
                return []
            batch = list(islice(cursor.iterprev(), limit))
            if batch and batch[-1][0] < low:
                batch = [item for item in batch if item[0] >= low]
            return batch
        if not cursor.set_range(low):
            return []
        batch = list(islice(cursor.iternext(), limit))
        if batch and batch[-1][0] >= high:
            batch = [item for item in batch if item[0] < high]
        return batch

    def count_items(self, low: bytes, high: bytes, limit: int | None) -> int:
        cursor = self.now().cursor()
        if low >= high or not cursor.set_range(low):
            return 0
        keys = cursor.iternext(keys=True, values=False)
        count = 0
        for key in islice(keys, FIRST_BATCH if limit is None else limit):
            if key >= high:
                return count
            count += 1
            if count == FIRST_BATCH:
                break
        size = FIRST_BATCH * GROWTH
        while limit is None or count < limit:
            if limit is not None:
                size = min(size, limit - count)
            batch = list(islice(keys, size))
            if not batch:
                break
            if batch[-1] >= high:
                return count + bisect_left(batch, high)
            count += len(batch)
            size = min(size * GROWTH, LARGEST_BATCH)
        return count

    def count(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int:
        if limit is not None:
            return super().count(table, index, ranges, limit)
        if len(ranges) != 1:
            return self.count_ranges(index.prefix, ranges)
        counts = self.environment.counts
        place = index.prefix, *ranges
        version = self.unnoted(table.counters_key)
        known, count = counts.get(place, (None, 0))
        if known != version or version is None:
            count = super().count(table, index, ranges)
            if count >= MANY:
                if len(counts) >= COUNTS_REMEMBERED:
                    counts.clear()
                counts[place] = version, count
        else:
            self.value(table.counters_key)  # noted: the answer depends on it
        return count

    def count_ranges(self, prefix: bytes, ranges: Sequence[KeyRange]) -> int:
        """Return how many keys of a tree several ranges hold."""
        cursor = self.now().cursor()
        count = 0
        for low, high in ranges:
            end = prefix + high
            if low < high and cursor.set_range(prefix + low):
                key = b""
                for key in islice(cursor.iternext(True, False), FIRST_BATCH):
                    if key >= end:
                        break
                    count += 1
                else:
                    count += LMDBAccess.count_items(self, key + b"\0", end, None)
        return count

    def batches(
        self,
        prefix: bytes,
        ranges: Sequence[KeyRange],
        reverse: bool,
        limit: int | None,
    ) -> Iterator[list[Item]]:
        if reverse or len(ranges) < 2:
            return super().batches(prefix, ranges, reverse, limit)
        return self.batches_of_ranges(prefix, list(ranges), limit)

    def batches_of_ranges(
        self, prefix: bytes, ranges: list[KeyRange], limit: int | None
    ) -> Iterator[list[Item]]:
        """Yield the items of ranges, most of which hold few: many ranges to a batch."""
        size = FIRST_BATCH if limit is None else max(1, min(limit, LARGEST_BATCH))
        while ranges:
            part = tuple(ranges[:size])
            found = self.items_of_ranges(prefix, part, size)
            if found:
                yield found
            if len(found) < size:
                del ranges[:size]
            else:
                last = found[-1][0][TREE_SIZE:]
                at = next(
                    at for at, (low, high) in enumerate(part) if low <= last < high
                )
                ranges[: at + 1] = [(last + b"\0", part[at][1])]
            size = min(size * GROWTH, LARGEST_BATCH)

    def items_of_ranges(
        self, prefix: bytes, ranges: Sequence[KeyRange], limit: int
    ) -> list[Item]:
        """Return the first `limit` items of several ranges of a tree."""
        cursor = self.now().cursor()
        found: list[Item] = []
        for low, high in ranges:
            end = prefix + high
            if low < high and cursor.set_range(prefix + low):
                for item in cursor.iternext():
                    if item[0] >= end:
                        break
                    found.append(item)
                    if len(found) == limit:
                        return found
        return found

    # --- rows ---

    def pack(self, table: Table, row: list[Any]) -> bytes:
        return pack_row(row, "checksums" in table.entry)

    def unpack(
        self, table: Table, data: list[bytes], layout: Any = None
    ) -> list[list[Any]]:
        rows: list[list[Any]] = (layout or table.layout).unpacked(data)
        return rows

    def patch(self, table: Table, records: list[Item], changes: Changes) -> bool:
        layout, checksums = table.layout, "checksums" in table.entry
        placed = {layout.position(name): change for name, change in changes}
        changed: list[Item] = []
        for batch in batches(records, LARGEST_BATCH):
            old = [data for _, data in batch]
            new = patch_rows(old, layout.width, placed, checksums)
            if new is None:
                return False
            changed += [
                (key, after)
                for (key, before), after in zip(batch, new, strict=True)
                if after is not before
            ]
        if changed:
            self.now().cursor().putmulti(changed)
            columns = {name for name, _ in changes}
            self.wrote(table, 0, self.keys(table, changed), columns)
        return True

    def entry_value(self, table: Table, key: bytes, row_key: bytes) -> bytes:
        if "checksums" not in table.entry:
            return row_key
        return row_key + checksum(key + row_key)

    def entry_values(
        self, table: Table, keys: list[bytes], row_keys: list[bytes]
    ) -> list[bytes]:
        if "checksums" not in table.entry:
            return row_keys
        return [
            row_key + checksum(key + row_key)
            for key, row_key in zip(keys, row_keys, strict=True)
        ]

    def row_keys(self, table: Table, entries: list[Item]) -> list[bytes]:
        if "checksums" not in table.entry:
            return [value for _, value in entries]
        if crc32(b"".join(chain.from_iterable(entries)), ZERO) != ZERO:
            raise DatabaseError(
                f"The store is damaged: an entry of an index of {table.name} is not as "
                "it was written. Run nonrel_check."
            )
        return [value[:-CRC_SIZE] for _, value in entries]

    def read(self, count: int) -> None:
        self.rows_read += count
        if self.rows_read > memory.ROWS:
            memory.give_back(self.environment.data_path)
            self.rows_read = 0

    # --- tables ---

    def dump(self, value: Any) -> bytes:
        return whole(CHECKED + pack(value))

    def load(self, data: bytes) -> Any:
        if data[:1] != CHECKED:  # written by an earlier version
            return unpack(data)
        if crc32(data) != WHOLE:
            raise DatabaseError("The store is damaged: an entry of the catalog.")
        return unpack(data[1:-CRC_SIZE])

    def make_table(self, name: str, entry: dict[str, Any]) -> LMDBTable:
        return LMDBTable(name, entry)

    def entry_of(self, name: str) -> dict[str, Any]:
        return converted(super().entry_of(name))

    def complete_entry(self, entry: dict[str, Any]) -> None:
        place_columns(entry)
        if "id" not in entry and self.environment.checksums:  # it has no rows yet
            entry["checksums"] = "crc32"

    def save_entry(self, name: str, entry: dict[str, Any]) -> None:
        super().save_entry(name, entry)
        self.put(FORMAT_KEY, pack(FORMAT))


class SnapshotAccess(NotedReads, LMDBAccess):
    """What one statement reads of the snapshot of a transaction, and notes."""

    def __init__(self, environment: "Environment", txn: Txn, reads: Reads) -> None:
        super().__init__(environment, lambda: txn)
        self.begin_notes(reads)

    def count_ranges(self, prefix: bytes, ranges: Sequence[KeyRange]) -> int:
        count = super().count_ranges(prefix, ranges)
        read = count + len(ranges)
        self.noted(read, count, "count_ranges", prefix, tuple(ranges))
        return count

    def items_of_ranges(
        self, prefix: bytes, ranges: Sequence[KeyRange], limit: int
    ) -> list[Item]:
        found = super().items_of_ranges(prefix, ranges, limit)
        read = len(found) + len(ranges)
        self.noted(read, found, "items_of_ranges", prefix, ranges, limit)
        return found


class LMDBWriter(LMDBAccess):
    """What one statement writes, and reads, in one transaction."""

    def __init__(self, environment: "Environment", txn: Txn) -> None:
        super().__init__(environment, lambda: txn)
        # The transaction's own functions are faster than methods that call them.
        self.value = txn.get  # type: ignore[method-assign]
        self.put = txn.put  # type: ignore[assignment,method-assign]
        self.remove = txn.delete  # type: ignore[assignment,method-assign]
        self.put_new = partial(txn.put, overwrite=False)  # type: ignore[method-assign]
