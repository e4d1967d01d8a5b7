"""The catalog: tables, their columns and their indexes, stored in LMDB itself.

Every table and every index is a tree: a number with which all its keys begin. Tree 0
is the catalog's.
"""

import os
from collections.abc import Callable, Iterator
from itertools import product
from struct import Struct
from typing import Any

from django.db import DatabaseError, ProgrammingError

from ..conditions import Step
from ..documents.functions import path_steps
from . import expressions, partial, predicates
from .encoding import (
    NULL_BYTES,
    component,
    following,
    items_encoder,
    path_encoder,
    shortened,
)
from .entries import Txn
from .values import pack, unpack

RESERVED = b"\0\0\0\0"
# A random token that every change of the catalog replaces. Tables that were read under
# one token are valid whenever a transaction sees that token.
TOKEN_KEY = RESERVED + b"token"
NEXT_TREE_KEY = RESERVED + b"tree"
TABLE_KEY = RESERVED + b"table:"
COUNTERS_KEY = RESERVED + b"count:"
# Cached catalogs: one is current, and a migration makes a new one with each change,
# while transactions that began before it still read older ones.
CATALOGS_CACHED = 8
# LMDB's keys have at most 511 bytes (MDB_MAXKEYSIZE): the number of the tree, values of
# columns, the key of the row. Longer values and keys end with a hash, and are not in
# order then. 160 bytes hold any integer or UUID, a composite key of some of them, and
# text of up to 157 bytes.
TREE_SIZE = 4
ROW_KEY_SIZE = 160
PAYLOAD_SIZE = 511 - TREE_SIZE - ROW_KEY_SIZE
# Of a table's name in the key of its entry; what is left of 511 is a reserve.
NAME_SIZE = 400
# An expression is evaluated on the whole row: row[WHOLE].
WHOLE = slice(None)
# The name of a removed primary key column, until another column is the key.
REMOVED_KEY = "\0removed"

_tree = Struct(">I").pack
# The last key given, the number of rows, a token that every change replaces.
_counters = Struct(">qq12s")


class Index:
    """One index of a table; the primary key is an index whose entries are the rows.

    The key of an entry is the number of the index, the components of the columns and,
    unless these are unique, the key of the row. Its value is the key of the row.
    """

    def __init__(self, table: "Table", entry: dict[str, Any]) -> None:
        self.entry = entry
        self.name: str = entry["name"]
        self.prefix = _tree(entry["id"])
        self.unique: bool = entry["unique"]
        self.truncated: bool = entry.get("truncated", False)
        # [(position, descending, transform)]. The transform is None, a name of
        # encoding.TRANSFORMS, or a dictionary: an SQL expression or a document path.
        self.parts: list[tuple[int, bool, Any]] = [
            (position, bool(descending), transform)
            for position, descending, transform in entry["parts"]
        ]
        # {(position, text of the path): document path}
        self.paths: dict[tuple[int, str], tuple] = {}
        # Positions of the columns on which the entries depend.
        self.positions: set[int] = set()
        # Names of the columns, None for a part that is not a plain column.
        self.columns: list[str | None] = []
        # [(position or WHOLE, encoder)]
        self.encoders: list[tuple[Any, Callable[[Any], Any]]] = []
        # Whether a row has an entry per list item; an encoder then returns a list.
        self.many = False
        for part in self.parts:
            self.add_part(table, *part)
        self.conditions: list = []
        self.applies: Callable[[list], bool] | None = None
        if entry.get("condition") is not None:
            self.add_condition(table, entry["condition"])

    def add_part(
        self, table: "Table", position: int, descending: bool, what: Any
    ) -> None:
        if isinstance(what, dict) and "path" in what:
            self.add_path(position, descending, what)
            return
        if isinstance(what, dict):
            evaluate = table.evaluator(what, self.positions)
            collate = expressions.COLLATIONS[what.get("collation") or "binary"]
            encode = component("", descending)
            self.encoders.append((WHOLE, lambda row: encode(collate(evaluate(row)))))
            self.columns.append(None)
            return
        column = table.by_position[position]
        self.positions.add(position)
        self.columns.append(None if what else column.name)
        self.encoders.append((position, component(column.db_type, descending, what)))

    def add_path(self, position: int, descending: bool, what: dict[str, Any]) -> None:
        path = tuple(path_steps(what["path"]))
        self.paths[position, what["path"]] = path
        self.positions.add(position)
        self.columns.append(None)
        encode = component(what["db_type"], descending)
        if Step.EACH in path:
            self.many = True
            self.encoders.append((position, items_encoder(path, encode)))
        else:
            self.encoders.append((position, path_encoder(path, encode)))

    def add_condition(self, table: "Table", entry: Any) -> None:
        if isinstance(entry, dict):
            evaluate = table.evaluator(entry, self.positions)
            self.applies = lambda row: bool(evaluate(row))
            self.conditions = [entry]  # equal to no condition of any query
            return
        condition = partial.loaded(entry)
        self.conditions = partial.conjuncts(condition)
        predicate = predicates.prepare(condition)
        self.applies = predicates.bind(predicate, table.position)
        columns = predicates.columns(predicate)
        self.positions |= {table.position(name) for name in columns}

    def keys(self, row: list, row_key: bytes) -> list[bytes]:
        """Return the keys of all entries of the row."""
        if not self.many:
            key = self.key(row, row_key)
            return [] if key is None else [key]
        if self.applies is not None and not self.applies(row):
            return []
        return [
            self.prefix + shortened(payload, PAYLOAD_SIZE) + row_key
            for payload in self.payloads(row)
        ]

    def payloads(self, row: list) -> set[bytes]:
        parts = [encode(row[at]) for at, encode in self.encoders]
        lists = [each if isinstance(each, list) else [each] for each in parts]
        return {b"".join(each) for each in product(*lists)}

    def key(self, row: list, row_key: bytes) -> bytes | None:
        """Return the key of the row's entry, None if a partial index has none."""
        if self.applies is not None and not self.applies(row):
            return None
        parts = [encode(row[at]) for at, encode in self.encoders]
        payload = shortened(b"".join(parts), PAYLOAD_SIZE)
        if self.unique and not any(part[0] in NULL_BYTES for part in parts):
            return self.prefix + payload
        return self.prefix + payload + row_key

    def truncates(self, row: list, size: int | None = None) -> bool:
        """Return whether an entry of the row is shortened to `size` bytes."""
        if self.many:
            length = max(map(len, self.payloads(row)))
        else:
            length = sum(len(encode(row[at])) for at, encode in self.encoders)
        return length > (PAYLOAD_SIZE if size is None else size)


class Column:
    """A column: its position in a row and its type."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry
        self.name: str = entry["name"]
        self.db_type: str = entry["db_type"]
        self.position: int = entry["position"]


class Table:
    """A table as the catalog describes it. A row is a list of values by position."""

    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        self.name = name
        self.entry = entry
        self.prefix = _tree(entry["id"])
        self.counters_key = COUNTERS_KEY + self.prefix
        self.width: int = entry["width"]
        self.columns = {each["name"]: Column(each) for each in entry["columns"]}
        self.by_position = {each.position: each for each in self.columns.values()}
        self.with_defaults = {
            each["name"] for each in entry["columns"] if each.get("default")
        }
        self.pk = [each for each in self.columns.values() if each.entry["pk"]]
        self.primary = Index(
            self,
            {
                "id": entry["id"],
                "name": "PRIMARY",
                "unique": True,
                "truncated": entry.get("truncated", False),
                "parts": [[each.position, False, None] for each in self.pk],
            },
        )
        self.indexes = [Index(self, each) for each in entry["indexes"]]

    def position(self, column: str) -> int:
        """Return the position of a column; raise ProgrammingError for none."""
        found = self.columns.get(column)
        if found is None:
            raise ProgrammingError(
                f"no such column: {self.name}.{column} (run makemigrations and migrate)"
            )
        return found.position

    def evaluator(
        self, what: dict[str, Any], positions: set[int]
    ) -> Callable[[list], Any]:
        """Return an expression as a function of a row.

        Add the positions of its columns to `positions`.
        """
        columns = [self.columns[name] for name in what["columns"]]
        positions |= {column.position for column in columns}
        return expressions.evaluator(
            what["sql"], [(each.name, each.position, each.db_type) for each in columns]
        )

    def row_key(self, row: list) -> bytes:
        """Return the key of a row, without the prefix of its table."""
        encoders = self.primary.encoders
        if len(encoders) == 1:
            ((position, encode),) = encoders
            key = encode(row[position])
        else:
            key = b"".join([encode(row[at]) for at, encode in encoders])
        return shortened(key, ROW_KEY_SIZE)

    def key_of(self, values: tuple) -> bytes:
        """Return the key of the row with these stored values of the primary key."""
        found = zip(self.primary.encoders, values, strict=True)
        return shortened(
            b"".join(encode(value) for (_, encode), value in found), ROW_KEY_SIZE
        )


class Catalog:
    """A cache of the tables by name, as each transaction sees them."""

    def __init__(self) -> None:
        # {token: {name: Table}}
        self.cached: dict[bytes, dict[str, Table]] = {}

    def tables(self, txn: Txn) -> dict[str, Table]:
        """Return the cached tables of the catalog that this transaction sees."""
        token = txn.get(TOKEN_KEY, b"")
        tables = self.cached.get(token)
        if tables is None:
            if len(self.cached) >= CATALOGS_CACHED:
                self.cached.pop(next(iter(self.cached)), None)
            tables = self.cached[token] = {}
        return tables

    def table(self, txn: Txn, name: str) -> Table:
        """Return a table; raise ProgrammingError if there is none."""
        tables = self.tables(txn)
        found = tables.get(name)
        if found is None:
            data = txn.get(table_key(name))
            if data is None:
                raise ProgrammingError(f"no such table: {name} (run migrate)")
            found = tables[name] = loaded(name, data)
        return found


def loaded(name: str, data: bytes) -> Table:
    """Return the Table of a packed entry; raise DatabaseError if it is damaged."""
    entry = unpack(data)
    try:
        return Table(name, entry)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DatabaseError(
            f"The store is damaged: the entry of table {name} cannot be read."
        ) from error


def table_key(name: str) -> bytes:
    key = name.encode()
    if len(key) > NAME_SIZE:
        raise ProgrammingError(f"The table name {name[:40]!r}... is too long.")
    return TABLE_KEY + key


def entries(txn: Txn) -> Iterator[tuple[str, bytes]]:
    """Yield (name, packed entry) of every table."""
    cursor = txn.cursor()
    if not cursor.set_range(TABLE_KEY):
        return
    for key, value in cursor.iternext():
        if not key.startswith(TABLE_KEY):
            return
        yield key[len(TABLE_KEY) :].decode(), value


def entry_of(txn: Txn, name: str) -> dict[str, Any]:
    """Return the entry of a table, to be changed and saved."""
    data = txn.get(table_key(name))
    if data is None:
        raise ProgrammingError(f"no such table: {name}")
    return unpack(data)


def save(txn: Txn, name: str, entry: dict[str, Any]) -> None:
    txn.put(table_key(name), pack(entry))
    changed(txn)


def remove(txn: Txn, name: str) -> None:
    txn.delete(table_key(name))
    changed(txn)


def changed(txn: Txn) -> None:
    """Replace the token of the catalog."""
    txn.put(TOKEN_KEY, os.urandom(12))


def new_tree(txn: Txn) -> int:
    """Return a number for a new table or index."""
    number = unpack(txn.get(NEXT_TREE_KEY) or pack(1))
    txn.put(NEXT_TREE_KEY, pack(number + 1))
    return number


def counters(txn: Txn, table: Table) -> tuple[int, int]:
    """Return (last key given by the sequence, number of rows)."""
    data = txn.get(table.counters_key)
    if data is None:
        return 0, 0
    if len(data) != _counters.size:
        raise DatabaseError(f"The store is damaged: the counters of {table.name}.")
    sequence, rows, _ = _counters.unpack(data)
    return sequence, rows


def set_counters(txn: Txn, table: Table, sequence: int, rows: int) -> None:
    """Store the counters. Call this after every change of rows: it also replaces the
    token by which cached tables are validated.
    """
    txn.put(table.counters_key, _counters.pack(sequence, rows, os.urandom(12)))


def mark_truncated(txn: Txn, table: Table, index: Index) -> None:
    """Record that some keys of an index are shortened, so that it has no order."""
    index.truncated = True
    entry = table.entry
    if index is table.primary:
        entry["truncated"] = True
    else:
        index.entry["truncated"] = True
    save(txn, table.name, entry)


def clear_tree(txn: Txn, prefix: bytes) -> None:
    """Delete all keys of a tree."""
    end = following(prefix)
    cursor = txn.cursor()
    found = cursor.set_range(prefix)
    while found and cursor.key() < end:
        found = cursor.delete()
