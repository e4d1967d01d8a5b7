"""What a query or a write, given as a text of Python, returns on a database."""

import datetime
import json
import math
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.db import connections, models, transaction
from django.db.models import functions, lookups
from django.db.models.query import QuerySet
from django.utils.duration import duration_microseconds

from .data import Data

# --- what is compared of an answer ---


def plain(value: Any) -> Any:
    """Return a value in a form that can be compared between databases."""
    if isinstance(value, models.Model):
        shown = {k: v for k, v in sorted(vars(value).items()) if k[0] != "_"}
        return [type(value).__name__, plain(shown)]
    if isinstance(value, QuerySet):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "resolve_expression"):
        # What save() wrote stays on the object, and two subqueries are never equal.
        return type(value)
    return bytes(value) if isinstance(value, memoryview) else value


def listed(rows: Iterable[Any]) -> list[Any]:
    """Return rows whose order is compared, too."""
    return [plain(row) for row in rows]


def unordered(rows: Iterable[Any]) -> list[Any]:
    """Return rows whose order is not compared."""
    if isinstance(rows, dict):
        rows = rows.values()
    return sorted(listed(rows), key=lambda row: repr(rounded(row)))


def with_related(rows: Iterable[Any], name: str) -> list[Any]:
    """Return rows, each with the object that it refers to."""
    return [plain((row, getattr(row, name))) for row in rows]


def with_many(rows: Iterable[Any], name: str) -> list[Any]:
    """Return rows, each with the objects of a many-valued relation."""
    return [(plain(row), unordered(getattr(row, name).all())) for row in rows]


def round_trip(rows: Any, **columns: Any) -> list[Any]:
    """Create a row and return its columns as they are read, of an object and as
    values. Decimals are texts: 9.9 is not 9.90.
    """
    key = rows.create(**columns).pk
    made = rows.get(pk=key)
    values = rows.filter(pk=key).values_list(*columns)
    return [
        [str(each) if isinstance(each, Decimal) else each for each in plain(row)]
        for row in ([getattr(made, name) for name in columns], *values)
    ]


# {type that SQLite's own driver does not take: its values as Django gives them}
ADAPTED: dict[type, Callable[[Any], Any]] = {
    datetime.date: str,
    datetime.datetime: lambda value: str(value.replace(tzinfo=None)),
    datetime.time: str,
    datetime.timedelta: duration_microseconds,
    uuid.UUID: lambda value: value.hex,
}


def adapted(params: list[Any]) -> list[Any]:
    """Return parameters as SQLite's own driver takes them."""
    return [ADAPTED.get(type(each), lambda each: each)(each) for each in params]


def raw(alias: str, sql: str, params: list[Any]) -> Any:
    """Run a SQL text, without foreign keys.

    Return the number of its rows, or the rows that it returns.
    """
    connection = connections[alias]
    if connection.vendor == "sqlite":
        params = adapted(params)
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount if cursor.description is None else unordered(cursor)


def rounded(value: Any) -> Any:
    """Return a value with its floats and decimals rounded, to sort by."""
    if isinstance(value, (float, Decimal)):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def difference(ours: Any, expected: Any) -> tuple[Any, Any] | None:
    """Return the first parts that differ in value or type, None if none does.

    Floats and decimals may differ a little: databases compute them in other orders.
    """
    if type(ours) is not type(expected):
        return ours, expected
    if isinstance(ours, (list, tuple)) and len(ours) == len(expected):
        pairs = zip(ours, expected, strict=True)
        return next(filter(None, (difference(*pair) for pair in pairs)), None)
    if isinstance(ours, dict) and ours.keys() == expected.keys():
        keyed = ((ours[key], expected[key]) for key in ours)
        return next(filter(None, (difference(*pair) for pair in keyed)), None)
    if isinstance(ours, (float, Decimal)):
        nearly = math.isclose(ours, expected, rel_tol=1e-9, abs_tol=1e-9)
        both_nan = ours != ours and expected != expected
        return None if nearly or both_nan else (ours, expected)
    return None if ours == expected else (ours, expected)


# --- running a text on a database ---

NAMES = {
    **vars(lookups),
    **vars(functions),
    **vars(models),
    **vars(datetime),
    "datetime": datetime,
    "Decimal": Decimal,
    "UUID": uuid.UUID,
    "inf": math.inf,
    "json": json,
    "nan": math.nan,
    "raw": raw,
    "listed": listed,
    "round_trip": round_trip,
    "unordered": unordered,
    "with_related": with_related,
    "with_many": with_many,
}


def answer(data: Data, text: str, alias: str) -> Any:
    """Return what the text returns on a database, in plain values."""
    names = {**NAMES, **vars(data.models), "db": alias, "tables": data.tables}
    return plain(eval(text, names))


def read(data: Data, text: str, alias: str) -> Any:
    """Return what the text returns on a database, or the type of its error."""
    try:
        return answer(data, text, alias)
    except Exception as error:
        return type(error)


def written(data: Data, ending: str, text: str, alias: str) -> tuple[Any, ...]:
    """Return the answer or error of a write, and what the tables hold after it.

    `ending` is "committed" (no transaction), "rolled back", or "savepoint": rolled back
    to one, with what the tables hold then as a third value.
    """
    if ending == "committed":
        return read(data, text, alias), data.contents(alias)
    if ending == "rolled back":
        return rolled_back(data, text, alias)
    with transaction.atomic(alias):
        # What was written before the savepoint stays.
        data.models.Tag(name="before").save(using=alias)
        found = *rolled_back(data, text, alias), data.contents(alias)
        transaction.set_rollback(True, alias)
    return found


def rolled_back(data: Data, text: str, alias: str) -> tuple[Any, Any]:
    """Return the answer of a write and the tables' rows, before a rollback; of an error
    its type and None.
    """
    try:
        with transaction.atomic(alias):
            found = answer(data, text, alias), data.contents(alias)
            transaction.set_rollback(True, alias)
    except Exception as error:
        return type(error), None
    return found
