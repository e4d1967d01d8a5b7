"""The key range of one predicate on one column of an index."""

from collections.abc import Callable, Sequence
from typing import Any

from ..values.comparisons import INVERSES
from .encoding import (
    PAST_PRESENT,
    PRESENT,
    KeyRange,
    following,
    inverted,
    text_prefix,
)
from .predicates import Predicate

NOT_NULL: KeyRange = (PRESENT, PAST_PRESENT)


def points(predicate: Predicate, transform: str | None) -> list[Any] | None:
    """Return the values that the predicate allows, None if they are not a list."""
    if predicate.negated and predicate.lookup_type != "isnull":
        return None
    if predicate.db_type == "raw":
        return None
    if transform == "fold":
        return [predicate.value] if predicate.lookup_type == "iexact" else None
    if transform is not None:
        return None
    if predicate.lookup_type == "exact" and predicate.value is not None:
        return [predicate.value]
    if predicate.lookup_type == "in":
        return predicate.value
    if predicate.lookup_type == "isnull" and predicate.value != predicate.negated:
        return [None]
    return None


def interval(
    predicate: Predicate, transform: str | None, encode: Callable[[Any], bytes]
) -> KeyRange | None:
    """Return the range of ascending components that the predicate allows.

    Return None if it does not allow one range.
    """
    if (
        predicate.value is None
        or predicate.other is not None
        or predicate.db_type == "raw"
    ):
        return None
    lookup_type = predicate.lookup_type
    if predicate.negated and lookup_type != "isnull" and predicate.leaf.column.is_many:
        return None  # true if no item matches, but the entries are of single items
    if transform is not None:
        if predicate.negated:
            return None
        if transform == "fold" and lookup_type == "istartswith":
            return prefix_range(predicate.value)
        if transform == "reverse" and lookup_type == "endswith":
            return prefix_range(predicate.value[::-1])
        return None
    if lookup_type == "isnull":
        return NOT_NULL if predicate.value == predicate.negated else None
    if predicate.negated:
        lookup_type = INVERSES.get(lookup_type, "")
    if lookup_type == "range":
        low, high = predicate.value
        return encode(low), following(encode(high))
    if lookup_type == "startswith":
        return prefix_range(predicate.value)
    if lookup_type not in INVERSES:
        return None
    key = encode(predicate.value)
    return {
        "gt": (following(key), PAST_PRESENT),
        "gte": (key, PAST_PRESENT),
        "lt": (PRESENT, key),
        "lte": (PRESENT, following(key)),
    }[lookup_type]


def prefix_range(text: str) -> KeyRange:
    """Return the range of all texts that start with this one."""
    start = text_prefix(text)
    return start, following(start)


def inverted_range(low: bytes, high: bytes) -> KeyRange:
    """Return the range of the same components in a descending column."""
    return following(inverted(high)), following(inverted(low))


def fewest_points(
    predicates: Sequence[Predicate], transform: str | None
) -> tuple[Predicate | None, list]:
    """Return the predicate that allows the fewest values, and these values.

    Return (None, []) if every predicate allows a range.
    """
    best: tuple[Predicate | None, list] = (None, [])
    for predicate in predicates:
        values = points(predicate, transform)
        if values is not None and (best[0] is None or len(values) < len(best[1])):
            best = (predicate, values)
    return best
