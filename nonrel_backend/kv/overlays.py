"""Entries of a store, with those of a transaction's buffer laid over them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from .buffer import Space
from .conditional import Stored
from .encoding import KeyRange


def laid_over(
    batches: Iterator[tuple[bytes, list[Stored]]],
    space: Space,
    ranges: Sequence[KeyRange],
    reverse: bool,
) -> Iterator[list[Stored]]:
    """Yield the entries of ranges in batches, in the order of their keys.

    `batches` are those of the store, each with the last key that was read for it; they
    are in order, and with `reverse` of one range. The buffer is read anew for each
    batch: it may change between two.
    """
    ranges = [each for each in ranges if each[0] < each[1]]
    if not ranges:
        return
    low, high = ranges[0][0], max(end for _, end in ranges)
    for last, batch in batches:
        if reverse:
            found = merged(batch, space, last, high, ranges, reverse)
            high = last
        else:
            found = merged(batch, space, low, last + b"\0", ranges, reverse)
            low = last + b"\0"
        if found:
            yield found
    if low < high:
        found = merged([], space, low, high, ranges, reverse)
        if found:
            yield found


def merged(
    batch: list[Stored],
    space: Space,
    low: bytes,
    high: bytes,
    ranges: Sequence[KeyRange],
    reverse: bool,
) -> list[Stored]:
    """Return a batch with what is held from `low` to before `high`."""
    held = space.between(low, high)
    if not held:
        return batch
    found = {each.key: each for each in batch}
    starts = [start for start, _ in ranges]
    for key, each in held:
        if each.value is None:
            found.pop(key, None)
        elif key < ranges[bisect_right(starts, key) - 1][1]:
            found[key] = Stored(key, each.value)
    return [found[key] for key in sorted(found, reverse=reverse)]
