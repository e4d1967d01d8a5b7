"""Every write of rows: inserted as new, changed under compare-and-set, deleted."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

from django.db import OperationalError

from ..query import MISSING
from . import datatypes
from .changing import ATTEMPTS, put_changed, told
from .client import AlreadyThere, Conflict, Refused
from .client.client import delete_request, put_request
from .objects import Found, Objects, pages
from .table import Row
from .versions import give_way

# By bucket and a part of its keys, who may change rows.
TURNS: dict[tuple[bytes, int], RLock] = defaultdict(RLock)
STRIPES = 64
if hasattr(os, "register_at_fork"):
    # The threads that hold them are not in the child.
    os.register_at_fork(after_in_child=TURNS.clear)
# The new rows in the place of those found.
Change = Callable[[list[Found]], list[Row]]


# --- new rows ---


def insert(objects: Objects, rows: list[Row]) -> list[int]:
    """Put rows that must be new; return the positions of those whose key is taken."""
    table = objects.table
    requests = [
        put_request(
            table.bucket,
            table.key_of(row),
            table.content(row),
            if_none_match=True,
            **objects.options,
        )
        for row in rows
    ]
    taken = []
    for number, reply in enumerate(told(objects, requests)):
        if isinstance(reply, AlreadyThere):
            taken.append(number)
        elif isinstance(reply, Conflict):
            raise reply
    return taken


def insert_marked(objects: Objects, rows: list[Row]) -> list[int]:
    """insert(), with the markers of unique values claimed before."""
    if objects.markers is None:
        return insert(objects, rows)
    claimed = objects.markers.claim_rows(rows)
    try:
        taken = insert(objects, rows)
    except Refused:
        objects.markers.release(claimed)
        raise
    if taken:
        given_up = objects.markers.of([rows[number] for number in taken])
        again = {key for markers in given_up for key in markers}
        objects.markers.release(again.intersection(claimed))
    return taken


# --- rows that are there ---


def update(
    objects: Objects,
    found: Iterable[Found],
    change: Change,
    wanted: Callable[[Row], bool],
) -> int:
    """Change rows; what another writer has changed since is read and changed anew,
    unless it is no longer wanted. Return how many were.
    """
    return sum(update_page(objects, page, change, wanted) for page in pages(found))


def update_page(
    objects: Objects, page: list[Found], change: Change, wanted: Callable[[Row], bool]
) -> int:
    count = 0
    with turns(objects, [each.key for each in page]):
        for attempt in range(1 + ATTEMPTS):
            lost = put_marked(objects, page, change(page))
            count += len(page) - len(lost)
            page = [each for each in lost if wanted(each.row)]
            if not page:
                return count
            if attempt:
                give_way(attempt - 1)
    raise lost_race(objects.table.name)


@contextmanager
def turns(objects: Objects, keys: list[bytes]) -> Iterator[None]:
    """Keep this process's other threads from changing rows meanwhile: without
    siblings Riak cannot tell apart what they put, and with them they would meet.
    """
    bucket = objects.table.bucket
    stripes = sorted({hash(key) % STRIPES for key in keys})
    with ExitStack() as stack:
        for stripe in stripes:
            stack.enter_context(TURNS[bucket, stripe])
        yield


def lost_race(table: str) -> OperationalError:
    return OperationalError(
        f"Rows of {table} were changed by others {ATTEMPTS} times while they were to "
        "be updated."
    )


def update_by_key(objects: Objects, changes: dict[bytes, Row]) -> int:
    """Set columns of rows by the keys of their objects."""

    def change(page):
        return [merged(each.row, changes[each.key]) for each in page]

    return update(objects, objects.by_keys(changes), change, lambda row: True)


def update_versions(
    objects: Objects, changes: dict[bytes, Row], read: dict[bytes, bytes | None]
) -> list[bytes]:
    """Set columns of rows that are still as they were read; return the keys of the
    others.
    """
    lost = []
    for page in pages(objects.by_keys(changes)):
        same = [each for each in page if read[each.key] in (None, each.vclock)]
        lost += [each.key for each in page if each not in same]
        new = [merged(each.row, changes[each.key]) for each in same]
        with turns(objects, [each.key for each in same]):
            lost += [each.key for each in put_marked(objects, same, new)]
    return lost


def put_marked(objects: Objects, found: list[Found], rows: list[Row]) -> list[Found]:
    """put_changed(), with the markers of unique values changed along."""
    old = [each.row for each in found]
    if not concerned(objects, old, rows):
        return put_changed(objects, found, rows)
    claimed, left = objects.markers.claim_changes(old, rows)
    try:
        lost = put_changed(objects, found, rows)
    except Refused:
        objects.markers.release(claimed)
        raise
    if lost:
        # They are changed anew; what they hold then is claimed then.
        new = dict(zip((each.key for each in found), rows, strict=True))
        given_up = objects.markers.of([new[each.key] for each in lost])
        again = {key for markers in given_up for key in markers}
        objects.markers.release(again.intersection(claimed))
        kept = objects.markers.of([each.row for each in lost])
        left = [key for key in left if not any(key in markers for markers in kept)]
    objects.markers.release(left)
    return lost


def concerned(objects: Objects, old: list[Row], new: list[Row]) -> bool:
    """Whether rows change in what is unique."""
    if objects.markers is None:
        return False
    changed = {
        column
        for before, after in zip(old, new, strict=True)
        for column in before.keys() | after.keys()
        if before.get(column, MISSING) != after.get(column, MISSING)
    }
    return objects.markers.concern(changed)


def merged(row: Row, changes: Row) -> Row:
    """A row with changes: values, functions of the old ones, MISSING for no column."""
    new = {
        column: value(row.get(column)) if callable(value) else value
        for column, value in {**row, **changes}.items()
    }
    return {column: value for column, value in new.items() if value is not MISSING}


# --- rows that go ---


def delete(objects: Objects, found: Iterable[Found]) -> int:
    """Delete rows as they were read; what was changed since may stay."""
    table = objects.table
    count = 0
    for page in pages(found):
        requests = [
            delete_request(
                table.bucket, each.key, vclock=each.vclock, **objects.options
            )
            for each in page
        ]
        for reply in objects.client.tell_many(requests):
            if isinstance(reply, Refused):
                raise reply
        if objects.markers is not None:
            markers = objects.markers.of([each.row for each in page])
            objects.markers.release([key for keys in markers for key in keys])
        datatypes.remove(objects, [each.key for each in page])
        count += len(page)
    return count
