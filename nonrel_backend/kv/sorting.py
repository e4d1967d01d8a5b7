"""Sorting more rows than memory should hold: sorted runs in files, which are merged."""

import heapq
import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

# How many rows are sorted in memory, and how many of a run are read at a time.
RUN, PORTION = 100_000, 500
# The keys of a row, the first one decides first; and whether each sorts backwards.
SortKeys = list[tuple[Callable[[Any], Any], bool]]


class Descending:
    """A part of a sort key that sorts backwards."""

    __slots__ = ("part",)

    def __init__(self, part: Any):
        self.part = part

    def __lt__(self, other: "Descending") -> bool:
        return bool(other.part < self.part)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.part == other.part)

    __hash__ = None  # type: ignore[assignment]


def first_in_order(rows: Iterable[Any], keys: SortKeys, number: int) -> list[Any]:
    """Return the first `number` of the rows in order; equal ones stay in theirs."""
    key, reverse = one_key(keys)
    take = heapq.nlargest if reverse else heapq.nsmallest
    return take(number, rows, key=key)


def in_order(rows: Iterable[Any], keys: SortKeys) -> Iterator[Any]:
    """Return an iterator of the rows in order; equal ones stay in theirs.

    More than RUN rows are sorted run by run. The runs are in temporary files without
    a name, which end with the iterator.
    """
    rows = iter(rows)
    run = sorted_run(rows, keys)
    if len(run) < RUN:
        return iter(run)
    runs = []
    while run:
        runs.append(written(run))
        run = sorted_run(rows, keys)
    key, reverse = one_key(keys)
    return heapq.merge(*map(read, runs), key=key, reverse=reverse)


def sorted_run(rows: Iterator[Any], keys: SortKeys) -> list[Any]:
    """Return the next RUN rows in order."""
    run = list(islice(rows, RUN))
    for key, reverse in reversed(keys):
        run.sort(key=key, reverse=reverse)
    return run


def one_key(keys: SortKeys) -> tuple[Callable[[Any], Any], bool]:
    """Return one key for all, and whether it sorts backwards."""
    if len(keys) == 1:
        return keys[0]

    def key(row: Any) -> list[Any]:
        return [Descending(get(row)) if reverse else get(row) for get, reverse in keys]

    return key, False


def written(run: list[Any]) -> IO[bytes]:
    """Return a temporary file with the rows of a run."""
    file = TemporaryFile()
    for start in range(0, len(run), PORTION):
        pickle.dump(run[start : start + PORTION], file, pickle.HIGHEST_PROTOCOL)
    file.seek(0)
    return file


def read(file: IO[bytes]) -> Iterator[Any]:
    """Yield the rows of a run, and close its file."""
    with file:
        while True:
            try:
                portion = pickle.load(file)
            except EOFError:
                return
            yield from portion
