"""The local engine: SQLite in memory, through a private Django wrapper."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.db.backends.sqlite3 import base as sqlite3_base
from django.utils import timezone
from django.utils.duration import duration_microseconds

from ..query import Document, Json
from ..values.columns import stored_field
from .table_cache import KeptTables

# SQLite computes with doubles: this many digits survive the way there and back.
EXACT_DIGITS = 15
# SQLite's own limit on parameters; past it, values are written into the text.
MAX_PARAMETERS = 30_000
# What a statement that only reads does not do.
WRITING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) > 1:
        folded = character.lower()
    return folded if len(folded) == 1 else character


def fold(text: Any) -> str | bytes | None:
    """Simple case folding, character by character, as regular expressions do it."""
    if text is None or isinstance(text, bytes):
        return text
    text = str(text)
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def _compare_decimals(left: str, right: str) -> int:
    left_number, right_number = Decimal(left), Decimal(right)
    return (left_number > right_number) - (left_number < right_number)


class LocalOperations(sqlite3_base.DatabaseOperations):
    """SQLite's, with case folded for Unicode and decimals of any precision."""

    def lookup_cast(self, lookup_type, internal_type=None):
        if lookup_type in ("iexact", "icontains", "istartswith", "iendswith"):
            return "NONREL_FOLD(%s)"
        return super().lookup_cast(lookup_type, internal_type)

    def check_expression_support(self, expression):
        from ..documents.functions import check_paths

        check_paths(expression)
        super().check_expression_support(expression)

    def prep_for_iexact_query(self, x):
        return str(x)

    def get_decimalfield_converter(self, expression):
        convert = super().get_decimalfield_converter(expression)

        def converter(value, expression, connection):
            if isinstance(value, str):
                return Decimal(value)
            if isinstance(value, int):
                if abs(value) >= 10**EXACT_DIGITS:
                    return Decimal(value)
                value = float(value)
            return convert(value, expression, connection)

        return converter


class LocalFeatures(sqlite3_base.DatabaseFeatures):
    """SQLite's, but rows are updated in the store, never here."""

    can_return_rows_from_update = False


class LocalWrapper(sqlite3_base.DatabaseWrapper):
    """A private SQLite connection; Django does not know of it."""

    # It has the collation nonrel_decimal.
    exact_decimals = True
    ops_class = LocalOperations
    features_class = LocalFeatures
    operators = {
        **sqlite3_base.DatabaseWrapper.operators,
        "iexact": "= NONREL_FOLD(%s)",
        **dict.fromkeys(
            ("icontains", "istartswith", "iendswith"),
            "LIKE NONREL_FOLD(%s) ESCAPE '\\'",
        ),
    }
    pattern_ops = {
        lookup: pattern.replace("UPPER(", "NONREL_FOLD(")
        for lookup, pattern in sqlite3_base.DatabaseWrapper.pattern_ops.items()
    }

    def get_new_connection(self, conn_params):
        from ..documents.functions import register

        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        for name, function in {
            "NONREL_FOLD": fold,
            "UPPER": lambda text: None if text is None else str(text).upper(),
            "LOWER": lambda text: None if text is None else str(text).lower(),
        }.items():
            connection.create_function(name, 1, function, deterministic=True)
        connection.create_collation("nonrel_decimal", _compare_decimals)
        register(connection)
        # Made now: making it is a write, which an authorizer would refuse.
        connection.execute("SELECT 1 FROM json_each('[]')").fetchall()
        connection.isolation_level = None
        return connection

    def _set_autocommit(self, autocommit):
        pass


def _naive(value: datetime, zone) -> str:
    if value.tzinfo is zone:
        return str(value.replace(tzinfo=None))
    return str(timezone.make_naive(value, zone) if timezone.is_aware(value) else value)


def to_local(value: Any, zone) -> Any:
    """A Python value as SQLite under Django holds it."""
    adapt = ADAPTERS.get(type(value))
    return value if adapt is None else adapt(value, zone)


ADAPTERS: dict[type, Callable[[Any, Any], Any]] = {
    datetime: _naive,
    date: lambda value, zone: value.isoformat(),
    time: lambda value, zone: str(value),
    timedelta: lambda value, zone: duration_microseconds(value),
    Decimal: lambda value, zone: str(value),
    UUID: lambda value, zone: value.hex,
    Json: lambda value, zone: json.dumps(value.value),
    Document: lambda value, zone: value.text(),
    dict: lambda value, zone: json.dumps(value),
    list: lambda value, zone: json.dumps(value),
}


class LocalTable:
    """A table to be loaded: the model's columns under their own names."""

    def __init__(self, engine: "LocalEngine", meta):
        self.name = meta.db_table
        self.meta = meta
        self.fields = {
            field.column: field
            for field in meta.local_concrete_fields
            if field.column is not None
        }
        self.definition = ", ".join(
            f"{engine.quote(column)} {engine.column_type(field)}"
            for column, field in self.fields.items()
        )

    def create(self, cursor, engine) -> None:
        cursor.execute(f"CREATE TABLE {engine.quote(self.name)} ({self.definition})")


class LocalEngine:
    """Runs one statement at a time over rows loaded for it. What is left behind are
    `kept` tables, where the store can tell whether they are still the same.

    Re-entrant, because a result is complete when `run` returns, and safe between
    threads that share a DatabaseWrapper by its lock.
    """

    def __init__(self, store):
        self.store = store
        self.lock = threading.RLock()
        self.depth = 0
        self.reads: dict[tuple, dict[str, tuple[str, ...]]] = {}
        self.tables: dict[int, tuple[Any, LocalTable]] = {}
        self.active: dict[str, LocalTable] = {}
        self.wrapper = self._new_wrapper()
        self.kept = KeptTables(self)

    def __del__(self):
        wrapper = vars(self).get("wrapper")
        if wrapper is not None and wrapper.connection is not None:
            wrapper.connection.close()

    def _new_wrapper(self) -> LocalWrapper:
        settings = {
            **self.store.settings_dict,
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {},
            "AUTOCOMMIT": True,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": False,
        }
        wrapper = LocalWrapper(settings, self.store.alias)
        wrapper.inc_thread_sharing()
        return wrapper

    def quote(self, name: str) -> str:
        return '"{}"'.format(name.replace('"', '""'))

    def column_type(self, field) -> str:
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

    def table(self, meta) -> LocalTable:
        """The LocalTable of a model's options, remembered while the options live."""
        known = self.tables.get(id(meta))
        if known is None or known[0] is not meta:
            if len(self.tables) > 1000:
                self.tables.clear()
            known = self.tables[id(meta)] = (meta, LocalTable(self, meta))
        return known[1]

    def run(
        self,
        sql: str,
        params: Iterable,
        tables: dict[str, LocalTable],
        load: Callable[[dict[str, tuple[str, ...]], Callable], None],
        chunk: Callable[[Any], Any] = lambda cursor: cursor.fetchall(),
        writes: bool = False,
    ) -> Any:
        """Create `tables`, let `load(reads, insert)` fill them, run `sql`, drop them.

        `reads` is {table: columns the statement reads}; `insert(table, columns, rows)`
        stores rows of SQLite values. Returns `chunk(cursor)`, by default all rows.
        """
        with self.lock:
            if self.depth:  # a user's function queried while a statement was running
                other = LocalEngine(self.store)
                return other.run(sql, params, tables, load, chunk, writes)
            self.depth += 1
            self.wrapper.ensure_connection()
            connection = self.wrapper.connection
            created: list[LocalTable] = []
            self.active = tables
            cursor = self.wrapper.create_cursor()
            try:
                for table in tables.values():
                    table.create(cursor, self)
                    created.append(table)
                reads = self.columns_read(
                    connection, sql, params, tables, created, writes
                )
                load(reads, lambda *rows: self.insert(connection, *rows))
                with self.wrapper.wrap_database_errors:
                    sql, params = self.within_limits(sql, params)
                    cursor.execute(sql, params)
                    return chunk(cursor)
            finally:
                cursor.close()
                self.kept.put_away([table.name for table in created])
                self.depth -= 1

    def columns_read(self, connection, sql, params, tables, created, writes):
        """{table: columns} that the statement reads, as SQLite's compiler says."""
        key = (sql, tuple((table.name, table.definition) for table in tables.values()))
        known = self.reads.get(key)
        if known is not None:
            return known
        asked = len(tables)
        reads: dict[str, dict[str, None]] = {name: {} for name in tables}

        def authorize(action, table, column, database, trigger):
            if action in WRITING and not writes:
                return sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_READ and table in reads:
                if column:
                    reads[table][column] = None
            return sqlite3.SQLITE_OK

        self.prepare(connection, sql, params, tables, created, authorize, reads)
        found = {name: tuple(columns) for name, columns in reads.items()}
        if len(self.reads) > 2000:
            self.reads.clear()
        if len(tables) == asked:
            self.reads[key] = found
        return found

    def prepare(self, connection, sql, params, tables, created, authorize, reads):
        """Compile the statement, adding tables that only its text names."""
        cursor = self.wrapper.create_cursor()
        statement, values = self.within_limits(sql, params)
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
        from ..planner.tables import model_from_store, registered_models

        if not name:
            return None
        model = registered_models().get(name) or model_from_store(self.store, name)
        return None if model is None else self.table(model._meta)

    def known_table(self, name: str) -> LocalTable:
        """A table of the statement that is being loaded."""
        return self.active[name]

    def from_local(self, field, value: Any) -> Any:
        """The Python value of a key that was loaded for `field`."""
        field = stored_field(field)
        parse = PARSERS.get(field.get_internal_type())
        if parse is None or value is None:
            return value
        value = parse(value)
        if isinstance(value, datetime) and settings.USE_TZ:
            value = value.replace(tzinfo=self.store.timezone)
        return value

    def insert(self, connection, table: str, columns, rows: Iterable) -> None:
        names = ", ".join(map(self.quote, columns))
        marks = ", ".join("?" * len(columns))
        connection.execute("BEGIN")
        try:
            connection.executemany(
                f"INSERT INTO {self.quote(table)} ({names}) VALUES ({marks})", rows
            )
        finally:
            connection.execute("COMMIT")

    def within_limits(self, sql: str, params) -> tuple[str, Any]:
        if isinstance(params, dict) or len(params) <= MAX_PARAMETERS:
            return sql, params
        return sql % tuple(map(self._literal, params)), ()

    def check_indexable(self, sql: str, names: list[str]) -> None:
        """Raise DatabaseError for an expression that no index can be on."""
        columns = ", ".join(map(self.quote, names)) or "no_column"
        # LIKE, once told to mind the case, is not deterministic to SQLite.
        sql = sql.replace(" LIKE ", " || ").replace(" ESCAPE ", " || ")
        with self.wrapper.cursor() as cursor:
            cursor.execute(f"CREATE TABLE nonrel_scratch ({columns})")
            try:
                cursor.execute(f"CREATE INDEX nonrel_index ON nonrel_scratch (({sql}))")
            finally:
                cursor.execute("DROP TABLE nonrel_scratch")

    def written_in(self, sql: str, params) -> str:
        """A text, which a store may keep, with its parameters written in."""
        self.wrapper.ensure_connection()
        values = [self._literal(value).replace("%%", "%") for value in params]
        return (sql % tuple(values)).replace("%", "%%")

    def _literal(self, value: Any) -> str:
        quoted = self.wrapper.connection.execute("SELECT quote(?)", (value,))
        return quoted.fetchone()[0].replace("%", "%%")

    def select(self, sql: str, params) -> tuple[list[str], list[tuple]]:
        """Run a read-only SQL text over the store's tables: (column names, rows)."""
        from ..planner.scans import load_tables

        columns: list[str] = []

        def chunk(cursor):
            columns.extend(name for name, *_ in cursor.description or ())
            return cursor.fetchall()

        load = load_tables(self.store, sql, params)
        rows = self.run(sql, self.local_params(params), {}, load, chunk)
        return columns, rows

    def local_params(self, params) -> Any:
        """A text's parameters as SQLite holds them."""
        zone = self.store.timezone
        if isinstance(params, dict):
            return {name: to_local(value, zone) for name, value in params.items()}
        return tuple(to_local(value, zone) for value in params or ())


PARSERS: dict[str, Callable[[Any], Any]] = {
    "UUIDField": lambda text: UUID(hex=text),
    "DecimalField": lambda value: Decimal(str(value)),
    "DateField": date.fromisoformat,
    "DateTimeField": datetime.fromisoformat,
    "TimeField": time.fromisoformat,
    "DurationField": lambda value: timedelta(microseconds=value),
    "BooleanField": bool,
}


def batches(rows: Iterable, size: int) -> Iterator[list]:
    """Lists of at most `size` rows."""
    batch: list = []
    for row in rows:
        batch.append(row)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
