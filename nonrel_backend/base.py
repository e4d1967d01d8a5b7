"""NonrelDatabaseWrapper: a Django connection to a store that is not an SQL database."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import debug_transaction
from django.db.utils import IntegrityError
from django.utils.functional import cached_property

from .catalog.schema import CatalogSchemaEditor
from .catalog.tables import Catalog
from .client import NonrelDatabaseClient
from .creation import NonrelDatabaseCreation
from .cursor import NonrelCursor, Statement, result_of
from .features import NonrelDatabaseFeatures
from .introspection import NonrelDatabaseIntrospection
from .local.engine import LocalEngine
from .operations import NonrelDatabaseOperations
from .planner.shapes import Shape
from .query import translated_errors

TYPES_REMEMBERED = 10_000


def binary(value: Any) -> bytes:
    """The bytes of a bytes-like object: TypeError for anything else, as bytes(3)."""
    return bytes(memoryview(value))


class Database:
    """The PEP 249 names that Django wants; stores raise Django's own errors."""

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

    A backend keeps its connection in `self.connection` (what `get_new_connection`
    returns) and says in `translate_error` what the store's errors are in Django's.
    OPTIONS["local_rows"] bounds what one query may load into the local engine
    (default 250,000 rows, 0 means no bound), OPTIONS["kept_rows"] what stays there for
    the next one, where the store can tell whether it is still so.
    """

    # What get_new_connection() returned, None while there is none.
    connection: Any
    vendor = "nonrel"
    display_name = "Nonrel"
    Database = Database
    SchemaEditorClass = CatalogSchemaEditor
    # What the toolkit keeps of tables, keys and unique values; None where the store
    # does all of that itself.
    catalog_class: type[Catalog] | None = Catalog
    client_class = NonrelDatabaseClient
    creation_class = NonrelDatabaseCreation
    features_class = NonrelDatabaseFeatures
    introspection_class = NonrelDatabaseIntrospection
    ops_class = NonrelDatabaseOperations
    # Names of OPTIONS that are the toolkit's own and no driver's.
    own_options = frozenset({"local_rows", "kept_rows"})
    # Django's SQL texts never reach the store; the local engine writes its own.
    operators: dict[str, str] = {}
    pattern_ops: dict[str, str] = {}
    pattern_esc = "{}"

    def __init__(self, settings_dict, alias="default"):
        super().__init__(settings_dict, alias)
        self.data_types = self.creation.data_types
        self.shapes: dict[Any, Shape] = {}
        self.types: dict[int, tuple[Any, str | None]] = {}
        # How many statements are being carried out by smaller ones.
        self.statements = 0

    def type_of(self, field) -> str | None:
        """The field's db_type(), remembered."""
        found = self.types.get(id(field))
        if found is None or found[0] is not field:
            if len(self.types) >= TYPES_REMEMBERED:
                self.types.clear()
            found = self.types[id(field)] = (field, field.db_type(self))
        return found[1]

    @cached_property
    def local_engine(self) -> LocalEngine:
        return LocalEngine(self)

    @cached_property
    def catalog(self) -> Catalog | None:
        return self.catalog_class(self) if self.catalog_class else None

    @property
    def db_connection(self) -> Any:
        """What get_new_connection() returned; connects when needed."""
        self.ensure_connection()
        return self.connection

    @property
    def local_rows(self) -> int:
        """How many rows one query may load into the local engine (0: any number)."""
        return self.settings_dict["OPTIONS"].get("local_rows", 250_000)

    @property
    def kept_rows(self) -> int:
        """How many rows of whole tables may stay in the local engine."""
        return self.settings_dict["OPTIONS"].get("kept_rows", 100_000)

    def translate_error(self, error: BaseException) -> Exception | None:
        """The Django error for an error of the store's driver, None for any other."""
        return None

    def create_cursor(self, name=None):
        return NonrelCursor(self)

    def get_connection_params(self):
        options = self.settings_dict["OPTIONS"]
        return {
            name: value
            for name, value in options.items()
            if name not in self.own_options
        }

    def init_connection_state(self):
        pass

    # --- transactions: for stores whose features say `supports_transactions` ---

    def _set_autocommit(self, autocommit):
        if self.features.supports_transactions:
            self.connection.autocommit = autocommit

    def _commit(self):
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "COMMIT"), translated_errors(self):
                self.connection.commit()

    def _rollback(self):
        if self.connection is not None and self.features.supports_transactions:
            with debug_transaction(self, "ROLLBACK"), translated_errors(self):
                self.connection.rollback()

    def _savepoint(self, sid):
        self.logged(f"SAVEPOINT {sid}", self.set_savepoint, sid)

    def _savepoint_rollback(self, sid):
        self.logged(f"ROLLBACK TO SAVEPOINT {sid}", self.undo_savepoint, sid)

    def _savepoint_commit(self, sid):
        self.logged(f"RELEASE SAVEPOINT {sid}", self.release_savepoint, sid)

    def set_savepoint(self, sid: str) -> None:
        """For stores whose features say `uses_savepoints`; so are the next two."""
        raise NotImplementedError

    def undo_savepoint(self, sid: str) -> None:
        raise NotImplementedError

    def release_savepoint(self, sid: str) -> None:
        """What was done since is the transaction's now: mostly nothing to do."""

    def logged(self, text: str, work, *arguments) -> Any:
        """Do the work as one entry of the query log, as it is on SQL."""

        def run():
            with translated_errors(self):
                return work(*arguments)

        return self.run_statement(run, lambda: text)

    def run_statement(self, work: Callable[[], Any], text: Callable[[], str]) -> Any:
        """Return what `work()` returns; run it through a cursor, as one statement.

        So it is one entry of the query log, described by `text()`, and it goes through
        Django's execute wrappers and its checks of the transaction.
        """
        with self.cursor() as cursor:
            cursor.execute(Statement(work, text))
            return result_of(cursor)

    @property
    def queries_logged(self):
        # A statement is one entry, not also those that it is made of.
        return not self.statements and super().queries_logged

    def _close(self):
        if self.features.supports_transactions:
            self.connection.rollback()
        close = getattr(self.connection, "close", None)
        if close is not None:
            close()

    def is_usable(self):
        return not getattr(self.connection, "closed", False)

    def disable_constraint_checking(self):
        # Foreign keys are never checked by the store: nothing to switch off.
        return True

    def kept_checks(self, table: str) -> list[dict[str, Any]] | None:
        """The table's check constraints, where the store itself keeps their "name",
        "columns" and "sql"; None where it does not, and the model's are applied.
        """
        return self.catalog.entry(table)["checks"] if self.catalog else None

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        """`work()` as one statement, undone as a whole where there are savepoints."""
        self.statements += 1
        try:
            with transaction.atomic(
                self.alias, savepoint=self.features.uses_savepoints
            ):
                return work()
        finally:
            self.statements -= 1

    def check_constraints(self, table_names=None):
        """Raise IntegrityError for the first foreign key that leads nowhere."""
        from .checks import dangling_keys

        for message in dangling_keys(self, table_names):
            raise IntegrityError(message)
