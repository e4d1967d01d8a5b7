"""Answers of different backends in one form, so that they can be compared."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128, ObjectId


class Bag(list):
    """A list whose order is no part of the answer."""


def plain(value: Any) -> Any:
    """The value as JSON-like data: the same for a model, a document and a row.

    A document's missing field is NULL, `_id` is the key, and an ObjectId is the
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
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat()


def decimal(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01")))


# In this order: a datetime is a date as well.
CONVERTERS = {
    ObjectId: lambda value: int(str(value), 16),
    Decimal128: lambda value: decimal(value.to_decimal()),
    Decimal: decimal,
    datetime: moment,
    date: lambda value: moment(datetime(value.year, value.month, value.day)),
    float: lambda value: round(value, 6),
}


def digest(answer: Any) -> tuple[str, str]:
    """A short hash of the answer, and its beginning for the error message."""
    text = repr(plain(answer))
    return hashlib.sha256(text.encode()).hexdigest()[:16], text[:300]
