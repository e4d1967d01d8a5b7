"""MongoDB's transactions, with savepoints by an undo log."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, OperationalError
from django.db.transaction import TransactionManagementError
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from ..transactions import TransactionConflict, retry_transaction
from . import deadlines
from .deadlines import is_transient, retried
from .errors import DUPLICATE_CODES, codes, translate
from .keys import Sequences, Taken

__all__ = ["Transaction", "is_duplicate", "retry_transaction"]

SNAPSHOT, MAJORITY = ReadConcern("snapshot"), WriteConcern("majority")


class Mark(NamedTuple):
    """What a transaction had done when a savepoint was set.

    `undo` and `taken` are the lengths of its lists. A savepoint that `is_first` comes
    before any statement of the server's transaction: its rollback aborts that.
    """

    undo: int
    taken: int
    is_first: bool


class Transaction:
    """The state of one DatabaseWrapper between BEGIN and COMMIT.

    The server's transaction begins at the first statement. `undo` holds, the newest
    last, a collection and the requests that undo a write to it, for each write that a
    savepoint's rollback must undo; `taken` the keys that it has taken from sequences.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.autocommit = True
        self.client_session: Any = None
        self.wrote = False
        # Whether the server has aborted the transaction after an error in it.
        self.aborted = False
        # How many statements it has run.
        self.statements = 0
        self.known_snapshot: object = None
        self.marks: dict[str, Mark] = {}
        self.undo: list[tuple[Any, list[Any]]] = []
        self.taken: list[Taken] = []

    # --- statements ---

    @property
    def is_open(self) -> bool:
        """Whether statements belong to a transaction of the server."""
        return not self.autocommit and self.connection.has_transactions

    @property
    def is_fresh(self) -> bool:
        """Whether the transaction has done nothing that its abort would lose."""
        return not self.is_begun and not self.marks_hold_writes()

    @property
    def is_begun(self) -> bool:
        session = self.client_session
        return session is not None and session.in_transaction

    @property
    def snapshot(self) -> object:
        """An object for the state that all statements read, None outside of any."""
        return self.known_snapshot if self.is_begun else None

    @property
    def records(self) -> bool:
        """Whether writes must add to `undo`."""
        return not all(mark.is_first for mark in self.marks.values())

    def session(self) -> Any:
        """Return the session in a transaction, None if statements need none."""
        if not self.is_open:
            return None
        if self.client_session is None:
            self.client_session = self.connection.connection.start_session()
        if not self.client_session.in_transaction:
            self.client_session.start_transaction(
                read_concern=SNAPSHOT,
                write_concern=MAJORITY,
                # The server has transactions on the primary only, whatever the
                # connection's own preference.
                read_preference=ReadPreference.PRIMARY,
            )
            self.statements = 0
            self.known_snapshot = object()
            self.wrote = False
            self.aborted = False
        return self.client_session

    def run(self, work: Callable[[Any], Any], writes: bool = False) -> Any:
        """Return `work(session)`, run as one statement.

        Retry the first statement of a transaction after a conflict: nothing is lost,
        and nobody has seen rows of the snapshot.
        """
        if not self.is_open:
            return work(None)
        if self.is_used:
            return self.attempt(work, writes)
        return retried(self.connection.connection, partial(self.first, work, writes))

    def first(self, work: Callable[[Any], Any], writes: bool) -> Any:
        """Run the first statement; the next is the first if it fails."""
        needs_rollback = self.connection.needs_rollback
        try:
            return self.attempt(work, writes)
        except PyMongoError as error:
            if is_transient(error) or is_duplicate(error):
                self.abort()
                self.connection.needs_rollback = needs_rollback
            raise

    def attempt(self, work: Callable[[Any], Any], writes: bool) -> Any:
        session = self.session()
        self.statements += 1
        try:
            result = work(session)
        except PyMongoError as error:
            self.failed(error)
            raise
        self.wrote = self.wrote or writes
        return result

    @property
    def is_used(self) -> bool:
        """Whether a statement has written, or has shown the transaction's snapshot.

        To go on in another one would contradict what was read.
        """
        return self.is_begun and self.statements > 0 or self.marks_hold_writes()

    def marks_hold_writes(self) -> bool:
        """Return whether the transaction has written anything."""
        return bool(self.undo) or self.wrote

    def failed(self, error: PyMongoError) -> None:
        """Note that the server has aborted the transaction: it can only roll back."""
        if isinstance(error, OperationFailure | ConnectionFailure):
            self.connection.needs_rollback = self.connection.in_atomic_block
            self.connection.rollback_exc = translate(error, self.connection)
            self.aborted = True

    def lost(self, error: PyMongoError) -> None:
        """Note a server that cannot be reached, whatever has asked it in the block.

        It has had its deadline: to roll back to a savepoint would wait for another.
        """
        if self.is_begun and not self.aborted:
            self.failed(error)

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
        try:
            if self.wrote:
                deadlines.commit(self.connection.connection, session)
            else:
                deadlines.abort(session)
        except PyMongoError as error:
            raise self.connection.translate_error(error) from error
        finally:
            self.wrote = False

    def rollback(self) -> None:
        taken = [*self.taken]
        self.forget()
        self.abort()
        Sequences.give_back(reversed(taken))

    def abort(self) -> None:
        self.wrote = self.aborted = False
        if self.client_session is not None:
            deadlines.abort(self.client_session)

    def end(self) -> None:
        """End the session, and with it the transaction."""
        self.rollback()
        session, self.client_session = self.client_session, None
        if session is not None:
            session.end_session()

    def forget(self) -> None:
        self.marks.clear()
        self.undo.clear()
        self.taken.clear()

    def before_ddl(self) -> None:
        """Raise TransactionManagementError if the transaction has begun.

        MongoDB changes schemas outside of transactions: such a change would wait for
        this one's end, and its snapshot would hide the change.
        """
        if self.is_used:
            raise TransactionManagementError(
                "MongoDB changes collections and indexes outside of transactions, and "
                "this atomic() block has read or written already: change them before "
                "or after it."
            )

    # --- savepoints ---

    def savepoint(self, sid: str) -> None:
        self.marks[sid] = Mark(len(self.undo), len(self.taken), not self.is_used)

    def rollback_to(self, sid: str) -> None:
        """Undo the writes since a savepoint."""
        mark = self.mark(sid)
        if mark.is_first:
            # Nobody has seen the snapshot that the next statement will not have.
            self.undo.clear()
            self.abort()
        elif self.aborted:
            self.refuse_to_begin_anew()
        elif len(self.undo) > mark.undo:
            try:
                self.run_undo(self.undo[mark.undo :])
            except PyMongoError as error:
                self.failed(error)
                raise self.connection.translate_error(error) from error
            del self.undo[mark.undo :]
        self.marks = {
            name: each for name, each in self.marks.items() if each.undo <= mark.undo
        }
        Sequences.give_back(reversed(self.taken[mark.taken :]))
        del self.taken[mark.taken :]

    def run_undo(self, undo: list[tuple[Any, list[Any]]]) -> None:
        """Undo writes, the newest of each collection first.

        The server gets those of one collection together: equal ones are one command.
        """
        requests: dict[str, tuple[Any, list[Any]]] = {}
        for collection, each in reversed(undo):
            requests.setdefault(collection.name, (collection, []))[1].extend(each)
        session = self.session()
        for collection, every in requests.values():
            collection.bulk_write(every, session=session)

    def refuse_to_begin_anew(self) -> None:
        """Raise OperationalError after the server's abort of the transaction.

        What was written before the savepoint is lost, and another snapshot may not hold
        what was read.
        """
        cause = self.connection.rollback_exc
        # A duplicate that only the server sees is a row stored since the snapshot.
        is_conflict = isinstance(cause, TransactionConflict | IntegrityError)
        kind = TransactionConflict if is_conflict else OperationalError
        raise kind(
            "MongoDB has rolled back the whole transaction, not only this "
            "savepoint: leave the outermost atomic() block and begin again, as "
            f"nonrel_backend.transactions.retry_transaction does. {cause}"
        ) from cause

    def mark(self, sid: str) -> Mark:
        """Return what had been done at a savepoint."""
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
