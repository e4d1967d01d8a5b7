"""How a change of rows is tried again, where others may change them at the same time.

Threads of this process take turns; other processes are noticed when rows are written.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

from django.db import OperationalError

# How often a conflicting change is tried again. The pauses add up to 5 seconds on
# average, 10 at most. Of 16 processes that do nothing but write to one row of Riak, up
# to 1 change in 60 fails (measured: see docs/riak.md).
ATTEMPTS = 40
# Seconds. The longest pause before the first retry, about the time of a read and a
# write over a network; it doubles with each retry. At the last one, 16 writers of one
# row are 20 milliseconds apart.
PAUSE, LONGEST_PAUSE = 0.002, 0.3

# Locks of the threads of this process, by table and stripe of its keys. 64 stripes: two
# of eight threads with different rows share one with a chance of one in three, and a
# page of 500 rows takes 64 locks at most.
TURNS: dict[tuple[str, int], RLock] = defaultdict(RLock)
STRIPES = 64
if hasattr(os, "register_at_fork"):
    # A child does not have the threads that hold the locks.
    os.register_at_fork(after_in_child=TURNS.clear)


@contextmanager
def turns(table: str, keys: Iterable[bytes]) -> Iterator[None]:
    """Hold locks, so that no other thread of this process changes the rows.

    Stores may not detect all conflicts, or only by more requests.
    """
    with ExitStack() as stack:
        for stripe in sorted({hash(key) % STRIPES for key in keys}):
            stack.enter_context(TURNS[table, stripe])
        yield


def give_way(attempt: int) -> None:
    """Wait for a random time, longer with each attempt."""
    time.sleep(random.random() * min(PAUSE * 2**attempt, LONGEST_PAUSE))


def attempts(table: str) -> Iterator[int]:
    """Yield the numbers of attempts; then raise OperationalError."""
    yield from range(ATTEMPTS)
    raise OperationalError(
        f"Rows of {table} were changed by others during each of {ATTEMPTS} "
        "attempts to update them. Retry later."
    )
