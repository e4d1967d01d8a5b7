"""The local engine's connection: Django's SQLite wrapper, private to this package."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, OperationalError
from django.db.backends.sqlite3 import base as sqlite3_base

from ..documents.functions import check_paths, register
from ..documents.sources import Form
from ..microseconds import cut
from ..values.folding import fold
from ..values.local import EXACT_DIGITS
from ..values.patterns import searcher

# What the engine holds in memory; more goes to a temporary file.
CACHE_KIBIBYTES = 32 * 1024


def _compare_decimals(left: str, right: str) -> int:
    left_number, right_number = Decimal(left), Decimal(right)
    return (left_number > right_number) - (left_number < right_number)


def _regexp(pattern: str | None, value: Any) -> bool | None:
    if pattern is None or value is None:
        return None
    try:
        return searcher(pattern)(str(value))
    except re.error as error:
        raise OperationalError(
            f"The regular expression {pattern!r} is not valid: {error}"
        ) from error


class LocalOperations(sqlite3_base.DatabaseOperations):
    """SQLite's operations, with Unicode case folding and decimals of any precision."""

    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        if lookup_type in ("iexact", "icontains", "istartswith", "iendswith"):
            return "NONREL_FOLD(%s)"
        return super().lookup_cast(lookup_type, internal_type)

    def check_expression_support(self, expression: Any) -> None:
        check_paths(expression)
        super().check_expression_support(expression)

    def prep_for_iexact_query(self, x: Any) -> str:
        return str(x)

    def adapt_datetimefield_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and self.connection.whole_milliseconds:
            value = cut(value)
        return super().adapt_datetimefield_value(value)

    def get_decimalfield_converter(self, expression: Any) -> Callable[..., Any]:
        convert = super().get_decimalfield_converter(expression)

        def converter(value: Any, expression: Any, connection: Any) -> Any:
            if isinstance(value, str):
                return Decimal(value)
            if isinstance(value, int):
                if abs(value) >= 10**EXACT_DIGITS:
                    return Decimal(value)
                value = float(value)
            return convert(value, expression, connection)

        return converter


class LocalFeatures(sqlite3_base.DatabaseFeatures):
    """SQLite's features. Rows are updated in the store, never here."""

    can_return_rows_from_update = False


class LocalWrapper(sqlite3_base.DatabaseWrapper):
    """A private SQLite connection. Django does not know of it."""

    # Tells documents/ that the collation nonrel_decimal is there.
    exact_decimals = True
    # As in NonrelDatabaseWrapper; the engine sets it.
    packed_form: type[Form] | None = None
    # The store's connection, of which this one has the time zone; the engine sets it.
    store: Any = None
    # The most bytes that the engine's tables may take on the disk; the engine sets it.
    most_bytes = 0
    # Whether the statement that is written cuts its datetimes to milliseconds.
    whole_milliseconds = False
    # The error that one of our SQL functions has raised, which SQLite hides.
    failure: DatabaseError | None = None
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

    @property
    def timezone(self) -> Any:
        return self.store.timezone

    @property
    def timezone_name(self) -> Any:
        return self.store.timezone_name

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # Without a name SQLite makes a file of its own when the cache is full, in the
        # folder for temporary files, and unlinks it as soon as it is open.
        connection = super().get_new_connection({**conn_params, "database": ""})
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {self.most_bytes // page}")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA analysis_limit = 400")
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
        # The functions that search by regular expressions may take too long.
        register(connection, self.noting)
        regexp = self.noting(_regexp)
        connection.create_function("REGEXP", 2, regexp, deterministic=True)
        # Create the json_each table now: that is a write, which an authorizer refuses.
        connection.execute("SELECT 1 FROM json_each('[]')").fetchall()
        connection.isolation_level = None
        return connection

    def noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, whose error `errors_of_functions()` raises."""

        def noted(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except DatabaseError as error:
                self.failure = error
                raise

        return noted

    @contextmanager
    def errors_of_functions(self) -> Iterator[None]:
        """Raise what a function of ours has raised instead of SQLite's word for it."""
        self.failure = None
        try:
            yield
        except OperationalError:
            if self.failure is not None:
                raise self.failure from None
            raise

    def _set_autocommit(self, autocommit: bool) -> None:
        pass
