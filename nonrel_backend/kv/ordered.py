"""OrderedWrapper: the backend of an ordered store of bytes, in six methods.

    class DatabaseWrapper(OrderedWrapper):
        vendor = display_name = "mystore"
        errors = {mystore.Error: OperationalError}

        def get_new_connection(self, conn_params): ...
        def value(self, key): ...
        def items(self, low, high, reverse, limit): ...
        def put(self, key, value): ...
        def remove(self, key): ...
        def transaction(self, write): ...

Rows are JSON, with the types of json_values.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import RLock
from typing import Any

from django.db import OperationalError
from django.db.backends.utils import debug_transaction

from ..creation import NonrelDatabaseCreation
from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures
from ..query import translated_errors
from .base import KeyValueWrapper
from .bytes import Item
from .json_values import decoded, dumped, json_forms, loaded
from .operations import TreesOperations
from .sessions import Session
from .snapshots import NotedReads
from .tables import Table
from .trees import TableCache, TreesAccess


class OrderedCreation(NonrelDatabaseCreation):
    data_types = {**NonrelDatabaseCreation.data_types, "DocumentField": "document"}


class PlainFeatures(NonrelDatabaseFeatures):
    """The features of a store without transactions."""

    supports_virtual_generated_columns = True
    can_rename_index = True
    # Skipped tests of Django's suite, under the reason.
    django_test_skips = TOOLKIT_SKIPS


class OrderedFeatures(PlainFeatures):
    """The features of a store with transactions."""

    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = True


class OrderedAccess(TreesAccess):
    """What one statement reads and writes, through the methods of an OrderedWrapper.

    To store rows in another form than JSON, override `pack` and `unpack`.
    """

    def __init__(self, store: "OrderedWrapper", session: Session) -> None:
        super().__init__(store.table_cache)
        self.store = store
        self.session = session

    # --- keys and values ---

    def value(self, key: bytes) -> bytes | None:
        self.session.read()
        return self.store.value(key)

    def items(self, low: bytes, high: bytes, reverse: bool, limit: int) -> list[Item]:
        if low >= high or limit <= 0:
            return []
        self.session.read()
        return self.store.items(low, high, reverse, limit)

    def put(self, key: bytes, value: bytes) -> None:
        self.session.logged(key)
        self.store.put(key, value)

    def remove(self, key: bytes) -> None:
        self.session.logged(key)
        self.store.remove(key)

    # --- rows and tables ---

    def pack(self, table: Table, row: dict[str, Any]) -> bytes:
        return dumped(row)

    def unpack(
        self, table: Table, data: list[bytes], layout: Any = None
    ) -> list[dict[str, Any]]:
        return [loaded(each, table.name) for each in data]

    def dump(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def load(self, data: bytes) -> Any:
        return decoded(data.decode())

    def make_table(self, name: str, entry: dict[str, Any]) -> Table:
        store = self.store
        table = Table(name, entry, store.forms)
        table.key_size, table.payload_size = store.key_size, store.payload_size
        # Without transactions a row may be read while its entries are being written.
        table.entries_follow_rows = store.features.supports_transactions
        return table


class OrderedWrapper(KeyValueWrapper):
    """Base of the DatabaseWrapper of a store that keeps keys in order.

    Keys and values are bytes; keys sort as Python sorts bytes. What
    `get_new_connection()` returns is `self.connection` in the other methods. It is used
    by one thread at a time.
    """

    creation_class = OrderedCreation
    features_class = OrderedFeatures
    ops_class = TreesOperations
    access_class = OrderedAccess
    # {a class of the driver's errors: Django's}; the first that fits counts.
    errors: Mapping[type[Exception], type[Exception]] = {OSError: OperationalError}
    # Bytes of a row's key, and of an index's values in the key of an entry. A key has
    # at most four bytes more than both. Longer ones end with a hash of the rest, and
    # the order of an index that has such values is not used.
    key_size = 160
    payload_size = 340
    # Of all connections to stores of a class: its tables, and the lock of its writers
    # where the store has no transactions.
    table_cache: TableCache
    # `access_class` for a block that may yet write.
    noting_class: type[OrderedAccess]
    writers: AbstractContextManager[Any]
    session: Session

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.table_cache = TableCache()
        cls.writers = RLock()
        bases = NotedReads, cls.access_class
        cls.noting_class = type("NotingAccess", bases, {})
        if not hasattr(cls, "forms"):
            cls.forms = json_forms(cls.display_name)
        if cls.transaction is OrderedWrapper.transaction:
            if cls.features_class is OrderedFeatures:
                cls.features_class = PlainFeatures

    # --- the store ---

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open the store that `self.settings_dict` names, and return it.

        `conn_params` are the OPTIONS. If the store has a `close()`, it is called in the
        end.
        """
        raise NotImplementedError

    def value(self, key: bytes) -> bytes | None:
        """Return the value of a key, None if there is none."""
        raise NotImplementedError

    def items(
        self, low: bytes, high: bytes, reverse: bool, limit: int
    ) -> list[tuple[bytes, bytes]]:
        """Return the first `limit` (key, value) from `low` to before `high`, in order.

        With `reverse`, return the last ones, the last of all first.
        """
        raise NotImplementedError

    def put(self, key: bytes, value: bytes) -> None:
        """Store a value, also over another one."""
        raise NotImplementedError

    def remove(self, key: bytes) -> None:
        """Delete a key, if it exists."""
        raise NotImplementedError

    def transaction(self, write: bool) -> AbstractContextManager[Any]:
        """Return the context manager of a transaction; the block is in it.

        Reads in the block see one state of the store and, with `write`, the block's own
        writes. Only one transaction writes at a time: the next one waits, or raises an
        error that is an OperationalError. If the block raises an error, undo all that
        it wrote, and raise the error again.

        Without this method there is no rollback and no select_for_update(), and a
        statement that fails is undone by the core. If the process ends in the middle of
        a statement, part of it stays, for `nonrel_check --fix` to repair. Only the
        threads of one process may write.
        """
        return self.writers if write else nullcontext()

    # --- reading and writing ---

    def connect(self) -> None:
        self.session = Session(self)
        super().connect()

    def translate_error(self, error: BaseException) -> Exception | None:
        for kind, translated in self.errors.items():
            if isinstance(error, kind):
                return translated(str(error))
        return None

    def is_usable(self) -> bool:
        try:
            self.value(b"")
        except tuple(self.errors):
            return False
        return True

    @contextmanager
    def reading(self, peeks: bool = False) -> Iterator[OrderedAccess]:
        self.ensure_connection()
        session = self.session
        with session.reading(peeks):
            if session.keeps and not session.writes:
                access = self.noting_class(self, session)
                access.begin_notes(session.reads)  # type: ignore[attr-defined]
                yield access
            else:
                yield self.access_class(self, session)

    def peeking(self) -> AbstractContextManager[OrderedAccess]:
        return self.reading(peeks=True)

    def write(self, work: Callable[[Any], Any], nested: bool = True) -> Any:
        self.ensure_connection()
        session = self.session
        with translated_errors(self), session.writing():
            return work(self.access_class(self, session))

    def lock(self) -> None:
        self.ensure_connection()
        with translated_errors(self):
            self.session.lock()

    # --- transactions ---

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.features.supports_transactions:
            with translated_errors(self):
                self.session.set_autocommit(autocommit)

    def _commit(self) -> None:
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "COMMIT"), translated_errors(self):
                self.session.commit()

    def _rollback(self) -> None:
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "ROLLBACK"), translated_errors(self):
                self.session.rollback()

    def set_savepoint(self, sid: str) -> None:
        self.session.savepoint(sid)

    def undo_savepoint(self, sid: str) -> None:
        self.session.rollback_to(sid)

    def release_savepoint(self, sid: str) -> None:
        self.session.release(sid)

    def _close(self) -> None:
        with suppress(*self.errors):  # a lost connection
            self.session.close()
        close = getattr(self.connection, "close", None)
        if close is not None:
            close()
