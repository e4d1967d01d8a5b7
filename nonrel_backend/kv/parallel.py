"""Several requests to a store at the same time, on threads of the process."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
# Requests of one caller at the same time.
PARALLEL = 16


@cache
def pool() -> ThreadPoolExecutor:
    """Return the threads of this process for requests at the same time."""
    return ThreadPoolExecutor(2 * PARALLEL, thread_name_prefix="nonrel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)


def each(
    work: Callable[[T], R], items: Iterable[T], most: int = PARALLEL
) -> Iterator[R]:
    """Yield work(item) of each item, in their order; `most` are done at a time."""
    items = iter(items)
    first = list(islice(items, most))
    if len(first) < 2:
        yield from map(work, first)
        return
    running = [pool().submit(work, item) for item in first]
    try:
        while running:
            result = running.pop(0).result()
            running += [pool().submit(work, item) for item in islice(items, 1)]
            yield result
    finally:
        for future in running:
            future.cancel()
