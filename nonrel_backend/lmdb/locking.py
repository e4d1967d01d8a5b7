"""The lock of the one writer, which gives up after a while."""

import os
import threading
import time

from django.db import OperationalError

try:
    import fcntl
except ImportError:  # Windows: waiting for other processes has no timeout there
    fcntl = None  # type: ignore[assignment]


class WriterLock:
    """LMDB has one writer at a time, on all processes, and waits for it for ever. So
    writers take two locks before: a thread's within the process, and one on a file,
    which the system lets go of when a process ends, however it does.
    """

    def __init__(self, path: str):
        self.path = path
        name = os.path.join(path, "writer.lock")
        self.file = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        self.thread = threading.Lock()

    def acquire(self, seconds: float) -> None:
        """OperationalError when others keep it so long."""
        until = time.monotonic() + seconds
        if not self.thread.acquire(timeout=seconds):
            raise self.locked(seconds)
        try:
            self.lock_file(seconds, until)
        except BaseException:
            self.thread.release()
            raise

    def lock_file(self, seconds: float, until: float) -> None:
        pause = 0.0005
        while fcntl:
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError) as error:
                if time.monotonic() > until:
                    raise self.locked(seconds) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.02)

    def release(self) -> None:
        try:
            if fcntl:
                fcntl.lockf(self.file, fcntl.LOCK_UN)
        finally:
            self.thread.release()

    def locked(self, seconds: float) -> OperationalError:
        return OperationalError(
            f"database is locked: another transaction has been writing to "
            f"{self.path} for {seconds:g} seconds. Make transactions shorter or "
            'OPTIONS["timeout"] longer.'
        )
