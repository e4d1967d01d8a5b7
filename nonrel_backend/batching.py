"""Rows in lists of a bounded size."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of at most `size` rows."""
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch
