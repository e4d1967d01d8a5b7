"""The local engine: runs one statement over rows that are loaded for it."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError, NotSupportedError, OperationalError, models

from ..caching import IdentityCache
from ..planner.tables import model_from_store, registered_models
from ..values.columns import stored_field
from ..values.local import EXACT_DIGITS, from_local, to_local
from .load import Insert, Reads, load_tables
from .table_cache import FEW_ROWS, TableCache
from .texts import EXPLAIN
from .wrapper import LocalWrapper

# SQLite's limit is 32,766 (SQLITE_MAX_VARIABLE_NUMBER). Past this, values are written
# into the text.
MAX_PARAMETERS = 30_000
# What a statement that only reads does not do.
WRITING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
ACCESSING = WRITING | {sqlite3.SQLITE_READ}
# What SQLite calls its own tables and functions, which know nothing of a store.
OWN_TABLES = ("sqlite_", "pragma_")
# How many models' tables, and statements' columns, are remembered.
TABLES_REMEMBERED, STATEMENTS_REMEMBERED = 1_000, 2_000

# The engines of this process, and connections of its parent's, which share their file:
# they are referenced so that they are not closed.
_engines: "WeakSet[LocalEngine]" = WeakSet()
_of_parent: list[Any] = []


def start_anew_after_fork() -> None:
    """Have the engines of a forked child leave those of its parent alone."""
    for engine in _engines:
        engine.lock = threading.RLock()
        engine.depth = 0
        _of_parent.append(engine.wrapper.connection)
        engine.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=start_anew_after_fork)


class LocalTable:
    """A table to be loaded: the model's columns under their own names, or `fields`."""

    def __init__(
        self, engine: "LocalEngine", meta: Any, fields: Sequence[Any] | None = None
    ):
        self.name: str = meta.db_table
        self.meta = meta
        self.fields = {
            field.column: field
            for field in (meta.local_concrete_fields if fields is None else fields)
            if field.column is not None
        }
        types = {
            column: f"{engine.quote(column)} {engine.column_type(field)}"
            for column, field in self.fields.items()
        }
        self.definition = ", ".join(types.values())
        # The same, with an integer key by which SQLite itself finds rows.
        self.keyed_definition = self.definition
        # The column of the primary key if it tells rows apart here as in the store.
        self.key: str | None = None
        if len(meta.pk_fields) == 1:
            self.set_key(engine, meta.pk_fields[0], types)

    def set_key(self, engine: "LocalEngine", field: Any, types: dict[str, str]) -> None:
        """Note the primary key, unless its collation takes different values for one."""
        column_type = engine.column_type(field)
        if "COLLATE" in column_type:
            return
        self.key = field.column
        # An automatic key need be no integer: ObjectIdAutoField.
        is_integer = isinstance(stored_field(field), models.IntegerField)
        if is_integer and "int" in column_type:
            types[self.key] = f"{engine.quote(self.key)} integer PRIMARY KEY"
            self.keyed_definition = ", ".join(types.values())

    @property
    def is_keyed(self) -> bool:
        """Whether SQLite itself can find rows by the key."""
        return self.keyed_definition is not self.definition

    def create(self, cursor: Any, engine: "LocalEngine") -> None:
        """Create the table in the engine, empty."""
        cursor.execute(f"CREATE TABLE {engine.quote(self.name)} ({self.definition})")


class LocalEngine:
    """Runs one statement at a time over rows loaded for it.

    Afterwards only the tables in `cache` stay, where the store can tell whether they
    have changed.

    Re-entrant, because a result is complete when `run` returns, and safe between
    threads that share a DatabaseWrapper by its lock.
    """

    def __init__(self, store: Any):
        self.store = store
        self.lock = threading.RLock()
        self.depth = 0
        # The tables of the statement that have indexes, and how many there were ever.
        self.indexed: set[str] = set()
        self.indexes = 0
        # Whether the temporary file has no room for what was inserted last.
        self.is_full = False
        self.reads: dict[tuple[Any, ...], Reads] = {}
        # A model's options to its LocalTable.
        self.table = IdentityCache(
            lambda meta: LocalTable(self, meta), TABLES_REMEMBERED
        )
        self.active: dict[str, LocalTable] = {}
        self.wrapper = self._new_wrapper()
        self.cache = TableCache(self)
        _engines.add(self)

    def __del__(self) -> None:
        wrapper = vars(self).get("wrapper")
        if wrapper is not None and wrapper.connection is not None:
            wrapper.connection.close()

    def _new_wrapper(self) -> LocalWrapper:
        settings = {
            **self.store.settings_dict,
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",  # the wrapper opens a temporary file
            "OPTIONS": {},
            "AUTOCOMMIT": True,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": False,
        }
        wrapper = LocalWrapper(settings, self.store.alias)
        wrapper.store = self.store
        wrapper.packed_form = self.store.packed_form
        wrapper.most_bytes = self.store.local_bytes
        wrapper.inc_thread_sharing()
        return wrapper

    def quote(self, name: str) -> str:
        """Return a name as SQLite quotes it."""
        return '"{}"'.format(name.replace('"', '""'))

    def column_type(self, field: Any) -> str:
        """Return the column's type in SQL, with its collation."""
        final = stored_field(field)
        if (
            final.get_internal_type() == "DecimalField"
            and (final.max_digits or EXACT_DIGITS + 1) > EXACT_DIGITS
        ):
            return "TEXT COLLATE nonrel_decimal"
        parameters = field.db_parameters(self.wrapper)
        kind = parameters["type"] or ""
        collation = parameters.get("collation")
        return f"{kind} COLLATE {self.quote(collation)}" if collation else kind

    def run(
        self,
        sql: str,
        params: Any,
        tables: dict[str, LocalTable],
        load: Callable[[Reads, Insert], None],
        fetch: Callable[[Any], Any] = lambda cursor: cursor.fetchall(),
        writes: str = "",
    ) -> Any:
        """Create `tables`, have `load(reads, insert)` fill them, run `sql`, drop them.

        Return `fetch(cursor)`, by default all rows. Raise Django's error for what
        SQLite refuses, a write among it unless it is to the table `writes`.
        """
        with self.lock:
            if self.depth:  # a user's function queried while a statement was running
                other = LocalEngine(self.store)
                return other.run(sql, params, tables, load, fetch, writes)
            self.depth += 1
            self.wrapper.ensure_connection()
            connection = self.wrapper.connection
            created: list[LocalTable] = []
            self.active = tables
            self.indexed.clear()
            cursor = self.wrapper.create_cursor()
            try:
                for table in tables.values():
                    table.create(cursor, self)
                    created.append(table)
                reads = self.columns_read(
                    connection, sql, params, tables, created, writes
                )
                load(reads, lambda *rows: self.insert(connection, *rows))
                if len(tables) > 1:
                    self.analyze(connection, tables)
                with (
                    self.wrapper.errors_of_functions(),
                    self.wrapper.wrap_database_errors,
                ):
                    sql, params = self.within_limits(sql, params)
                    cursor.execute(sql, params)
                    return fetch(cursor)
            finally:
                cursor.close()
                if self.is_full:
                    self.start_anew()
                else:
                    self.cache.put_away([table.name for table in created])
                self.depth -= 1

    def columns_read(
        self,
        connection: Any,
        sql: str,
        params: Any,
        tables: dict[str, LocalTable],
        created: list[LocalTable],
        writes: str,
    ) -> Reads:
        """Return {table: columns} that the statement reads, as SQLite's compiler says.

        Tables that only the text names are added to `tables` and `created`.
        """
        key = (sql, tuple((table.name, table.definition) for table in tables.values()))
        known = self.reads.get(key)
        if known is not None:
            return known
        asked = len(tables)
        reads: dict[str, dict[str, None]] = {name: {} for name in tables}
        refused: list[str] = []

        def authorize(
            action: int, table: str, column: str, database: str, trigger: str
        ) -> int:
            if action in ACCESSING and table.startswith(OWN_TABLES):
                refused.append(table)
                return sqlite3.SQLITE_DENY
            if action in WRITING and table != writes:
                return sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_READ and table in reads:
                if column:
                    reads[table][column] = None
            return sqlite3.SQLITE_OK

        try:
            self.prepare(connection, sql, params, tables, created, authorize, reads)
        except DatabaseError as error:
            if not refused:
                raise
            raise self.own_table(refused[0]) from error
        found = {name: tuple(columns) for name, columns in reads.items()}
        if len(self.reads) > STATEMENTS_REMEMBERED:
            self.reads.clear()
        if len(tables) == asked:
            self.reads[key] = found
        return found

    def own_table(self, name: str) -> NotSupportedError:
        """Return the error for a text that names a table of SQLite's own."""
        return NotSupportedError(
            f"{self.store.display_name} has no {name}, which is SQLite's own: use "
            "connection.introspection, and the schema editor."
        )

    def prepare(
        self,
        connection: Any,
        sql: str,
        params: Any,
        tables: dict[str, LocalTable],
        created: list[LocalTable],
        authorize: Callable[..., int],
        reads: dict[str, dict[str, None]],
    ) -> None:
        """Compile the statement, adding tables that only its text names."""
        cursor = self.wrapper.create_cursor()
        statement, values = self.within_limits(EXPLAIN.sub("", sql), params)
        while True:
            connection.set_authorizer(authorize)
            try:
                with self.wrapper.wrap_database_errors:
                    cursor.execute("EXPLAIN " + statement, values)
                return
            except OperationalError as error:
                name = str(error).partition("no such table: ")[2]
                table = self.named_table(name.removeprefix("main."))
                if table is None or table.name in tables:
                    raise
            finally:
                connection.set_authorizer(None)
                cursor.close()
                cursor = self.wrapper.create_cursor()
            table.create(cursor, self)
            created.append(table)
            tables[table.name] = table
            reads[table.name] = {}

    def named_table(self, name: str) -> LocalTable | None:
        """Return the LocalTable of a name that stands in a text, None if unknown."""
        if not name:
            return None
        model = registered_models().get(name) or model_from_store(self.store, name)
        return None if model is None else self.table(model._meta)

    def known_table(self, name: str) -> LocalTable:
        """Return a table of the statement that is being loaded."""
        return self.active[name]

    def from_local(self, field: Any, value: Any) -> Any:
        """Return the Python value of a key that was loaded for `field`."""
        return from_local(field, value, self.store.timezone)

    def insert(
        self,
        connection: Any,
        table: str,
        columns: list[str],
        rows: Iterable[Any],
        identity: Sequence[str] = (),
        indexes: bool = True,
    ) -> None:
        """Insert rows of SQLite values into a table of the engine.

        Rows that have the same `identity`, names of columns, are inserted once. With
        `indexes`, those of the table are created, if the rows are many.
        """
        name, names = self.quote(table), ", ".join(map(self.quote, columns))
        marks = ", ".join("?" * len(columns))
        if identity:
            unique = ", ".join(map(self.quote, identity))
            index = self.quote(f"nonrel_identity_{table}")
            connection.execute(
                f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {name} ({unique})"
            )
        verb = "INSERT OR IGNORE" if identity else "INSERT"
        connection.execute("BEGIN")
        try:
            done = connection.executemany(
                f"{verb} INTO {name} ({names}) VALUES ({marks})", rows
            )
            if indexes and done.rowcount >= FEW_ROWS:
                self.create_indexes(connection, self.active[table], columns)
        except sqlite3.OperationalError as error:
            self.is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            if not self.is_full:
                raise
            raise self.full(table) from error
        finally:
            if not self.is_full:
                connection.execute("COMMIT")

    def create_indexes(
        self, connection: Any, table: LocalTable, columns: list[str]
    ) -> None:
        """Create the indexes that joins and subqueries use, as the model has them.

        SQLite makes indexes of its own for joins, but for a subquery of each row it
        makes them again for each.
        """
        if table.name in self.indexed:
            return
        self.indexed.add(table.name)
        for column in columns:
            if table.fields[column].db_index or table.fields[column].unique:
                self.indexes += 1
                connection.execute(
                    f"CREATE INDEX nonrel_index_{self.indexes} ON "
                    f"{self.quote(table.name)} ({self.quote(column)})"
                )

    def analyze(self, connection: Any, names: Iterable[str]) -> None:
        """Have SQLite look at some rows of large tables, to choose the order of joins.

        By itself it takes it that an index finds ten rows.
        """
        for name in names:
            if name in self.indexed or self.cache.has(name):
                connection.execute(f"ANALYZE {self.quote(name)}")

    def full(self, table: str) -> NotSupportedError:
        """Return the error for rows that the temporary file does not hold."""
        most = self.store.local_bytes
        return NotSupportedError(
            f"{self.store.display_name} cannot answer this query natively, and the "
            f"rows that it loads, of {table} among them, take more than "
            f"OPTIONS['local_bytes'] = {most} bytes of a temporary file, or than its "
            "disk has. Filter more, add an index that serves the filter, or raise the "
            "limit."
        )

    def start_anew(self) -> None:
        """Drop all tables: SQLite, without a journal, cannot undo half an insert."""
        self.wrapper.connection.close()
        self.forget()

    def forget(self) -> None:
        """Have the next statement open another temporary file."""
        self.wrapper.connection = None
        self.cache = TableCache(self)
        self.is_full = False

    def within_limits(self, sql: str, params: Any) -> tuple[str, Any]:
        """Return the statement with its values in the text if they are too many."""
        if isinstance(params, dict) or len(params) <= MAX_PARAMETERS:
            return sql, params
        return sql % tuple(map(self._literal, params)), ()

    def check_indexable(self, sql: str, names: list[str]) -> None:
        """Raise DatabaseError for an expression that no index can be on."""
        columns = ", ".join(map(self.quote, names)) or "no_column"
        # With case_sensitive_like on, SQLite does not take LIKE for deterministic.
        sql = sql.replace(" LIKE ", " || ").replace(" ESCAPE ", " || ")
        with self.wrapper.cursor() as cursor:
            cursor.execute(f"CREATE TABLE nonrel_scratch ({columns})")
            try:
                cursor.execute(f"CREATE INDEX nonrel_index ON nonrel_scratch (({sql}))")
            finally:
                cursor.execute("DROP TABLE nonrel_scratch")

    def written_in(self, sql: str, params: Iterable[Any]) -> str:
        """Return the text, which a store may keep, with its parameters written in."""
        self.wrapper.ensure_connection()
        values = [self._literal(value).replace("%%", "%") for value in params]
        return (sql % tuple(values)).replace("%", "%%")

    def _literal(self, value: Any) -> str:
        quoted = self.wrapper.connection.execute("SELECT quote(?)", (value,))
        return quoted.fetchone()[0].replace("%", "%%")

    def select(self, sql: str, params: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a read-only SQL text over the store's tables.

        Return the column names and the rows.
        """
        columns: list[str] = []

        def fetch(cursor: Any) -> Any:
            columns.extend(name for name, *_ in cursor.description or ())
            return cursor.fetchall()

        load = load_tables(self.store, sql, params)
        rows = self.run(sql, self.local_params(params), {}, load, fetch)
        return columns, rows

    def local_params(self, params: Any) -> Any:
        """Return a text's parameters as SQLite holds them.

        It refuses dictionaries and lists: a field prepares those.
        """
        zone = self.store.timezone

        def local(value: Any) -> Any:
            return value if type(value) in (dict, list) else to_local(value, zone)

        if isinstance(params, dict):
            return {name: local(value) for name, value in params.items()}
        return tuple(map(local, params or ()))
