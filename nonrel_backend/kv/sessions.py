"""The transaction of a connection to an ordered store, and the log of its writes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import OperationalError

from .snapshots import Reads
from .undoing import UndoLog


class RolledBack(Exception):
    """What a store's transaction sees when it is to be rolled back."""


class Session(UndoLog):
    """The open transaction of a connection, with its savepoints.

    Outside of blocks, each statement reads the latest committed state. In a block the
    first statement that reads begins a transaction of the store, which all others read
    in, too. From the first write or select_for_update() on, the transaction is the only
    writer, and reads the newest state with its own changes; it raises
    TransactionConflict if others have meanwhile changed what it has read. Statements
    and savepoints are undone by a log of the old values.
    """

    # (key, value before it was written, None for none).
    log: list[tuple[bytes, bytes | None]]

    def __init__(self, store: Any) -> None:
        super().__init__()
        self.store = store
        # Begins a transaction of the store: its argument is whether it writes.
        self.begin: Callable[[bool], AbstractContextManager[Any]] = store.transaction
        # Whether the store undoes the writes of a transaction that fails.
        self.rolls_back: bool = store.features.supports_transactions
        self.autocommit = True
        self.closed = False
        # The store's transaction, and whether it writes.
        self.transaction: AbstractContextManager[Any] | None = None
        self.writes = False
        # Whether the open block has read: it keeps its state, and notes what it reads.
        self.keeps = False
        self.reads = Reads()
        # How many statements that read have begun and not ended.
        self.readers = 0
        # How many statements that write are running, one inside the other.
        self.statements = 0
        # Whether the log is kept.
        self.logs = False

    # --- the store's transaction ---

    def enter(self, write: bool) -> None:
        if self.closed:
            raise OperationalError("The connection of these rows has been closed.")
        transaction = self.begin(write)
        transaction.__enter__()
        self.transaction, self.writes = transaction, write
        if self.reads.answers:
            try:
                self.reads.check(self.store.access_class(self.store, self))
            except BaseException:
                self.leave(roll_back=True)
                raise

    def leave(self, roll_back: bool = False) -> None:
        """End the store's transaction, if there is one; what it raises ends it, too."""
        transaction, self.transaction = self.transaction, None
        wrote, self.writes = self.writes, False
        self.log.clear()
        if transaction is None:
            return
        if not (roll_back and wrote):
            transaction.__exit__(None, None, None)
            return
        error = RolledBack()
        try:
            transaction.__exit__(RolledBack, error, None)
        except RolledBack:
            pass

    # --- reading ---

    @contextmanager
    def reading(self, peeks: bool = False) -> Iterator[None]:
        """Run one statement that reads, perhaps in batches while others run.

        A statement that `peeks` does not make a block keep its state: it reads again
        what it returns.
        """
        if not (self.writes or self.keeps):
            self.leave()  # an older statement's, which has an older state
            self.keeps = self.rolls_back and not (self.autocommit or peeks)
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1
            if not (self.readers or self.writes or self.keeps):
                self.leave()

    def read(self) -> None:
        """Begin a transaction for reading, if none is open.

        A statement whose rows come in batches reads each batch in one state: another
        statement may have ended the transaction of the batch before.
        """
        if self.transaction is None:
            self.enter(False)

    # --- writing ---

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run one statement that writes; undo it if it fails."""
        is_whole = self.autocommit and not self.statements
        self.begin_writing()
        start, logs_outside = len(self.log), self.logs
        self.logs = not (is_whole and self.rolls_back)
        self.statements += 1
        try:
            yield
        except BaseException:
            try:
                if self.logs:
                    self.undo(start)
            finally:
                if is_whole:
                    self.leave(roll_back=True)
            raise
        finally:
            self.statements -= 1
            self.logs = logs_outside
        if is_whole:
            self.leave()
        self.forget()

    def begin_writing(self) -> None:
        """Become the only writer, if this is not yet the case."""
        if not self.writes:
            self.leave()
            self.enter(True)

    def lock(self) -> None:
        """Become the only writer until the open transaction, if any, ends."""
        if self.statements or not self.autocommit:
            self.begin_writing()

    def logged(self, key: bytes) -> None:
        """Keep the value of a key that will be written."""
        if self.logs:
            self.log.append((key, self.store.value(key)))

    def undo(self, start: int) -> None:
        """Put back the old values in the log, down to position `start`."""
        while len(self.log) > start:
            key, value = self.log.pop()
            if value is None:
                self.store.remove(key)
            else:
                self.store.put(key, value)

    def forget(self) -> None:
        """Empty the log if nothing can be undone that it holds."""
        if not (self.savepoints or self.statements):
            self.log.clear()

    # --- transactions ---

    def set_autocommit(self, autocommit: bool) -> None:
        if autocommit:
            self.commit()
        self.autocommit = autocommit

    def commit(self) -> None:
        self.end_block()
        self.leave()

    def rollback(self) -> None:
        self.end_block()
        self.leave(roll_back=True)

    def end_block(self) -> None:
        self.savepoints.clear()
        self.keeps = False
        self.reads.clear()

    def close(self) -> None:
        self.closed = True
        self.rollback()

    # --- savepoints ---

    def release(self, name: str) -> None:
        super().release(name)
        self.forget()
