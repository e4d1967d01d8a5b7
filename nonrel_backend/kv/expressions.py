"""SQL expressions in indexes: evaluated on one row, by SQLite."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from django.db import DataError

from ..local.wrapper import LocalWrapper
from ..values.local import to_local
from ..values.wrappers import Json
from .forms import JSON_NULL, Forms

SETTINGS: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ":memory:",
    "OPTIONS": {},
    "TIME_ZONE": None,
    "AUTOCOMMIT": True,
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False,
    "USER": "",
    "PASSWORD": "",
    "HOST": "",
    "PORT": "",
    "TEST": {},
}
_thread = threading.local()


def scratch() -> sqlite3.Connection:
    """Return this thread's SQLite connection, with Django's functions registered."""
    if not hasattr(_thread, "connection"):
        wrapper = LocalWrapper(SETTINGS, "nonrel_expressions")
        _thread.connection = wrapper.get_new_connection(
            {**wrapper.get_connection_params(), "check_same_thread": False}
        )
    return _thread.connection


def quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def evaluator(
    sql: str, columns: list[tuple[str, Callable[[Any], Any], str]], forms: Forms
) -> Callable[[Any], Any]:
    """Return an SQL expression as a function of a row.

    `columns` are the (name, function from a row to the value, db_type) that it reads.
    The function raises DataError if SQLite does.
    """
    marks = ", ".join(f"? AS {quoted(name)}" for name, _, _ in columns)
    statement = f"SELECT ({sql}) FROM (SELECT {marks or '1'})"

    def evaluate(row: Any) -> Any:
        values = [local(db_type, get(row), forms) for _, get, db_type in columns]
        connection = scratch()
        try:
            ((value,),) = connection.execute(statement, values)
        except connection.Error as error:
            raise DataError(f"{sql} cannot be computed: {error}") from error
        return value

    return evaluate


def local(db_type: str, value: Any, forms: Forms) -> Any:
    """Return a stored value as the local engine has it."""
    if value is None:
        return None
    if db_type == "json":
        return to_local(Json(None if value is JSON_NULL else value), None)
    return to_local(forms.to_python(db_type, value), None)


def folded(value: Any) -> Any:
    """Return a text as SQLite's NOCASE compares it: A to Z become a to z."""
    if not isinstance(value, str):
        return value
    return value.encode().lower().decode()


COLLATIONS: dict[str, Callable[[Any], Any]] = {
    "binary": lambda value: value,
    "nocase": folded,
    "rtrim": lambda value: value.rstrip(" ") if isinstance(value, str) else value,
}
