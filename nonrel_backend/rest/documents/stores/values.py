"""Values: decimals and moments, which many stores hold as text, compared as what they
are.
"""

import operator
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ...exceptions import ApiFieldError
from ...fields.plain import (
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    TimeField,
)

# By the type of a condition's value: the field that reads stored values.
READERS: dict[type, Any] = {
    Decimal: DecimalField(),
    datetime: DateTimeField(),
    date: DateField(),
    time: TimeField(),
    timedelta: DurationField(),
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "contains": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
UNREADABLE = (ApiFieldError, ValueError, TypeError, ArithmeticError)


def type_of(value: Any) -> type | None:
    """Return the type by which stored values are compared with a condition's value;
    None if they are compared as they are.
    """
    if isinstance(value, list):
        return type_of(value[0]) if value else None
    return type(value) if type(value) in READERS else None


def as_type(value: Any, kind: type) -> Any:
    """Return a stored value as one of this type; None if it is none."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    field = READERS[kind]
    try:
        return field.clean(field.convert(value))
    except UNREADABLE:
        return None


def compares(stored: Any, lookup: str, value: Any) -> bool:
    """Return whether a stored value, or an item of a list for "contains", meets a
    condition whose value has a type_of().
    """
    if lookup == "in":
        return any(compares(stored, "exact", each) for each in value)
    stored = stored if isinstance(stored, list) and lookup == "contains" else [stored]
    found = (as_type(each, type(value)) for each in stored)
    return any(COMPARISONS[lookup](each, value) for each in found if each is not None)
