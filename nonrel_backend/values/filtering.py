"""Values of filters, as `NonrelQuery.add_filter()` gets them."""

import re
from datetime import datetime
from typing import Any

from ..conditions import Leaf
from .wrappers import Json

INTEGERS = {"int", "long"}
NUMBER = re.compile(r"-?[0-9]+")


def filter_value(compiler: Any, db_type: str, stored: Any) -> Any:
    """Return a stored value as add_filter() gets it: datetimes are naive."""
    read = compiler.from_db_converter(db_type)
    value = stored if read is None or stored is None else read(stored)
    if isinstance(value, datetime):
        return compiler.store.ops.adapt_datetimefield_value(value)
    return value


def filter_argument(leaf: Leaf) -> Any:
    """Return the value of a lookup as add_filter() gets it."""
    value, db_type = leaf.value, leaf.column.db_type
    if leaf.lookup_type == "in":
        return filter_list(value, db_type)
    if leaf.lookup_type == "exact" and db_type == "json":
        return as_json(value)
    return comparable(db_type, value)


def as_json(value: Any) -> Json:
    return value if isinstance(value, Json) else Json(value)


def filter_list(values: Any, db_type: str) -> list[Any]:
    """Return the values of an `in` as add_filter() gets them: each once.

    (JSON's 1 and true are different, and equal in Python.)
    """
    if db_type == "json":
        return [as_json(value) for value in values]
    return list(dict.fromkeys(comparable(db_type, values)))


def comparable(db_type: str, value: Any) -> Any:
    """Return text as the number that a column of numbers is compared with."""
    if db_type not in INTEGERS:
        return value
    if isinstance(value, list):
        return [comparable(db_type, each) for each in value]
    number = isinstance(value, str) and NUMBER.fullmatch(value)
    return int(value) if number else value
