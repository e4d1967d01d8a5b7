"""The DatabaseWrapper for MongoDB: one client for each process and alias."""

import logging
import os
import threading
import weakref
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError, OperationalError, ProgrammingError, transaction
from django.db.backends.utils import debug_transaction
from django.utils.functional import cached_property
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, PyMongoError

from ..base import NonrelDatabaseWrapper
from .client import DatabaseClient
from .creation import DatabaseCreation
from .errors import translate
from .features import DatabaseFeatures
from .introspection import DatabaseIntrospection
from .keys import Sequences
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor
from .transactions import Transaction, retry_transaction
from .uniques import unique_indexes
from .validation import NO_TRANSACTIONS, DatabaseValidation

TRANSACTION_CHOICES = ("auto", "required", "off")
logger = logging.getLogger("nonrel_backend.mongodb")
_clients: dict[tuple, MongoClient] = {}
_clients_lock = threading.Lock()
_connected: weakref.WeakSet["DatabaseWrapper"] = weakref.WeakSet()
# Aliases whose lack of transactions has been logged.
_logged: set[str] = set()


def disconnect_after_fork() -> None:
    """A forked child connects anew: sockets and keys are its parent's. The parent's
    client stays referenced, so that it is not closed and its id() not used again.
    """
    global _clients_lock
    _clients_lock = threading.Lock()
    for wrapper in list(_connected):
        wrapper.connection = None
        wrapper.in_atomic_block = False


os.register_at_fork(after_in_child=disconnect_after_fork)


def shared_client(key: tuple, arguments: dict[str, Any]) -> MongoClient:
    """The process's client for these settings; a forked child makes its own."""
    key = (os.getpid(), *key)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = MongoClient(**arguments)
        return _clients[key]


class DatabaseWrapper(NonrelDatabaseWrapper):
    """HOST is a mongodb:// URI or a host name (with PORT, USER, PASSWORD); NAME is
    the database. OPTIONS go to MongoClient, but for the backend's own:

    `transactions`: "auto" (default: real transactions where the server has them),
    "required" (refuse a server without), "off".
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
    validation_class = DatabaseValidation
    known_database: Database | None = None

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
            "serverSelectionTimeoutMS": 10_000,
            "appname": "nonrel_backend",
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
        """The pymongo database; connects when needed."""
        self.ensure_connection()
        known = self.known_database
        name = self.settings_dict["NAME"]
        if known is None or known.client is not self.connection or known.name != name:
            known = self.known_database = self.connection[name]
        return known

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

    def hello(self) -> dict[str, Any]:
        self.ensure_connection()
        try:
            return self.connection.admin.command("hello")
        except PyMongoError as error:
            raise (self.translate_error(error) or error) from error

    @cached_property
    def sequences(self) -> Sequences:
        return Sequences(self)

    def translate_error(self, error: BaseException) -> Exception | None:
        return translate(error, self)

    def get_database_version(self) -> tuple[int, ...]:
        self.ensure_connection()
        return tuple(self.connection.server_info()["versionArray"][:3])

    def is_usable(self) -> bool:
        try:
            self.connection.admin.command("ping")
        except PyMongoError:
            return False
        return True

    # --- transactions ---

    def require_table(self, table: str) -> None:
        """Raise ProgrammingError for a collection that is not there.

        MongoDB itself would answer as if it were empty, and make it at a write.
        """
        known = self.sequences.indexes
        if table not in known:
            unique_indexes(self, table)
        if known[table] is None:
            del known[table]
            raise ProgrammingError(
                f"no such table: {table} (the database has no collection of that "
                "name; run migrate)"
            )

    @property
    def session(self):
        """The session of the open transaction, begun when first asked for, or None."""
        return None if self.connection is None else self.transaction.session()

    def statement(self, work):
        """Run `work(session)` as one statement of the transaction, if there is one."""
        self.ensure_connection()
        return self.transaction.run(work)

    def all_or_nothing(self, work):
        """As the toolkit's, begun anew when another transaction was in the way."""
        if self.in_atomic_block:
            with transaction.atomic(using=self.alias, savepoint=False):
                return work()
        return retry_transaction(self.alias)(work)()

    def before_ddl(self) -> None:
        """DDL runs outside of the transaction: one that has done nothing gives way."""
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

    def set_savepoint(self, sid: str) -> None:
        self.transaction.savepoint(sid)

    def undo_savepoint(self, sid: str) -> None:
        self.transaction.rollback_to(sid)

    def release_savepoint(self, sid: str) -> None:
        self.transaction.release(sid)

    def _close(self) -> None:
        # The client is the process's, shared with other threads: it stays open.
        if self.connection is not None:
            self.transaction.end()

    def unreachable(self, error: BaseException) -> OperationalError:
        host = self.settings_dict["HOST"] or "localhost"
        if "@" in host:
            host = host.rpartition("@")[2]
        return OperationalError(f"MongoDB at {host} cannot be reached: {error}")
