"""Writing of rows: INSERT, UPDATE by compare-and-set, and DELETE."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any

from django.db import OperationalError

from ..query import MISSING
from . import datatypes
from .changing import ATTEMPTS, put_changed, replies_to
from .client import AlreadyThere, Conflict, Refused
from .client.client import delete_request, put_request
from .objects import Found, Objects, pages
from .tables import Row
from .versions import give_way

# Locks of the threads of this process, by bucket and stripe of its keys. 64 stripes:
# two of eight threads with different rows share one with a chance of one in three, and
# a page of 500 rows takes 64 locks at most.
TURNS: dict[tuple[bytes, int], RLock] = defaultdict(RLock)
STRIPES = 64
if hasattr(os, "register_at_fork"):
    # A child does not have the threads that hold the locks.
    os.register_at_fork(after_in_child=TURNS.clear)
# Returns the new rows for those found.
Change = Callable[[list[Found]], list[Row]]


# --- new rows ---


def insert(objects: Objects, rows: list[Row]) -> list[int]:
    """Put new rows; return the positions of those whose key is taken."""
    table = objects.table
    requests = [
        put_request(
            table.bucket,
            table.row_key(row),
            table.content(row),
            if_none_match=True,
            **objects.options,
        )
        for row in rows
    ]
    taken = []
    for number, reply in enumerate(replies_to(objects, requests)):
        if isinstance(reply, AlreadyThere):
            taken.append(number)
        elif isinstance(reply, Conflict):
            raise reply
    return taken


def insert_marked(objects: Objects, rows: list[Row]) -> list[int]:
    """Claim the markers of unique values, then insert(); return the same."""
    if objects.markers is None:
        return insert(objects, rows)
    claimed = objects.markers.claim_rows(rows)
    try:
        taken = insert(objects, rows)
    except Refused:
        objects.markers.release(claimed)
        raise
    if taken:
        unwritten = objects.markers.of([rows[number] for number in taken])
        unused = {key for markers in unwritten for key in markers}
        objects.markers.release(unused.intersection(claimed))
    return taken


# --- existing rows ---


def update(
    objects: Objects,
    found: Iterable[Found],
    change: Change,
    wanted: Callable[[Row], bool],
) -> int:
    """Change rows by compare-and-set; return how many were changed.

    Retry conflicting changes on the new rows, except rows that are no longer wanted.
    Raise OperationalError after ATTEMPTS.
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
    """Hold locks, so that no other thread of this process changes the rows.

    Without siblings Riak does not detect all conflicts; with siblings, threads would
    have to agree by requests.
    """
    bucket = objects.table.bucket
    stripes = sorted({hash(key) % STRIPES for key in keys})
    with ExitStack() as stack:
        for stripe in stripes:
            stack.enter_context(TURNS[bucket, stripe])
        yield


def lost_race(table: str) -> OperationalError:
    return OperationalError(
        f"Rows of {table} were changed by others during each of {ATTEMPTS} attempts to "
        "update them. Retry later, or use a CounterField to count."
    )


def update_by_key(objects: Objects, changes: dict[bytes, Row]) -> int:
    """Set columns of rows: {key of the object: {column: value}}. Return how many."""

    def change(page: list[Found]) -> Any:
        return [merged(each.row, changes[each.key]) for each in page]

    return update(objects, objects.by_keys(changes), change, lambda row: True)


def update_versions(
    objects: Objects, changes: dict[bytes, Row], read: dict[bytes, bytes | None]
) -> list[bytes]:
    """Set columns of rows that are unchanged since they were read.

    `read` has the causal context of each. Return the keys of the changed rows.
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
    """Run put_changed() with the markers of unique values; return the same."""
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
        # These rows are retried, and claim the markers of their new values then.
        new = dict(zip((each.key for each in found), rows, strict=True))
        unwritten = objects.markers.of([new[each.key] for each in lost])
        unused = {key for markers in unwritten for key in markers}
        objects.markers.release(unused.intersection(claimed))
        current = objects.markers.of([each.row for each in lost])
        left = [key for key in left if not any(key in each for each in current)]
    objects.markers.release(left)
    return lost


def concerned(objects: Objects, old: list[Row], new: list[Row]) -> bool:
    """Return whether the changes of rows concern unique values."""
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
    """Return a row with changes: values, functions of old values, MISSING for NULL."""
    new = {
        column: value(row.get(column)) if callable(value) else value
        for column, value in {**row, **changes}.items()
    }
    return {column: value for column, value in new.items() if value is not MISSING}


# --- deletion ---


def delete(objects: Objects, found: Iterable[Found]) -> int:
    """Delete rows; return how many. A row that was changed since it was read may stay,
    as a sibling.
    """
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
