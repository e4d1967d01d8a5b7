"""Reports the progress of long scans, to the log and on a terminal."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

logger = logging.getLogger("nonrel_backend")
# The time between two reports: seldom enough for a log, often enough for a person.
SECONDS = 2.0
# The clock is read once in so many rows, so that a scan is not slower for it.
ROWS = 1_000


def told(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """Yield the items, of which there are `total`; report how many were yielded."""
    at = time.monotonic() + SECONDS
    for done, item in enumerate(items, 1):
        yield item
        if done % ROWS == 0 and time.monotonic() >= at:
            at = time.monotonic() + SECONDS
            logger.info("%s: %d of %d rows", what, done, total)
            if sys.stderr.isatty():
                print(f"{what}: {done:,} of {total:,} rows", file=sys.stderr)
