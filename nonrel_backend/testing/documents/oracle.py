"""The oracle of the random tests: what lookups on documents mean, in plain Python."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from .models import City

Test = Callable[[Any, Any], bool]


def values_at(value: Any, names: list[str]) -> list[Any]:
    """Return the values at a field path, without None."""
    if value is None:
        return []
    if not names:
        return [value]
    name, *rest = names
    if isinstance(value, (list, tuple)):
        if name.isdecimal():
            at = int(name)
            return values_at(value[at], rest) if at < len(value) else []
        if not all(hasattr(each, "_meta") for each in value):
            return []
        return [found for each in value for found in values_at(each, names)]
    if isinstance(value, dict):
        return values_at(value.get(name), rest)
    if hasattr(value, "_meta"):
        return values_at(getattr(value, name, None), rest)
    return []


def kind(value: Any) -> str:
    """Return the kind of a value; values of different kinds are never equal."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def same(left: Any, right: Any) -> bool:
    """Return whether two values are of one kind and equal."""
    return kind(left) == kind(right) and left == right


def ordered(test: Test) -> Test:
    """Return a test that is false of values of different kinds, and of booleans."""
    return lambda value, wanted: (
        kind(value) == kind(wanted) != "bool" and test(value, wanted)
    )


def text(test: Test) -> Test:
    """Return a test that is false of values that are not text."""
    return lambda value, wanted: (
        isinstance(value, str) and isinstance(wanted, str) and test(value, wanted)
    )


def contains(value: Any, wanted: Any) -> bool:
    """Return whether a text or a collection contains what is wanted."""
    if isinstance(value, str):
        return wanted in value
    wanted = wanted if isinstance(wanted, (list, tuple, set)) else [wanted]
    return all(each in value for each in wanted)


def local(moment: Any) -> Any:
    """Return a datetime in the current time zone, as lookups see it."""
    return timezone.localtime(moment) if isinstance(moment, datetime) else moment


# {lookup: its test, given a value at the path and the argument}
TESTS: dict[str, Test] = {
    "exact": same,
    "in": lambda value, wanted: any(same(value, each) for each in wanted),
    "gt": ordered(lambda a, b: a > b),
    "gte": ordered(lambda a, b: a >= b),
    "lt": ordered(lambda a, b: a < b),
    "lte": ordered(lambda a, b: a <= b),
    "range": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "contains": contains,
    "startswith": text(str.startswith),
    "endswith": text(str.endswith),
    "iexact": lambda a, b: a.casefold() == b.casefold(),
    "icontains": lambda a, b: b.casefold() in a.casefold(),
    "istartswith": lambda a, b: a.casefold().startswith(b.casefold()),
    "overlap": lambda value, wanted: any(each in value for each in wanted),
    "contained_by": lambda value, wanted: all(each in wanted for each in value),
    "len": lambda value, wanted: len(value) == wanted,
    "len__gt": lambda value, wanted: len(value) > wanted,
    "len__lt": lambda value, wanted: len(value) < wanted,
    "year": lambda value, wanted: local(value).year == wanted,
}


def satisfies(city: City, query: Q) -> bool:
    """Return whether a row matches. No lookup on documents is NULL of a row."""
    found = [
        satisfies(city, child) if isinstance(child, Q) else lookup(city, *child)
        for child in query.children
    ]
    answer = all(found) if query.connector == Q.AND else any(found)
    return answer != query.negated


def lookup(city: City, name: str, wanted: Any) -> bool:
    """Return whether any value at the path of a lookup matches."""
    *names, last = name.split("__")
    if names[-1] == "len":
        last = f"{names.pop()}__{last}"
    found = values_at(city, names)
    if last == "isnull":
        return bool(not found) == wanted
    return any(TESTS[last](value, wanted) for value in found)


def path_key(city: City, path: str) -> tuple[bool, Any]:
    """Return the key by which a field path orders a row, NULL first."""
    found = values_at(city, path.split("__"))
    return (bool(found), found[0] if found else None)
