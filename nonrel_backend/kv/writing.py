"""Writing of rows, each together with its index entries."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..batching import batches
from ..progress import Progress
from .access import Access, Change, Entry, Record, new_rows
from .claims import write_claimed
from .forms import Matches
from .predicates import CompoundPredicate, Predicate, all_of, bind
from .retrying import attempts, give_way, turns
from .tables import Index, Table

# (record, row)
Found: TypeAlias = tuple[Record, Any]
# Returns the new row for a key and the old row.
Changed: TypeAlias = Callable[[bytes, Any], Any]


def write(access: Access, table: Table, changes: Iterable[Change]) -> list[Change]:
    """Write changes; return those that were not written: see Access.apply()."""
    if not table.claims_uniques:
        return access.apply(table, changes)
    return write_claimed(access, table, list(changes))


def insert(access: Access, table: Table, rows: list[Any]) -> list[Change]:
    """Put new rows; return the changes of those whose key is taken.

    Where statements are atomic, raise IntegrityError if a key or another unique value
    is taken; of one row nothing is written then.
    """
    if not table.claims_uniques:
        return access.insert_rows(table, rows)
    return write_claimed(access, table, new_rows(table, rows))


def delete(access: Access, table: Table, found: Iterable[Found]) -> int:
    """Delete rows, a page at a time; return how many there were."""
    count = 0
    for page in batches(found, table.page):
        keys = access.keys(table, [record for record, _ in page])
        write(
            access,
            table,
            (
                Change(record, key, None, None, table.entries_of(row), [])
                for key, (record, row) in zip(keys, page, strict=True)
            ),
        )
        count += len(page)
    return count


def delete_keys(access: Access, table: Table, keys: Iterable[bytes]) -> int:
    """Delete the rows with these keys; return how many there were."""
    count = 0
    for page in batches(dict.fromkeys(keys), table.page):
        records = access.get(table, page)
        rows = access.rows(table, records)
        count += delete(access, table, zip(records, rows, strict=True))
    return count


def update(
    access: Access,
    table: Table,
    found: list[Found],
    changed: Changed,
    predicates: Sequence[Predicate | CompoundPredicate] = (),
) -> int:
    """Replace rows by `changed(key, row)`; return their number.

    Rows that others have changed since they were read are changed again, if they still
    satisfy the predicates. Raise IntegrityError if a unique value is taken.
    """
    if table.entries_follow_rows:
        replace(access, table, found, changed)
        return len(found)
    wanted = all_of([bind(each, table.getter) for each in predicates])
    return sum(
        update_page(access, table, page, changed, wanted)
        for page in batches(found, table.page)
    )


def update_page(
    access: Access,
    table: Table,
    found: list[Found],
    changed: Changed,
    wanted: Matches,
) -> int:
    count = 0
    with turns(table.name, access.keys(table, [record for record, _ in found])):
        for attempt in attempts(table.name):
            lost = replace(access, table, found, changed)
            count += len(found) - len(lost)
            found = [each for each in current(access, table, lost) if wanted(each[1])]
            if not found:
                break
            give_way(attempt)
    return count


def current(access: Access, table: Table, lost: list[Change]) -> list[Found]:
    """Return the rows as they are now whose changes were not written."""
    records = [each.record for each in lost if each.record is not None]
    return list(zip(records, access.rows(table, records), strict=True))


def replace(
    access: Access, table: Table, found: list[Found], changed: Changed
) -> list[Change]:
    """Replace rows by `changed(key, row)`; return the changes that were not written."""
    keys = access.keys(table, [record for record, _ in found])
    changes = [
        each
        for key, (record, row) in zip(keys, found, strict=True)
        if (each := change(table, record, key, row, changed(key, row))) is not None
    ]
    return write(access, table, changes)


def replace_unchanged(
    access: Access, table: Table, found: list[Found], changed: Changed
) -> list[bytes]:
    """Replace rows, except those that have changed since they were seen.

    Return the keys of the rows not replaced. See RetriedUpdateCompiler.
    """
    assert access.seen is not None
    lost: list[bytes] = []
    for page in batches(found, table.page):
        keys = access.keys(table, [record for record, _ in page])
        same = []
        for key, each in zip(keys, page, strict=True):
            seen = access.seen.get((table.name, key))
            if seen in (None, access.record_version(each[0])):
                same.append(each)
            else:
                lost.append(key)
        with turns(table.name, keys):
            others = replace(access, table, same, changed)
        lost += [each.old_key for each in others if each.old_key is not None]
    return lost


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
    return Change(record, key, new, new_key, removed, added, columns=differing)


def build_index(access: Access, table: Table, index: Index) -> None:
    """Put the entries of all rows; raise IntegrityError for a duplicate."""
    progress = Progress(access.total(table), f"{table.name}: {index.name}")
    for found in access.all_rows(table):
        changes = []
        for record, key, row in found:
            added = [(index, *each) for each in index.payloads(row)]
            changes.append(Change(record, key, row, key, [], added, same_row=True))
        access.apply(table, [each for each in changes if each.added])
        progress.add(len(found))
