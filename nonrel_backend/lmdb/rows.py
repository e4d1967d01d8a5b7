"""Writing of rows, each together with its index entries."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from django.db import DatabaseError, IntegrityError

from ..progress import told
from .catalog import (
    ROW_KEY_SIZE,
    TREE_SIZE,
    Index,
    Table,
    counters,
    mark_truncated,
    set_counters,
)
from .encoding import following
from .entries import Txn
from .values import pack, unpack_row

# (row key, row)
Found: TypeAlias = tuple[bytes, list]
# Rows read at a time while they are written; it bounds memory only.
BATCH = 1_000


def duplicate(table: Table, index: Index) -> IntegrityError:
    """Return the error for a value that is taken, worded like SQLite's."""
    if None in index.columns:
        return IntegrityError(f"UNIQUE constraint failed: index '{index.name}'")
    columns = ", ".join(f"{table.name}.{column}" for column in index.columns)
    return IntegrityError(f"UNIQUE constraint failed: {columns}")


def insert(txn: Txn, table: Table, row: list) -> bytes:
    """Store a new row and return its key.

    Raise IntegrityError, before anything is changed, if a unique value is taken.
    """
    row_key = table.row_key(row)
    waiting = []
    for index in table.indexes:
        if index.many:
            waiting += [(index, key) for key in index.keys(row, row_key)]
            continue
        key = index.key(row, row_key)
        if key is None:
            continue
        if index.unique and txn.get(key) is not None:
            raise duplicate(table, index)
        waiting.append((index, key))
    if not txn.put(table.prefix + row_key, pack(row), overwrite=False):
        raise duplicate(table, table.primary)
    if len(row_key) == ROW_KEY_SIZE:
        note_truncation(txn, table, table.primary, row)
    for index, key in waiting:
        txn.put(key, row_key)
        if len(key) > ROW_KEY_SIZE:
            note_truncation(txn, table, index, row)
    return row_key


def note_truncation(txn: Txn, table: Table, index: Index, row: list) -> None:
    """Record it in the catalog if the row's entry in an index is shortened."""
    if not index.truncated:
        limit = ROW_KEY_SIZE if index is table.primary else None
        if index.truncates(row, limit):
            mark_truncated(txn, table, index)


def insert_new(txn: Txn, table: Table, rows: list[list], auto: int | None) -> list:
    """Store new rows and return their keys.

    `auto` is the position of a key that the sequence gives to rows without one, None if
    there is no such key; the list is empty then.
    """
    sequence, count = counters(txn, table)
    keys = []
    for row in rows:
        if auto is not None:
            if row[auto] is None:
                sequence += 1
                row[auto] = sequence
            elif type(row[auto]) is int and row[auto] > sequence:
                sequence = row[auto]
            keys.append(row[auto])
        insert(txn, table, row)
    set_counters(txn, table, sequence, count + len(rows))
    return keys


def delete(txn: Txn, table: Table, found: Iterable[Found]) -> int:
    """Delete rows; return how many of them there were."""
    deleted = 0
    for row_key, row in found:
        if not txn.delete(table.prefix + row_key):
            continue
        deleted += 1
        for index in table.indexes:
            for key in index.keys(row, row_key):
                txn.delete(key)
    if deleted:
        sequence, count = counters(txn, table)
        set_counters(txn, table, sequence, count - deleted)
    return deleted


def replace(txn: Txn, table: Table, changes: list[tuple[bytes, list, list]]) -> int:
    """Replace rows by [(row key, old row, new row)]; return their number.

    Delete the entries of all old rows before any new entry is put, so that rows may
    swap unique values. Raise IntegrityError if a unique value is taken.
    """
    puts = []
    for row_key, old, new in changes:
        changed = {at for at, value in enumerate(new) if differs(old[at], value)}
        if not changed:
            continue
        new_key = row_key
        if changed & table.primary.positions:
            new_key = table.row_key(new)
        moved = new_key != row_key
        if moved:
            txn.delete(table.prefix + row_key)
        waiting = []
        for index in table.indexes:
            if not moved and not changed & index.positions:
                continue
            if index.many:
                before = set(index.keys(old, row_key))
                after = set(index.keys(new, new_key))
                for each in before if moved else before - after:
                    txn.delete(each)
                waiting += [(index, x) for x in (after if moved else after - before)]
                continue
            old_entry, entry = index.key(old, row_key), index.key(new, new_key)
            if old_entry is not None and (moved or old_entry != entry):
                txn.delete(old_entry)
            elif old_entry == entry:
                continue
            if entry is not None:
                waiting.append((index, entry))
        puts.append((new_key, new, moved, waiting))
    for new_key, new, moved, waiting in puts:
        if not txn.put(table.prefix + new_key, pack(new), overwrite=not moved):
            raise duplicate(table, table.primary)
        if moved:
            note_truncation(txn, table, table.primary, new)
        for index, entry in waiting:
            if not txn.put(entry, new_key, overwrite=not index.unique):
                raise duplicate(table, index)
            if len(entry) > ROW_KEY_SIZE:
                note_truncation(txn, table, index, new)
    if puts:
        set_counters(txn, table, *counters(txn, table))
    return len(changes)


def differs(old: Any, new: Any) -> bool:
    """Return whether two stored values are packed differently."""
    if old is new:
        return False
    if old != new or type(old) is not type(new):
        return True
    # Inside documents and JSON, too, True is not 1.
    return isinstance(new, (dict, list)) and pack(old) != pack(new)


def all_rows(txn: Txn, table: Table) -> Iterable[Found]:
    """Yield every row in the order of the keys. No row may be written meanwhile."""
    cursor = txn.cursor()
    end = following(table.prefix)
    if not cursor.set_range(table.prefix):
        return
    for key, data in cursor.iternext():
        if key >= end:
            return
        yield key[TREE_SIZE:], unpack_row(data, table.width)


def build_index(txn: Txn, table: Table, index: Index) -> None:
    """Put the entries of all rows; raise IntegrityError for a duplicate."""
    _, count = counters(txn, table)
    everything = told(list_rows(txn, table), count, f"{table.name}: {index.name}")
    for row_key, row in everything:
        for key in index.keys(row, row_key):
            if not txn.put(key, row_key, overwrite=not index.unique):
                raise duplicate(table, index)
            note_truncation(txn, table, index, row)


def list_rows(txn: Txn, table: Table) -> Iterable[Found]:
    """Yield every row in the order of the keys. Rows may be written meanwhile."""
    start, end = table.prefix, following(table.prefix)
    while True:
        batch = []
        cursor = txn.cursor()
        if cursor.set_range(start):
            for key, data in cursor.iternext():
                if key >= end:
                    break
                batch.append((key[TREE_SIZE:], unpack_row(data, table.width)))
                if len(batch) == BATCH:
                    break
        if not batch:
            return
        yield from batch
        start = table.prefix + batch[-1][0] + b"\0"


def missing(table: Table) -> DatabaseError:
    """Return the error for an index entry whose row does not exist."""
    return DatabaseError(
        f"The store is damaged: an index of {table.name} has an entry without a row. "
        "Run `manage.py nonrel_check --fix` to repair the indexes."
    )
