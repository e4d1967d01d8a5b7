"""The sample store, a dictionary in this process, and its driver.

TODO: delete this file, and import your store's own driver instead.
"""

from contextlib import contextmanager
from operator import eq, ge, gt, le, lt, ne
from threading import Lock

OPERATORS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
OPERATORS |= {"in": lambda a, b: a in b, "not in": lambda a, b: a not in b}
# {address: ({table: {key: document}}, writer's lock)}; tables are replaced as a whole.
DATABASES = {}


def passes(found, op, value):
    return (found is not None or value is None) and OPERATORS[op](found, value)


class DuplicateKey(Exception):
    """The table already has a document with this key."""


class Conflict(Exception):
    """What a transaction has read has changed before its first write."""


def matching(documents, query):
    """Return [(key, document)] of {"key", "filters", "ordering"}."""
    found = documents
    if "key" in query:
        found = {k: found[k] for k in [query["key"]] if k in found}
    for name, op, value in query["filters"]:
        found = {k: d for k, d in found.items() if passes(d.get(name), op, value)}
    rows = list(found.items())
    for name, up in reversed(query["ordering"]):
        rows.sort(key=lambda r: (name in r[1], r[1].get(name)), reverse=not up)
    return rows


class Connection:
    """A connection reads what is committed, after its first write its own copy.

    In a transaction, all reads before the first write see what the first one saw.
    """

    def __init__(self, *address):
        self.tables, self.writer = DATABASES.setdefault(address, ({}, Lock()))
        self.copy, self.savepoints = None, {}
        # The tables as the transaction's first read saw them, and which it has read.
        self.snapshot, self.seen = None, set()
        self.autocommit, self.closed = True, False

    def close(self):
        self.closed = True

    def find(self, table, query):
        """Return [(key, document)] that match the query."""
        self.require_open()
        return matching(self.state(table).get(table, {}), query)

    def find_all(self, queries, lock=False):
        """Return what find() does of each (table, query), as one request."""
        if lock:
            self.lock()
        return [self.find(*each) for each in queries]

    def state(self, table):
        """Return the tables to read one of them from."""
        if self.copy is not None or self.autocommit:
            return self.tables if self.copy is None else self.copy
        self.snapshot = self.snapshot or self.tables.copy()
        self.seen.add(table)
        return self.snapshot

    def require_open(self):
        if self.closed:
            raise ConnectionError("The connection is closed.")

    def lock(self):
        self.require_open()
        if self.copy is None:
            if not self.writer.acquire(timeout=5):
                raise TimeoutError("Another connection has been writing for 5 seconds.")
            for table in self.seen:
                if self.tables.get(table) is not self.snapshot.get(table):
                    self.writer.release()
                    raise Conflict(f"{table} has changed since it was read: try again.")
            self.copy = self.tables.copy()

    @contextmanager
    def writing(self, table):
        """Yield {key: document}, which the caller changes."""
        self.lock()
        try:
            yield (documents := self.copy.get(table, {}).copy())
            self.copy[table] = documents
        finally:
            if self.autocommit:
                self.commit()

    def commit(self):
        self.tables.update(self.copy or {})
        self.rollback()

    def rollback(self):
        self.snapshot, self.seen = None, set()
        if self.copy is not None:
            self.copy = None
            self.writer.release()

    def savepoint(self, name):
        self.lock()
        self.savepoints[name] = self.copy.copy()

    def rollback_to(self, name):
        self.copy = self.savepoints[name].copy()
