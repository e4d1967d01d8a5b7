"""SQL expressions of the catalog, evaluated on one row by SQLite."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DataError

from .wrapper import LocalWrapper

_thread = threading.local()


def scratch() -> Any:
    """Return this thread's SQLite connection, with the local engine's functions."""
    if not hasattr(_thread, "connection"):
        settings: dict[str, Any] = {
            "NAME": ":memory:",
            "OPTIONS": {},
            "TIME_ZONE": None,
        }
        wrapper = LocalWrapper(settings, "nonrel_expressions")
        _thread.connection = wrapper.get_new_connection(
            {**wrapper.get_connection_params(), "check_same_thread": False}
        )
    return _thread.connection


def evaluator(
    sql: str, columns: list[tuple[str, Callable[[Any], Any]]]
) -> Callable[[Any], Any]:
    """Return an SQL expression as a function of a row.

    `columns` are the (name, function from a row to the local engine's value) that it
    reads. The function raises DataError if SQLite does.
    """
    marks = ", ".join(
        '? AS "{}"'.format(name.replace('"', '""')) for name, _ in columns
    )
    statement = f"SELECT ({sql}) FROM (SELECT {marks or '1'})"

    def evaluate(row: Any) -> Any:
        values = [get(row) for _, get in columns]
        connection = scratch()
        try:
            ((value,),) = connection.execute(statement, values)
        except connection.Error as error:
            raise DataError(f"{sql} cannot be computed: {error}") from error
        return value

    return evaluate


def folded(value: Any) -> Any:
    """Return a text as SQLite's NOCASE compares it: A to Z become a to z."""
    return value.encode().lower().decode() if isinstance(value, str) else value


# What to compare in the place of a value, by the name of the collation.
COLLATIONS: dict[str, Callable[[Any], Any]] = {
    "binary": lambda value: value,
    "nocase": folded,
    "rtrim": lambda value: value.rstrip(" ") if isinstance(value, str) else value,
}
