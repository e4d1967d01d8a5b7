"""The conditions of partial indexes, as plain lists for the catalog.

Values that JSON does not have are {"value": [type, text]}, a column that is compared
with another one is {"column": [name, db_type]}.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import NotSupportedError
from django.utils.duration import duration_microseconds

from ..conditions import Column, Condition, Leaf, Node

# {type: (as text, from text)}; a datetime is a date, too, and comes first.
TEXTS: dict[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (
        lambda value: str(duration_microseconds(value)),
        lambda text: timedelta(microseconds=int(text)),
    ),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    bytes: (bytes.hex, bytes.fromhex),
}
KINDS = {kind.__name__: kind for kind in TEXTS}


def dumped(condition: Condition) -> list:
    """Return a condition as a list of plain values.

    Raise NotSupportedError for a condition on a value inside a document: the catalog
    holds it as an SQL expression.
    """
    if isinstance(condition, Node):
        return [condition.connector, list(map(dumped, condition.children))]
    column = condition.column
    if column.path:
        raise NotSupportedError(f"the condition is on {column}, inside a document")
    return [
        "LEAF",
        [column.name, column.db_type],
        condition.lookup_type,
        dumped_value(condition.value),
        condition.negated,
    ]


def dumped_value(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Column):
        return {"column": [value.name, value.db_type]}
    if isinstance(value, (list, tuple)):
        return [dumped_value(each) for each in value]
    for kind, (to_text, _) in TEXTS.items():
        if isinstance(value, kind):
            return {"value": [kind.__name__, to_text(value)]}
    return value


def loaded_value(value: Any) -> Any:
    """Return the value that dumped_value() made this of."""
    if isinstance(value, list):
        return [loaded_value(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "column" in value:
        return Column(*value["column"])
    kind, text = value["value"]
    return TEXTS[KINDS[kind]][1](text)


def loaded(entry: list) -> Condition:
    """Return the condition of a list that dumped() made."""
    kind, *rest = entry
    if kind != "LEAF":
        return Node(kind, tuple(map(loaded, rest[0])))
    (name, db_type), lookup_type, value, negated = rest
    found = loaded_value(value)
    if db_type == "uuid":
        found = uuids(found)
    return Leaf(Column(name, db_type), lookup_type, found, negated)


def uuids(value: Any) -> Any:
    """Return UUIDs for their texts, which older catalogs have; also in a list."""
    if isinstance(value, list):
        return list(map(uuids, value))
    return UUID(value) if isinstance(value, str) else value


def renamed(entry: list, old: str, new: str) -> list:
    """Return a dumped condition with a column renamed."""
    kind, *rest = entry
    if kind != "LEAF":
        return [kind, [renamed(each, old, new) for each in rest[0]]]
    (name, db_type), lookup_type, value, negated = rest
    if isinstance(value, dict) and "column" in value:
        other, other_type = value["column"]
        value = {"column": [new if other == old else other, other_type]}
    return [kind, [new if name == old else name, db_type], lookup_type, value, negated]
