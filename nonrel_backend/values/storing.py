"""Values that several stores hold in the same form, and what they cannot hold."""

import re
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import DataError

INT64 = range(-(2**63), 2**63)
SURROGATES = re.compile("[\ud800-\udfff]")


def to_int(value: Any) -> int:
    number = value if type(value) is int else int(value)
    if number not in INT64:
        raise DataError(
            f"{number} is too large: integer columns have 64 bits. "
            "Use a DecimalField or a CharField for it."
        )
    return number


def to_string(value: Any) -> str:
    text = value if type(value) is str else str(value)
    if not text.isascii() and SURROGATES.search(text):
        raise DataError(f"{text!r} holds a lone surrogate, which no UTF-8 can hold.")
    return text


def to_decimal(value: Any) -> str:
    try:
        return str(value if isinstance(value, Decimal) else Decimal(str(value)))
    except InvalidOperation as error:
        raise DataError(f"{value!r} is no decimal number.") from error


def moment(value: Any) -> datetime:
    """A date or a datetime as a datetime in UTC that says no zone."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def time_of_day(value: Any) -> time:
    return value if isinstance(value, time) else time.fromisoformat(str(value))
