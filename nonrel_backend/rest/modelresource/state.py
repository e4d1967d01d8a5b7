"""The state of an object before a write, and what overrides the methods that write."""

import copy
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from ..fields.base import MISSING

# Values that are never changed in place.
IMMUTABLE = (str, int, float, type(None), date, time, timedelta, Decimal, UUID)
PACKAGE = "nonrel_backend.rest."


def state(obj: models.Model) -> dict[str, Any]:
    """Return the values of an object's columns."""
    found = {}
    for field in obj._meta.concrete_fields:
        value = obj.__dict__.get(field.attname, MISSING)
        immutable = value is MISSING or isinstance(value, IMMUTABLE)
        found[field.attname] = value if immutable else copy.deepcopy(value)
    return found


def changed(obj: models.Model, before: dict[str, Any]) -> set[str]:
    """Return the names of the columns whose values differ from a state."""
    now = obj.__dict__
    return {
        name for name, value in before.items() if name in now and now[name] != value
    }


def is_ours(thing: Any) -> bool:
    """Return whether a class or a function is of this package."""
    return thing.__module__.startswith(PACKAGE)
