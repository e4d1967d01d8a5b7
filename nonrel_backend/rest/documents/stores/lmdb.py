"""LMDBStore: documents in a database of an LMDB environment."""

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from types import TracebackType
from typing import Any
from uuid import uuid4

from django.utils.translation import gettext

from ...exceptions import BadRequest
from .base import Document, ScannedStore, encoded_key


class LMDBStore(ScannedStore):
    """Documents, as JSON, in a database of an LMDB environment (`lmdb.open(…)`).

    `name` is the name of the database; None for the unnamed one.
    """

    def __init__(self, environment: Any, name: str | None = None) -> None:
        self.environment = environment
        self.database = environment.open_db(name.encode() if name else None)
        self.current = threading.local()

    def encoded(self, key: str) -> bytes | None:
        """Return the key's bytes; None if no document can have it."""
        return encoded_key(key, self.environment.max_key_size())

    def reading(self) -> Any:
        """Return a context manager of the current transaction, or of one to read."""
        txn = getattr(self.current, "txn", None)
        return nullcontext(txn) if txn else self.environment.begin(db=self.database)

    def writing(self) -> Any:
        """Return a context manager of the current transaction, or of one to write."""
        txn = getattr(self.current, "txn", None)
        if txn:
            return nullcontext(txn)
        return self.environment.begin(db=self.database, write=True)

    def pairs(self) -> Iterator[tuple[str, Document]]:
        with self.reading() as txn:
            for key, value in txn.cursor(db=self.database):
                yield bytes(key).decode(errors="surrogatepass"), json.loads(value)

    def get(self, key: str) -> Document | None:
        with self.reading() as txn:
            return self.read(txn, self.encoded(key))

    def read(self, txn: Any, key: bytes | None) -> Document | None:
        """Return the document with this key, or None."""
        value = txn.get(key, db=self.database) if key else None
        return None if value is None else json.loads(value)

    def insert(self, key: str | None, document: Document) -> str | None:
        key = uuid4().hex if key is None else key
        encoded = self.encoded(key)
        if encoded is None:
            raise BadRequest(gettext("The key is too long."))
        text = json.dumps(document).encode()
        with self.writing() as txn:
            stored = txn.put(encoded, text, overwrite=False, db=self.database)
        return key if stored else None

    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        encoded = self.encoded(key)
        with self.writing() as txn:
            found = self.read(txn, encoded)
            if found is None or (expected is not None and found != expected):
                return False
            return txn.put(encoded, json.dumps(document).encode(), db=self.database)

    def delete(self, key: str, expected: Document | None = None) -> bool:
        encoded = self.encoded(key)
        with self.writing() as txn:
            found = self.read(txn, encoded)
            if found is None or (expected is not None and found != expected):
                return False
            return txn.delete(encoded, db=self.database)

    def transaction(self) -> "LMDBTransaction":
        return LMDBTransaction(self)


class LMDBTransaction:
    """A write transaction for what one thread does in a with block."""

    def __init__(self, store: LMDBStore) -> None:
        self.store = store

    def __enter__(self) -> None:
        self.txn = self.store.environment.begin(db=self.store.database, write=True)
        self.store.current.txn = self.txn

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.store.current.txn = None
        if kind is None:
            self.txn.commit()
        else:
            self.txn.abort()
