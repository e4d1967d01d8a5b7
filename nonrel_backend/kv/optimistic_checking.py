"""Verify that rows and entries agree, and that no commit is left; repair them."""

import time
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError

from ..catalog.tables import OWN_TABLES
from .access import Change
from .buffer import Held
from .conditional import Stored
from .encoding import EVERYTHING
from .tables import Index, Table

# Seconds after the end of its time for which the record of a commit is kept: a writer
# whose clock is slow may still ask for it.
KEPT = 60.0


def problems(store: Any, fix: bool) -> Iterator[str]:
    """Yield a sentence for each problem; with `fix`, repair it.

    Others may write meanwhile. Whatever is read is settled: see commits.py.
    """
    for name in (*sorted(OWN_TABLES), *store.catalog.names()):
        table = store.catalog.table(name)
        for index in table.indexes:
            if not index.is_native:
                yield from entry_problems(store, table, index, fix)
        yield from row_problems(store, table, fix)
    yield from left_commits(store, fix)


def entry_problems(store: Any, table: Table, index: Index, fix: bool) -> Iterator[str]:
    """Yield entries that no row has."""
    access = store.access()
    for batch in access.stored_entries(table, index, [EVERYTHING]):
        rows = {
            each.key: each.value
            for each in access.get(table, list({each.value for each in batch}))
        }
        for entry in batch:
            row = rows.get(entry.value)
            if row is None or entry.key not in keys_of(access, table, index, row):
                yield f"{table.name}: {index.name} has {entry.key!r}, which no row has"
                if fix:
                    store.write(lambda access, e=entry: drop(access, table, index, e))


def keys_of(access: Any, table: Table, index: Index, row: Any) -> set[bytes]:
    """Return the keys of the entries of a row in an index."""
    key = table.row_key(row)
    return {
        access.entry_key(table, (index, *each), key) for each in index.payloads(row)
    }


def drop(access: Any, table: Table, index: Index, entry: Stored) -> None:
    """Remove an entry, on the condition that its row still does not have it."""
    found = access.get(table, [entry.value])
    if found and entry.key in keys_of(access, table, index, found[0].value):
        return
    row = found[0] if found else Stored(entry.value, None)
    access.buffer.locked[table.name, entry.value] = (table, row)
    access.buffer.hold(table, index, entry.key, Held(entry, None))


def row_problems(store: Any, table: Table, fix: bool) -> Iterator[str]:
    """Yield the entries that rows do not have, or that are another row's."""
    access = store.access()
    for batch in access.scan(table, [EVERYTHING]):
        wanted: dict[Index, dict[bytes, tuple[bytes, Any]]] = {}
        for record in batch:
            for entry in table.entries_of(record.value):
                name = access.entry_key(table, entry, record.key)
                wanted.setdefault(entry[0], {})[name] = (record.key, entry)
        for index, names in wanted.items():
            found = access.holders(table, index, list(names))
            for name, (key, entry) in names.items():
                if found.get(name) == key:
                    continue
                if name in found:
                    yield (
                        f"{table.name}: {index.name} is unique, but the rows "
                        f"{found[name]!r} and {key!r} have the same values (not "
                        "repaired)"
                    )
                    continue
                yield f"{table.name}: {index.name} lacks the row {key!r}"
                if fix:
                    store.write(lambda access, k=key, e=entry: add(access, table, k, e))


def add(access: Any, table: Table, key: bytes, entry: Any) -> None:
    """Put an entry of a row, if the row still has it."""
    for record in access.get(table, [key]):
        if entry[1:] in entry[0].payloads(record.value):
            change = Change(
                record, key, record.value, key, [], [entry], True, frozenset()
            )
            try:
                access.apply(table, [change])
            except IntegrityError:
                pass  # another row has got the value


def left_commits(store: Any, fix: bool) -> Iterator[str]:
    """Yield the records of commits whose writers have not deleted them."""
    for commit, _, until in store.records.commits():
        if until + KEPT < time.time():
            yield f"The commit {commit} has ended without its writer"
            if fix:
                store.records.end(commit)
