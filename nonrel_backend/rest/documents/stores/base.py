"""DocumentStore, the protocol of the stores, and stores that scan all documents."""

import json
import operator
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol
from uuid import uuid4

from .values import as_type, compares, type_of

Document = dict[str, Any]
# (path, lookup, value); all of them must hold. A Decimal, a date, a datetime, a time or
# a timedelta is compared with stored values as what it is, also if they are text.
# Without a path, ("", "not", conditions) holds if not all conditions hold, and
# ("", "or", lists) if all conditions of one of the lists do.
Condition = tuple[str, str, Any]
# (path, ascending, the type of the values if it is one of those; None otherwise)
Ordering = tuple[str, bool, type | None]


class DocumentStore(Protocol):
    """What a DocumentResource needs of a store.

    A document is a dictionary of JSON values without its key. A key is a string. A
    store of further types has the methods `encode(value)`, which returns a value of a
    field as the store holds it, and `decode(value)`, which does the opposite.
    """

    def get(self, key: str) -> Document | None:
        """Return the document with this key, or None."""

    def find(
        self,
        conditions: list[Condition],
        ordering: list[Ordering],
        start: int = 0,
        stop: int | None = None,
    ) -> Iterable[tuple[str, Document]]:
        """Return (key, document) of the documents that meet the conditions, in order,
        from `start` until before `stop`.

        None sorts first. Without an ordering, they are sorted by key. A name in a path
        leads into each object of a list.
        """

    def count(self, conditions: list[Condition]) -> int:
        """Return how many documents meet the conditions."""

    def insert(self, key: str | None, document: Document) -> str | None:
        """Store a new document. Return its key, or None if the key is taken.

        Without a key, make a new one.
        """

    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        """Replace a document. Return whether it existed.

        With `expected`, replace it only if it equals that: compare and set.
        """

    def delete(self, key: str, expected: Document | None = None) -> bool:
        """Delete a document. Return whether it existed, and equalled `expected` if that
        is given.
        """

    def transaction(self) -> Any:
        """Return a context manager of a transaction. Return None if the store has no
        transactions.
        """


def encoded_key(key: str, longest: int) -> bytes | None:
    """Return the key's bytes; None if it is empty or longer than `longest` bytes."""
    found = key.encode(errors="surrogatepass")
    return found if 0 < len(found) <= longest else None


def at(document: Any, path: str) -> Any:
    """Return the first value of a dotted path, or None."""
    return next(all_at(document, path.split(".")), None)


def all_at(document: Any, path: list[str]) -> Iterator[Any]:
    """Yield the values of a path. It leads into each object of a list, unless it has
    the number of an item.
    """
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
    """Return the kind of a value, by which values of several types are sorted: None,
    numbers, strings, others, booleans. Only values of one kind are comparable.
    """
    if isinstance(value, bool):
        return 4
    if value is None or isinstance(value, int | float):
        return 0 if value is None else 1
    return 2 if isinstance(value, str) else 3


def of_a_kind(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison that is false for values of two kinds."""
    return lambda value, other: (
        kind(value) == kind(other) in (1, 2, 4) and compare(value, other)
    )


def of_texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison that is false for values that are not strings."""
    return lambda value, other: isinstance(value, str) and compare(value, str(other))


def same(value: Any, other: Any) -> bool:
    """Return whether two values are of one kind and equal."""
    return kind(value) == kind(other) and value == other


def contains(value: Any, other: Any) -> bool:
    """Return whether a list has an item, or a string another string."""
    if isinstance(value, list):
        return any(same(each, other) for each in value)
    return isinstance(value, str) and str(other) in value


LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": same,
    "iexact": of_texts(lambda value, other: value.lower() == other.lower()),
    "in": lambda value, other: any(same(value, each) for each in other),
    "contains": contains,
    "icontains": of_texts(lambda value, other: other.lower() in value.lower()),
    "startswith": of_texts(str.startswith),
    "endswith": of_texts(str.endswith),
    "gt": of_a_kind(operator.gt),
    "gte": of_a_kind(operator.ge),
    "lt": of_a_kind(operator.lt),
    "lte": of_a_kind(operator.le),
}
NAMES = {*LOOKUPS, "isnull"}


def leaves(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """Yield the conditions that have a path, those inside others too."""
    for path, lookup, value in conditions:
        if lookup == "not":
            yield from leaves(value)
        elif lookup == "or":
            for each in value:
                yield from leaves(each)
        else:
            yield path, lookup, value


def meets(document: Document, conditions: list[Condition]) -> bool:
    """Return whether a document meets all conditions."""
    return all(holds(document, *condition) for condition in conditions)


def holds(document: Document, path: str, lookup: str, value: Any) -> bool:
    """Return whether one of the values of the path meets a condition."""
    if lookup == "not":
        return not meets(document, value)
    if lookup == "or":
        return any(meets(document, each) for each in value)
    found = list(all_at(document, path.split(".")))
    if lookup == "isnull":
        return (not found or None in found) == value
    if type_of(value) is not None:
        return any(compares(each, lookup, value) for each in found)
    return any(LOOKUPS[lookup](each, value) for each in found if each is not None)


def rank(value: Any) -> tuple[int, Any]:
    """Return a key that sorts values of any types."""
    if value is None:
        return (0, 0)
    return (kind(value), repr(value) if kind(value) == 3 else value)


def rank_at(document: Document, path: str, kind: type | None) -> tuple[int, Any]:
    """Return a key that sorts documents by the values of a path."""
    value = at(document, path)
    if kind is None:
        return rank(value)
    value = as_type(value, kind)
    return (0, 0) if value is None else (1, value)


def scanned(
    pairs: Iterable[tuple[str, Document]],
    conditions: list[Condition],
    ordering: list[Ordering],
    decode: Callable[[Any], Any] = lambda document: document,
) -> list[tuple[str, Document]]:
    """Return those of all (key, document) pairs that meet the conditions, in order.

    `decode` returns a document as the conditions see it.
    """
    rows = [(key, document, decode(document)) for key, document in pairs]
    rows = [row for row in rows if meets(row[2], conditions)]
    rows.sort(key=lambda row: row[0])
    for path, ascending, kind in reversed(ordering):
        rows.sort(key=lambda row: rank_at(row[2], path, kind), reverse=not ascending)
    return [(key, document) for key, document, _ in rows]


class ScannedStore:
    """The base of stores that find documents by a scan of all of them.

    A subclass implements `pairs` and the rest of DocumentStore.
    """

    def pairs(self) -> Iterator[tuple[str, Document]]:
        """Yield (key, document) of all documents."""
        raise NotImplementedError

    def find(
        self,
        conditions: list[Condition],
        ordering: list[Ordering],
        start: int = 0,
        stop: int | None = None,
    ) -> Iterable[tuple[str, Document]]:
        return scanned(self.pairs(), conditions, ordering)[start:stop]

    def count(self, conditions: list[Condition]) -> int:
        return sum(meets(document, conditions) for _, document in self.pairs())


class DictStore(ScannedStore):
    """Documents in memory: for tests, and as an example."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.lock = threading.RLock()

    def pairs(self) -> Iterator[tuple[str, Document]]:
        for key, text in list(self.documents.items()):
            yield key, json.loads(text)

    def get(self, key: str) -> Document | None:
        text = self.documents.get(key)
        return None if text is None else json.loads(text)

    def insert(self, key: str | None, document: Document) -> str | None:
        with self.lock:
            key = uuid4().hex if key is None else key
            if key in self.documents:
                return None
            self.documents[key] = json.dumps(document)
            return key

    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        with self.lock:
            if not self.is_expected(key, expected):
                return False
            self.documents[key] = json.dumps(document)
            return True

    def delete(self, key: str, expected: Document | None = None) -> bool:
        with self.lock:
            if not self.is_expected(key, expected):
                return False
            del self.documents[key]
            return True

    def is_expected(self, key: str, expected: Document | None) -> bool:
        """Return whether a document exists, and equals `expected` if that is given."""
        found = self.get(key)
        return found is not None and (expected is None or found == expected)

    def transaction(self) -> None:
        return None
