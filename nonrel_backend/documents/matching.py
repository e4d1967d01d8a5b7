"""Lookups on documents as Python functions, the same on every backend.

A raw value, which has no declared type, is compared with values of its own kind only:
a number, string, boolean, list or dictionary is neither equal to nor less than a value
of another kind.
"""

import operator
from collections.abc import Callable
from typing import Any

from ..values.folding import fold
from ..values.patterns import searcher
from .sources import SOURCE_KEY

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
TEXT: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "regex": lambda text, wanted: searcher(wanted)(text),
    "iregex": lambda text, wanted: searcher(wanted, ignore_case=True)(text),
}
FOLDED: dict[str, Callable[[Any, Any], bool]] = {
    "iexact": operator.eq,
    "icontains": operator.contains,
    "istartswith": str.startswith,
    "iendswith": str.endswith,
}
KINDS: dict[type, str] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "dict",
}


def kind_of(value: Any) -> str:
    return KINDS.get(type(value), "null")


def equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal. True is not 1."""
    if kind_of(left) != kind_of(right):
        return False
    if type(left) is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if type(left) is dict:
        if SOURCE_KEY in left or SOURCE_KEY in right:
            left, right = without_source(left), without_source(right)
        return left.keys() == right.keys() and all(
            equal(value, right[key]) for key, value in left.items()
        )
    return bool(left == right)


def without_source(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a model's fields."""
    return {key: value for key, value in document.items() if key != SOURCE_KEY}


def raw_matches(lookup_name: str, value: Any, wanted: Any) -> bool:
    """Return the result of a lookup on a raw value that is not null."""
    if lookup_name == "exact":
        return equal(value, wanted)
    if lookup_name == "in":
        return any(equal(value, each) for each in wanted)
    kind = kind_of(value)
    if lookup_name == "contains":
        return raw_contains(kind, value, wanted)
    if lookup_name == "range":
        low, high = wanted
        return raw_matches("gte", value, low) and raw_matches("lte", value, high)
    if kind != kind_of(wanted):
        return False
    if lookup_name in COMPARISONS:
        # Only numbers and strings have an order.
        return kind in ("number", "text") and COMPARISONS[lookup_name](value, wanted)
    if kind != "text":
        return False
    if lookup_name in FOLDED:
        return FOLDED[lookup_name](fold(value), fold(wanted))
    return TEXT[lookup_name](value, wanted)


def raw_contains(kind: str, value: Any, wanted: Any) -> bool:
    if kind == "text":
        return type(wanted) is str and wanted in value
    if kind == "list":
        wanted = wanted if type(wanted) is list else [wanted]
        return all(among(each, value) for each in wanted)
    return kind == "dict" and type(wanted) is dict and dict_contains(value, wanted)


def among(value: Any, items: list[Any]) -> bool:
    return any(equal(value, each) for each in items)


def dict_contains(value: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(key in value and equal(value[key], each) for key, each in wanted.items())


# Lookups on a whole list, set or dictionary. Both sides are documents of one field.
DOCUMENT_LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": equal,
    "same_items": lambda value, wanted: (
        len(value) == len(wanted) and all(among(each, wanted) for each in value)
    ),
    "in": lambda value, wanted: among(value, wanted),
    "contains": lambda value, wanted: (
        dict_contains(value, wanted)
        if type(value) is dict
        else all(among(each, value) for each in wanted)
    ),
    "contained_by": lambda value, wanted: all(among(each, wanted) for each in value),
    "overlap": lambda value, wanted: any(among(each, wanted) for each in value),
}
RAW_LOOKUPS = frozenset(
    {"exact", "in", "contains", "range", *COMPARISONS, *TEXT, *FOLDED}
)
