"""Changes of documents: of those in a store's types and of those of text alike."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from django.db import DataError

from .matching import equal

INT64 = range(-(2**63), 2**63)


def changed(document: Any, changes: Iterable[tuple[str, list, Any]]) -> Any:
    """The document after changes (name, path, value), each in place."""
    for name, path, value in changes:
        document = at_path(document, list(path), OPERATIONS[name], value)
    return document


def at_path(document: Any, path: list, operation: Callable, value: Any) -> Any:
    """What is missing on the way is made; a list too short is filled with None."""
    if not path:
        return operation(document, value)
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        document = expect(document, list)
        document += [None] * (step + 1 - len(document))
    else:
        document = expect(document, dict)
    old = document[step] if isinstance(step, int) else document.get(step)
    new = at_path(old, rest, operation, value)
    if new is None and not rest and isinstance(step, str) and value is REMOVED:
        document.pop(step, None)
    else:
        document[step] = new
    return document


class Removal(Enum):
    """Sets a field of an embedded model to NULL, which is to have no such key."""

    REMOVED = "removed"


REMOVED = Removal.REMOVED


def expect(document: Any, kind: type) -> Any:
    if document is None:
        return kind()
    if not isinstance(document, kind):
        raise DataError(f"{document!r} is no {kind.__name__}, as the change takes it.")
    return document


def push(old: Any, items: list) -> list:
    return expect(old, list) + items


def pull(old: Any, items: list) -> list | None:
    if old is None:
        return None
    return [
        each for each in expect(old, list) if not any(equal(each, x) for x in items)
    ]


def add_to_set(old: Any, items: list) -> list:
    found = list(expect(old, list))
    for item in items:
        if not any(equal(each, item) for each in found):
            found.append(item)
    return found


def increment(old: Any, amount: Any) -> Any:
    if old is None:
        return amount
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        raise DataError(f"{old!r} is no number, to which {amount} could be added.")
    found = old + amount
    if type(found) is int and found not in INT64:
        raise DataError(f"{found} is too large: integers have 64 bits.")
    return found


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda old, value: None if value is REMOVED else value,
    "push": push,
    "pull": pull,
    "add_to_set": add_to_set,
    "increment": increment,
}
