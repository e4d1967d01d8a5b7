"""Changes of documents, of a store's types or of JSON text alike."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from django.db import DataError

from ..values.storing import INT64
from .matching import equal


def changed(document: Any, changes: Iterable[tuple[str, Any, Any]]) -> Any:
    """Return the document after the changes, which are (operation, path, value).

    It is changed in place. Raise DataError if an operation does not support the value
    that it finds.
    """
    for name, path, value in changes:
        document = changed_at(document, list(path), OPERATIONS[name], value)
    return document


def changed_at(
    document: Any, path: list[Any], operation: Callable[[Any, Any], Any], value: Any
) -> Any:
    """Return the document after an operation on what the path leads to.

    Missing parts of the path are created; a list too short is filled with None.
    """
    if not path:
        return operation(document, value)
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        document = expect(document, list)
        document += [None] * (step + 1 - len(document))
    else:
        document = expect(document, dict)
    old = document[step] if isinstance(step, int) else document.get(step)
    new = changed_at(old, rest, operation, value)
    if new is None and not rest and isinstance(step, str) and value is REMOVED:
        document.pop(step, None)
    else:
        document[step] = new
    return document


class Removal(Enum):
    """The value that removes a key: NULL in a field of an embedded model."""

    REMOVED = "removed"


REMOVED = Removal.REMOVED


def expect(document: Any, kind: type) -> Any:
    """Return the document, or a new empty one for None.

    Raise DataError if it is of another kind.
    """
    if document is None:
        return kind()
    if not isinstance(document, kind):
        raise DataError(f"The change needs a {kind.__name__}, but found {document!r}.")
    return document


def push(old: Any, items: list[Any]) -> list[Any]:
    return [*expect(old, list), *items]


def pull(old: Any, items: list[Any]) -> list[Any] | None:
    if old is None:
        return None
    return [
        each for each in expect(old, list) if not any(equal(each, x) for x in items)
    ]


def add_to_set(old: Any, items: list[Any]) -> list[Any]:
    found = list(expect(old, list))
    for item in items:
        if not any(equal(each, item) for each in found):
            found.append(item)
    return found


def increment(old: Any, amount: Any) -> Any:
    if old is None:
        return amount
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        raise DataError(f"Cannot add {amount} to {old!r}, which is not a number.")
    found = old + amount
    if type(found) is int and found not in INT64:
        raise DataError(f"{found} does not fit into 64 bits.")
    return found


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda old, value: None if value is REMOVED else value,
    "push": push,
    "pull": pull,
    "add_to_set": add_to_set,
    "increment": increment,
}
