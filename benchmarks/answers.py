"""Answers of different backends in one form, for comparison."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128, ObjectId


class Bag(list[Any]):
    """A list whose order is not compared."""


def plain(value: Any) -> Any:
    """Return a value as JSON-like data, the same for a model, a document and a row.

    A missing field of a document is NULL, `_id` is the key, and an ObjectId is the
    number that it was made from (see `OrmShop.key`).
    """
    if hasattr(value, "_meta"):
        columns = (field.attname for field in value._meta.concrete_fields)
        return plain({name: getattr(value, name) for name in columns})
    if isinstance(value, dict):
        pairs = {
            "id" if key == "_id" else str(plain(key)): plain(each)
            for key, each in value.items()
            if each is not None
        }
        return sorted(pairs.items())
    if isinstance(value, (Bag, set)):
        return sorted((plain(each) for each in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    for kind, convert in CONVERTERS.items():
        if isinstance(value, kind):
            return convert(value)
    return value


def moment(value: datetime) -> str:
    """Return a datetime as text, in UTC."""
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat()


def decimal(value: Decimal) -> str:
    """Return a price as text."""
    return str(value.quantize(Decimal("0.01")))


# The order matters: a datetime is a date, too.
CONVERTERS: dict[type, Callable[[Any], Any]] = {
    ObjectId: lambda value: int(str(value), 16),
    Decimal128: lambda value: decimal(value.to_decimal()),
    Decimal: decimal,
    datetime: moment,
    date: lambda value: moment(datetime(value.year, value.month, value.day)),
    float: lambda value: round(value, 6),
}


def digest(answer: Any) -> tuple[str, str]:
    """Return a hash of an answer, and its beginning for an error message."""
    text = repr(plain(answer))
    return hashlib.sha256(text.encode()).hexdigest()[:16], text[:300]
