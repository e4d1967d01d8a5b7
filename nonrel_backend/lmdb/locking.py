"""The lock of the only writer: fair, and with a timeout."""

import os
import threading
import time
from collections import deque

from django.db import OperationalError

try:
    import fcntl
except ImportError:  # Windows: no timeout while another process writes
    fcntl = None  # type: ignore[assignment]

# Seconds between attempts to lock a byte of the file. All processes in the queue have
# the same chance at each attempt, however long they have been waiting. The pause of the
# one at its head grows: nobody else can be faster.
QUEUE_PAUSE = 0.001
FIRST_PAUSE, LONGEST_PAUSE = 0.0001, 0.002
# The bytes of the file that are locked: by the head of the queue, and by the writer.
QUEUE, WRITER = 0, 1


class Turns:
    """A lock that the threads of a process get in the order of their asking."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.is_held = False
        # A locked lock for each thread that waits; it is released at its turn.
        self.waiting: deque[threading.Lock] = deque()

    def acquire(self, seconds: float) -> bool:
        """Take the lock; return whether it was free within so many seconds."""
        with self.guard:
            if not self.is_held:
                self.is_held = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self.waiting.append(turn)
        try:
            if turn.acquire(timeout=max(0, seconds)):
                return True
        except BaseException:
            if not self.gives_up(turn):
                self.release()
            raise
        return not self.gives_up(turn)

    def gives_up(self, turn: threading.Lock) -> bool:
        """Leave the queue; return False if the turn has just come."""
        with self.guard:
            if turn in self.waiting:
                self.waiting.remove(turn)
                return True
            return False

    def release(self) -> None:
        with self.guard:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.is_held = False


class WriterLock:
    """A lock that writers take before LMDB's own, which has no timeout.

    It has two stages: the threads of the process take turns, and then the processes by
    locks on bytes of a file, which the system releases when a process ends in any way.
    A process that waits for the writer holds the head of the queue meanwhile, so that
    the one that has just written cannot be before it again.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        name = os.path.join(path, "writer.lock")
        self.file = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        self.threads = Turns()

    def acquire(self, seconds: float) -> None:
        """Take the lock; raise OperationalError if others hold it for so long."""
        until = time.monotonic() + seconds
        if not self.threads.acquire(seconds):
            raise self.locked(seconds)
        try:
            if fcntl and not self.lock_file(until):
                raise self.locked(seconds)
        except BaseException:
            self.threads.release()
            raise

    def lock_file(self, until: float) -> bool:
        """Return whether the file could be locked until then: see time.monotonic()."""
        if not self.lock_byte(QUEUE, until, QUEUE_PAUSE, QUEUE_PAUSE):
            return False
        try:
            return self.lock_byte(WRITER, until, FIRST_PAUSE, LONGEST_PAUSE)
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN, 1, QUEUE)

    def lock_byte(self, byte: int, until: float, pause: float, longest: float) -> bool:
        while True:
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                return True
            except (BlockingIOError, PermissionError):
                if time.monotonic() > until:
                    return False
            time.sleep(pause)
            pause = min(pause * 2, longest)

    def release(self) -> None:
        try:
            if fcntl:
                fcntl.lockf(self.file, fcntl.LOCK_UN, 1, WRITER)
        finally:
            self.threads.release()

    def locked(self, seconds: float) -> OperationalError:
        return OperationalError(
            f"database is locked: other transactions have been writing to {self.path} "
            f"for {seconds:g} seconds. Make transactions shorter, or set a higher "
            'OPTIONS["timeout"].'
        )
