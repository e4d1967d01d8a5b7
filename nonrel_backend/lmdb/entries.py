"""Ranges of keys, read and counted in batches."""

from itertools import islice


def count_entries(txn, low: bytes, high: bytes, limit: int | None = None) -> int:
    """How many keys there are in a range, at most `limit`."""
    cursor = txn.cursor()
    if low >= high or not cursor.set_range(low):
        return 0
    keys = cursor.iternext(keys=True, values=False)
    count = 0
    size = 16
    while limit is None or count < limit:
        if limit is not None:
            size = min(size, limit - count)
        batch = list(islice(keys, size))
        if not batch:
            break
        if batch[-1] >= high:
            return count + sum(key < high for key in batch)
        count += len(batch)
        size = min(size * 8, 4096)
    return count


def read_entries(
    txn, low: bytes, high: bytes, reverse: bool, size: int
) -> list[tuple[bytes, bytes]]:
    """The first `size` entries of a range, or the last ones, last first."""
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
