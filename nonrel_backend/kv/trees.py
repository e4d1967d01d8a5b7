"""The catalog of tables in a space of bytes, which has a tree of its own.

tree 0   "token"        a random token that every change of the catalog replaces
         "tree"         the number of the next new tree
         "table:" name  a table's entry (see catalog.tables), with the trees of the
                        table ("id") and of each index ("id")
         "count:" tree  the last key given, the number of rows, a random token that
                        every change of the rows replaces, and a checksum
         "log:" tree    records of the last changes of rows: see changelog.py
"""

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from struct import Struct
from struct import error as StructError
from typing import Any
from zlib import crc32

from django.db import DatabaseError, ProgrammingError

from ..catalog.inserts import without_missing
from ..catalog.schema import RowChange
from ..progress import Progress
from ..values.storing import INT64, no_key_left
from . import changelog, writing
from .access import Change
from .bytes import LARGEST_BATCH, TREE_SIZE, BytesAccess, tree
from .encoding import CRC_SIZE, EVERYTHING, WHOLE, following, whole
from .tables import Index, Table

RESERVED = tree(0)
TOKEN_KEY = RESERVED + b"token"
NEXT_TREE_KEY = RESERVED + b"tree"
TABLE_KEY = RESERVED + b"table:"
COUNTERS_KEY = RESERVED + b"count:"
LOG_KEY = RESERVED + b"log:"
# Cached catalogs: one is current, and a migration makes a new one with each change,
# while transactions that began before it still read older ones.
CATALOGS_CACHED = 8
# Bytes of a table's name in the key of its entry, of LMDB's 511; the rest is a reserve.
NAME_SIZE = 400

_counters = Struct(">qq8s")


class CachedTables(dict[str, Table]):
    """Those tables of one catalog that were read, by name."""

    # The names of all its tables, if they were read.
    names: list[str] | None = None


class TableCache:
    """The tables by name, as each transaction sees them."""

    def __init__(self) -> None:
        # By token. What was read under one token is valid whenever a transaction sees
        # that token.
        self.cached: dict[bytes, CachedTables] = {}

    def tables(self, token: bytes) -> CachedTables:
        """Return the cached tables of the catalog with this token."""
        tables = self.cached.get(token)
        if tables is None:
            if len(self.cached) >= CATALOGS_CACHED:
                self.cached.pop(list(self.cached)[0], None)  # another thread may add
            tables = self.cached[token] = CachedTables()
        return tables


class TreesAccess(BytesAccess):
    """A BytesAccess with the catalog in the space of bytes itself."""

    # Keys that a store has in the catalog besides the usual ones.
    catalog_keys: Sequence[bytes] = ()

    def __init__(self, cache: TableCache) -> None:
        # Shared by all connections to one store.
        self.cache = cache
        # The last keys that next_keys() gave, by tree, until rows are written.
        self.sequences: dict[bytes, int] = {}

    # --- for stores ---

    def dump(self, value: Any) -> bytes:
        """Return plain values, lists and dictionaries as bytes."""
        raise NotImplementedError

    def load(self, data: bytes) -> Any:
        """Return what dump() made these bytes of."""
        raise NotImplementedError

    def make_table(self, name: str, entry: dict[str, Any]) -> Table:
        """Return the Table of an entry."""
        raise NotImplementedError

    def complete_entry(self, entry: dict[str, Any]) -> None:
        """Add what the store's tables need to a new or changed entry."""

    # --- tables ---

    def cached(self) -> CachedTables:
        """Return what is cached of the catalog that the transaction sees."""
        return self.cache.tables(self.value(TOKEN_KEY) or b"")

    def table(self, name: str) -> Table:
        tables = self.cached()
        found = tables.get(name)
        if found is None:
            found = tables[name] = self.table_of(name, self.entry_of(name))
        return found

    def table_of(self, name: str, entry: dict[str, Any]) -> Table:
        """Return the Table of an entry; raise DatabaseError if it is damaged."""
        try:
            found = self.make_table(name, entry)
            found.prefix = found.primary.prefix = tree(entry["id"])
            found.counters_key = COUNTERS_KEY + found.prefix
            found.log_key = LOG_KEY + found.prefix
            for index in found.indexes:
                index.prefix = tree(index.entry["id"])
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DatabaseError(
                f"The store is damaged: the entry of table {name} cannot be read."
            ) from error
        return found

    def names(self) -> list[str]:
        """Return the names of all tables."""
        tables = self.cached()
        if tables.names is None:
            found = self.batches(TABLE_KEY, [EVERYTHING], False, LARGEST_BATCH)
            names = [key[len(TABLE_KEY) :] for batch in found for key, _ in batch]
            tables.names = [name.decode(errors="backslashreplace") for name in names]
        return [*tables.names]

    def has_table(self, name: str) -> bool:
        return self.value(table_key(name)) is not None

    def entry_of(self, name: str) -> dict[str, Any]:
        """Return the entry of a table, which may be changed and saved.

        Raise ProgrammingError if there is none.
        """
        data = self.value(table_key(name))
        if data is None:
            raise ProgrammingError(f"no such table: {name} (run migrate)")
        entry: dict[str, Any] = self.load(data)
        return entry

    def save_entry(self, name: str, entry: dict[str, Any]) -> None:
        """Store the entry of a table; give new tables and indexes their trees."""
        self.complete_entry(entry)
        entry["name"] = name  # for nonrel_check: the key that it is stored under
        for each in (entry, *entry["indexes"]):
            if "id" not in each:
                each["id"] = self.new_tree()
        self.put(table_key(name), self.dump(entry))
        self.put(TOKEN_KEY, os.urandom(12))

    def remove_entry(self, name: str) -> None:
        self.remove(table_key(name))
        self.put(TOKEN_KEY, os.urandom(12))

    def new_tree(self) -> int:
        """Return the number of a new tree."""
        data = self.value(NEXT_TREE_KEY)
        number: int = 1 if data is None else self.load(data)
        self.put(NEXT_TREE_KEY, self.dump(number + 1))
        return number

    def truncates(self, table: Table, index: Index) -> None:
        index.truncated = True
        owner = table.entry if index is table.primary else index.entry
        owner["truncated"] = True
        self.save_entry(table.name, table.entry)

    # --- schema changes ---

    def drop_table(self, name: str) -> None:
        """Delete a table with its rows."""
        table = self.table(name)
        self.clear_table(table)
        self.remove(table.counters_key)
        self.remove_entry(name)

    def clear_table(self, table: Table) -> None:
        """Delete all rows and entries of a table, and the log of its changes."""
        for index in (table.primary, *table.indexes):
            self.clear(index.prefix)
        self.clear(table.log_key)

    def flush(self, table: Table, reset_sequence: bool) -> None:
        """Delete all rows of a table; the next key is 1 then, if that is asked for."""
        sequence, _ = self.counters(table)
        self.clear_table(table)
        self.set_counters(table, 0 if reset_sequence else sequence, 0)

    def rename_table(self, old: str, new: str) -> None:
        entry = self.entry_of(old)
        self.remove_entry(old)
        self.save_entry(new, entry)

    def drop_index(self, table: str, name: str) -> None:
        """Delete the entries of an index."""
        for index in self.table(table).indexes:
            if index.name == name:
                self.clear(index.prefix)

    def rewrite(
        self, before: Table, entry: dict[str, Any], change: RowChange, rekeyed: bool
    ) -> None:
        """Save the changed entry of a table, and write all its rows after `change`.

        They are written to new trees, if their keys or entries may be others than
        before.
        """
        self.complete_entry(entry)
        after = self.make_table(before.name, entry)
        touched = any(index.reads & change.columns for index in after.indexes)
        anew = rekeyed or touched
        if anew:
            for each in (entry, *entry["indexes"]):
                each.pop("id", None)
                each.pop("truncated", None)
        self.save_entry(before.name, entry)
        after = self.table_of(before.name, entry)
        sequence, count = self.counters(before)
        progress = Progress(count, f"{before.name}: all rows")
        for found in self.all_rows(before):
            new = [
                after.layout.new(without_missing({**row, **change.of(row)}))
                for row in (before.layout.as_dict(row) for _, _, row in found)
            ]
            if anew:
                writing.insert(self, after, new)
            else:
                changes = [
                    Change(record, key, row, key, [], [])
                    for (record, key, _), row in zip(found, new, strict=True)
                ]
                self.apply(after, changes)
            progress.add(len(found))
        kept = {index.prefix for index in (after.primary, *after.indexes)}
        for index in (before.primary, *before.indexes):
            if index.prefix not in kept:
                self.clear(index.prefix)
        if anew:
            self.remove(before.counters_key)
            self.clear(before.log_key)
            self.set_counters(after, sequence, count)

    # --- counters ---

    def counters(self, table: Table) -> tuple[int, int]:
        """Return (last key given by the sequence, number of rows)."""
        return self.state(table)[:2]

    def state(self, table: Table) -> tuple[int, int, bytes]:
        """Return the counters, and the token of the last change of rows."""
        data = self.value(table.counters_key)
        if data is None:
            return 0, 0, bytes(changelog.TOKEN_SIZE)
        # An earlier version wrote no checksum, but a longer token.
        is_right = crc32(data) == WHOLE or "checksums" not in table.entry
        if len(data) != _counters.size + CRC_SIZE or not is_right:
            raise DatabaseError(
                f"The store is damaged: the counters of {table.name}. Run nonrel_check."
            )
        return _counters.unpack(data[:-CRC_SIZE])

    def set_counters(
        self, table: Table, sequence: int, rows: int, token: bytes = b""
    ) -> None:
        """Store the counters. Every change of rows does: it also replaces the token by
        which cached tables are validated.
        """
        token = token or os.urandom(changelog.TOKEN_SIZE)
        self.put(table.counters_key, whole(_counters.pack(sequence, rows, token)))

    def wrote(
        self,
        table: Table,
        rows: int,
        keys: Sequence[bytes],
        columns: AbstractSet[str] | None = None,
    ) -> None:
        sequence, count, token = self.state(table)
        sequence = self.sequences.pop(table.prefix, sequence)
        token = changelog.write(self, table, token, keys, columns)
        self.set_counters(table, sequence, count + rows, token)

    def total(self, table: Table) -> int:
        return self.counters(table)[1]

    def version(self, table: Table) -> Any:
        return self.value(TOKEN_KEY), self.value(table.counters_key)

    def changed_since(
        self, table: Table, version: Any
    ) -> dict[bytes, AbstractSet[str] | None] | None:
        catalog, counters = self.version(table)
        if catalog != version[0] or None in (counters, version[1]):
            return None
        before, token = (
            _counters.unpack_from(data)[-1] for data in (version[1], counters)
        )
        return changelog.changed(self, table, before, token)

    def unnoted(self, key: bytes) -> bytes | None:
        """Return the value of a key that depends on others, which are read as well."""
        return self.value(key)

    def next_keys(self, table: Table, given: Sequence[Any]) -> list[Any]:
        sequence, _ = self.counters(table)
        keys = []
        for key in given:
            if key is None:
                key = sequence = sequence + 1
            elif type(key) is int and key > sequence:
                sequence = key
            keys.append(key)
        if keys and sequence not in INT64:
            raise no_key_left(table.name, "run nonrel_check --fix")
        self.sequences[table.prefix] = sequence
        return keys

    # --- upkeep ---

    def catalog_problems(self, tables: list[Table], fix: bool) -> Iterator[str]:
        """Yield a sentence for each key of the catalog that should be another."""
        counters = {table.counters_key for table in tables}
        logs = tuple(table.log_key for table in tables)
        others = {TOKEN_KEY, NEXT_TREE_KEY, *self.catalog_keys}
        for batch in self.batches(RESERVED, [EVERYTHING], False, None):
            for key, _ in batch:
                if key in others or key in counters:
                    continue
                if key.startswith((TABLE_KEY, *logs)):
                    continue
                yield f"The key {key[TREE_SIZE:]!r} of the catalog is unknown"
                if fix and key.startswith((COUNTERS_KEY, LOG_KEY)):
                    self.remove(key)
        indexes = [each for table in tables for each in (table.primary, *table.indexes)]
        trees = [index.prefix for index in indexes]
        try:
            following_tree = self.load(self.value(NEXT_TREE_KEY) or self.dump(1))
            is_right = all(each < tree(following_tree) for each in trees)
        except (DatabaseError, TypeError, StructError):
            is_right = False
        if not is_right:
            yield "The number of the next tree is that of one that exists"
            if fix:
                highest = int.from_bytes(max(trees, default=RESERVED), "big")
                self.put(NEXT_TREE_KEY, self.dump(highest + 1))

    def unknown_trees(self, tables: list[Table]) -> Iterator[bytes]:
        """Yield the trees that belong to no table or index."""
        known = {index.prefix for table in tables for index in table.indexes}
        known |= {table.prefix for table in tables} | {RESERVED}
        low = b""
        while found := self.items(low, b"\xff" * 5, False, 1):
            prefix = found[0][0][: len(RESERVED)]
            if prefix not in known:
                yield prefix
            low = following(prefix)


def table_key(name: str) -> bytes:
    """Return the key of a table's entry."""
    key = name.encode()
    if len(key) > NAME_SIZE:
        raise ProgrammingError(f"The table name {name[:40]!r}... is too long.")
    return TABLE_KEY + key
