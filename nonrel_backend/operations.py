"""NonrelDatabaseOperations: compilers, values in Python form, flushing of tables."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import Context, Decimal, InvalidOperation
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import DataError, NotSupportedError
from django.db.backends.sqlite3.base import DatabaseOperations as SQLiteOperations
from django.db.models.sql.query import Query
from django.utils import timezone
from django.utils.functional import cached_property

from .catalog.rows import Rows
from .catalog.tables import table_model
from .planner.scans import new_query
from .planner.tables import tables_that_refer_to
from .query import NonrelQuery
from .values.wrappers import Json

# Enough digits for any decimal_places; Python's default context has 28.
WIDE = Context(prec=100)


class NonrelDatabaseOperations(SQLiteOperations):
    """Operations of the local engine's SQL, and values adapted for the store.

    Values stay Python values until the compiler's `convert_value_for_db` converts
    them.
    """

    cast_char_field_without_max_length = "text"
    explain_prefix = "EXPLAIN"

    @cached_property
    def compiler_module(self) -> str:
        """The name of the compiler.py beside the backend's base.py."""
        package = type(self.connection).__module__.rpartition(".")[0]
        return f"{package}.compiler"

    def compiler(self, compiler_name: str) -> Any:
        """Return the backend's compiler of that name, or one derived for it."""
        return compiler_class(self.compiler_module, compiler_name)

    @cached_property
    def query_class(self) -> type[NonrelQuery]:
        """The backend's own NonrelQuery."""
        return self.compiler("SQLCompiler").query_class

    @cached_property
    def value_compiler(self) -> Any:
        """A compiler without a query, whose conversions of values all scans use."""
        return self.compiler("SQLCompiler")(Query(None), self.connection, None)

    def bulk_batch_size(self, fields: Iterable[Any], objs: Collection[Any]) -> int:
        """Return the size of `objs`, or less if the store has `max_query_params`."""
        limit = self.connection.features.max_query_params
        if not limit or not fields:
            return max(len(objs), 1)
        # A composite key has as many parameters as members.
        width = sum(len(getattr(field, "fields", ())) or 1 for field in fields)
        return max(limit // width, 1)

    def explain_query_prefix(self, format: str | None = None, **options: Any) -> str:
        return super(SQLiteOperations, self).explain_query_prefix(format, **options)

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """Return what a statement does; a SQL text has its parameters in it."""
        if not isinstance(sql, str) or not params:
            return str(sql)
        if isinstance(params, Mapping):
            return sql % {name: literal(value) for name, value in params.items()}
        return sql % tuple(map(literal, params))

    # --- values: as get_db_prep_save() returns them ---

    def adapt_integerfield_value(self, value: Any, internal_type: str) -> Any:
        return value

    def adapt_datefield_value(self, value: date | None) -> date | None:
        return value

    def adapt_datetimefield_value(self, value: Any) -> Any:
        if value is None or not hasattr(value, "tzinfo") or value.tzinfo is None:
            return value
        if not settings.USE_TZ:
            raise ValueError(
                f"{self.connection.display_name} backend does not support "
                "timezone-aware datetimes when USE_TZ is False."
            )
        return timezone.make_naive(value, self.connection.timezone)

    def adapt_timefield_value(self, value: Any) -> Any:
        if value is not None and getattr(value, "tzinfo", None) is not None:
            raise ValueError(
                f"{self.connection.display_name} backend does not support "
                "timezone-aware times."
            )
        return value

    def adapt_decimalfield_value(
        self,
        value: Decimal | None,
        max_digits: int | None = None,
        decimal_places: int | None = None,
    ) -> Decimal | None:
        if value is None or decimal_places is None or not value.is_finite():
            return value
        try:
            return value.quantize(
                value.__class__(1).scaleb(-decimal_places), context=WIDE
            )
        except InvalidOperation:
            return value  # too large for any column: no row has it

    def adapt_ipaddressfield_value(self, value: str | None) -> str | None:
        return value or None

    def adapt_durationfield_value(self, value: timedelta | None) -> timedelta | None:
        return value

    def adapt_json_value(self, value: Any, encoder: Any) -> Json:
        if encoder is not None:
            try:
                value = json.loads(json.dumps(value, cls=encoder))
            except ValueError as error:
                raise DataError(f"The encoder's text is not JSON: {error}") from error
        return Json(value)

    def get_db_converters(self, expression: Any) -> list[Callable]:
        # Used for the rows of SQL texts, which the local engine returns.
        return self.connection.local_engine.wrapper.ops.get_db_converters(expression)

    def return_insert_columns(self, fields: Any) -> tuple[str, tuple]:
        return "", ()

    # --- flushing ---

    def sql_flush(
        self,
        style: Any,
        tables: Iterable[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[tuple[list[str], bool]]:
        # No SQL, but the arguments of flush() for execute_sql_flush().
        if not tables:
            return []
        if allow_cascade:
            tables = set(tables) | tables_that_refer_to(tables)
        return [(sorted(tables), reset_sequences)]

    def execute_sql_flush(self, sql_list: Iterable[Any]) -> None:
        """Run what sql_flush() has returned, or SQL texts of the caller's own."""
        for each in sql_list:
            if isinstance(each, str):
                with self.connection.cursor() as cursor:
                    cursor.execute(each)
            else:
                self.flush(*each)

    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        """Delete all rows of the tables; restart their keys if `reset_sequences`."""
        catalog = self.connection.catalog

        def work() -> None:
            for table in tables:
                entry = catalog.find(table)
                if entry is None:
                    continue  # the model was not migrated
                model = table_model(table, entry)
                try:
                    new_query(self.connection, model, [model._meta.pk]).delete()
                except NotSupportedError:
                    Rows(self.connection, model).clear()
                if reset_sequences:
                    catalog.reset(table)

        self.connection.all_or_nothing(work)


def literal(value: Any) -> str:
    """Return a parameter as SQL shows it, for the query log."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"X'{bytes(value).hex().upper()}'"
    return "'{}'".format(str(value).replace("'", "''"))


@cache
def compiler_class(module_name: str, compiler_name: str) -> Any:
    """Return a compiler class of a backend's compiler module.

    Derive those that the module does not define, such as SQLDeleteCompiler, from the
    toolkit's and the module's SQLCompiler.
    """
    # Imported here: django.setup() needs no compiler, so it stays quick.
    from . import compiler

    module = import_module(module_name)
    own = getattr(module, compiler_name, None)
    if own is not None:
        return own
    bases = (getattr(compiler, compiler_name), module.SQLCompiler)
    return type(compiler_name, bases, {})
