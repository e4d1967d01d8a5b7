"""Verify that rows, index entries and counters agree; repair the indexes."""

from collections.abc import Iterator

from django.db import DatabaseError

from . import catalog
from .catalog import TREE_SIZE, Index, Table, counters, set_counters
from .encoding import following
from .entries import Txn, read_entries
from .values import unpack_row

# Keys read at a time. Writes end a batch's cursor, so it bounds memory only.
BATCH = 1_000


def problems(txn: Txn, tables: list[Table], fix: bool) -> Iterator[str]:
    """Yield a sentence for each problem; with `fix`, repair the indexes."""
    for table in tables:
        yield from row_problems(txn, table, fix)
        for index in table.indexes:
            yield from entry_problems(txn, table, index, fix)
    yield from tree_problems(txn, tables, fix)


def entries(txn: Txn, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of a tree, which may be changed meanwhile."""
    low, high = prefix, following(prefix)
    while batch := read_entries(txn, low, high, False, BATCH):
        yield from batch
        low = batch[-1][0] + b"\0"


def row_problems(txn: Txn, table: Table, fix: bool) -> Iterator[str]:
    """Yield damaged rows, missing index entries, duplicates and wrong counters."""
    count = 0
    highest = 0
    (key_column, *more) = table.pk
    for key, data in entries(txn, table.prefix):
        count += 1
        row_key = key[len(table.prefix) :]
        try:
            row = unpack_row(data, table.width)
            if table.row_key(row) != row_key:
                raise DatabaseError("its key is not that of its values")
            expected = [
                (index, entry)
                for index in table.indexes
                for entry in index.keys(row, row_key)
            ]
        except (DatabaseError, TypeError, ValueError, AttributeError) as error:
            yield f"{table.name}: the row {row_key!r} is damaged: {error}"
            continue
        key_value = row[key_column.position]
        if type(key_value) is int and not more:
            highest = max(highest, key_value)
        for index, entry in expected:
            found = txn.get(entry)
            if found == row_key:
                continue
            if found is None:
                yield f"{table.name}: {index.name} lacks the row {row_key!r}"
                if fix:
                    txn.put(entry, row_key)
            elif table.prefix + found != key and txn.get(table.prefix + found):
                yield (
                    f"{table.name}: {index.name} is unique, but the rows {found!r} and "
                    f"{row_key!r} have the same values (not repaired)"
                )
    sequence, counted = counters(txn, table)
    wanted = max(sequence, highest)
    if (sequence, counted) != (wanted, count):
        yield (
            f"{table.name}: the counters do not match {count} rows and the highest key "
            f"{highest}"
        )
        if fix:
            set_counters(txn, table, wanted, count)


def entry_problems(txn: Txn, table: Table, index: Index, fix: bool) -> Iterator[str]:
    """Yield index entries that no row has."""
    for key, row_key in entries(txn, index.prefix):
        data = txn.get(table.prefix + row_key)
        try:
            right = data and key in index.keys(unpack_row(data, table.width), row_key)
        except (DatabaseError, TypeError, ValueError, AttributeError):
            continue  # the row is damaged, which row_problems() reports
        if not right:
            entry = key[TREE_SIZE:]
            yield f"{table.name}: {index.name} has {entry!r}, which no row has"
            if fix:
                txn.delete(key)


def tree_problems(txn: Txn, tables: list[Table], fix: bool) -> Iterator[str]:
    """Yield what is left of tables and indexes that no longer exist."""
    known = {index.prefix for table in tables for index in table.indexes}
    known |= {table.prefix for table in tables} | {catalog.RESERVED}
    cursor = txn.cursor()
    found = cursor.first()
    while found:
        prefix = cursor.key()[:TREE_SIZE]
        if prefix not in known:
            yield f"The keys of tree {prefix.hex()} belong to no table or index"
            if fix:
                catalog.clear_tree(txn, prefix)
        found = cursor.set_range(following(prefix))
