"""What tables there are: their columns, indexes and keys, kept in the store itself.

Every table and every index has a number, with which all of its keys begin. Number 0
is the catalog's own.
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
from .values import pack, unpack

RESERVED = b"\0\0\0\0"
# Changes with every change of the catalog: what is known under it stays true.
TOKEN_KEY = RESERVED + b"token"
NEXT_TREE_KEY = RESERVED + b"tree"
TABLE_KEY = RESERVED + b"table:"
COUNTERS_KEY = RESERVED + b"count:"
TOKENS_REMEMBERED = 8
# LMDB's keys have at most 511 bytes: a tree's number, a payload, the row's key.
ROW_KEY_SIZE = 160
PAYLOAD_SIZE = 511 - 4 - ROW_KEY_SIZE
NAME_SIZE = 400
# What of a row an expression is of: row[WHOLE].
WHOLE = slice(None)
# The name of a key's column that was removed, until another column is the key.
REMOVED_KEY = "\0removed"

_tree = Struct(">I").pack
# The last key handed out, the number of rows, what each change makes another.
_counters = Struct(">qq12s")


class Index:
    """One index of a table, or its primary key's (with number 0 then).

    An entry's key is the index's number, the columns' components and, unless these
    are unique by themselves, the row's key, which is also its value.
    """

    def __init__(self, table: "Table", entry: dict[str, Any]):
        self.entry = entry
        self.name: str = entry["name"]
        self.prefix = _tree(entry["id"])
        self.unique: bool = entry["unique"]
        self.truncated: bool = entry.get("truncated", False)
        # [(position, descending, transform or what an expression is)]
        self.parts: list[tuple[int, bool, Any]] = [
            (position, bool(descending), transform)
            for position, descending, transform in entry["parts"]
        ]
        # What of a column a part holds: {(position, text): path}.
        self.paths: dict[tuple[int, str], tuple] = {}
        # Columns on which the entries depend.
        self.positions: set[int] = set()
        # Names of the columns, None for what is not one of them itself.
        self.columns: list[str | None] = []
        # [(what of a row is encoded, how)]
        self.encoders: list[tuple[Any, Callable[[Any], bytes]]] = []
        # Whether a row has any number of entries; encoders give lists then.
        self.many = False
        for part in self.parts:
            self.add_part(table, *part)
        self.conditions: list = []
        self.applies: Callable[[list], bool] | None = None
        if entry.get("condition") is not None:
            self.add_condition(table, entry["condition"])

    def add_part(self, table: "Table", position: int, descending: bool, what) -> None:
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
            self.conditions = [entry]  # which is no condition of any query
            return
        condition = partial.loaded(entry)
        self.conditions = partial.conjuncts(condition)
        tests = predicates.prepare(condition)
        self.applies = predicates.bind(tests, table.position)
        self.positions |= {table.position(name) for name in predicates.columns(tests)}

    def keys(self, row: list, row_key: bytes) -> list[bytes]:
        """The keys of all of the row's entries."""
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
        """The key of the row's entry, None where a partial index leaves it out."""
        if self.applies is not None and not self.applies(row):
            return None
        parts = [encode(row[at]) for at, encode in self.encoders]
        payload = shortened(b"".join(parts), PAYLOAD_SIZE)
        if self.unique and not any(part[0] in NULL_BYTES for part in parts):
            return self.prefix + payload
        return self.prefix + payload + row_key

    def truncates(self, row: list, size: int | None = None) -> bool:
        if self.many:
            length = max(map(len, self.payloads(row)))
        else:
            length = sum(len(encode(row[at])) for at, encode in self.encoders)
        return length > (PAYLOAD_SIZE if size is None else size)


class Column:
    """A column: where it is in a row and what it holds."""

    def __init__(self, entry: dict[str, Any]):
        self.entry = entry
        self.name: str = entry["name"]
        self.db_type: str = entry["db_type"]
        self.position: int = entry["position"]


class Table:
    """A table as the store knows it. A row is a list of values by position."""

    def __init__(self, name: str, entry: dict[str, Any]):
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
        found = self.columns.get(column)
        if found is None:
            raise ProgrammingError(
                f"no such column: {self.name}.{column} (run makemigrations and migrate)"
            )
        return found.position

    def evaluator(self, what: dict[str, Any], positions: set[int]):
        """The function of a row for an expression; its columns go to `positions`."""
        columns = [self.columns[name] for name in what["columns"]]
        positions |= {column.position for column in columns}
        return expressions.evaluator(
            what["sql"], [(each.name, each.position, each.db_type) for each in columns]
        )

    def row_key(self, row: list) -> bytes:
        encoders = self.primary.encoders
        if len(encoders) == 1:
            ((position, encode),) = encoders
            key = encode(row[position])
        else:
            key = b"".join([encode(row[at]) for at, encode in encoders])
        return shortened(key, ROW_KEY_SIZE)

    def key_of(self, values: tuple) -> bytes:
        """The key of the row with these stored values of the primary key."""
        found = zip(self.primary.encoders, values, strict=True)
        return shortened(
            b"".join(encode(value) for (_, encode), value in found), ROW_KEY_SIZE
        )


class Catalog:
    """Tables by name, as a transaction sees them."""

    def __init__(self) -> None:
        self.known: dict[bytes, dict[str, Table]] = {}

    def tables(self, txn) -> dict[str, Table]:
        """Those read so far, of the catalog as it is in this transaction."""
        token = txn.get(TOKEN_KEY, b"")
        tables = self.known.get(token)
        if tables is None:
            if len(self.known) >= TOKENS_REMEMBERED:
                self.known.pop(next(iter(self.known)), None)
            tables = self.known[token] = {}
        return tables

    def table(self, txn, name: str) -> Table:
        tables = self.tables(txn)
        found = tables.get(name)
        if found is None:
            data = txn.get(table_key(name))
            if data is None:
                raise ProgrammingError(f"no such table: {name} (run migrate)")
            found = tables[name] = loaded(name, data)
        return found


def loaded(name: str, data: bytes) -> Table:
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


def entries(txn) -> Iterator[tuple[str, bytes]]:
    """(name, entry) of every table."""
    cursor = txn.cursor()
    if not cursor.set_range(TABLE_KEY):
        return
    for key, value in cursor.iternext():
        if not key.startswith(TABLE_KEY):
            return
        yield key[len(TABLE_KEY) :].decode(), value


def entry_of(txn, name: str) -> dict[str, Any]:
    """A table's entry, to be changed and saved."""
    data = txn.get(table_key(name))
    if data is None:
        raise ProgrammingError(f"no such table: {name}")
    return unpack(data)


def save(txn, name: str, entry: dict[str, Any]) -> None:
    txn.put(table_key(name), pack(entry))
    changed(txn)


def remove(txn, name: str) -> None:
    txn.delete(table_key(name))
    changed(txn)


def changed(txn) -> None:
    txn.put(TOKEN_KEY, os.urandom(12))


def new_tree(txn) -> int:
    number = unpack(txn.get(NEXT_TREE_KEY) or pack(1))
    txn.put(NEXT_TREE_KEY, pack(number + 1))
    return number


def counters(txn, table: Table) -> tuple[int, int]:
    """The last key handed out, and how many rows there are."""
    data = txn.get(table.counters_key)
    if data is None:
        return 0, 0
    if len(data) != _counters.size:
        raise DatabaseError(f"The store is damaged: the counters of {table.name}.")
    sequence, rows, _ = _counters.unpack(data)
    return sequence, rows


def set_counters(txn, table: Table, sequence: int, rows: int) -> None:
    """To be called after every change of rows, be it that these stay the same."""
    txn.put(table.counters_key, _counters.pack(sequence, rows, os.urandom(12)))


def mark_truncated(txn, table: Table, index: Index) -> None:
    """Remember that some keys of an index are no longer whole, so not in order."""
    index.truncated = True
    entry = table.entry
    if index is table.primary:
        entry["truncated"] = True
    else:
        index.entry["truncated"] = True
    save(txn, table.name, entry)


def clear_tree(txn, prefix: bytes) -> None:
    """Delete everything under a tree's number."""
    end = following(prefix)
    cursor = txn.cursor()
    found = cursor.set_range(prefix)
    while found and cursor.key() < end:
        found = cursor.delete()
