"""NonrelDatabaseWrapper: a Django connection to a store that is not an SQL database."""

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, NotSupportedError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import debug_transaction
from django.db.utils import IntegrityError
from django.utils.functional import cached_property

from .caching import IdentityCache
from .catalog import checking
from .catalog.schema import CatalogSchemaEditor
from .catalog.tables import Catalog
from .catalog.unique import UniqueIndex, UniqueIndexes
from .client import NonrelDatabaseClient
from .conditions import Condition
from .creation import NonrelDatabaseCreation
from .cursor import NonrelCursor, Statement, result_of
from .dml.foreign_keys import dangling_keys
from .documents.sources import Form
from .features import NonrelDatabaseFeatures
from .introspection import NonrelDatabaseIntrospection
from .local.engine import LocalEngine
from .operations import NonrelDatabaseOperations
from .planner.shapes import Shape
from .query import translated_errors

# How many fields' types a connection caches; a large project has some thousands.
CACHED_TYPES = 10_000


def binary(value: Any) -> bytes:
    """Return the bytes of a bytes-like object; raise TypeError for a number or text."""
    return value if isinstance(value, bytes) else bytes(memoryview(value))


class Database:
    """The PEP 249 module that Django expects; stores raise Django's own errors."""

    Binary = staticmethod(binary)

    class Error(Exception):
        pass

    class InterfaceError(Error):
        pass

    class DatabaseError(Error):
        pass

    class DataError(DatabaseError):
        pass

    class OperationalError(DatabaseError):
        pass

    class IntegrityError(DatabaseError):
        pass

    class InternalError(DatabaseError):
        pass

    class ProgrammingError(DatabaseError):
        pass

    class NotSupportedError(DatabaseError):
        pass


class NonrelDatabaseWrapper(BaseDatabaseWrapper):
    """Base of a backend's DatabaseWrapper.

    A backend returns its connection from `get_new_connection`, and the toolkit keeps it
    in `self.connection`; `translate_error` maps the store's errors to Django's.

    OPTIONS["local_rows"] limits the rows that one query may load into the local engine
    (default 0: no limit), OPTIONS["local_bytes"] the temporary file that holds them
    (default 2 GiB). OPTIONS["kept_rows"] limits the rows of whole tables that stay
    there for later queries (default 4,000,000); they are used while the store tells
    that the table is unchanged.
    """

    # What get_new_connection() returned; None while disconnected.
    connection: Any
    vendor = "nonrel"
    display_name = "Nonrel"
    Database = Database
    SchemaEditorClass = CatalogSchemaEditor
    # The toolkit's catalog of tables, keys and unique values; None if the store itself
    # keeps all of that.
    catalog_class: type[Catalog] | None = Catalog
    client_class = NonrelDatabaseClient
    creation_class = NonrelDatabaseCreation
    features_class = NonrelDatabaseFeatures
    introspection_class = NonrelDatabaseIntrospection
    ops_class = NonrelDatabaseOperations
    # How the store's documents hold values.
    document_form = Form
    # Names of OPTIONS that are for the toolkit, not for the store's driver.
    own_options = frozenset({"local_rows", "local_bytes", "kept_rows"})
    execute_wrappers: list[Any]
    # Django's SQL never reaches the store: the local engine writes its own.
    operators: dict[str, str] = {}
    pattern_ops: dict[str, str] = {}
    pattern_esc = "{}"

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.data_types = self.creation.data_types
        self.shapes: dict[Any, Shape] = {}
        # A field's db_type(), from a cache.
        # A proxy: to hold the connection would be a reference cycle.
        own = weakref.proxy(self)
        self.type_of = IdentityCache(lambda field: field.db_type(own), CACHED_TYPES)
        # The form of what no model knows in the local engine's documents, where it is
        # packed; None if documents are text in the store, too.
        stores = "DocumentField" in self.data_types
        self.packed_form = self.document_form if stores else None
        # What check_constraints() has found right:
        # {(table, column): (the foreign key, the versions of both tables)}.
        self.right_keys: dict[tuple[str, str], tuple[Any, tuple[Any, Any]]] = {}
        # What scans of the running statement have refused: (table, condition, reason).
        self.refusals: list[tuple[str, Condition, str]] = []
        # How many statements are running as a sequence of smaller ones.
        self.statements = 0
        # The error of a savepoint's rollback: the whole transaction is to be rolled
        # back, which nobody has been told or has asked for yet.
        self.lost: Error | None = None
        # The exception that was being handled when the transaction began.
        self.handled: BaseException | None = None

    @cached_property
    def local_engine(self) -> LocalEngine:
        return LocalEngine(self)

    @cached_property
    def catalog(self) -> Any:
        """The Catalog; None if the store keeps its tables itself."""
        return self.catalog_class(self) if self.catalog_class else None

    @property
    def needs_unique_checks(self) -> bool:
        """Whether the toolkit looks for unique values that an UPDATE would repeat.

        If not, the store raises the error.
        """
        return self.catalog is not None

    @property
    def db_connection(self) -> Any:
        """What get_new_connection() returned; connects if needed."""
        self.ensure_connection()
        return self.connection

    def is_foreign(self, table: str) -> bool:
        """Return whether rows may hold values as another program has stored them."""
        return False

    def keeps_microseconds(self, table: str) -> bool:
        """Return whether datetimes in a table come back with their microseconds.

        Where they do not, datetimes that they are compared with are cut, too.
        """
        return True

    def hides_microseconds(self, table: str) -> bool:
        """Return whether they are in hidden columns: see microseconds.py."""
        return False

    def hidden_fields(self, meta: Any) -> list[Any]:
        """Return fields of no model whose columns the toolkit computes in each row.

        They are as fields of generated columns, with the `columns` that they depend on.
        """
        return []

    @property
    def local_rows(self) -> int:
        """How many rows one query may load into the local engine; 0 means no limit."""
        return int(self.settings_dict["OPTIONS"].get("local_rows", 0))

    @property
    def local_bytes(self) -> int:
        """How large the local engine's temporary file may get."""
        return int(self.settings_dict["OPTIONS"].get("local_bytes", 2 << 30))

    @property
    def kept_rows(self) -> int:
        """How many rows of whole tables may stay in the local engine."""
        return int(self.settings_dict["OPTIONS"].get("kept_rows", 4_000_000))

    def translate_error(self, error: BaseException) -> Exception | None:
        """Return the Django error for one of the store's driver, None for others."""
        return None

    def create_cursor(self, name: str | None = None) -> NonrelCursor:
        return NonrelCursor(self)

    def option(self, name: str, default: Any) -> Any:
        """Return one of OPTIONS."""
        return self.settings_dict["OPTIONS"].get(name, default)

    def get_connection_params(self) -> dict[str, Any]:
        options = self.settings_dict["OPTIONS"]
        return {
            name: value
            for name, value in options.items()
            if name not in self.own_options
        }

    def check_options(
        self, known: Iterable[str], choices: Mapping[str, Sequence[str]]
    ) -> None:
        """Raise ImproperlyConfigured for OPTIONS that there are not, or that are wrong.

        `known` are those of the driver; `choices` are the values that some may have.
        """
        names = {*known, *self.own_options}
        unknown = self.settings_dict["OPTIONS"].keys() - names
        if unknown:
            raise ImproperlyConfigured(
                f"{self.display_name} has no OPTIONS {', '.join(sorted(unknown))}. Its "
                f"OPTIONS are {', '.join(sorted(names))}."
            )
        for name, allowed in choices.items():
            value = self.option(name, allowed[0])  # a default is right
            if value not in allowed:
                raise ImproperlyConfigured(
                    f"OPTIONS[{name!r}] is {value!r}, but must be one of "
                    f"{', '.join(allowed)}."
                )

    def init_connection_state(self) -> None:
        pass

    def key_of_value(self, table: str, column: str, value: Any) -> Any:
        """Return the key of a row with a stored value, for errors; None if unknown."""
        return None

    # --- transactions, for stores whose features set `supports_transactions` ---

    def connect(self) -> None:
        self.lost = None
        super().connect()

    def set_rollback(self, rollback: bool) -> None:
        super().set_rollback(rollback)
        self.lost = None

    def validate_no_broken_transaction(self) -> None:
        if self.needs_rollback:
            self.lost = None  # Django tells it here
        super().validate_no_broken_transaction()

    def set_autocommit(self, autocommit: bool, *options: Any, **named: Any) -> None:
        """Do what Django does; raise why the transaction before was not committed.

        Django itself tells nothing where a block ends without an exception after the
        rollback of a savepoint has failed.
        """
        super().set_autocommit(autocommit, *options, **named)
        raised, handled = sys.exc_info()[1], self.handled
        lost, self.lost = self.lost, None
        self.handled = None if autocommit else raised
        if lost is not None and autocommit and raised is handled:
            raise lost

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.features.supports_transactions:
            self.connection.autocommit = autocommit

    def _commit(self) -> None:
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "COMMIT"), translated_errors(self):
                self.connection.commit()

    def _rollback(self) -> None:
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "ROLLBACK"), translated_errors(self):
                self.connection.rollback()

    def _savepoint(self, sid: str) -> None:
        self.logged(f"SAVEPOINT {sid}", self.set_savepoint, sid)

    def _savepoint_rollback(self, sid: str) -> None:
        try:
            self.logged(f"ROLLBACK TO SAVEPOINT {sid}", self.undo_savepoint, sid)
        except Error as error:
            # Django lets the block run no more statements, and tells this as the cause.
            self.rollback_exc = error
            self.lost = error if self.commit_on_exit else None
            raise

    def _savepoint_commit(self, sid: str) -> None:
        self.logged(f"RELEASE SAVEPOINT {sid}", self.release_savepoint, sid)

    def set_savepoint(self, sid: str) -> None:
        """Set a savepoint, if the features set `uses_savepoints`."""
        raise NotImplementedError

    def undo_savepoint(self, sid: str) -> None:
        """Undo what was done since the savepoint, which stays."""
        raise NotImplementedError

    def release_savepoint(self, sid: str) -> None:
        """Forget a savepoint; most stores have nothing to do."""

    # --- statements ---

    def logged(self, text: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `work(*arguments)` returns; log it as the statement `text`.

        Raise Django's errors for the store's.
        """

        def run() -> Any:
            with translated_errors(self):
                return work(*arguments)

        return self.run_statement(run, lambda: text)

    def run_statement(self, work: Callable[[], Any], text: Callable[[], str]) -> Any:
        """Return what `work()` returns; run it through a cursor, as one statement.

        So it is one entry of the query log, described by `text()`, and it passes
        Django's execute wrappers and its checks of the transaction.
        """
        with self.cursor() as cursor:
            cursor.execute(Statement(work, text))
            return result_of(cursor)

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        """Return what `work()` returns; run it as one statement.

        If it fails it is rolled back, provided that the store has savepoints. The
        smaller statements that it runs are not logged, nor shown to execute wrappers.
        """
        self.statements += 1
        wrappers, self.execute_wrappers = self.execute_wrappers, []
        try:
            with transaction.atomic(
                self.alias, savepoint=self.features.uses_savepoints
            ):
                return work()
        finally:
            self.statements -= 1
            self.execute_wrappers = wrappers

    @property
    def queries_logged(self) -> bool:
        return not self.statements and super().queries_logged

    def _close(self) -> None:
        if self.features.supports_transactions:
            self.connection.rollback()
        close = getattr(self.connection, "close", None)
        if close is not None:
            close()

    def is_usable(self) -> bool:
        return not getattr(self.connection, "closed", False)

    # --- for `manage.py nonrel_check` and `nonrel_backup` ---

    def check_store(self, fix: bool = False) -> list[str]:
        """Return a sentence for each fault of what is stored; repair it with `fix`.

        The default looks for repeated unique values and for next keys that rows have,
        where the store uses the catalog. Raise NotSupportedError if the store itself
        takes care.
        """
        if self.catalog is None:
            raise NotSupportedError(
                f"{self.display_name} has no such check: it maintains the indexes."
            )
        return list(checking.problems(self, fix))

    def backup(self, path: str) -> None:
        """Copy the store, in a consistent state, to a new file or folder."""
        raise NotSupportedError(
            f"The backend of {self.alias!r} has no backups. Use those of its store."
        )

    # --- constraints ---

    def disable_constraint_checking(self) -> bool:
        # The store never enforces foreign keys: there is nothing to switch off.
        return True

    def stored_checks(self, table: str) -> list[dict[str, Any]] | None:
        """Return {"name", "columns", "sql"} of each check constraint of the table.

        Return None if the store does not keep them: then the model's are validated.
        """
        return self.catalog.last_entry(table)["checks"] if self.catalog else None

    def unique_indexes(self, model: Any) -> list[UniqueIndex]:
        """Return the unique indexes of a model's table, that of its key among them.

        Raise NotSupportedError if the store does not keep them as the catalog does.
        """
        if self.catalog is None:
            raise NotSupportedError(
                f"{self.display_name} cannot resolve conflicts of SQL: use "
                "bulk_create() with ignore_conflicts or update_conflicts."
            )
        return UniqueIndexes(self, model).indexes

    def suspect_keys(self, keys: list[Any]) -> list[Any]:
        """Return those foreign keys whose tables may have rows that refer to none.

        Override it where a store can tell more cheaply than by queries of each.
        """
        tables = {key.model._meta.db_table for key in keys}
        tables &= set(self.introspection.table_names())
        tables = self.tables_with_rows(sorted(tables))
        return [key for key in keys if key.model._meta.db_table in tables]

    def tables_with_rows(self, tables: Sequence[str]) -> set[str]:
        """Return those of the tables that may have rows."""
        return set(tables)

    def check_constraints(self, table_names: Iterable[str] | None = None) -> None:
        """Raise IntegrityError for the first foreign key without a row to refer to."""
        tables = None if table_names is None else set(table_names)
        for message in dangling_keys(self, tables):
            raise IntegrityError(message)


class TransactionSavepoints:
    """The savepoints of a wrapper whose `transaction` keeps them."""

    transaction: Any

    def set_savepoint(self, sid: str) -> None:
        self.transaction.savepoint(sid)

    def undo_savepoint(self, sid: str) -> None:
        self.transaction.rollback_to(sid)

    def release_savepoint(self, sid: str) -> None:
        self.transaction.release(sid)
