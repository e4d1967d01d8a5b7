"""Reports the progress of long scans, to the log and on a terminal."""

import logging
import sys
import time

logger = logging.getLogger("nonrel_backend")
# The time between two reports: seldom enough for a log, often enough for a person.
SECONDS = 2.0
# The clock is read once in so many rows, so that a scan is not slower for it.
ROWS = 1_000


class Progress:
    """The progress of `what`, a scan of `total` rows if that is known."""

    def __init__(self, total: int | None, what: str) -> None:
        self.total = total
        self.what = what
        self.done = self.looked = 0
        self.at = time.monotonic() + SECONDS

    def add(self, count: int) -> None:
        """Report that so many more rows are done, if it is time for it."""
        self.done += count
        if self.done - self.looked < ROWS:
            return
        self.looked = self.done
        if time.monotonic() < self.at:
            return
        self.at = time.monotonic() + SECONDS
        total = "" if self.total is None else f" of {self.total}"
        logger.info("%s: %d%s rows", self.what, self.done, total)
        if sys.stderr.isatty():
            total = "" if self.total is None else f" of {self.total:,}"
            print(f"{self.what}: {self.done:,}{total} rows", file=sys.stderr)
