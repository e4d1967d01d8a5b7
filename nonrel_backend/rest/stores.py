"""Stores of documents with no ORM: dictionaries by key."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol
from uuid import uuid4

Document = dict[str, Any]
# (path, lookup, value); all of them must hold.
Condition = tuple[str, str, Any]
# (path, ascending)
Ordering = tuple[str, bool]


class DocumentStore(Protocol):
    """What a DocumentResource needs of a store. A document is a dictionary of JSON
    values without its key, which is a text.
    """

    def get(self, key: str) -> Document | None:
        """The document with this key, or None."""

    def find(
        self, conditions: list[Condition], ordering: list[Ordering]
    ) -> Iterable[tuple[str, Document]]:
        """(key, document) of all that meet the conditions, in this order; None sorts
        first. Without an ordering, by key.
        """

    def insert(self, key: str | None, document: Document) -> str | None:
        """Store a new document; its key (a new one for None), or None where there is
        one by this key.
        """

    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        """Store another document in place of one; whether it was there. With
        `expected`, only in place of that very document: compare and set.
        """

    def delete(self, key: str, expected: Document | None = None) -> bool:
        """Delete a document; whether it was there, and was that very one."""

    def transaction(self) -> Any:
        """A context manager in which all is written or nothing; None where there is
        none.
        """


def encoded_key(key: str, longest: int) -> bytes | None:
    """The key's bytes; None for a key that nothing can have."""
    found = key.encode(errors="surrogatepass")
    return found if 0 < len(found) <= longest else None


def at(document: Any, path: str) -> Any:
    """What a dotted path leads to; None for nothing."""
    for name in path.split("."):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal():
            document = document[int(name)] if int(name) < len(document) else None
        else:
            return None
    return document


def compared(value: Any, other: Any, compare: Callable[[Any, Any], bool]) -> bool:
    try:
        return value is not None and compare(value, other)
    except TypeError:
        return False


def contains(value: Any, other: Any) -> bool:
    if isinstance(value, list):
        return other in value
    return isinstance(value, str) and str(other) in value


LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, other: value == other,
    "iexact": lambda value, other: str(value).lower() == str(other).lower(),
    "in": lambda value, other: value in other,
    "isnull": lambda value, other: (value is None) == other,
    "contains": contains,
    "startswith": lambda value, other: str(value or "").startswith(str(other)),
    "endswith": lambda value, other: str(value or "").endswith(str(other)),
    "gt": lambda value, other: compared(value, other, lambda a, b: a > b),
    "gte": lambda value, other: compared(value, other, lambda a, b: a >= b),
    "lt": lambda value, other: compared(value, other, lambda a, b: a < b),
    "lte": lambda value, other: compared(value, other, lambda a, b: a <= b),
}


def meets(document: Document, conditions: list[Condition]) -> bool:
    return all(
        LOOKUPS[lookup](at(document, path), value) for path, lookup, value in conditions
    )


def rank(value: Any) -> tuple:
    """Sorts values of any types: None, booleans and numbers, texts, the rest."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, value)
    return (2, value) if isinstance(value, str) else (3, repr(value))


def in_order(
    pairs: list[tuple[str, Document]], ordering: list[Ordering]
) -> list[tuple[str, Document]]:
    pairs.sort(key=lambda pair: pair[0])
    for path, ascending in reversed(ordering):
        pairs.sort(key=lambda pair: rank(at(pair[1], path)), reverse=not ascending)
    return pairs


class ScannedStore:
    """What stores share that find by looking at everything: `pairs`, `get`, and what
    happens within `locked()` is not disturbed.
    """

    def pairs(self) -> Iterator[tuple[str, Document]]:
        raise NotImplementedError

    def find(self, conditions, ordering):
        found = [pair for pair in self.pairs() if meets(pair[1], conditions)]
        return in_order(found, ordering)


class DictStore(ScannedStore):
    """Documents in memory: for tests, and as an example."""

    def __init__(self):
        self.documents: dict[str, str] = {}
        self.lock = threading.RLock()

    def pairs(self):
        for key, text in list(self.documents.items()):
            yield key, json.loads(text)

    def get(self, key):
        text = self.documents.get(key)
        return None if text is None else json.loads(text)

    def insert(self, key, document):
        with self.lock:
            key = uuid4().hex if key is None else key
            if key in self.documents:
                return None
            self.documents[key] = json.dumps(document)
            return key

    def replace(self, key, document, expected):
        with self.lock:
            if not self.is_expected(key, expected):
                return False
            self.documents[key] = json.dumps(document)
            return True

    def delete(self, key, expected=None):
        with self.lock:
            if not self.is_expected(key, expected):
                return False
            del self.documents[key]
            return True

    def is_expected(self, key: str, expected: Document | None) -> bool:
        found = self.get(key)
        return found is not None and (expected is None or found == expected)

    def transaction(self):
        return None
