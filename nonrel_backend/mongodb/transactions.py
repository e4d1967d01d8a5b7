"""Real MongoDB transactions, with savepoints by an undo log inside them."""

import functools
import random
import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, transaction
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from .errors import DUPLICATE_CODES, codes

# How long a conflict on a transaction's first statement, or a commit whose result
# is unknown, is tried again.
RETRY_SECONDS = 10.0


class Transaction:
    """The state of one DatabaseWrapper between BEGIN and COMMIT.

    The server's transaction begins at the first statement. `undo` holds, newest
    last, what takes back each write made while a savepoint is open.
    """

    def __init__(self, connection):
        self.connection = connection
        self.autocommit = True
        self.client_session = None
        self.wrote = False
        # The server has aborted the transaction after an error in it.
        self.aborted = False
        self.statements = 0
        self.marks: dict[str, int] = {}
        self.undo: list[Callable[[Any], None]] = []

    # --- statements ---

    @property
    def is_open(self) -> bool:
        return not self.autocommit and self.connection.has_transactions

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is lost when the server aborts the transaction."""
        session = self.client_session
        begun = session is not None and session.in_transaction
        return not begun and not self.marks_hold_writes()

    @property
    def records(self) -> bool:
        """Whether writes must say how they are undone."""
        return bool(self.marks)

    def session(self):
        if not self.is_open:
            return None
        if self.client_session is None:
            self.client_session = self.connection.connection.start_session()
        if not self.client_session.in_transaction:
            self.client_session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
            )
            self.statements = 0
            self.wrote = False
            self.aborted = False
        return self.client_session

    def run(self, work: Callable[[Any], Any], writes: bool = False) -> Any:
        """`work(session)` as one statement; the first of a transaction is tried
        again while the server reports a conflict, since nothing is lost by it.
        """
        if not self.is_open:
            return work(None)
        until = time.monotonic() + RETRY_SECONDS
        pause = 0.001
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
                if not (
                    first
                    and error.has_error_label("TransientTransactionError")
                    and time.monotonic() < until
                ):
                    self.failed(error)
                    raise
                self.start_over(needs_rollback)
                time.sleep(pause * random.random())
                pause = min(pause * 2, 0.1)
                continue
            self.wrote = self.wrote or writes
            return result

    def start_over(self, needs_rollback: bool) -> None:
        """The first statement failed: nothing else is lost, the next begins anew."""
        self.abort()
        self.undo.clear()
        self.connection.needs_rollback = needs_rollback

    def marks_hold_writes(self) -> bool:
        return bool(self.undo) or self.wrote

    def failed(self, error: PyMongoError) -> None:
        """The server has aborted the transaction: only a rollback can follow."""
        if isinstance(error, OperationFailure | ConnectionFailure):
            self.connection.needs_rollback = self.connection.in_atomic_block
            self.aborted = True

    # --- the ends of a transaction ---

    def set_autocommit(self, autocommit: bool) -> None:
        if autocommit and not self.autocommit:
            self.commit()
        self.autocommit = autocommit

    def commit(self) -> None:
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
                time.sleep(0.01)
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
                # The server forgets the transaction with the connection.
                self.end()

    def end(self) -> None:
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
        """DDL runs outside; a snapshot taken before it would not see it."""
        if not self.marks_hold_writes() and self.client_session is not None:
            self.abort()

    # --- savepoints ---

    def savepoint(self, sid: str) -> None:
        self.marks[sid] = len(self.undo)

    def rollback_to(self, sid: str) -> None:
        mark = self.mark(sid)
        if self.aborted:
            self.begin_anew()
        if len(self.undo) > mark:
            session = self.session()
            try:
                while len(self.undo) > mark:
                    self.undo.pop()(session)
            except PyMongoError as error:
                raise self.connection.translate_error(error) from error
        self.marks = {
            name: position for name, position in self.marks.items() if position <= mark
        }

    def begin_anew(self) -> None:
        """After the server's abort: a block that has only read may go on."""
        if self.marks_hold_writes():
            raise OperationalError(
                "MongoDB has undone the whole transaction, not only this savepoint: "
                "leave the outermost atomic() block and begin again."
            )
        self.abort()

    def mark(self, sid: str) -> int:
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


def retry_transaction(using: Any = None, seconds: float = RETRY_SECONDS):
    """Decorator: run the function in `atomic(using)`, again when MongoDB reports a
    conflict with another transaction (OperationalError), for at most `seconds`.

    Within an outer `atomic()` the function runs once: a conflict undoes the outer
    block too, which only its own start can repeat.

        @retry_transaction
        def pay(account, amount): ...

        @retry_transaction(using="ledger", seconds=30)
        def pay(account, amount): ...
    """
    if callable(using):
        return retry_transaction()(using)

    def decorate(function):
        @functools.wraps(function)
        def run(*args, **kwargs):
            nested = transaction.get_connection(using).in_atomic_block
            until = time.monotonic() + seconds
            pause = 0.001
            while True:
                try:
                    with transaction.atomic(using=using):
                        return function(*args, **kwargs)
                except OperationalError as error:
                    if nested or not is_conflict(error) or time.monotonic() > until:
                        raise
                time.sleep(pause * random.random())
                pause = min(pause * 2, 0.2)

        return run

    return decorate


def is_conflict(error: OperationalError) -> bool:
    """Whether the server undid the transaction, which may succeed when repeated."""
    cause = error.__cause__
    return isinstance(cause, PyMongoError) and cause.has_error_label(
        "TransientTransactionError"
    )
