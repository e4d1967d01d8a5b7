"""Verify that rows, index entries and counters agree; repair the entries."""

from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError

from ..values.storing import INT64
from .access import Change, Entry
from .encoding import EVERYTHING
from .tables import Index, Table

DAMAGED = (DatabaseError, TypeError, ValueError, AttributeError)


def problems(access: Any, fix: bool) -> Iterator[str]:
    """Yield a sentence for each problem; with `fix`, repair the entries."""
    tables = []
    damaged = []
    for name in access.names():
        try:
            table = access.table(name)
        except DAMAGED as error:
            damaged.append(f"{name}: its entry in the catalog is damaged: {error}")
            continue
        stored = table.entry.get("name", name)
        if stored != name:
            damaged.append(f"{name}: its entry in the catalog is that of {stored}")
        tables.append(table)
    damaged += access.catalog_problems(tables, fix)
    yield from damaged
    for table in tables:
        yield from row_problems(access, table, fix)
        for index in table.indexes:
            yield from entry_problems(access, table, index, fix)
    for prefix in access.unknown_trees(tables):
        yield f"The keys of tree {prefix.hex()} belong to no table or index"
        if fix and not damaged:  # they may belong to a table that is damaged
            access.clear(prefix)


def row_problems(access: Any, table: Table, fix: bool) -> Iterator[str]:
    """Yield damaged rows, missing index entries, duplicates and wrong counters."""
    count = highest = 0
    for records in access.scan(table, [EVERYTHING]):
        for record, row_key in zip(records, access.keys(table, records), strict=True):
            count += 1
            try:
                (row,) = access.rows(table, [record])
                if table.row_key(row) != row_key:
                    raise DatabaseError("its key is not that of its values")
                expected = table.entries_of(row)
            except DAMAGED as error:
                yield f"{table.name}: the row {row_key!r} is damaged: {error}"
                continue
            if len(table.key) == 1:
                value = table.getter(table.key[0])(row)
                highest = max(highest, value if type(value) is int else 0)
            yield from missing_entries(access, table, row_key, row, expected, fix)
    try:
        sequence, counted = access.counters(table)
    except DatabaseError:
        sequence = counted = -1
    # Where no key is left, the next one follows the highest that is still there.
    wanted = highest if sequence == INT64[-1] else max(sequence, highest)
    if (sequence, counted) != (wanted, count):
        yield (
            f"{table.name}: the counters do not match {count} rows and the highest key "
            f"{highest}"
        )
        if fix:
            access.set_counters(table, wanted, count)


def missing_entries(
    access: Any,
    table: Table,
    row_key: bytes,
    row: Any,
    expected: list[Entry],
    fix: bool,
) -> Iterator[str]:
    """Yield the entries that a row does not have, or that are another row's."""
    for entry in expected:
        name = entry[0].name
        key = access.entry_key(table, entry, row_key)
        found = row_keys(access, table, key, access.value(key))
        if found == [row_key]:
            continue
        if found and has_entry(access, table, found[0], entry):
            yield (
                f"{table.name}: {name} is unique, but the rows {found[0]!r} and "
                f"{row_key!r} have the same values (not repaired)"
            )
            continue
        yield f"{table.name}: {name} lacks the row {row_key!r}"
        if fix:
            access.remove(key)
            change = Change(None, row_key, row, row_key, [], [entry], same_row=True)
            access.apply(table, [change])


def row_keys(access: Any, table: Table, key: bytes, value: bytes | None) -> list[bytes]:
    """Return the row's key in an entry, in a list; none if it is damaged."""
    try:
        found: list[bytes] = access.row_keys(table, [(key, value)] if value else [])
    except DatabaseError:
        return []
    return found


def has_entry(access: Any, table: Table, row_key: bytes, entry: Entry) -> bool:
    """Return whether the row with a key exists, and should have an entry."""
    index, *payload = entry
    records = access.get(table, [row_key])
    try:
        rows = access.rows(table, records)
        return any(payload in map(list, index.payloads(row)) for row in rows)
    except DAMAGED:
        return True  # it may have it: row_problems() reports it


def entry_problems(access: Any, table: Table, index: Index, fix: bool) -> Iterator[str]:
    """Yield index entries that no row has."""
    for batch in access.batches(index.prefix, [EVERYTHING], False, None):
        for key, value in batch:
            keys = row_keys(access, table, key, value)
            records = access.get(table, keys)
            try:
                right = bool(records) and key in {
                    access.entry_key(table, (index, *each), keys[0])
                    for each in index.payloads(access.rows(table, records)[0])
                }
            except DAMAGED:
                continue  # the row is damaged, which row_problems() reports
            if not right:
                entry = key[len(index.prefix) :]
                yield f"{table.name}: {index.name} has {entry!r}, which no row has"
                if fix:
                    access.remove(key)
                    access.wrote(table, 0, [])
