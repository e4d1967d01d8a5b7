"""How values and names are handed to a store: as they are in Python."""

import json
from decimal import Context
from functools import lru_cache
from importlib import import_module

from django.conf import settings
from django.db import DataError, NotSupportedError
from django.db.backends.sqlite3.base import DatabaseOperations as SQLiteOperations
from django.db.models.sql.query import Query
from django.utils import timezone
from django.utils.functional import cached_property

from .catalog.rows import Rows
from .catalog.tables import table_model
from .planner.scans import new_query
from .values.wrappers import Json

# Rounding to decimal places must not stop at the default 28 digits.
WIDE = Context(prec=100)


class NonrelDatabaseOperations(SQLiteOperations):
    """SQL texts are the local engine's (SQLite's); values stay Python values until
    the compiler's `convert_value_for_db` makes them the store's.
    """

    @property
    def compiler_module(self) -> str:
        """The compiler.py beside the backend's base.py."""
        package = type(self.connection).__module__.rpartition(".")[0]
        return f"{package}.compiler"

    cast_char_field_without_max_length = "text"
    explain_prefix = "EXPLAIN"

    def compiler(self, compiler_name):
        """The backend's own compiler of that name, or the toolkit's on its reads."""
        module = import_module(self.compiler_module)
        own = getattr(module, compiler_name, None)
        return own or derived(compiler_name, module.SQLCompiler)

    @cached_property
    def query_class(self):
        """The backend's own NonrelQuery."""
        return self.compiler("SQLCompiler").query_class

    @cached_property
    def value_compiler(self):
        """A compiler of no query: it converts values for all scans."""
        return self.compiler("SQLCompiler")(Query(None), self.connection, None)

    def bulk_batch_size(self, fields, objs):
        """All at once, but for a store with a limit of its own, `max_query_params`."""
        limit = self.connection.features.max_query_params
        if not limit or not fields:
            return max(len(objs), 1)
        # A composite key has as many parameters as members.
        width = sum(len(getattr(field, "fields", ())) or 1 for field in fields)
        return max(limit // width, 1)

    def explain_query_prefix(self, format=None, **options):
        return super(SQLiteOperations, self).explain_query_prefix(format, **options)

    def last_executed_query(self, cursor, sql, params):
        if isinstance(sql, str) and params:
            return f"{sql} -- {tuple(params)!r}"
        return str(sql)

    def adapt_integerfield_value(self, value, internal_type):
        return value

    def adapt_datefield_value(self, value):
        return value

    def adapt_datetimefield_value(self, value):
        if value is None or not hasattr(value, "tzinfo") or value.tzinfo is None:
            return value
        if not settings.USE_TZ:
            raise ValueError(
                f"{self.connection.display_name} backend does not support "
                "timezone-aware datetimes when USE_TZ is False."
            )
        return timezone.make_naive(value, self.connection.timezone)

    def adapt_timefield_value(self, value):
        if value is not None and getattr(value, "tzinfo", None) is not None:
            raise ValueError(
                f"{self.connection.display_name} backend does not support "
                "timezone-aware times."
            )
        return value

    def adapt_decimalfield_value(self, value, max_digits=None, decimal_places=None):
        if value is None or decimal_places is None or not value.is_finite():
            return value
        return value.quantize(value.__class__(1).scaleb(-decimal_places), context=WIDE)

    def adapt_ipaddressfield_value(self, value):
        return value or None

    def adapt_durationfield_value(self, value):
        return value

    def adapt_json_value(self, value, encoder):
        if encoder is not None:
            try:
                value = json.loads(json.dumps(value, cls=encoder))
            except ValueError as error:
                raise DataError(f"The encoder's text is not JSON: {error}") from error
        return Json(value)

    def get_db_converters(self, expression):
        # For rows of SQL texts, which are as the local engine gives them.
        return self.connection.local_engine.wrapper.ops.get_db_converters(expression)

    def return_insert_columns(self, fields):
        return "", ()

    def sql_flush(self, style, tables, *, reset_sequences=False, allow_cascade=False):
        # Not SQL: what execute_sql_flush() hands to the store.
        if not tables:
            return []
        if allow_cascade:
            tables = set(tables) | self._referencing_tables(tables)
        return [(sorted(tables), reset_sequences)]

    def _referencing_tables(self, tables):
        from .planner.tables import tables_that_refer_to

        return tables_that_refer_to(tables)

    def execute_sql_flush(self, sql_list):
        for tables, reset_sequences in sql_list:
            self.flush(tables, reset_sequences)

    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        """Delete all rows of the tables, and start their keys anew when asked."""
        catalog = self.connection.catalog

        def work():
            for table in tables:
                entry = catalog.find(table)
                if entry is None:
                    continue  # of a model that was not migrated
                model = table_model(table, entry)
                try:
                    new_query(self.connection, model, [model._meta.pk]).delete()
                except NotSupportedError:
                    Rows(self.connection, model).clear()
                if reset_sequences:
                    catalog.reset(table)

        self.connection.all_or_nothing(work)


@lru_cache(maxsize=64)
def derived(name: str, reading: type) -> type:
    """SQLUpdateCompiler and the like for a backend that has not written its own."""
    from . import compiler

    return type(name, (getattr(compiler, name), reading), {})
