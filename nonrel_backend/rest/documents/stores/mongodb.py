"""MongoStore: documents in a collection of MongoDB."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from uuid import uuid4

from bson.errors import BSONError
from django.db import DataError, OperationalError
from pymongo.errors import DuplicateKeyError, PyMongoError

from ....mongodb.deadlines import abort, bounded, commit
from .base import Condition, Document, Ordering


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


class MongoStore:
    """Documents in a collection of pymongo. `_id` is the key."""

    operators: dict[str, Callable[[Any], Document]] = {
        "exact": lambda value: {"$eq": value},
        "iexact": lambda value: {"$regex": rf"^{escaped(value)}\z", "$options": "i"},
        "in": lambda value: {"$in": value},
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
            found = self.collection.find_one({"_id": key}, session=self.session)
        if found is not None:
            found.pop("_id")
        return found

    def query(self, conditions: list[Condition]) -> Document:
        """Return the query of the conditions."""
        if not conditions:
            return {}
        return {"$and": [self.operator(*each) for each in conditions]}

    def operator(self, path: str, lookup: str, value: Any) -> Document:
        """Return the query of one condition. The items of a list do not count as values
        of its path.
        """
        no_list = {"$not": {"$type": "array"}}
        if lookup == "isnull":
            nulls = [{path: {"$exists": False}}, {path: {"$eq": None, **no_list}}]
            return {"$or" if value else "$nor": nulls}
        if lookup == "contains":
            part = {path: {"$regex": escaped(value), **no_list}}
            return {"$or": [part, {path: {"$eq": value, "$type": "array"}}]}
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
        cursor = self.collection.find(self.query(conditions), session=self.session)
        names = [(path, 1 if ascending else -1) for path, ascending in ordering]
        cursor = cursor.sort([*names, ("_id", 1)]).skip(start)
        return self.pairs(cursor if stop is None else cursor.limit(stop - start))

    @translated_errors()
    def count(self, conditions: list[Condition]) -> int:
        query = self.query(conditions)
        return self.collection.count_documents(query, session=self.session)

    def pairs(self, cursor: Any) -> Iterator[tuple[str, Document]]:
        """Yield (key, document) of a cursor."""
        with translated_errors():
            for found in cursor:
                yield str(found.pop("_id")), found

    @translated_errors()
    def insert(self, key: str | None, document: Document) -> str | None:
        key = uuid4().hex if key is None else key
        row = {**document, "_id": key}
        try:
            with bounded(self.client):
                self.collection.insert_one(row, session=self.session)
        except DuplicateKeyError:
            return None
        return key

    def condition(self, key: str, expected: Document | None) -> Document:
        """Return the query of a document by its key, and as it was."""
        found: Document = {"_id": key}
        if expected is not None:
            as_it_was = {"$literal": {"_id": key, **expected}}
            found["$expr"] = {"$eq": ["$$ROOT", as_it_was]}
        return found

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
