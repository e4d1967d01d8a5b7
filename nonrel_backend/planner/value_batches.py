"""Conditions with many values, in batches that each fit into a command."""

from collections.abc import Iterator
from dataclasses import replace

from ..conditions import Condition, Leaf, Node
from .refusal import FallbackRequired

# One command takes no more values; more are several commands, or joined locally. It
# bounds a command's size: 200,000 integers or ObjectIds are some 4 MB, below MongoDB's
# 16 MB.
MAX_VALUES = 200_000


def value_batches(conditions: list[Condition]) -> Iterator[list[Condition]]:
    """Yield the conditions, each time with some of the values where they are too many.

    Raise FallbackRequired where several commands do not find just the same rows.
    """
    longest = max(map(number_of_values, conditions), default=0)
    if longest <= MAX_VALUES:
        yield conditions
        return
    long = [each for each in conditions if number_of_values(each) > MAX_VALUES]
    first = long[0]
    if (
        len(long) > 1
        or not isinstance(first, Leaf)
        or first.negated
        # A collation may make texts of two batches equal.
        or type(first.value[0]) is str
    ):
        raise FallbackRequired(f"more than {MAX_VALUES} values are found first")
    rest = [each for each in conditions if each is not first]
    for start in range(0, longest, MAX_VALUES):
        values = first.value[start : start + MAX_VALUES]
        yield [replace(first, value=values), *rest]


def number_of_values(condition: Condition) -> int:
    """Return how many values a condition compares with."""
    if isinstance(condition, Node):
        return sum(map(number_of_values, condition.children))
    return len(condition.value) if isinstance(condition.value, list) else 1
