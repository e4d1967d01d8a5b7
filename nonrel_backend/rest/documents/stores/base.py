"""Stores of documents with no ORM: dictionaries by key."""

import json
import operator
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
        self,
        conditions: list[Condition],
        ordering: list[Ordering],
        start: int = 0,
        stop: int | None = None,
    ) -> Iterable[tuple[str, Document]]:
        """(key, document) of those that meet the conditions, in this order, from
        `start` until before `stop`; None sorts first. Without an ordering, by key.

        A name in a path leads into each object of a list.
        """

    def count(self, conditions: list[Condition]) -> int:
        """How many meet the conditions."""

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
    """The first that a dotted path leads to; None for nothing."""
    return next(all_at(document, path.split(".")), None)


def all_at(document: Any, path: list[str]) -> Iterator[Any]:
    """What a path leads to: through a list without a number, in each of its objects."""
    if not path:
        yield document
        return
    name, *rest = path
    if isinstance(document, dict):
        if name in document:
            yield from all_at(document[name], rest)
    elif isinstance(document, list) and name.isdecimal():
        for item in document[int(name) : int(name) + 1]:
            yield from all_at(item, rest)
    elif isinstance(document, list):
        for item in document:
            if isinstance(item, dict):
                yield from all_at(item, path)


def kind(value: Any) -> int:
    """What is comparable has one kind: None, numbers, texts, booleans, the rest."""
    if isinstance(value, bool):
        return 4
    if value is None or isinstance(value, int | float):
        return 0 if value is None else 1
    return 2 if isinstance(value, str) else 3


def of_a_kind(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, other: (
        kind(value) == kind(other) in (1, 2, 4) and compare(value, other)
    )


def of_texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, other: isinstance(value, str) and compare(value, str(other))


def same(value: Any, other: Any) -> bool:
    return kind(value) == kind(other) and value == other


def contains(value: Any, other: Any) -> bool:
    if isinstance(value, list):
        return any(same(each, other) for each in value)
    return isinstance(value, str) and str(other) in value


LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": same,
    "iexact": of_texts(lambda value, other: value.lower() == other.lower()),
    "in": lambda value, other: any(same(value, each) for each in other),
    "contains": contains,
    "startswith": of_texts(str.startswith),
    "endswith": of_texts(str.endswith),
    "gt": of_a_kind(operator.gt),
    "gte": of_a_kind(operator.ge),
    "lt": of_a_kind(operator.lt),
    "lte": of_a_kind(operator.le),
}
NAMES = {*LOOKUPS, "isnull"}


def meets(document: Document, conditions: list[Condition]) -> bool:
    return all(holds(document, *condition) for condition in conditions)


def holds(document: Document, path: str, lookup: str, value: Any) -> bool:
    """Whether one of the values at the path is as wanted."""
    found = list(all_at(document, path.split(".")))
    if lookup == "isnull":
        return (not found or None in found) == value
    return any(LOOKUPS[lookup](each, value) for each in found if each is not None)


def rank(value: Any) -> tuple:
    """Sorts values of any types, by their kinds."""
    if value is None:
        return (0, 0)
    return (kind(value), repr(value) if kind(value) == 3 else value)


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

    def find(self, conditions, ordering, start=0, stop=None):
        found = [pair for pair in self.pairs() if meets(pair[1], conditions)]
        return in_order(found, ordering)[start:stop]

    def count(self, conditions):
        return sum(meets(document, conditions) for _, document in self.pairs())


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
