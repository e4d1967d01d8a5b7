"""A log of writes, by which they are undone, and savepoints: marks in it."""

from typing import Any

from django.db import OperationalError


class UndoLog:
    """What a transaction has written, the last write last."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        # (name, length of the log when it was set), the oldest first.
        self.savepoints: list[tuple[str, int]] = []

    def undo(self, start: int) -> None:
        """Undo the writes since the log had this length."""
        raise NotImplementedError

    def savepoint(self, name: str) -> None:
        self.savepoints.append((name, len(self.log)))

    def rollback_to(self, name: str) -> None:
        at = self.position(name)
        self.undo(self.savepoints[at][1])
        del self.savepoints[at + 1 :]

    def release(self, name: str) -> None:
        del self.savepoints[self.position(name) :]

    def position(self, name: str) -> int:
        for at in reversed(range(len(self.savepoints))):
            if self.savepoints[at][0] == name:
                return at
        raise OperationalError(f"no such savepoint: {name}")
