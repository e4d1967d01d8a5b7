"""Conversion of values between Python and the JSON of a row, and keys of objects.

    int, long     a number, all 64 bits      date       "2024-12-31"
    double        a number, "inf", "-inf"    datetime   "2024-12-31T08:00:00.000000"
    decimal       "12.50"                    time       "08:00:00.000000"
    bool, json    as they are                duration   microseconds
    string        as it is                   uuid       with hyphens
    binary        base64                     document   arrays and objects of these

NULL is a missing column; null is the null of a JSONField.
"""

import base64
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import DatabaseError, DataError
from django.utils.duration import duration_microseconds

from ..values.storing import moment, time_of_day, to_decimal, to_int, to_string
from ..values.wrappers import Json

# Bytes. Riak KV 3.2.3 takes a key of this size, and refuses one of 100,000 (measured).
LARGEST_KEY = 65_536
decoder = json.JSONDecoder()
# More digits than a DecimalField has: normalize() must not round.
WIDE = Context(prec=1_000)


def to_double(value: Any) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)


def to_date(value: Any) -> str:
    if isinstance(value, datetime):
        value = value.date()
    return value.isoformat()


def to_datetime(value: Any) -> str:
    return moment(value).isoformat(timespec="microseconds")


def to_time(value: Any) -> str:
    return time_of_day(value).isoformat(timespec="microseconds")


def to_json(value: Any) -> Any:
    return value.value if isinstance(value, Json) else value


TO_STORED: dict[str, Callable[[Any], Any]] = {
    "int": to_int,
    "long": to_int,
    "double": to_double,
    "bool": bool,
    "string": to_string,
    "date": to_date,
    "datetime": to_datetime,
    "time": to_time,
    "duration": lambda value: to_int(duration_microseconds(value)),
    "decimal": to_decimal,
    "uuid": lambda value: str(value if isinstance(value, UUID) else UUID(str(value))),
    "binary": lambda value: base64.b64encode(bytes(value)).decode(),
    "json": to_json,
    "document": lambda value: value.stored(),
}
# A type without an entry is stored as Django has it.
FROM_STORED: dict[str, Callable[[Any], Any]] = {
    "double": float,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda value: timedelta(microseconds=value),
    "decimal": Decimal,
    "uuid": UUID,
    "binary": base64.b64decode,
}


def to_stored(db_type: str | None, value: Any) -> Any:
    """Return a Python value in the stored form of `db_type`.

    Raise DataError if the type cannot hold it.
    """
    convert = TO_STORED.get(db_type or "")
    return value if convert is None else convert(value)


def checked(db_type: str, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the converter of stored values; it raises DatabaseError for others."""

    def from_stored(value: Any) -> Any:
        try:
            return convert(value)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise DatabaseError(
                f"The store holds {value!r}, which is not a {db_type}."
            ) from error

    return from_stored


READERS = {
    db_type: checked(db_type, convert) for db_type, convert in FROM_STORED.items()
}


@lru_cache(maxsize=16)
def aware_reader(zone: Any) -> Callable[[Any], Any]:
    """Return the converter of stored datetimes with USE_TZ."""
    convert = FROM_STORED["datetime"]
    return checked("datetime", lambda value: convert(value).replace(tzinfo=zone))


# --- rows and keys ---


def dumped(row: Any) -> bytes:
    """Return a row as JSON; raise DataError for a value that JSON does not have."""
    try:
        return json.dumps(
            row, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    except (ValueError, RecursionError) as error:
        raise DataError(f"This value cannot be stored as JSON: {error}") from error


def decoded(text: str) -> Any:
    """Return the value of a JSON text.

    raw_decode() is the faster way for an object without blanks around it, as written
    by this backend.
    """
    if text[:1] == "{":
        value, end = decoder.raw_decode(text)
        if end == len(text):
            return value
    return decoder.decode(text)


def loaded(data: bytes, bucket: bytes) -> dict[str, Any]:
    """Return the row of a JSON text; raise DatabaseError if it is none."""
    try:
        row = decoded(data.decode())
    except ValueError as error:
        raise DatabaseError(
            f"An object of bucket {bucket.decode()} is not JSON: {error}"
        ) from error
    if not isinstance(row, dict):
        raise DatabaseError(
            f"An object of bucket {bucket.decode()} is not a row, but {row!r}."
        )
    return row


def key_of(db_type: str | None, value: Any) -> str:
    """Return a stored value as the text of a key; equal values have the same text."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if db_type == "decimal":
        number = Decimal(value)
        return format(number.normalize(WIDE), "f") if number else "0"
    if db_type == "double":
        value = float(value)
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def object_key(db_types: list[str], values: list[Any]) -> bytes:
    """Return the key of a row's object.

    For one column it is its text; the empty text, and text that begins with "~", get
    a "~" before them. For several columns it is a JSON list of their texts. Raise
    DataError for a key that is longer than Riak takes.
    """
    if len(values) == 1 and type(values[0]) is int:  # most keys
        return str(values[0]).encode()
    texts = [key_of(*each) for each in zip(db_types, values, strict=True)]
    if len(texts) > 1:
        text = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    else:
        (text,) = texts
        text = f"~{text}" if not text or text.startswith("~") else text
    key = text.encode()
    if len(key) > LARGEST_KEY:
        raise DataError(
            f"The key has {len(key)} bytes; Riak takes {LARGEST_KEY} at most."
        )
    return key
