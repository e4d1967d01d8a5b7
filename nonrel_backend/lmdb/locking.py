"""The lock of the only writer, with a timeout."""

import os
import threading
import time

from django.db import OperationalError

try:
    import fcntl
except ImportError:  # Windows: no timeout while another process writes
    fcntl = None  # type: ignore[assignment]

# Seconds between attempts to lock the file, doubled each time: a short transaction ends
# within the first pauses, and a long one is asked for 50 times a second.
FIRST_PAUSE, LONGEST_PAUSE = 0.0005, 0.02


class WriterLock:
    """A lock that writers take before LMDB's own, which has no timeout.

    It is two locks: one of the threads of the process, and one on a file, which the
    system releases when a process ends in any way.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        name = os.path.join(path, "writer.lock")
        self.file = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        self.thread = threading.Lock()

    def acquire(self, seconds: float) -> None:
        """Take the lock; raise OperationalError if others hold it for so long."""
        until = time.monotonic() + seconds
        if not self.thread.acquire(timeout=seconds):
            raise self.locked(seconds)
        try:
            self.lock_file(seconds, until)
        except BaseException:
            self.thread.release()
            raise

    def lock_file(self, seconds: float, until: float) -> None:
        pause = FIRST_PAUSE
        while fcntl:
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError) as error:
                if time.monotonic() > until:
                    raise self.locked(seconds) from error
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def release(self) -> None:
        try:
            if fcntl:
                fcntl.lockf(self.file, fcntl.LOCK_UN)
        finally:
            self.thread.release()

    def locked(self, seconds: float) -> OperationalError:
        return OperationalError(
            f"database is locked: other transactions have been writing to {self.path} "
            f"for {seconds:g} seconds. Make transactions shorter, or set a higher "
            'OPTIONS["timeout"].'
        )
