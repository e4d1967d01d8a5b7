"""How deep MongoDB's documents nest."""

from collections.abc import Callable
from functools import wraps
from typing import Any

# The levels of documents and lists in a column. The server takes 180, the row's own
# document among them.
MOST_LEVELS = 179
NESTED = (dict, list, tuple)


def is_deep(value: Any) -> bool:
    """Return whether a value nests more deeply than a column can hold.

    It goes level by level: Python's own recursion ends at some hundreds.
    """
    level = [value] if isinstance(value, NESTED) else []
    for _ in range(MOST_LEVELS):
        if not level:
            return False
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, NESTED)
        ]
    return bool(level)


def limited_depth(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function, which raises RecursionError for too many levels then."""

    @wraps(convert)
    def converted(value: Any) -> Any:
        stored = convert(value)
        if is_deep(stored):
            raise RecursionError(f"more than {MOST_LEVELS} levels")
        return stored

    return converted
