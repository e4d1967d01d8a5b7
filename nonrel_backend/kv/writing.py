"""Writing of rows, each together with its index entries."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..progress import Progress
from .access import Access, Change, Entry, Record
from .encoding import EVERYTHING
from .tables import Index, Table

# (record, row)
Found = tuple[Record, Any]


def entries_of(table: Table, row: Any) -> list[Entry]:
    """Return the entries of a row in all indexes."""
    return [
        (index, payload, unique)
        for index in table.indexes
        for payload, unique in index.payloads(row)
    ]


def insert(access: Access, table: Table, rows: Iterable[Any]) -> None:
    """Put new rows.

    Raise IntegrityError if a key or another unique value is taken; of one row nothing
    is written then.
    """
    access.apply(
        table,
        (
            Change(None, None, row, table.row_key(row), [], entries_of(table, row))
            for row in rows
        ),
    )


def delete(access: Access, table: Table, found: Sequence[Found]) -> int:
    """Delete rows; return how many there were."""
    keys = access.keys(table, [record for record, _ in found])
    access.apply(
        table,
        (
            Change(record, key, None, None, entries_of(table, row), [])
            for key, (record, row) in zip(keys, found, strict=True)
        ),
    )
    return len(found)


def replace(access: Access, table: Table, found: list[tuple[Record, Any, Any]]) -> int:
    """Replace rows by [(record, old row, new row)]; return their number.

    Raise IntegrityError if a unique value is taken.
    """
    keys = access.keys(table, [record for record, _, _ in found])
    changes = [
        each
        for key, (record, old, new) in zip(keys, found, strict=True)
        if (each := change(table, record, key, old, new)) is not None
    ]
    access.apply(table, changes)
    return len(found)


def change(
    table: Table, record: Record, key: bytes, old: Any, new: Any
) -> Change | None:
    """Return the Change of a row, None if there is nothing to change."""
    differing = table.layout.differing(old, new)
    if not differing:
        return None
    new_key = key
    if differing & table.primary.reads:
        new_key = table.row_key(new)
    removed: list[Entry] = []
    added: list[Entry] = []
    for index in table.indexes:
        if new_key == key and not differing & index.reads:
            continue
        before, after = index.payloads(old), index.payloads(new)
        if new_key == key:
            if before == after:
                continue
            if index.many:
                same = set(before).intersection(after)
                before = [each for each in before if each not in same]
                after = [each for each in after if each not in same]
        removed += [(index, payload, unique) for payload, unique in before]
        added += [(index, payload, unique) for payload, unique in after]
    return Change(record, key, new, new_key, removed, added)


def all_rows(access: Access, table: Table) -> Iterator[list[tuple[Record, bytes, Any]]]:
    """Yield (record, key, row) of every row in lists. Rows may be written meanwhile."""
    for records in access.scan(table, [EVERYTHING]):
        keys, rows = access.keys(table, records), access.rows(table, records)
        yield list(zip(records, keys, rows, strict=True))


def build_index(access: Access, table: Table, index: Index) -> None:
    """Put the entries of all rows; raise IntegrityError for a duplicate."""
    progress = Progress(access.total(table), f"{table.name}: {index.name}")
    for found in all_rows(access, table):
        changes = []
        for record, key, row in found:
            added = [(index, *each) for each in index.payloads(row)]
            changes.append(Change(record, key, row, key, [], added, same_row=True))
        access.apply(table, [each for each in changes if each.added])
        progress.add(len(found))
