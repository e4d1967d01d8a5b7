"""MongoDB's transactions, with savepoints by an undo log."""

import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from ..transactions import RETRY_SECONDS, pauses, retry_transaction
from .errors import DUPLICATE_CODES, codes

__all__ = ["Transaction", "is_duplicate", "retry_transaction"]

COMMIT_PAUSE = 0.01


class Transaction:
    """The state of one DatabaseWrapper between BEGIN and COMMIT.

    The server's transaction begins at the first statement. `undo` holds, the newest
    last, a function for each write made while a savepoint is open, which undoes it.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.autocommit = True
        self.client_session: Any = None
        self.wrote = False
        # Whether the server has aborted the transaction after an error in it.
        self.aborted = False
        self.statements = 0
        self.marks: dict[str, int] = {}
        self.undo: list[Callable[[Any], None]] = []

    # --- statements ---

    @property
    def is_open(self) -> bool:
        """Whether statements belong to a transaction of the server."""
        return not self.autocommit and self.connection.has_transactions

    @property
    def is_fresh(self) -> bool:
        """Whether the transaction has done nothing that its abort would lose."""
        session = self.client_session
        begun = session is not None and session.in_transaction
        return not begun and not self.marks_hold_writes()

    @property
    def records(self) -> bool:
        """Whether writes must add to `undo`."""
        return bool(self.marks)

    def session(self) -> Any:
        """Return the session in a transaction, None if statements need none."""
        if not self.is_open:
            return None
        if self.client_session is None:
            self.client_session = self.connection.connection.start_session()
        if not self.client_session.in_transaction:
            self.client_session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
                # The server has transactions on the primary only, whatever the
                # connection's own preference.
                read_preference=ReadPreference.PRIMARY,
            )
            self.statements = 0
            self.wrote = False
            self.aborted = False
        return self.client_session

    def run(self, work: Callable[[Any], Any], writes: bool = False) -> Any:
        """Return `work(session)`, run as one statement.

        Retry the first statement of a transaction after a conflict: nothing is lost.
        """
        if not self.is_open:
            return work(None)
        waits = pauses(time.monotonic() + RETRY_SECONDS)
        needs_rollback = self.connection.needs_rollback
        while True:
            session = self.session()
            first = self.statements == 0 and not self.marks_hold_writes()
            self.statements += 1
            try:
                result = work(session)
            except PyMongoError as error:
                if first and is_duplicate(error):
                    self.start_over(needs_rollback)
                    raise
                pause = None
                if first and error.has_error_label("TransientTransactionError"):
                    pause = next(waits, None)
                if pause is None:
                    self.failed(error)
                    raise
                self.start_over(needs_rollback)
                time.sleep(pause)
                continue
            self.wrote = self.wrote or writes
            return result

    def start_over(self, needs_rollback: bool) -> None:
        """Abort after a failed first statement. The next begins a new transaction."""
        self.abort()
        self.undo.clear()
        self.connection.needs_rollback = needs_rollback

    def marks_hold_writes(self) -> bool:
        """Return whether the transaction has written anything."""
        return bool(self.undo) or self.wrote

    def failed(self, error: PyMongoError) -> None:
        """Note that the server has aborted the transaction: it can only roll back."""
        if isinstance(error, OperationFailure | ConnectionFailure):
            self.connection.needs_rollback = self.connection.in_atomic_block
            self.connection.rollback_exc = self.connection.translate_error(error)
            self.aborted = True

    # --- the ends of a transaction ---

    def set_autocommit(self, autocommit: bool) -> None:
        if autocommit and not self.autocommit:
            self.commit()
        self.autocommit = autocommit

    def commit(self) -> None:
        """Commit. Retry while the server does not tell whether it has committed."""
        session = self.client_session
        self.forget()
        if session is None or not session.in_transaction:
            return
        if not self.wrote:
            session.abort_transaction()
            return
        until = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                session.commit_transaction()
                return
            except PyMongoError as error:
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not unknown or time.monotonic() > until:
                    raise self.connection.translate_error(error) from error
                time.sleep(COMMIT_PAUSE)
            finally:
                self.wrote = False

    def rollback(self) -> None:
        self.forget()
        self.abort()

    def abort(self) -> None:
        session = self.client_session
        self.wrote = self.aborted = False
        if session is not None and session.in_transaction:
            try:
                session.abort_transaction()
            except PyMongoError:
                # The server aborts the transaction when the session ends.
                self.end()

    def end(self) -> None:
        """End the session, and with it the transaction."""
        self.forget()
        session, self.client_session = self.client_session, None
        if session is not None:
            try:
                session.end_session()
            except PyMongoError:
                pass

    def forget(self) -> None:
        self.marks.clear()
        self.undo.clear()

    def before_ddl(self) -> None:
        """Abort a transaction that has only read: its snapshot hides later DDL."""
        if not self.marks_hold_writes() and self.client_session is not None:
            self.abort()

    # --- savepoints ---

    def savepoint(self, sid: str) -> None:
        self.marks[sid] = len(self.undo)

    def rollback_to(self, sid: str) -> None:
        """Undo the writes since a savepoint, the newest first."""
        mark = self.mark(sid)
        if self.aborted:
            self.begin_anew()
        if len(self.undo) > mark:
            session = self.session()
            try:
                while len(self.undo) > mark:
                    self.undo.pop()(session)
            except PyMongoError as error:
                self.failed(error)
                raise self.connection.translate_error(error) from error
        self.marks = {
            name: position for name, position in self.marks.items() if position <= mark
        }

    def begin_anew(self) -> None:
        """Begin a new transaction after the server's abort of one that only read.

        Raise OperationalError if it had written.
        """
        if self.marks_hold_writes():
            raise OperationalError(
                "MongoDB has rolled back the whole transaction, not only this "
                "savepoint: leave the outermost atomic() block and begin again."
            )
        self.abort()

    def mark(self, sid: str) -> int:
        """Return the length that `undo` had at a savepoint."""
        if sid not in self.marks:
            raise OperationalError(f"no such savepoint: {sid}")
        return self.marks[sid]

    def release(self, sid: str) -> None:
        names = list(self.marks)
        self.mark(sid)
        for name in names[names.index(sid) :]:
            del self.marks[name]
        if not self.marks:
            self.undo.clear()


def is_duplicate(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and bool(codes(error) & DUPLICATE_CODES)
