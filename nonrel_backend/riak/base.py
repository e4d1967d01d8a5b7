"""The DatabaseWrapper for Riak: HOST names nodes, NAME is a prefix of bucket names."""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError

from ..base import NonrelDatabaseWrapper
from ..cursor import NonrelCursor, Statement
from ..kv.cached_catalog import CatalogCache
from ..query import translated_errors
from . import (
    checking,
    checks,  # noqa: F401 (registers them)
)
from .access import CLAIMS, RiakAccess
from .catalog import RiakCatalog
from .client import Client, Pool
from .creation import DatabaseCreation
from .datatypes import KINDS, DataColumn
from .errors import translate
from .features import DatabaseFeatures
from .objects import Objects
from .operations import DatabaseOperations
from .resolving import last_write_wins, resolver
from .schema import DatabaseSchemaEditor
from .tables import NO_COLUMNS, RiakTable
from .values import FORMS

POOL_OPTIONS = {"timeout", "connect_timeout", "pool_size", "tls"}
OWN_OPTIONS = {
    *("bucket_type", "keys", "props", "resolvers", "transactions"),
    *("schema_wait", "unique", "unique_type", "counter_type", "set_type"),
}
CHOICES = {
    "keys": ("time", "sequence"),
    "transactions": ("none", "refuse"),
    "unique": ("markers", "strong", "off"),
}
_pools: dict[tuple, Pool] = {}
_lock = Lock()


def pool(**settings: Any) -> Pool:
    """Return the process's pool of connections with these settings."""
    key = tuple(sorted(settings.items(), key=lambda item: item[0]))
    with _lock:
        if key not in _pools:
            _pools[key] = Pool(**settings)
        return _pools[key]


@lru_cache(maxsize=256)
def shared_cache(pool: Pool, bucket_type: str, name: str) -> CatalogCache:
    """Return the process's cache of the catalog of a database."""
    return CatalogCache()


class Session(Client):
    """A thread's connection: it uses the process's pool, which stays open."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Cursor(NonrelCursor):
    """A cursor each of whose calls is one operation of the connection's client."""

    def __init__(self, connection: Any):
        super().__init__(connection)
        self.client = connection.db_connection

    def execute(self, statement: Statement | str, params: Any = None) -> NonrelCursor:
        found: NonrelCursor = self.client.operation(super().execute, statement, params)
        return found

    def fetchmany(self, size: int | None = None) -> list[Any]:
        found: list[Any] = self.client.operation(super().fetchmany, size)
        return found


class DatabaseWrapper(NonrelDatabaseWrapper):
    """A connection to Riak. HOST is one or several nodes, "riak1,riak2:8087"; USER and
    PASSWORD are for Riak's security, which needs OPTIONS["tls"], an ssl.SSLContext.

    OPTIONS:

    * `bucket_type`: the bucket type of all tables (default: Riak's own).
    * `props`: bucket properties of new tables.
    * `keys`: "time" (default; see kv/keys.py) or "sequence" (see sequences.py).
    * `unique`: "markers" (default), "strong" or "off"; `unique_type`: the bucket type
      of the claims of unique values (see docs/riak.md).
    * `resolvers`: see resolving.py.
    * `transactions`: "none" (default): atomic() does nothing; "refuse": it raises.
    * `timeout`, `connect_timeout`: seconds; `pool_size`: idle connections per node.
    * `schema_wait`: seconds before the rows of a table get the entries of a new index
      (default 2: other processes see the new catalog by then).
    * `counter_type`, `set_type`: the bucket types of CounterField and RiakSetField.
    """

    vendor = "riak"
    display_name = "Riak"
    own_options = NonrelDatabaseWrapper.own_options | OWN_OPTIONS
    catalog_class = RiakCatalog
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    forms = FORMS
    connection: Session | None
    # Set when there is a connection.
    catalog_cache: CatalogCache
    # During an UPDATE that is computed from rows read before: see kv/access.py. The
    # keys of the rows that others have changed since.
    seen: dict[tuple[str, bytes], Any] | None = None
    changed_by_others: list[Any]

    def get_connection_params(self) -> dict[str, Any]:
        settings = self.settings_dict
        options = super().get_connection_params()
        self.check_options(POOL_OPTIONS, CHOICES)
        if settings["USER"] and not options.get("tls"):
            raise ImproperlyConfigured(
                "Riak takes USER and PASSWORD over TLS only. Set OPTIONS['tls'] to an "
                "ssl.SSLContext."
            )
        return {
            "host": settings["HOST"] or "127.0.0.1",
            "port": int(settings["PORT"] or 8087),
            "user": settings["USER"],
            "password": settings["PASSWORD"],
            **options,
        }

    def get_new_connection(self, conn_params: dict[str, Any]) -> Session:
        session = Session(pool(**conn_params))
        with translated_errors(self):
            session.ping()
        name = str(self.settings_dict["NAME"] or "")
        self.catalog_cache = shared_cache(session.pool, self.bucket_type, name)
        return session

    def is_usable(self) -> bool:
        return self.connection is not None and not self.connection.closed

    def translate_error(self, error: BaseException) -> Exception | None:
        return translate(error)

    def get_database_version(self) -> tuple[int, ...]:
        with translated_errors(self):
            info = self.db_connection.server_info()
        version = info.server_version.decode(errors="replace")
        return tuple(int(part) for part in version.split(".") if part.isdecimal())

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self)

    # --- buckets ---

    @property
    def bucket_type(self) -> str:
        return self.option("bucket_type", "")

    def bucket(self, table: str) -> bytes:
        name = self.settings_dict["NAME"]
        return (f"{name}.{table}" if name else table).encode()

    def reading(self) -> RiakAccess:
        return RiakAccess(self)

    def write(self, work: Callable[[RiakAccess], Any], nested: bool = True) -> Any:
        """Return `work(access)`."""
        with translated_errors(self):
            return work(RiakAccess(self))

    def objects(self, name: str) -> Objects:
        """Return the objects of the table with this name."""
        return self.objects_of(self.catalog.table(name))

    def objects_of(self, table: RiakTable) -> Objects:
        """Return the objects of a table."""
        return Objects(
            self.db_connection,
            table,
            resolver(self.option("resolvers", {}), table.name),
            self.bucket_type.encode(),
        )

    def claims(self) -> Objects:
        """Return the claims of unique values: see kv/claims.py."""
        table = RiakTable(CLAIMS, NO_COLUMNS, self.bucket(CLAIMS))
        type = self.unique_type.encode()
        return Objects(self.db_connection, table, last_write_wins, type)

    def data_column(self, table: str, name: str, kind: str) -> DataColumn:
        """Return a column that is a Riak counter or set.

        Raise ImproperlyConfigured if the settings have no bucket type for it.
        """
        found = KINDS[kind]
        type = self.option(found.option, "")
        if not type:
            raise ImproperlyConfigured(
                f"{table}.{name} is a {found.label}. Set OPTIONS[{found.option!r}] to "
                f"a bucket type whose datatype is {found.datatype.decode()!r}."
            )
        return found(table, name, self.bucket(f"{table}.{name}"), type.encode())

    def check_data_column(self, column: DataColumn) -> None:
        """Raise ImproperlyConfigured if the bucket type has another datatype."""
        with translated_errors(self):
            props = self.db_connection.type_properties(column.type)
        if props.datatype != column.datatype:
            raise ImproperlyConfigured(
                f"OPTIONS[{column.option!r}] is {column.type.decode()!r}, but the "
                f"datatype of that bucket type is not {column.datatype.decode()!r}."
            )

    def check_unique_type(self) -> None:
        """Raise ImproperlyConfigured if `unique` is "strong" and the type is not."""
        if self.unique != "strong":
            return
        with translated_errors(self):
            props = self.db_connection.type_properties(self.unique_type or "default")
        if not props.consistent:
            raise ImproperlyConfigured(
                f"OPTIONS['unique'] is 'strong', but the bucket type "
                f"{self.unique_type!r} is not strongly consistent. Set "
                "OPTIONS['unique_type'] to one that is."
            )

    def set_properties(self, table: str) -> None:
        """Set the properties of the bucket of a new table to OPTIONS["props"]."""
        props = self.option("props", None)
        if props:
            type = {"type": self.bucket_type.encode()} if self.bucket_type else {}
            with translated_errors(self):
                self.db_connection.set_properties(self.bucket(table), props, **type)

    @property
    def unique(self) -> str:
        """How unique values are enforced; see docs/riak.md."""
        return self.option("unique", "markers")

    @property
    def unique_type(self) -> str:
        return self.option("unique_type", self.bucket_type)

    @property
    def keys(self) -> str:
        """How the keys of AutoField are made; see kv/keys.py and sequences.py."""
        return self.option("keys", "time")

    def check_store(self, fix: bool = False) -> list[str]:
        """Return a sentence for each problem with rows, index entries and claims.

        With `fix`, repair them. Others may write meanwhile.
        """
        with translated_errors(self):
            return list(checking.problems(self, fix))

    # --- transactions: there are none ---

    @property
    def transactions(self) -> str:
        return self.option("transactions", "none")

    def set_autocommit(
        self,
        autocommit: bool,
        force_begin_transaction_with_broken_autocommit: bool = False,
    ) -> None:
        """Do what Django's method does, but log no BEGIN: there is none."""
        self.validate_no_atomic_block()
        self.close_if_health_check_failed()
        self.ensure_connection()
        self._set_autocommit(autocommit)
        self.autocommit = autocommit
        if autocommit and self.run_commit_hooks_on_set_autocommit_on:  # type: ignore[has-type]
            self.run_and_clear_commit_hooks()
            self.run_commit_hooks_on_set_autocommit_on = False

    def _set_autocommit(self, autocommit: bool) -> None:
        if not autocommit and self.transactions == "refuse":
            raise NotSupportedError(
                "Riak has no transactions, and OPTIONS['transactions'] is 'refuse'. "
                "Remove atomic(), or set the option to 'none'."
            )

    def _savepoint_allowed(self) -> bool:
        # An error that is caught outside an inner atomic() must not end the outer one.
        return not self.get_autocommit()

    def _savepoint(self, sid: str) -> None:
        pass

    _savepoint_rollback = _savepoint_commit = _savepoint

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        self.statements += 1
        try:
            return work()
        finally:
            self.statements -= 1
