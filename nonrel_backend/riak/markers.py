"""Unique values: a marker object for each, claimed before the row is written.

    bucket   NAME.nonrel_unique, of the bucket type OPTIONS["unique_type"]
    key      the table, the index and the values, as a list in JSON
    value    {"key": the key of the row's object}

A marker is put on the condition that there is none. See docs/riak.md for what that
guarantees on which bucket type. A marker whose row has not got the value is a crashed
writer's, or one's who is about to write it: it is watched for a while, then taken over.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator

from django.db import IntegrityError

from ..catalog.unique import UniqueIndex, Uniques
from .changing import try_put
from .client.client import delete_request
from .objects import PAGE, Found, Objects, absent
from .resolving import last_write_wins
from .table import Row, Table

BUCKET = "nonrel_unique"
# Of a key; longer ones hold a hash of the values.
LONGEST = 512
# How long a writer may take from its marker to its row.
GRACE = 5.0
PAUSE = 0.02


def marks(store) -> Objects:
    """The markers of a database as rows."""
    table = Table(BUCKET, store.bucket(BUCKET), [], {}, set(), set())
    type = store.unique_type.encode()
    return Objects(store.db_connection, table, last_write_wins, type)


def keys(store) -> Iterator[str]:
    """The keys of all markers of a database."""
    found = marks(store)
    bucket, options = found.table.bucket, found.options
    if store.unique == "strong":  # of which there is no fold
        keys = store.db_connection.keys(bucket, **options)
    else:
        keys = (each.key for each in store.db_connection.fold(bucket, PAGE, **options))
    yield from (key.decode() for key in keys)


def holder(store, key: str) -> bytes | None:
    """The key of the row that a marker names, None where there is none."""
    return holder_of(next(marks(store).by_keys([key.encode()]), None))


def holder_of(mark: Found | None) -> bytes | None:
    return None if mark is None else mark.row["key"].encode()


def release(store, keys: Iterable[str]) -> None:
    found = marks(store)
    requests = [
        delete_request(found.table.bucket, key, **found.options) for key in keys
    ]
    if requests:
        store.db_connection.tell_many(requests)


class Markers:
    """The markers of one table."""

    def __init__(self, store, objects: Objects, uniques: Uniques):
        self.store = store
        self.objects = objects
        self.uniques = uniques
        self.table = objects.table
        self.marks = marks(store)

    def concern(self, columns: Iterable[str]) -> bool:
        return self.uniques.concern(columns)

    def of(self, rows: list[Row]) -> list[dict[str, UniqueIndex]]:
        """For each row the keys of its markers."""
        found: list[dict[str, UniqueIndex]] = [{} for _ in rows]
        for index in self.uniques.indexes:
            values = self.uniques.values(index, rows)
            for markers, value in zip(found, values, strict=True):
                if value is not None:
                    markers[self.key(index, value)] = index
        return found

    def key(self, index: UniqueIndex, values: tuple) -> str:
        parts = [self.table.name, index.name, *map(str, values)]
        key = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        if len(key) > LONGEST:
            digest = hashlib.sha256(key.encode()).hexdigest()
            key = json.dumps([*parts[:2], {"sha256": digest}])
        return key

    # --- claiming ---

    def claim(self, wanted: dict[str, tuple[UniqueIndex, bytes]]) -> list[str]:
        """Claim markers for the rows with these keys, all or none; return those that
        were not theirs already. IntegrityError where another row has one.
        """
        rows = {key.encode(): row for key, (_, row) in wanted.items()}
        lost = self.not_put(list(map(absent, rows)), list(rows.values()))
        claimed = [key.decode() for key in rows.keys() - lost]
        for key in map(bytes.decode, lost):
            index, row = wanted[key]
            try:
                if self.take_over(key, index, row):
                    claimed.append(key)
            except IntegrityError:
                self.release(claimed)
                raise
        return claimed

    def not_put(self, found: list[Found], rows: list[bytes]) -> list[bytes]:
        """Have markers, or where there are none new ones, name these rows; return the
        keys of those that name others, or are gone.
        """
        named = [{"key": row.decode()} for row in rows]
        stale, met = try_put(self.marks, found, named)
        lost = [each.key for each in met if each.found is None or each.is_lost()]
        return [*stale, *lost]

    def take_over(self, key: str, index: UniqueIndex, row: bytes) -> bool:
        """Claim a marker that is another's, if its row has not got the value, nor gets
        it soon; whether it was not one's own already.
        """
        until = time.monotonic() + GRACE
        while True:
            mark = next(self.marks.by_keys([key.encode()]), None)
            holder = holder_of(mark)
            if holder == row:
                return False
            if holder is not None and self.holds(holder, key, index):
                raise self.uniques.duplicate(index)
            if mark is None or time.monotonic() > until:
                if not self.not_put([mark or absent(key.encode())], [row]):
                    return True
                until = time.monotonic() + GRACE  # another was faster
            time.sleep(PAUSE)

    def holds(self, holder: bytes, key: str, index: UniqueIndex) -> bool:
        """Whether the row of a marker has its value."""
        found = [each.row for each in self.objects.by_keys([holder])]
        return bool(found) and key in self.of(found)[0]

    def release(self, keys: Iterable[str]) -> None:
        release(self.store, keys)

    # --- for writing ---

    def claim_rows(self, rows: list[Row]) -> list[str]:
        """Claim what new rows need; IntegrityError where two of them need the same."""
        wanted: dict[str, tuple[UniqueIndex, bytes]] = {}
        for row, markers in zip(rows, self.of(rows), strict=True):
            self.want(wanted, markers, self.table.key_of(row))
        return self.claim(wanted) if wanted else []

    def claim_changes(
        self, old: list[Row], new: list[Row]
    ) -> tuple[list[str], list[str]]:
        """Claim what changed rows need; the markers claimed, and those to be released
        when the rows are written.
        """
        wanted: dict[str, tuple[UniqueIndex, bytes]] = {}
        left: list[str] = []
        for row, before, after in zip(new, self.of(old), self.of(new), strict=True):
            added = {key: after[key] for key in after.keys() - before.keys()}
            self.want(wanted, added, self.table.key_of(row))
            left += before.keys() - after.keys()
        taken = [key for key in left if key in wanted]
        # What one row of the statement leaves and another one takes changes hands.
        self.release(taken)
        claimed = self.claim(wanted) if wanted else []
        return claimed, [key for key in left if key not in wanted]

    def want(self, wanted: dict, markers: dict[str, UniqueIndex], row: bytes) -> None:
        for key, index in markers.items():
            if key in wanted:
                raise self.uniques.duplicate(index)
            wanted[key] = index, row
