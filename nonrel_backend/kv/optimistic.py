"""Optimistic transactions, for stores that have conditional writes: see conditional.py.

In a transaction writes are held in a buffer, which is laid over what is read. The
commit writes all of them at once, on the condition that each row that was written, or
read to be written, is still as it was read. If it is not, Conflict is raised.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.db import OperationalError
from django.db.backends.utils import debug_transaction

from ..base import NonrelDatabaseWrapper
from ..query import translated_errors
from . import commits, optimistic_checking
from .buffer import Buffer
from .conditional import ConditionalStore, Conflict
from .forms import Forms
from .optimistic_access import OptimisticAccess, Transaction
from .retrying import ATTEMPTS, give_way

# Bytes that the writes of one transaction may take in memory.
TRANSACTION_BYTES = 256 << 20
# The two choices of OPTIONS["isolation"].
WRITTEN, READ = "rows written", "all rows read"


class OptimisticWrapper(NonrelDatabaseWrapper):
    """Base of the DatabaseWrapper of a store with conditional writes.

    OPTIONS:

    * `isolation`: "rows written" (default): a transaction fails if others have changed
      a row that it writes since it has read it; "all rows read": any row that it has
      read.
    * `oversize`: "commit" (default): a transaction of any size is committed, by intents
      and a record if need be; "refuse": one that is larger than a batch is an error.
    * `transaction_bytes`: the memory that the writes of a transaction may take.
    * `bulk`: "whole" (default): bulk_create() is all or nothing; "batches": outside of
      blocks it commits as many rows at a time as fit into a batch.
    """

    # The stored forms of values.
    forms: Forms
    access_class: type[OptimisticAccess]
    needs_unique_checks = False
    transaction: Transaction | None = None
    # [the block of bulk_create(), how many rows it has stored]: see bulk.py.
    bulk: list[Any] | None = None

    # --- for stores ---

    @property
    def records(self) -> ConditionalStore:
        """The items of the store."""
        raise NotImplementedError

    # --- statements ---

    def begun(self, checks: bool) -> Transaction:
        most = int(self.option("transaction_bytes", TRANSACTION_BYTES))
        locks = self.option("isolation", WRITTEN) == READ
        return Transaction(Buffer(most), checks, locks)

    def access(self) -> OptimisticAccess:
        return self.access_class(self, self.records, self.transaction)

    def reading(self) -> Any:
        self.ensure_connection()
        return nullcontext(self.access())

    def read(self, work: Callable[[Any], Any]) -> Any:
        """Return `work(access)`."""
        with translated_errors(self), self.reading() as access:
            return work(access)

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        return self.write(lambda access: work())

    def write(self, work: Callable[[Any], Any], nested: bool = True) -> Any:
        self.ensure_connection()
        with translated_errors(self):
            if self.transaction is None:
                return self.alone(work)
            buffer = self.transaction.buffer
            mark = len(buffer.log)
            try:
                return work(self.access())
            except BaseException:
                buffer.undo(mark)
                raise

    def outside(self, work: Callable[[], Any]) -> Any:
        """Return `work()`, which is no part of the open transaction."""
        transaction, self.transaction = self.transaction, None
        try:
            return work()
        finally:
            self.transaction = transaction

    def alone(self, work: Callable[[Any], Any]) -> Any:
        """Return `work(access)`, run as a transaction of its own; repeat it after
        conflicts.
        """
        for attempt in range(ATTEMPTS):
            transaction = self.transaction = self.begun(checks=attempt > 0)
            try:
                result = work(self.access())
                self.carry_out(transaction)
                return result
            except Conflict as error:
                conflict = error
            finally:
                self.transaction = None
            give_way(attempt)
        raise OperationalError(
            f"Others have changed the same rows during each of {ATTEMPTS} attempts. "
            "Retry later."
        ) from conflict

    def carry_out(self, transaction: Transaction) -> None:
        """Commit what a transaction has written; its buffer is empty then."""
        buffer = transaction.buffer
        is_any = any(space.held for space in buffer.spaces.values())
        try:
            if is_any or buffer.locked:
                large = self.option("oversize", "commit") != "refuse"
                commits.commit(self.records, buffer.writes(), large)
        finally:  # a commit that was interrupted may have been carried out
            buffer.clear()

    def check_store(self, fix: bool = False) -> list[str]:
        """Return a sentence for each disagreement of rows and entries, and for each
        commit that was left; repair them with `fix`. Others may write meanwhile.
        """
        self.ensure_connection()
        with translated_errors(self):
            return list(optimistic_checking.problems(self, fix))

    def lock(self) -> None:
        """Rows that a statement locks are checked at the commit: see `locks`."""

    # --- transactions ---

    def _set_autocommit(self, autocommit: bool) -> None:
        if autocommit and self.transaction is not None:
            with translated_errors(self):
                self.carry_out(self.transaction)
        self.transaction = None if autocommit else self.begun(checks=True)

    def _commit(self) -> None:
        if self.transaction is not None:
            with debug_transaction(self, "COMMIT"), translated_errors(self):
                self.carry_out(self.transaction)

    def _rollback(self) -> None:
        if self.transaction is not None:
            with debug_transaction(self, "ROLLBACK"):
                self.transaction.buffer.clear()

    def set_savepoint(self, sid: str) -> None:
        self.open_buffer.savepoint(sid)

    def undo_savepoint(self, sid: str) -> None:
        self.open_buffer.rollback_to(sid)

    def release_savepoint(self, sid: str) -> None:
        self.open_buffer.release(sid)

    @property
    def open_buffer(self) -> Buffer:
        if self.transaction is None:
            raise OperationalError("There is no open transaction.")
        return self.transaction.buffer

    def _close(self) -> None:
        if self.transaction is not None:
            self.transaction.buffer.clear()
        close = getattr(self.connection, "close", None)
        if close is not None:
            close()
