"""One condition on one column, as a range of keys."""

from collections.abc import Sequence
from typing import Any

from .encoding import (
    PAST_PRESENT,
    PRESENT,
    component,
    following,
    inverted,
    text_prefix,
)
from .predicates import Test

# A range of keys, its end not among them.
Range = tuple[bytes, bytes]
EVERYTHING_PRESENT: Range = (PRESENT, PAST_PRESENT)
INVERSES = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


def points(test: Test, transform: str | None) -> list[Any] | None:
    """The values that the test allows, None where it allows more than a list."""
    if test.negated and test.lookup_type != "isnull":
        return None
    if test.db_type == "raw":
        return None
    if transform == "fold":
        return [test.value] if test.lookup_type == "iexact" else None
    if transform is not None:
        return None
    if test.lookup_type == "exact" and test.value is not None:
        return [test.value]
    if test.lookup_type == "in":
        return test.value
    if test.lookup_type == "isnull" and test.value != test.negated:
        return [None]
    return None


def interval(test: Test, transform: str | None) -> Range | None:
    """The components that the test allows, where they are one range."""
    if test.value is None or test.other is not None or test.db_type == "raw":
        return None
    lookup_type = test.lookup_type
    if test.negated and lookup_type != "isnull" and test.leaf.column.is_many:
        return None  # no item is so: entries tell of those that are
    if transform is not None:
        if test.negated:
            return None
        if transform == "fold" and lookup_type == "istartswith":
            return prefix(test.value)
        if transform == "reverse" and lookup_type == "endswith":
            return prefix(test.value[::-1])
        return None
    if lookup_type == "isnull":
        return EVERYTHING_PRESENT if test.value == test.negated else None
    if test.negated:
        lookup_type = INVERSES.get(lookup_type, "")
    encode = component(test.db_type)
    if lookup_type == "range":
        low, high = test.value
        return encode(low), following(encode(high))
    if lookup_type == "startswith":
        return prefix(test.value)
    if lookup_type not in INVERSES:
        return None
    key = encode(test.value)
    return {
        "gt": (following(key), PAST_PRESENT),
        "gte": (key, PAST_PRESENT),
        "lt": (PRESENT, key),
        "lte": (PRESENT, following(key)),
    }[lookup_type]


def prefix(text: str) -> Range:
    start = text_prefix(text)
    return start, following(start)


def backwards(low: bytes, high: bytes) -> Range:
    """The range of the same components in a descending column."""
    return following(inverted(high)), following(inverted(low))


def fewest_points(tests: Sequence[Test], transform) -> tuple[Test | None, list]:
    best: tuple[Test | None, list] = (None, [])
    for test in tests:
        values = points(test, transform)
        if values is not None and (best[0] is None or len(values) < len(best[1])):
            best = (test, values)
    return best
