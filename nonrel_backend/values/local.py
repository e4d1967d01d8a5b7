"""Python values as the local engine (SQLite under Django) holds them, and back."""

import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.duration import duration_microseconds

from .columns import stored_field
from .wrappers import Document, Json

# Texts that no JSON value has, in the place of numbers that JSON lacks.
INFINITY, MINUS_INFINITY = "\0nonrel infinity", "\0nonrel -infinity"
# json.dumps() with an option makes an encoder for each value.
to_json = json.JSONEncoder(allow_nan=False).encode
# SQLite computes with doubles, and a double keeps 15 decimal digits (DBL_DIG).
EXACT_DIGITS = 15


def _naive(value: datetime, zone: tzinfo) -> str:
    if value.tzinfo is zone:
        return str(value.replace(tzinfo=None))
    return str(timezone.make_naive(value, zone) if timezone.is_aware(value) else value)


def json_text(value: Any) -> str:
    """Return JSON text. NaN, which other programs may store, is null, and infinity a
    number that no double holds: SQLite takes the text for malformed otherwise.
    """
    try:
        return to_json(value)
    except ValueError:
        text = json.dumps(finite(value))
    for sign, mark in (("", INFINITY), ("-", MINUS_INFINITY)):
        text = text.replace(json.dumps(mark), f"{sign}9e999")
    return text


def finite(value: Any) -> Any:
    """Return a JSON value with null for NaN, and texts for infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if value != value else INFINITY if value > 0 else MINUS_INFINITY
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [*map(finite, value)] if isinstance(value, (list, tuple)) else value


ADAPTERS: dict[type, Callable[[Any, Any], Any]] = {
    datetime: _naive,
    date: lambda value, zone: value.isoformat(),
    time: lambda value, zone: str(value),
    timedelta: lambda value, zone: duration_microseconds(value),
    Decimal: lambda value, zone: str(value),
    UUID: lambda value, zone: value.hex,
    Json: lambda value, zone: json_text(value.value),
    Document: lambda value, zone: value.text(),
    dict: lambda value, zone: json_text(value),
    list: lambda value, zone: json_text(value),
}
PARSERS: dict[str, Callable[[Any], Any]] = {
    "UUIDField": lambda text: UUID(hex=text),
    "DecimalField": lambda value: Decimal(str(value)),
    "DateField": date.fromisoformat,
    "DateTimeField": datetime.fromisoformat,
    "TimeField": time.fromisoformat,
    "DurationField": lambda value: timedelta(microseconds=value),
    "BooleanField": bool,
}


def to_local(value: Any, zone: tzinfo | None) -> Any:
    """Return a Python value as SQLite under Django holds it."""
    adapt = ADAPTERS.get(type(value))
    return value if adapt is None else adapt(value, zone)


def from_local(field: Any, value: Any, zone: tzinfo) -> Any:
    """Return the Python value of a key that was loaded for `field`."""
    parse = PARSERS.get(stored_field(field).get_internal_type())
    if parse is None or value is None:
        return value
    value = parse(value)
    if isinstance(value, datetime) and settings.USE_TZ:
        value = value.replace(tzinfo=zone)
    return value
