"""Filters by more values than one command of MongoDB holds, in several commands."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import NotSupportedError

from ..batching import weighed
from ..conditions import Condition, Leaf, Node
from .naming import lookup_name

# Bytes of values in one filter, and in a part of one that is too long, beside others.
# The server takes 16 MB in one command.
MOST_BYTES = 12_000_000
LEAST_BYTES = 3_000_000
# A shorter list is not measured: its values would have 800 kB each.
SHORT = 15
# Why what is found by several commands is finished locally.
IN_SEVERAL = (
    "the rows that several commands find, since the values that they are filtered by "
    "are too many for one"
)
# Of a value without a length, or beside one's characters, its key in the list included.
OVERHEAD = 32
BYTES_OF_CHARACTER = 4


def size_of(value: Any) -> int:
    """Return how many bytes a value in a list takes at most."""
    if type(value) is str:
        return OVERHEAD + BYTES_OF_CHARACTER * len(value)
    return OVERHEAD + (len(value) if isinstance(value, bytes) else 0)


def size_of_lists(condition: Condition) -> int:
    """Return how many bytes the lists of values in a condition take at most."""
    if isinstance(condition, Node):
        return sum(map(size_of_lists, condition.children))
    value = condition.value
    if type(value) is not list or len(value) <= SHORT:
        return 0
    return sum(map(size_of, value))


def parts_of(condition: Condition, most: int) -> list[Condition]:
    """Return conditions of at most so many bytes, whose rows are those of this one.

    Raise NotSupportedError if it is not `column IN (values)`.
    """
    if (
        not isinstance(condition, Leaf)
        or condition.lookup_type != "in"
        or condition.negated
        or condition.column.path
        or condition.column.db_type == "document"
    ):
        raise NotSupportedError(too_long(condition))
    batches = batches_of(condition.value, most)
    return [Leaf(condition.column, "in", values) for values in batches]


def too_long(condition: Condition) -> str:
    """Return the reason of a refusal, with the lookup that has the most values."""
    while isinstance(condition, Node):
        condition = max(condition.children, key=size_of_lists)
    return (
        "MongoDB takes no command of more than 16 MB, as one with all values of "
        f"{lookup_name(condition)} would be"
    )


def batches_of(
    values: Iterable[Any],
    most: int = MOST_BYTES,
    length: int | None = None,
    size: Callable[[Any], int] = size_of,
) -> Iterator[list[Any]]:
    """Return the values in lists of at most `most` bytes, and of at most `length`.

    `size(value)` is how many bytes of a command it takes at most.
    """
    return weighed(values, size, most, length)
