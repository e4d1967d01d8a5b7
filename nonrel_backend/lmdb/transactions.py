"""What a DatabaseWrapper has open: LMDB's nested transactions as savepoints."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError


@dataclass
class Level:
    """The transaction itself, a savepoint or a statement; begun by its first write."""

    name: str | None
    txn: Any = None


class Reading:
    """A statement's own read transaction, where none is writing."""

    __slots__ = ("transaction", "txn")

    def __init__(self, transaction: "Transaction"):
        self.transaction = transaction

    def __enter__(self):
        self.txn = None
        if self.transaction.current is not None:
            return self.transaction.now
        self.txn = txn = self.transaction.environment.begin_read()
        return lambda: txn

    def __exit__(self, *error):
        if self.txn is not None:
            self.transaction.environment.end_read(self.txn)


class Transaction:
    """The levels between BEGIN and COMMIT, outermost first.

    Until something is written, each statement reads what is committed by then. From
    the first write on, or select_for_update(), the transaction is the only writer,
    and reads what it wrote.
    """

    def __init__(self, environment, timeout: float):
        self.environment = environment
        # Seconds to wait for another writer.
        self.timeout = timeout
        self.autocommit = True
        self.levels: list[Level] = []
        self.thread = 0
        self.closed = False

    @property
    def current(self):
        """LMDB's transaction of the innermost level that has written, or None."""
        for level in reversed(self.levels):
            if level.txn is not None:
                self.check_thread()
                return level.txn
        return None

    def check_thread(self) -> None:
        if self.thread != threading.get_ident():
            raise OperationalError(
                "This transaction was begun by another thread, to which LMDB ties "
                "what is being written. Use a connection for each thread."
            )

    def reading(self) -> "Reading":
        """Context manager: gives a function of the transaction to read from, now."""
        return Reading(self)

    def now(self):
        """The transaction to go on reading from, while statements come and go."""
        txn = self.current
        if txn is None:
            raise OperationalError("The transaction that these rows are of has ended.")
        return txn

    @contextmanager
    def writing(self, nested: bool = True):
        """One statement, all of it or nothing. Without `nested`, one that changes
        nothing before it fails.
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

    def begun(self):
        """The innermost level's transaction, begun with all around it if need be."""
        parent = None
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
        return parent

    def lock(self) -> None:
        """Be the only writer from now on, where a transaction is open."""
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
        if level.txn is None or self.environment.inherited:
            return
        self.check_thread()
        try:
            getattr(level.txn, how)()
        finally:
            if not any(each.txn is not None for each in self.levels):
                self.environment.end_write()

    def start_over(self) -> None:
        """Have the same levels, none of them begun."""
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
