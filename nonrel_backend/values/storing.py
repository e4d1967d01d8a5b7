"""Conversions to stored values that several stores share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import DataError
from django.utils.duration import duration_microseconds

INT64 = range(-(2**63), 2**63)
# Integers that an error shows as they are.
SHOWN_WHOLE = range(-(10**40), 10**40)
SURROGATES = re.compile("[\ud800-\udfff]")


def short(value: Any) -> str:
    """Return a value as an error shows it: of a huge one, how long it is."""
    if isinstance(value, int) and value not in SHOWN_WHOLE:
        return f"an integer of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:100]}… ({len(text):,} characters)"


def no_key_left(table: str, how: str, largest: int = INT64[-1]) -> DataError:
    """Return the error of a table whose sequence has ended; `how` sets it back."""
    return DataError(
        f"{table} has no key left for its next row: a row was given the largest one, "
        f"{largest}, or one close to it. Delete it or give it another key, and {how}."
    )


def to_int(value: Any) -> int:
    """Return an integer; raise DataError if it has more than 64 bits."""
    number = value if type(value) is int else int(value)
    if number not in INT64:
        raise DataError(
            f"{short(number)} is too large: integer columns have 64 bits. "
            "Use a DecimalField or a CharField for it."
        )
    return number


def to_string(value: Any) -> str:
    """Return a string; raise DataError if UTF-8 cannot encode it."""
    text = value if type(value) is str else str(value)
    if not text.isascii() and SURROGATES.search(text):
        raise DataError(
            f"{short(text)} has a lone surrogate, which UTF-8 cannot encode."
        )
    return text


def to_decimal(value: Any) -> str:
    """Return a decimal number as text; raise DataError for any other value."""
    try:
        return str(value if isinstance(value, Decimal) else Decimal(str(value)))
    except InvalidOperation as error:
        raise DataError(f"{short(value)} is not a decimal number.") from error


def moment(value: Any) -> datetime:
    """Return a date or datetime as a naive datetime in UTC."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def time_of_day(value: Any) -> time:
    """Return a time, or the time of an ISO 8601 text."""
    return value if isinstance(value, time) else time.fromisoformat(str(value))


# By db_type; each store adds the types that it has forms of its own for.
TO_STORED: dict[str, Callable[[Any], Any]] = {
    "int": to_int,
    "long": to_int,
    "bool": bool,
    "string": to_string,
    "duration": lambda value: to_int(duration_microseconds(value)),
    "decimal": to_decimal,
    "document": lambda value: value.stored(),
}
