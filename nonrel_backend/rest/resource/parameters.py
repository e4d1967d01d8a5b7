"""The names and values of the parameters that filter and order a list."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from ..exceptions import InvalidFilterError, InvalidSortError

SEPARATOR = re.compile(r"__|\.")
# Parameters with a meaning of their own.
RESERVED = {"format", "limit", "offset", "order_by", "cursor", "fields"}
ORDERED = {"gt", "gte", "lt", "lte"}
# The most values of a filter, and the most parts of a name.
MAX_VALUES = 1000
MAX_STEPS = 32


def steps_of(name: str) -> list[str]:
    """Return the parts of the name of a filter or an ordering."""
    steps = SEPARATOR.split(name)
    if len(steps) > MAX_STEPS:
        raise InvalidFilterError(f"A name has at most {MAX_STEPS} parts.")
    return steps


def reject_unknown(given: Iterable[str], fields: Iterable[str]) -> None:
    """Raise InvalidFilterError for a parameter that is not a field's."""
    for name in given:
        if SEPARATOR.split(name)[0] not in RESERVED | set(fields):
            raise InvalidFilterError(f"There is no field {name!r} to filter by.")


def reject_pages(given: Iterable[str], fields: Iterable[str]) -> None:
    """Raise InvalidFilterError for a parameter of pages or of the data shown, which a
    write to a list does not use: it would write to more than the user expects.
    """
    for name in given:
        if name in (RESERVED - {"format"}) - set(fields):
            raise InvalidFilterError(f"A write to a list has no {name!r}.")


def names_to_order_by(given: Any, most: int) -> list[str]:
    """Return the names of all ?order_by=. Raise InvalidSortError for more than
    `most`.
    """
    if hasattr(given, "getlist"):
        wanted = given.getlist("order_by")
    else:
        wanted = given.get("order_by", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    names = [name for each in wanted for name in each.split(",") if name]
    if len(names) > most:
        raise InvalidSortError(f"An ordering has at most {most} names.")
    return names


def finite(text: str) -> float | str:
    """Return a number, or its text if JSON cannot represent it."""
    number = float(text)
    return number if math.isfinite(number) else text


def nested_value(text: str, lookup: str) -> Any:
    """Return a parameter's value for nested data: parsed if the text is JSON."""
    if lookup not in ("contains", "exact", *ORDERED, "overlap", "len"):
        return text
    try:
        value = json.loads(text, parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        return text
    if lookup in ORDERED and isinstance(value, list | dict):
        raise InvalidFilterError(f"{text!r} cannot be compared by {lookup!r}.")
    return value
