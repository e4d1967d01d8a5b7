"""The DatabaseWrapper for MongoDB: its settings, client and transactions."""

import logging
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError, OperationalError, transaction
from django.db.backends.utils import debug_transaction
from django.utils.functional import cached_property
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError, ConnectionFailure, PyMongoError
from pymongo.read_preferences import ReadPreference

from ..base import NonrelDatabaseWrapper, TransactionSavepoints
from ..caching import IdentityCache
from ..catalog.unique import UniqueIndex
from ..query import translated_errors
from ..transactions import TransactionConflict
from .client import DatabaseClient
from .creation import DatabaseCreation
from .dangling import LOOKUPS_OF_SHARDED, suspect_keys
from .deadlines import bounded, defaults, retried
from .documents import BsonForm
from .errors import BLOCK_ENDED, operational, translate
from .features import DatabaseFeatures
from .hidden_keys import hidden_fields
from .introspection import DatabaseIntrospection
from .keys import Sequences
from .local_uniques import local_indexes
from .metadata import (
    enforced_checks,
    entry_of,
    is_foreign,
    keeps_microseconds,
)
from .operations import DatabaseOperations
from .precision import Precision, precision_of
from .schema import DatabaseSchemaEditor
from .transactions import Transaction
from .uniques import unique_indexes
from .validation import NO_TRANSACTIONS, DatabaseValidation

TRANSACTION_CHOICES = ("auto", "required", "off")
CACHED_MODELS = 1_000
logger = logging.getLogger("nonrel_backend.mongodb")
_clients: dict[tuple, MongoClient] = {}
_clients_lock = threading.Lock()
_connected: weakref.WeakSet["DatabaseWrapper"] = weakref.WeakSet()
# Aliases whose lack of transactions has been logged.
_logged: set[str] = set()


def disconnect_after_fork() -> None:
    """Make a forked child connect anew: the sockets are its parent's.

    The parent's client stays in `_clients`, so that it is not closed.
    """
    global _clients_lock
    _clients_lock = threading.Lock()
    for wrapper in list(_connected):
        wrapper.connection = None
        wrapper.in_atomic_block = False


os.register_at_fork(after_in_child=disconnect_after_fork)


def shared_client(key: tuple, arguments: dict[str, Any]) -> MongoClient:
    """Return the process's client for these settings; a forked child makes its own."""
    key = (os.getpid(), *key)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = MongoClient(**arguments)
        return _clients[key]


class DatabaseWrapper(TransactionSavepoints, NonrelDatabaseWrapper):
    """A connection to a MongoDB database.

    HOST is a mongodb:// URI or a host name (with PORT, USER, PASSWORD); NAME is the
    database. OPTIONS are arguments of MongoClient, but for the backend's own:

    `transactions`: "auto" (the default: real transactions if the server has them),
    "required" (refuse a server without them) or "off".
    """

    vendor = "mongodb"
    display_name = "MongoDB"
    own_options = NonrelDatabaseWrapper.own_options | {"transactions"}
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    catalog_class = None
    document_form = BsonForm
    validation_class = DatabaseValidation
    known_database: Database | None = None
    # Its collections by name.
    known_collections: dict[str, Collection]

    def get_connection_params(self) -> dict[str, Any]:
        settings = self.settings_dict
        if not settings["NAME"]:
            raise ImproperlyConfigured(
                "settings.DATABASES is improperly configured. "
                "Please supply the NAME value: the database to use."
            )
        choice = settings["OPTIONS"].get("transactions", "auto")
        if choice not in TRANSACTION_CHOICES:
            raise ImproperlyConfigured(
                f"OPTIONS['transactions'] is {choice!r}; it must be one of "
                f"{', '.join(TRANSACTION_CHOICES)}."
            )
        arguments = {
            "host": settings["HOST"] or "localhost",
            **defaults(settings["HOST"]),
            "appname": "nonrel_backend",
            # Dates of years past 9999 come as DatetimeMS, which names their document.
            "datetime_conversion": "DATETIME_AUTO",
            **super().get_connection_params(),
        }
        if settings["PORT"]:
            try:
                arguments["port"] = int(settings["PORT"])
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"PORT is {settings['PORT']!r}; it must be a number."
                ) from error
        if settings["USER"]:
            arguments["username"] = settings["USER"]
            arguments["password"] = settings["PASSWORD"]
        return arguments

    def get_new_connection(self, conn_params: dict[str, Any]) -> MongoClient:
        try:
            client = shared_client(
                (self.alias, repr(sorted(conn_params.items(), key=str))), conn_params
            )
        except (ConfigurationError, TypeError, ValueError) as error:
            raise ImproperlyConfigured(
                f"MongoClient does not take the settings of {self.alias!r}: {error}"
            ) from error
        self.transaction = Transaction(self)
        # About how many documents a table has, and when it was asked: {table: ...}.
        self.row_estimates: dict[str, tuple[int, float]] = {}
        # (collection, key) of which more documents were equal than a page reads.
        self.many_equal: set[tuple[str, str]] = set()
        _connected.add(self)
        return client

    def init_connection_state(self) -> None:
        if (
            self.settings_dict["OPTIONS"].get("transactions") == "required"
            and not self.has_transactions
        ):
            self.connection = None
            raise NotSupportedError(
                "OPTIONS['transactions'] is 'required', but the MongoDB server at "
                f"{self.settings_dict['HOST'] or 'localhost'} is standalone and has "
                "none. Start it as a replica set (mongod --replSet)."
            )

    @property
    def database(self) -> Database:
        """The pymongo database. Connect if there is no connection."""
        self.ensure_connection()
        known = self.known_database
        name = self.settings_dict["NAME"]
        if known is None or known.client is not self.connection or known.name != name:
            known = self.known_database = self.connection[name]
            self.known_collections = {}
        return known

    def collection(self, name: str) -> Collection:
        """Return a pymongo collection: to make one takes as long as to find a key."""
        database = self.database
        found = self.known_collections.get(name)
        if found is None:
            found = self.known_collections[name] = database[name]
        return found

    @property
    def primary(self) -> Database:
        """The database for what must not be stale, whatever `readPreference` says.

        Schema changes read it: they write what they have read.
        """
        database = self.database
        if database.read_preference == ReadPreference.PRIMARY:
            return database
        return database.with_options(read_preference=ReadPreference.PRIMARY)

    @cached_property
    def has_transactions(self) -> bool:
        """Whether atomic() is a real transaction on this server."""
        if self.settings_dict["OPTIONS"].get("transactions") == "off":
            return False
        hello = self.hello()
        found = "setName" in hello or hello.get("msg") == "isdbgrid"
        if not found and self.alias not in _logged:
            _logged.add(self.alias)
            logger.warning(NO_TRANSACTIONS.format(alias=self.alias))
        return found

    @property
    def expects_transactions(self) -> bool:
        """Whether atomic() is a real transaction, as far as known without connecting.

        A server that was not asked yet is taken for a replica set, which it should be.
        """
        if self.connection is None and "has_transactions" not in self.__dict__:
            return self.settings_dict["OPTIONS"].get("transactions") != "off"
        return self.has_transactions

    def hello(self) -> dict[str, Any]:
        """Return the server's answer to `hello`, which says what kind it is."""
        self.ensure_connection()
        try:
            with bounded(self.connection):
                return self.connection.admin.command("hello")
        except PyMongoError as error:
            raise (self.translate_error(error) or error) from error

    @cached_property
    def sequences(self) -> Sequences:
        return Sequences(self)

    @cached_property
    def known_unique_indexes(self) -> dict[str, list]:
        """The unique indexes of tables read so far: see uniques.unique_indexes()."""
        return {}

    @cached_property
    def known_entries(self) -> dict[str, dict[str, Any] | None]:
        """What metadata.py stores of tables read so far, until DDL runs here."""
        return {}

    def known_entry(self, table: str) -> dict[str, Any] | None:
        if table not in self.known_entries:
            if self.connection is None:
                # Through a cursor, so that SimpleTestCase can forbid it.
                self.cursor().close()
            with translated_errors(self):
                self.known_entries[table] = entry_of(self, table)
        return self.known_entries[table]

    def stored_checks(self, table: str) -> list[dict[str, Any]] | None:
        return enforced_checks(self.known_entry(table))

    def unique_indexes(self, model: Any) -> list[UniqueIndex]:
        hidden = (self.known_entry(model._meta.db_table) or {}).get("hidden", [])
        return local_indexes(self, model, hidden)

    def hidden_fields(self, meta: Any) -> list[Any]:
        entry = self.known_entry(meta.db_table)
        return hidden_fields(entry, meta) if entry and entry.get("hidden") else []

    def is_foreign(self, table: str) -> bool:
        """Return whether documents may hold keys and values as no migration does."""
        return is_foreign(self.known_entry(table))

    def keeps_microseconds(self, table: str) -> bool:
        return keeps_microseconds(self.known_entry(table))

    hides_microseconds = keeps_microseconds

    def precision(self, meta: Any) -> Precision:
        """Return what the columns of a model's table do with microseconds."""
        keeps = self.keeps_microseconds(meta.db_table)
        found: Precision = self.known_precision[keeps](meta)
        return found

    @cached_property
    def known_precision(self) -> tuple[IdentityCache, IdentityCache]:
        """By whether a table keeps microseconds, the Precision of a model's options."""
        own = weakref.proxy(self)
        cut, kept = (
            IdentityCache(partial(precision_of, own, keeps=keeps), CACHED_MODELS)
            for keeps in (False, True)
        )
        return cut, kept

    def translate_error(self, error: BaseException) -> Exception | None:
        if isinstance(error, ConnectionFailure) and self.connection is not None:
            self.transaction.lost(error)
        return translate(error, self)

    def key_of_value(self, table: str, column: str, value: Any) -> Any:
        found = self.statement(
            lambda session: self.database[table].find_one(
                {column: {"$eq": value}}, {"_id": 1}, session=session
            )
        )
        return found and found["_id"]

    def get_database_version(self) -> tuple[int, ...]:
        self.ensure_connection()
        return tuple(self.connection.server_info()["versionArray"][:3])

    @cached_property
    def server_version(self) -> tuple[int, ...]:
        """The version of the server as it was first asked."""
        return self.get_database_version()

    def is_usable(self) -> bool:
        # No other connection could go on with a transaction of the server.
        if self.connection is not None and self.transaction.is_begun:
            return not self.transaction.aborted
        try:
            with bounded(self.connection):
                self.connection.admin.command("ping")
        except PyMongoError:
            return False
        return True

    # --- transactions ---

    def require_table(self, table: str) -> None:
        """Raise ProgrammingError if there is no such collection."""
        unique_indexes(self, table)

    @property
    def session(self) -> Any:
        """The session of the open transaction, None if there is none.

        The server's transaction begins when this is first read. Who reads it may run
        a statement that the backend does not see.
        """
        return None if self.connection is None else self.transaction.run(lambda it: it)

    def require_transaction(self, snapshot: object) -> None:
        """Raise OperationalError if rows' transaction has ended: no more can be read.

        `snapshot` is what `transaction.snapshot` was when they were asked for.
        """
        if snapshot is not None and self.transaction.snapshot is not snapshot:
            raise OperationalError(BLOCK_ENDED)

    def statement(self, work: Callable[[Any], Any]) -> Any:
        """Return `work(session)`, which reads, run as one statement.

        It is one of the transaction, if there is any.
        """
        self.ensure_connection()
        if self.transaction.is_open:
            return self.transaction.run(work)
        return retried(self.connection, partial(work, None), reads=True)

    def suspect_keys(self, keys: list[Any]) -> list[Any]:
        found = None
        if self.server_version >= LOOKUPS_OF_SHARDED:
            found = suspect_keys(self, keys)
        return super().suspect_keys(keys) if found is None else found

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        """Return `work()`, run in a transaction. Retry it after a conflict."""
        if self.in_atomic_block:
            with transaction.atomic(using=self.alias, savepoint=False):
                return work()

        def attempt() -> Any:
            try:
                with transaction.atomic(using=self.alias):
                    return work()
            except TransactionConflict as error:
                raise error.__cause__ or error from None

        self.ensure_connection()
        with translated_errors(self):
            return retried(self.connection, attempt)

    def before_ddl(self) -> None:
        """End a transaction that has written nothing: DDL runs outside of any."""
        self.ensure_connection()
        self.transaction.before_ddl()

    def _set_autocommit(self, autocommit: bool) -> None:
        self.transaction.set_autocommit(autocommit)

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"):
                self.transaction.commit()

    def _rollback(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "ROLLBACK"):
                self.transaction.rollback()

    def _close(self) -> None:
        # Other threads of the process share the client: it stays open.
        if self.connection is not None:
            self.transaction.end()

    def unreachable(self, error: BaseException) -> OperationalError:
        """Return Django's error for a server that cannot be reached."""
        host = self.settings_dict["HOST"] or "localhost"
        if "@" in host:
            host = host.rpartition("@")[2]
        return operational(error)(f"MongoDB at {host} cannot be reached: {error}")
