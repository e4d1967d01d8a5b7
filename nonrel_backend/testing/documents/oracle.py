"""What lookups on documents mean, in plain Python: the oracle of random tests."""

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from .models import City


def values_at(value, names: list[str]) -> list:
    """All that a path leads to, but for None."""
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


def kind(value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def same(left, right) -> bool:
    return kind(left) == kind(right) and left == right


def ordered(test):
    return lambda value, wanted: (
        kind(value) == kind(wanted) != "bool" and test(value, wanted)
    )


def text(test):
    return lambda value, wanted: (
        isinstance(value, str) and isinstance(wanted, str) and test(value, wanted)
    )


def contains(value, wanted):
    if isinstance(value, str):
        return wanted in value
    wanted = wanted if isinstance(wanted, (list, tuple, set)) else [wanted]
    return all(each in value for each in wanted)


def local(moment):
    """As lookups see a moment: in the current time zone."""
    return timezone.localtime(moment) if isinstance(moment, datetime) else moment


TESTS = {
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
    """Whether a row is in the answer; every lookup is true or false of it."""
    found = [
        satisfies(city, child) if isinstance(child, Q) else lookup(city, *child)
        for child in query.children
    ]
    answer = all(found) if query.connector == Q.AND else any(found)
    return answer != query.negated


def lookup(city: City, name: str, wanted) -> bool:
    *names, last = name.split("__")
    if names[-1] == "len":
        last = f"{names.pop()}__{last}"
    found = values_at(city, names)
    if last == "isnull":
        return (not found) == wanted
    return any(TESTS[last](value, wanted) for value in found)


def path_key(city: City, path: str):
    """By what a path orders: NULL first."""
    found = values_at(city, path.split("__"))
    return (bool(found), found[0] if found else None)
