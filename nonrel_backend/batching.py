"""Rows in lists of a bounded size."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of at most `size` rows."""
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def weighed(
    items: Iterable[Any],
    weight: Callable[[Any], int],
    most: int,
    length: int | None = None,
) -> Iterator[list[Any]]:
    """Yield lists of at most `length` items that weigh at most `most` together.

    An item that weighs more than that has a list of its own.
    """
    batch: list[Any] = []
    total = 0
    for item in items:
        own = weight(item)
        if batch and (total + own > most or len(batch) == length):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += own
    if batch:
        yield batch
