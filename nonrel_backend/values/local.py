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

# SQLite computes with doubles, and a double keeps 15 decimal digits (DBL_DIG).
EXACT_DIGITS = 15


def _naive(value: datetime, zone: tzinfo) -> str:
    if value.tzinfo is zone:
        return str(value.replace(tzinfo=None))
    return str(timezone.make_naive(value, zone) if timezone.is_aware(value) else value)


def json_text(value: Any) -> str:
    """Return JSON text. NaN and infinity, which other programs may store, are null:
    SQLite takes the text for malformed otherwise.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(without_nan(value))


def without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return [*map(without_nan, value)] if isinstance(value, (list, tuple)) else value


ADAPTERS: dict[type, Callable[[Any, Any], Any]] = {
    datetime: _naive,
    date: lambda value, zone: value.isoformat(),
    time: lambda value, zone: str(value),
    timedelta: lambda value, zone: duration_microseconds(value),
    Decimal: lambda value, zone: str(value),
    UUID: lambda value, zone: value.hex,
    Json: lambda value, zone: json_text(value.value),
    Document: lambda value, zone: value.text(),
    dict: lambda value, zone: json.dumps(value),
    list: lambda value, zone: json.dumps(value),
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
