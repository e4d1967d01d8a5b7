"""Tells how far a long walk over all rows has come: to the log, and on a terminal."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

logger = logging.getLogger("nonrel_backend")
# How often it is told, and after how many rows the clock is looked at.
SECONDS, ROWS = 2.0, 1_000


def told(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """The items, `total` of them, as they are worked on."""
    at = time.monotonic() + SECONDS
    for done, item in enumerate(items, 1):
        yield item
        if done % ROWS == 0 and time.monotonic() >= at:
            at = time.monotonic() + SECONDS
            logger.info("%s: %d of %d rows", what, done, total)
            if sys.stderr.isatty():
                print(f"{what}: {done:,} of {total:,} rows", file=sys.stderr)
