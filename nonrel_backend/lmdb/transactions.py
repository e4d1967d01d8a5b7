"""The transaction of a connection: LMDB's nested transactions are its savepoints."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError

from .access import LMDBAccess, Txn
from .environment import Environment


@dataclass
class Level:
    """A transaction, savepoint or statement; its first write begins it in LMDB."""

    name: str | None
    txn: Txn | None = None


class Reading:
    """Context manager of a statement that reads.

    It gives the access to the open transaction if that has written, otherwise to one of
    the statement's own.
    """

    __slots__ = ("transaction", "txn")

    def __init__(self, transaction: "Transaction") -> None:
        self.transaction = transaction
        self.txn: Txn | None = None

    def __enter__(self) -> LMDBAccess:
        self.txn = None
        environment = self.transaction.environment
        if self.transaction.current is not None:
            return LMDBAccess(environment, self.transaction.now)
        self.txn = txn = environment.begin_read()
        return LMDBAccess(environment, lambda: txn)

    def __exit__(self, *error: Any) -> None:
        if self.txn is not None:
            self.transaction.environment.end_read(self.txn)


class Transaction:
    """The levels between BEGIN and COMMIT, outermost first.

    Until the first write, each statement reads the latest committed state. From the
    first write or select_for_update() on, the transaction is the only writer, and reads
    its own changes.
    """

    def __init__(self, environment: Environment, timeout: float) -> None:
        self.environment = environment
        # Seconds to wait for another writer.
        self.timeout = timeout
        self.autocommit = True
        self.levels: list[Level] = []
        # The thread that has begun the write transaction.
        self.thread = 0
        self.closed = False

    @property
    def current(self) -> Txn | None:
        """LMDB's transaction of the innermost level that has written, None for none."""
        for level in reversed(self.levels):
            if level.txn is not None:
                self.check_thread()
                return level.txn
        return None

    def check_thread(self) -> None:
        if self.thread != threading.get_ident():
            raise OperationalError(
                "Another thread has begun this transaction, and LMDB allows only that "
                "thread to use it. Use one connection per thread."
            )

    def reading(self) -> "Reading":
        """Return the context manager of a statement that reads."""
        return Reading(self)

    def now(self) -> Txn:
        """Return the transaction to continue reading from."""
        txn = self.current
        if txn is None:
            raise OperationalError("The transaction of these rows has ended.")
        return txn

    @contextmanager
    def writing(self, nested: bool = True) -> Iterator[Txn]:
        """Run one statement, which is rolled back if it fails.

        Without `nested`, the statement must change nothing before it fails.
        """
        if not nested and self.levels:
            yield self.begun()
            return
        level = Level(None)
        self.levels.append(level)
        try:
            txn = self.begun()
            yield txn
        except BaseException:
            self.abort_to(self.levels.index(level))
            raise
        self.commit_to(self.levels.index(level))

    def begun(self) -> Txn:
        """Return the innermost level's transaction; begin it and the outer ones first
        if they are not begun.
        """
        parent: Txn | None = None
        for level in self.levels:
            if level.txn is not None:
                parent = level.txn
                continue
            if parent is None:
                level.txn = self.environment.begin_write(self.timeout)
                self.thread = threading.get_ident()
            else:
                level.txn = self.environment.lmdb.begin(parent=parent, write=True)
            parent = level.txn
        self.check_thread()
        return parent  # type: ignore[return-value]

    def lock(self) -> None:
        """Become the only writer until the open transaction, if any, ends."""
        if self.levels:
            self.begun()

    # --- levels ---

    def commit_to(self, index: int) -> None:
        """Commit the levels from the innermost out to `index`."""
        try:
            while len(self.levels) > index:
                self.end(self.levels.pop(), "commit")
        except BaseException:
            self.abort_to(index)
            raise

    def abort_to(self, index: int) -> None:
        while len(self.levels) > index:
            self.end(self.levels.pop(), "abort")

    def end(self, level: Level, how: str) -> None:
        """Commit or abort one level, as `how` says; release the writer's lock if it was
        the last.
        """
        if level.txn is None or self.environment.inherited:
            return
        self.check_thread()
        try:
            getattr(level.txn, how)()
        finally:
            if not any(each.txn is not None for each in self.levels):
                self.environment.end_write()

    def start_over(self) -> None:
        """Abort all levels and make them anew, not begun."""
        names = [level.name for level in self.levels]
        self.abort_to(0)
        self.levels += map(Level, names)

    def set_autocommit(self, autocommit: bool) -> None:
        if autocommit and not self.autocommit:
            self.commit_to(0)
        elif not autocommit and self.autocommit:
            self.levels.append(Level(None))
        self.autocommit = autocommit

    def commit(self) -> None:
        self.commit_to(0)
        self.reopen()

    def rollback(self) -> None:
        self.abort_to(0)
        self.reopen()

    def close(self) -> None:
        self.abort_to(0)
        self.closed = True

    def reopen(self) -> None:
        if not self.autocommit:
            self.levels.append(Level(None))

    # --- savepoints ---

    def savepoint(self, name: str) -> None:
        self.levels.append(Level(name))

    def rollback_to(self, name: str) -> None:
        self.abort_to(self.position(name))
        self.levels.append(Level(name))

    def release(self, name: str) -> None:
        self.commit_to(self.position(name))

    def position(self, name: str) -> int:
        for index in reversed(range(len(self.levels))):
            if self.levels[index].name == name:
                return index
        raise OperationalError(f"no such savepoint: {name}")
