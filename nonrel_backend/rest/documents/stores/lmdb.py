"""A DocumentStore in a database of an LMDB environment."""

import json
import threading
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

from ...exceptions import BadRequest
from .base import Document, ScannedStore, encoded_key


class LMDBStore(ScannedStore):
    """Documents in a database of an LMDB environment (`lmdb.open(…)`), as JSON."""

    def __init__(self, environment: Any, name: str | None = None):
        self.environment = environment
        self.database = environment.open_db(name.encode() if name else None)
        self.current = threading.local()

    def encoded(self, key: str) -> bytes | None:
        return encoded_key(key, self.environment.max_key_size())

    def reading(self) -> Any:
        txn = getattr(self.current, "txn", None)
        return nullcontext(txn) if txn else self.environment.begin(db=self.database)

    def writing(self) -> Any:
        txn = getattr(self.current, "txn", None)
        if txn:
            return nullcontext(txn)
        return self.environment.begin(db=self.database, write=True)

    def pairs(self):
        with self.reading() as txn:
            for key, value in txn.cursor(db=self.database):
                yield bytes(key).decode(errors="surrogatepass"), json.loads(value)

    def get(self, key):
        with self.reading() as txn:
            return self.read(txn, self.encoded(key))

    def read(self, txn: Any, key: bytes | None) -> Document | None:
        value = txn.get(key, db=self.database) if key else None
        return None if value is None else json.loads(value)

    def insert(self, key, document):
        key = uuid4().hex if key is None else key
        encoded = self.encoded(key)
        if encoded is None:
            raise BadRequest("The key is too long.")
        text = json.dumps(document).encode()
        with self.writing() as txn:
            stored = txn.put(encoded, text, overwrite=False, db=self.database)
        return key if stored else None

    def replace(self, key, document, expected):
        encoded = self.encoded(key)
        with self.writing() as txn:
            found = self.read(txn, encoded)
            if found is None or (expected is not None and found != expected):
                return False
            return txn.put(encoded, json.dumps(document).encode(), db=self.database)

    def delete(self, key, expected=None):
        encoded = self.encoded(key)
        with self.writing() as txn:
            found = self.read(txn, encoded)
            if found is None or (expected is not None and found != expected):
                return False
            return txn.delete(encoded, db=self.database)

    def transaction(self):
        return LMDBTransaction(self)


class LMDBTransaction:
    """One write transaction for all that a thread does in a with block."""

    def __init__(self, store: LMDBStore):
        self.store = store

    def __enter__(self):
        self.txn = self.store.environment.begin(db=self.store.database, write=True)
        self.store.current.txn = self.txn

    def __exit__(self, kind, error, traceback):
        self.store.current.txn = None
        if kind is None:
            self.txn.commit()
        else:
            self.txn.abort()
