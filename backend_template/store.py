"""The sample store, a dictionary kept in this process, and its driver.

TODO: delete this file, and import your store's own driver in its place.
"""

import threading
from operator import eq, ge, gt, le, lt, ne

OPERATORS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
OPERATORS["in"] = lambda found, values: found in values
OPERATORS["not in"] = lambda found, values: found not in values


class StoreError(Exception):
    """The store cannot do it: closed, or busy."""


class DuplicateKey(StoreError):
    """There is a document with that key already."""


class Database:
    """{table: {key: document}}, in which nothing is ever changed in place."""

    def __init__(self):
        self.tables, self.writing = {}, threading.Lock()


class Connection:
    """Reads what is committed, and from its first write on a copy of its own."""

    databases = {}

    def __init__(self, *address):
        self.database = self.databases.setdefault(address, Database())
        self.copy, self.savepoints = None, {}
        self.autocommit, self.closed = True, False

    def read(self, table):
        if self.closed:
            raise StoreError("The connection is closed.")
        tables = self.database.tables if self.copy is None else self.copy
        return tables.get(table, {})

    def lock(self):
        """Be the only one to write until the end of the transaction."""
        if self.copy is None:
            if not self.database.writing.acquire(timeout=5):
                raise StoreError("Another connection has been writing for 5 seconds.")
            self.copy = self.database.tables.copy()

    def write(self, table, change):
        """Put `change(documents)`, {key: document, or None to delete it}."""
        self.lock()
        try:
            documents = self.read(table)
            documents = {**documents, **change(documents)}
            self.copy[table] = {k: d for k, d in documents.items() if d is not None}
            if self.autocommit:
                self.commit()
        finally:
            if self.autocommit:
                self.rollback()

    def commit(self):
        if self.copy is not None:
            self.database.tables = self.copy
        self.rollback()

    def rollback(self):
        if self.copy is not None:
            self.database.writing.release()
        self.copy, self.savepoints = None, {}

    def savepoint(self, name):
        self.lock()
        self.savepoints[name] = self.copy.copy()

    def rollback_to(self, name):
        self.copy = self.savepoints[name].copy()


def connect(host, port, user, password, name):
    return Connection(host, port, name)


def save_entity(connection, table, key, document):
    """Store a new document."""

    def change(documents):
        if key in documents:
            raise DuplicateKey(f"{table} has a document with the key {key!r}.")
        return {key: document}

    connection.write(table, change)


class LowLevelQuery:
    """The documents of a table that pass every filter, in order."""

    def __init__(self, connection, table):
        self.connection, self.table = connection, table
        self.filters, self.ordering, self.keys = [], [], None

    def get(self, keys):
        self.keys = set(keys) if self.keys is None else self.keys & set(keys)

    def filter(self, column, operator, value):
        self.filters.append((column, OPERATORS[operator], value))

    def passes(self, document):
        """A missing value passes nothing but a comparison with None."""
        for column, compare, value in self.filters:
            found = document.get(column)
            if (found is None and value is not None) or not compare(found, value):
                return False
        return True

    def found(self, documents):
        """{key: document}, where no value comes before every value."""
        keys = documents if self.keys is None else self.keys
        if len(keys) > 1:
            keys = [key for key in documents if key in keys]
        found = [(k, documents[k]) for k in keys if k in documents]
        found = [(k, document) for k, document in found if self.passes(document)]
        for column, up in reversed(self.ordering):
            found.sort(key=lambda row: order(row[1].get(column)), reverse=not up)
        return dict(found)

    def fetch(self):
        return list(self.found(self.connection.read(self.table)).values())

    def write(self, change):
        """Put `change(document)` for each, None to delete it; how many there were."""
        counts = []

        def changes(documents):
            found = self.found(documents)
            counts.append(len(found))
            return {key: change(document) for key, document in found.items()}

        self.connection.write(self.table, changes)
        return counts[0]


def order(value):
    return value is not None, value
