"""BSON: keys in URIs, and the values of documents, from Python to MongoDB and back."""

import datetime
import decimal
import uuid
from collections.abc import Iterator
from typing import Any

from bson import Binary, Decimal128, Int64, ObjectId, json_util
from bson.binary import UUID_SUBTYPE
from bson.errors import BSONError
from django.conf import settings
from django.db import DataError
from django.utils.duration import duration_iso_string

# --- keys ---


def text_of_id(key: Any) -> str:
    """Return an `_id` as URIs have it. Only strings, ObjectIds and UUIDs are plain;
    the others are MongoDB's extended JSON.
    """
    if isinstance(key, str | ObjectId):
        return str(key)
    if isinstance(key, uuid.UUID) or is_uuid(key):
        return str(decode(key))
    return json_util.dumps(key)


def ids_of_text(text: str) -> list[Any]:
    """Return every `_id` that is this text in URIs."""
    found = [each for each in ids_like(text) if text_of_id(each) == text]
    return [*found, text]


def new_id(text: str) -> Any:
    """Return the `_id` of a new document with this key."""
    first = ids_of_text(text)[0]
    return first if isinstance(first, ObjectId) else text


def ids_like(text: str) -> Iterator[Any]:
    """Yield values other than strings that the text may stand for."""
    if ObjectId.is_valid(text):
        yield ObjectId(text)
    try:
        yield Binary.from_uuid(uuid.UUID(text))
    except ValueError:
        pass
    try:
        found = json_util.loads(text)
    except (ValueError, TypeError, RecursionError, ArithmeticError, BSONError):
        return
    if found is not None and not isinstance(found, str | ObjectId | list):
        yield found


def is_uuid(value: Any) -> bool:
    """Return whether a value is the binary form of a UUID."""
    return isinstance(value, Binary) and value.subtype == UUID_SUBTYPE


# --- values ---


def decode(value: Any) -> Any:
    """Return a stored value as one of Python's own types. ObjectIds are strings."""
    if isinstance(value, dict):
        return {name: decode(each) for name, each in value.items()}
    if isinstance(value, list):
        return [decode(each) for each in value]
    if isinstance(value, datetime.datetime):
        is_naive = settings.USE_TZ and value.tzinfo is None
        return value.replace(tzinfo=datetime.UTC) if is_naive else value
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, Int64):
        return int(value)
    if is_uuid(value):
        return value.as_uuid()
    if value is None or isinstance(value, bool | int | float | str | bytes | uuid.UUID):
        return bytes(value) if isinstance(value, Binary) else value
    return str(value)


def encode(value: Any) -> Any:
    """Return a value of Python's as MongoDB holds it: decimals, dates and datetimes in
    types of their own, with milliseconds.

    Raise DataError if it cannot be stored.
    """
    if isinstance(value, dict):
        return {str(name): encode(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(each) for each in value]
    if isinstance(value, datetime.datetime):
        value = value.replace(microsecond=value.microsecond // 1000 * 1000)
        return value.astimezone(datetime.UTC) if value.tzinfo else value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, decimal.Decimal):
        try:
            return Decimal128(value)
        except (ArithmeticError, ValueError) as error:
            raise DataError("A decimal has too many digits for MongoDB.") from error
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return duration_iso_string(value)
    return str(value) if isinstance(value, uuid.UUID) else value
