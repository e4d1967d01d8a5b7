"""How often, and after which pauses, a change of rows is tried again.

Where statements are not atomic, others may change the rows at the same time: the change
is tried again on the new rows.
"""

import random
import time
from collections.abc import Iterator

from django.db import OperationalError

# How often a conflicting change is tried again. The pauses add up to 5 seconds on
# average, 10 at most. Of 16 processes that do nothing but write to one row of Riak, up
# to 1 change in 60 fails (measured: see docs/riak.md).
ATTEMPTS = 40
# Seconds. The longest pause before the first retry, about the time of a read and a
# write over a network; it doubles with each retry. At the last one, 16 writers of one
# row are 20 milliseconds apart.
PAUSE, LONGEST_PAUSE = 0.002, 0.3


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
