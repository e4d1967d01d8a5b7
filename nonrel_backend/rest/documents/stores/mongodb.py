"""MongoStore: documents in a collection of MongoDB."""

import datetime
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from bson import ObjectId
from bson.errors import BSONError
from django.core.exceptions import MultipleObjectsReturned
from django.db import DataError, OperationalError
from pymongo.errors import DuplicateKeyError, PyMongoError

from ....mongodb.deadlines import abort, bounded, commit
from .base import Condition, Document, Ordering, leaves, scanned
from .bsonvalues import decode, encode, ids_of_text, new_id, text_of_id
from .values import type_of


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the store's errors as Django's, which errors.py knows."""
    try:
        yield
    except (BSONError, OverflowError) as error:
        raise DataError(str(error)) from error
    except PyMongoError as error:
        raise OperationalError(str(error)) from error


def escaped(value: Any) -> str:
    """Return a regular expression for the value's text. MongoDB accepts no NUL in
    it.
    """
    return re.escape(str(value)).replace("\0", r"\x00")


def is_id(value: Any) -> bool:
    """Return whether a filter's value is the text of an ObjectId."""
    return isinstance(value, str) and ObjectId.is_valid(value)


def equals(value: Any) -> Document:
    """Return the query of an equal value. The text of an ObjectId stands for that,
    too.
    """
    # Not {"$in": [value]}, which would read a regular expression or an operator.
    return {"$in": [value, ObjectId(value)]} if is_id(value) else {"$eq": value}


def is_one_of(values: list[Any]) -> Document:
    """Return the query of one of several values, none of which is an object."""
    return {"$in": [*values, *(ObjectId(each) for each in values if is_id(each))]}


def range_of_day(day: datetime.date, lookup: str) -> Document:
    """Return the query of a date. A stored date is a moment of its day."""
    start = datetime.datetime(day.year, day.month, day.day)
    end = datetime.datetime.combine(day, datetime.time.max)
    return {
        "exact": {"$gte": start, "$lte": end},
        "gt": {"$gt": end},
        "gte": {"$gte": start},
        "lt": {"$lt": start},
        "lte": {"$lte": end},
    }[lookup]


def is_range(path: str, lookup: str, value: Any) -> bool:
    """Return whether a condition needs a range of moments that one query cannot have:
    those of a list.
    """
    if type_of(value) is not datetime.date:
        return False
    return lookup in ("in", "contains") or (lookup == "exact" and "." in path)


# Values that MongoDB has no type for: they are compared as text, one by one.
WITHOUT_TYPE = (datetime.time, datetime.timedelta)


class MongoStore:
    """Documents in a collection of pymongo. `_id` is the key.

    Decimals and dates are stored in MongoDB's types. A filter by them that meets text
    in the collection reads all documents that the other filters leave.
    """

    decode = staticmethod(decode)
    encode = staticmethod(encode)
    operators: dict[str, Callable[[Any], Document]] = {
        "exact": equals,
        "iexact": lambda value: {"$regex": rf"^{escaped(value)}\z", "$options": "i"},
        "in": is_one_of,
        "icontains": lambda value: {"$regex": escaped(value), "$options": "i"},
        "startswith": lambda value: {"$regex": f"^{escaped(value)}"},
        "endswith": lambda value: {"$regex": rf"{escaped(value)}\z"},
        "gt": lambda value: {"$gt": value},
        "gte": lambda value: {"$gte": value},
        "lt": lambda value: {"$lt": value},
        "lte": lambda value: {"$lte": value},
    }

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.current = threading.local()

    @property
    def client(self) -> Any:
        return self.collection.database.client

    @property
    def session(self) -> Any:
        """The session of the current transaction, or None."""
        return getattr(self.current, "session", None)

    @translated_errors()
    def get(self, key: str) -> Document | None:
        with bounded(self.client):
            cursor = self.collection.find(self.by_key(key), session=self.session)
            found = list(cursor.limit(2))
        if len(found) > 1:
            raise MultipleObjectsReturned(f"Several documents have the key {key!r}.")
        for document in found:
            document.pop("_id")
        return found[0] if found else None

    def by_key(self, key: str) -> Document:
        """Return the query of a document by its key."""
        found = [{"_id": {"$eq": each}} for each in ids_of_text(key)]
        return {"$or": found} if len(found) > 1 else found[0]

    def query(self, conditions: list[Condition]) -> Document:
        """Return the query of the conditions."""
        if not conditions:
            return {}
        return {"$and": [self.operator(*each) for each in conditions]}

    def operator(self, path: str, lookup: str, value: Any) -> Document:
        """Return the query of one condition. The items of a list do not count as values
        of its path.
        """
        if lookup == "not":
            return {"$nor": [self.query(value)]}
        if lookup == "or":
            return {"$or": [self.query(each) for each in value]}
        no_list = {"$not": {"$type": "array"}}
        if lookup == "isnull":
            nulls = [{path: {"$exists": False}}, {path: {"$eq": None, **no_list}}]
            return {"$or" if value else "$nor": nulls}
        if type(value) is datetime.date and lookup != "contains":
            return {path: range_of_day(value, lookup) | no_list}
        value = encode(value)
        if lookup == "in" and any(isinstance(each, dict) for each in value):
            return {"$or": [self.operator(path, "exact", each) for each in value]}
        if lookup == "contains":
            is_text = isinstance(value, str)
            part = {path: {"$regex": escaped(value), **no_list}} if is_text else {}
            items = {path: equals(value) | {"$type": "array"}}
            return {"$or": [part, items]} if part else items
        return {path: self.operators[lookup](value) | no_list}

    def find(
        self,
        conditions: list[Condition],
        ordering: list[Ordering],
        start: int = 0,
        stop: int | None = None,
    ) -> Iterable[tuple[str, Document]]:
        if stop is not None and stop <= start:
            return iter(())
        if self.must_scan(conditions, ordering):
            return self.scan(conditions, ordering)[start:stop]
        cursor = self.collection.find(self.query(conditions), session=self.session)
        names = [(path, 1 if ascending else -1) for path, ascending, _ in ordering]
        cursor = cursor.sort([*names, ("_id", 1)]).skip(start)
        return self.pairs(cursor if stop is None else cursor.limit(stop - start))

    @translated_errors()
    def count(self, conditions: list[Condition]) -> int:
        if self.must_scan(conditions, []):
            return len(self.scan(conditions, []))
        query = self.query(conditions)
        return self.collection.count_documents(query, session=self.session)

    @translated_errors()
    def must_scan(self, conditions: list[Condition], ordering: list[Ordering]) -> bool:
        """Return whether values that must be compared as decimals or moments are
        stored as text.
        """
        conditions = list(leaves(conditions))
        types = {path: type_of(value) for path, _, value in conditions}
        types |= {path: kind for path, _, kind in ordering}
        if any(kind in WITHOUT_TYPE for kind in types.values()):
            return True
        if any(is_range(*condition) for condition in conditions):
            return True
        paths = [path for path, kind in types.items() if kind is not None]
        texts = [{path: {"$type": "string"}} for path in paths]
        if not texts:
            return False
        found = self.collection.find_one(
            {"$or": texts}, {"_id": 1}, session=self.session
        )
        return found is not None

    def scan(
        self, conditions: list[Condition], ordering: list[Ordering]
    ) -> list[tuple[str, Document]]:
        """Return what find() returns, with decimals and moments compared here."""
        plain = [
            each
            for each in conditions
            if all(type_of(value) is None for _, _, value in leaves([each]))
        ]
        query = self.query(plain)
        cursor = self.collection.find(query, session=self.session).sort("_id", 1)
        return scanned(self.pairs(cursor), conditions, ordering, decode)

    def pairs(self, cursor: Any) -> Iterator[tuple[str, Document]]:
        """Yield (key, document) of a cursor."""
        with translated_errors():
            for found in cursor:
                yield text_of_id(found.pop("_id")), found

    @translated_errors()
    def insert(self, key: str | None, document: Document) -> str | None:
        own: Any = ObjectId() if key is None else new_id(key)
        row = {**document, "_id": own}
        try:
            with bounded(self.client):
                query = None if key is None else self.by_key(key)
                if query and "$or" in query:  # the key has other forms
                    if self.collection.find_one(query, session=self.session):
                        return None
                self.collection.insert_one(row, session=self.session)
        except DuplicateKeyError:
            return None
        return text_of_id(own)

    def condition(self, key: str, expected: Document | None) -> Document:
        """Return the query of a document by its key, and as it was."""
        if expected is None:
            return self.by_key(key)
        as_it_was = [{"_id": each, **expected} for each in ids_of_text(key)]
        return self.by_key(key) | {
            "$expr": {"$in": ["$$ROOT", {"$literal": as_it_was}]}
        }

    @translated_errors()
    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        with bounded(self.client):
            result = self.collection.replace_one(
                self.condition(key, expected), document, session=self.session
            )
        return result.matched_count == 1

    @translated_errors()
    def delete(self, key: str, expected: Document | None = None) -> bool:
        with bounded(self.client):
            result = self.collection.delete_one(
                self.condition(key, expected), session=self.session
            )
        return result.deleted_count == 1

    @translated_errors()
    def transaction(self) -> "MongoTransaction | None":
        with bounded(self.client):
            hello = self.collection.database.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            return None
        return MongoTransaction(self)


class MongoTransaction:
    """A transaction for what one thread does in a with block."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store

    def __enter__(self) -> None:
        self.session = self.store.client.start_session()
        self.session.start_transaction()
        self.store.current.session = self.session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.store.current.session = None
        try:
            if kind is None:
                with translated_errors():
                    commit(self.store.client, self.session)
        finally:
            abort(self.session)
            self.session.end_session()
