"""Stored forms that JSON holds, for stores whose rows are JSON documents.

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
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DatabaseError, DataError

from ..values import storing
from ..values.storing import moment, time_of_day
from ..values.wrappers import Json
from .encoding import ENCODERS, encode_bytes, encode_double, encode_text
from .forms import Forms

decoder = json.JSONDecoder()


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


JSON_PLAIN = (type(None), bool, float, str, int)


def json_value(value: Any) -> Any:
    """Return a value of plain types; raise TypeError as `json.dumps` would."""
    if type(value) in JSON_PLAIN:
        return value
    if isinstance(value, dict):
        return {json_key(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


JSON_KEYS = {True: "true", False: "false", None: "null"}


def json_key(key: Any) -> str:
    if type(key) is str:
        return key
    if isinstance(key, bool) or key is None:
        return JSON_KEYS[key]
    if not isinstance(key, (str, int, float)):
        raise TypeError(
            f"keys must be str, int, float, bool or None, not {type(key).__name__}"
        )
    return str(key)


TO_STORED: dict[str, Callable[[Any], Any]] = {
    **storing.TO_STORED,
    "double": to_double,
    "date": to_date,
    "datetime": to_datetime,
    "time": to_time,
    "uuid": str,
    "binary": lambda value: base64.b64encode(bytes(value)).decode(),
    "json": to_json,
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


def is_nan(value: Any) -> bool:
    return "nan" in str(value).lower()


def json_forms(store: str) -> Forms:
    """Return the forms for a store of this name."""
    encoders = {
        **ENCODERS,
        "double": lambda value: encode_double(float(value)),
        "binary": lambda value: encode_bytes(base64.b64decode(value)),
        # In ISO 8601 they sort as text.
        **dict.fromkeys(("date", "datetime", "time", "uuid"), encode_text),
    }
    return Forms(
        store,
        to_stored,
        FROM_STORED,
        encoders,
        comparable={"decimal": Decimal, "double": float, "binary": base64.b64decode},
        nans={"double": is_nan, "decimal": is_nan},
    )


# --- rows ---


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


def loaded(data: bytes, place: str) -> dict[str, Any]:
    """Return the row of a JSON text; raise DatabaseError if it is none.

    `place` says where the text is, for the error.
    """
    try:
        row = decoded(data.decode())
    except ValueError as error:
        raise DatabaseError(f"An object of {place} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DatabaseError(f"An object of {place} is not a row, but {row!r}.")
    return row
