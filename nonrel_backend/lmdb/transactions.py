"""The transaction of a connection: LMDB's nested transactions are its savepoints."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError

from ..kv.snapshots import Reads
from .access import LMDBAccess, SnapshotAccess, Txn
from .environment import Environment


@dataclass(eq=False)  # a level is found in the list by its identity
class Level:
    """A transaction, savepoint or statement; its first write begins it in LMDB."""

    name: str | None
    txn: Txn | None = None


class Snapshot:
    """The state that a block reads until its first write.

    It ends with its last user: the block itself, and statements whose rows are still
    being read.
    """

    def __init__(self, environment: Environment, txn: Txn) -> None:
        self.environment = environment
        self.txn = txn
        self.users = 1

    def leave(self) -> None:
        self.users -= 1
        if not self.users:
            self.environment.end_read(self.txn)


class Reading:
    """Context manager of a statement that reads.

    It gives the access to the open transaction if that has written, otherwise to the
    snapshot of the block, or outside of blocks to a transaction of its own. A
    statement that `peeks` does not begin the snapshot: it reads again what it returns.
    """

    __slots__ = ("peeks", "snapshot", "transaction", "txn")

    def __init__(self, transaction: "Transaction", peeks: bool = False) -> None:
        self.transaction = transaction
        self.peeks = peeks
        self.txn: Txn | None = None
        self.snapshot: Snapshot | None = None

    def __enter__(self) -> LMDBAccess:
        self.txn = self.snapshot = None
        transaction = self.transaction
        environment = transaction.environment
        if transaction.levels:
            if transaction.current is not None:
                return LMDBAccess(environment, transaction.now)
            if transaction.snapshot is not None or not self.peeks:
                self.snapshot = shared = transaction.shared_snapshot()
                return SnapshotAccess(environment, shared.txn, transaction.reads)
        self.txn = txn = environment.begin_read()
        return LMDBAccess(environment, lambda: txn)

    def __exit__(self, *error: Any) -> None:
        if self.txn is not None:
            self.transaction.environment.end_read(self.txn)
        elif self.snapshot is not None:
            self.snapshot.leave()


class Transaction:
    """The levels between BEGIN and COMMIT, outermost first.

    The first statement that reads begins a snapshot, which all others read, too. From
    the first write or select_for_update() on, the transaction is the only writer, and
    reads the newest state with its own changes; it raises TransactionConflict if others
    have meanwhile changed what it has read.
    """

    def __init__(self, environment: Environment, timeout: float) -> None:
        self.environment = environment
        # Seconds to wait for another writer.
        self.timeout = timeout
        self.autocommit = True
        self.levels: list[Level] = []
        self.snapshot: Snapshot | None = None
        # What was read in it, and the number of the last commit before the state in
        # which that was last found unchanged.
        self.reads = Reads()
        self.state = -1
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

    # --- reading ---

    def reading(self, peeks: bool = False) -> Reading:
        """Return the context manager of a statement that reads."""
        return Reading(self, peeks)

    def shared_snapshot(self) -> Snapshot:
        """Return the block's snapshot, for one more user; begin it if necessary."""
        if self.snapshot is None:
            txn = self.environment.begin_read()
            try:
                self.move_to(txn, txn.id())
            except BaseException:
                self.environment.end_read(txn)
                raise
            self.snapshot = Snapshot(self.environment, txn)
        self.snapshot.users += 1
        return self.snapshot

    def move_to(self, txn: Txn, state: int) -> None:
        """Go on in a transaction that sees the state after the commit number `state`.

        Raise TransactionConflict if what was read before is no longer so there.
        """
        if self.reads.answers and state != self.state:
            self.reads.check(LMDBAccess(self.environment, lambda: txn))
        self.state = state

    def leave_snapshot(self) -> None:
        snapshot, self.snapshot = self.snapshot, None
        if snapshot is not None:
            snapshot.leave()

    def end_block(self) -> None:
        self.leave_snapshot()
        self.reads.clear()

    def now(self) -> Txn:
        """Return the transaction to continue reading from."""
        txn = self.current
        if txn is None:
            raise OperationalError("The transaction of these rows has ended.")
        return txn

    # --- writing ---

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
                level.txn = self.begin_write()
                self.thread = threading.get_ident()
            else:
                level.txn = self.environment.lmdb.begin(parent=parent, write=True)
            parent = level.txn
        self.check_thread()
        return parent  # type: ignore[return-value]

    def begin_write(self) -> Txn:
        """Return the outermost transaction, which sees the newest state.

        Raise TransactionConflict if that is not what the block has read.
        """
        # Before, since the map may have to be resized.
        self.leave_snapshot()
        txn = self.environment.begin_write(self.timeout)
        try:
            self.move_to(txn, txn.id() - 1)
        except BaseException:
            try:
                txn.abort()
            finally:
                self.environment.end_write()
            raise
        return txn

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
            self.end_block()
            self.commit_to(0)
        elif not autocommit and self.autocommit:
            self.levels.append(Level(None))
        self.autocommit = autocommit

    def commit(self) -> None:
        self.end_block()
        self.commit_to(0)
        self.reopen()

    def rollback(self) -> None:
        self.end_block()
        self.abort_to(0)
        self.reopen()

    def close(self) -> None:
        self.end_block()
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
