"""Whether rows and index entries agree, and making them agree."""

from collections.abc import Iterator

from django.db import DatabaseError

from . import catalog
from .catalog import Index, Table, counters, set_counters
from .encoding import following
from .entries import read_entries
from .values import unpack_row

BATCH = 1_000


def problems(txn, tables: list[Table], fix: bool) -> Iterator[str]:
    """A sentence for each thing that is wrong; `fix` puts the indexes right."""
    for table in tables:
        yield from check_rows(txn, table, fix)
        for index in table.indexes:
            yield from check_entries(txn, table, index, fix)
    yield from check_trees(txn, tables, fix)


def entries(txn, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries under a tree's number, in batches that bear writing meanwhile."""
    low, high = prefix, following(prefix)
    while batch := read_entries(txn, low, high, False, BATCH):
        yield from batch
        low = batch[-1][0] + b"\0"


def check_rows(txn, table: Table, fix: bool) -> Iterator[str]:
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
        yield f"{table.name}: the counters do not fit {count} rows up to {highest}"
        if fix:
            set_counters(txn, table, wanted, count)


def check_entries(txn, table: Table, index: Index, fix: bool) -> Iterator[str]:
    for key, row_key in entries(txn, index.prefix):
        data = txn.get(table.prefix + row_key)
        try:
            right = data and key in index.keys(unpack_row(data, table.width), row_key)
        except (DatabaseError, TypeError, ValueError, AttributeError):
            continue  # the row is damaged, which has been said
        if not right:
            yield f"{table.name}: {index.name} has {key[4:]!r}, which no row has"
            if fix:
                txn.delete(key)


def check_trees(txn, tables: list[Table], fix: bool) -> Iterator[str]:
    """What is left of tables and indexes that there are no more."""
    known = {index.prefix for table in tables for index in table.indexes}
    known |= {table.prefix for table in tables} | {catalog.RESERVED}
    cursor = txn.cursor()
    found = cursor.first()
    while found:
        prefix = cursor.key()[:4]
        if prefix not in known:
            yield f"There are keys of tree {prefix.hex()}, which no table has"
            if fix:
                catalog.clear_tree(txn, prefix)
        found = cursor.set_range(following(prefix))
