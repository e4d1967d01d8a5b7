"""Ranges of keys, read and counted in batches."""

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import lmdb

# A transaction whose keys and values are bytes.
if TYPE_CHECKING:
    Txn: TypeAlias = lmdb.Transaction[bytes]
else:
    Txn = lmdb.Transaction

# Entries to a batch. The first one is small, for queries that need few rows; an entry
# then takes 0.25 microseconds, 0.18 in batches of 64 and more (measured with 100,000
# rows). The largest bounds the memory of a batch, not its time.
FIRST_BATCH, LARGEST_BATCH, GROWTH = 16, 4096, 8


def count_entries(txn: Txn, low: bytes, high: bytes, limit: int | None = None) -> int:
    """Return how many keys a range holds, at most `limit`."""
    cursor = txn.cursor()
    if low >= high or not cursor.set_range(low):
        return 0
    keys = cursor.iternext(keys=True, values=False)
    count = 0
    size = FIRST_BATCH
    while limit is None or count < limit:
        if limit is not None:
            size = min(size, limit - count)
        batch = list(islice(keys, size))
        if not batch:
            break
        if batch[-1] >= high:
            return count + sum(key < high for key in batch)
        count += len(batch)
        size = min(size * GROWTH, LARGEST_BATCH)
    return count


def read_entries(
    txn: Txn, low: bytes, high: bytes, reverse: bool, size: int
) -> list[tuple[bytes, bytes]]:
    """Return the first `size` entries of a range.

    With `reverse`, return the last ones, the last of all first.
    """
    if low >= high:
        return []
    cursor = txn.cursor()
    if reverse:
        found = cursor.prev() if cursor.set_range(high) else cursor.last()
        if not found:
            return []
        batch = list(islice(cursor.iterprev(), size))
        if batch and batch[-1][0] < low:
            batch = [entry for entry in batch if entry[0] >= low]
        return batch
    if not cursor.set_range(low):
        return []
    batch = list(islice(cursor.iternext(), size))
    if batch and batch[-1][0] >= high:
        batch = [entry for entry in batch if entry[0] < high]
    return batch
