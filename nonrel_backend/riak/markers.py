"""Unique values: a marker object for each, claimed before the row is written.

    bucket   NAME.nonrel_unique, of the bucket type OPTIONS["unique_type"]
    key      the table, the index and the values, as a list in JSON
    value    {"key": the key of the row's object}

A marker is put on the condition that there is none. See docs/riak.md for what that
guarantees with each bucket type. If the row of a marker does not have the value, its
writer has crashed, or is about to write the row: the next writer waits for a while,
then takes the marker over.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import IntegrityError

from ..catalog.unique import UniqueIndex, UniqueIndexes
from .changing import try_put
from .client.client import delete_request
from .objects import PAGE, Found, Objects, absent
from .resolving import last_write_wins
from .tables import NO_COLUMNS, RiakTable, Row

BUCKET = "nonrel_unique"
# Characters of a key; a longer one has a hash of the values. Riak takes keys of 65,536
# bytes, but they are in every request and in the index of keys.
LONGEST = 512
# Seconds that a writer may take from its marker to its row: two requests, of which each
# is given up after `timeout` only. A writer that is slower may lose its unique value.
GRACE = 5.0
# Seconds between two looks at a marker that may be taken over.
PAUSE = 0.02


def marks(store: Any) -> Objects:
    """Return the markers of a database, as rows."""
    table = RiakTable(BUCKET, NO_COLUMNS, store.bucket(BUCKET))
    type = store.unique_type.encode()
    return Objects(store.db_connection, table, last_write_wins, type)


def keys(store: Any) -> Iterator[str]:
    """Yield the keys of all markers of a database."""
    found = marks(store)
    bucket, options = found.table.bucket, found.options
    if store.unique == "strong":  # a strongly consistent bucket has no fold
        keys = store.db_connection.keys(bucket, **options)
    else:
        keys = (each.key for each in store.db_connection.fold(bucket, PAGE, **options))
    yield from (key.decode() for key in keys)


def holder(store: Any, key: str) -> bytes | None:
    """Return the key of the row that a marker names, None if there is no marker."""
    return holder_of(next(marks(store).by_keys([key.encode()]), None))


def holder_of(mark: Found | None) -> bytes | None:
    return None if mark is None else mark.row["key"].encode()


def release(store: Any, keys: Iterable[str]) -> None:
    found = marks(store)
    requests = [
        delete_request(found.table.bucket, key, **found.options) for key in keys
    ]
    if requests:
        store.db_connection.tell_many(requests)


class Markers:
    """The markers of one table."""

    def __init__(self, store: Any, objects: Objects, uniques: UniqueIndexes) -> None:
        self.store = store
        self.objects = objects
        self.uniques = uniques
        self.table = objects.table
        self.marks = marks(store)

    def concern(self, columns: Iterable[str]) -> bool:
        return self.uniques.concern(columns)

    def of(self, rows: list[Row]) -> list[dict[str, UniqueIndex]]:
        """Return for each row {key of a marker: its index}."""
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
        """Claim markers for rows: {key of the marker: (index, key of the row)}.

        Return the markers that did not belong to the rows before. If another row has
        one of them, claim none and raise IntegrityError.
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
        """Put markers that name these rows, in place of those found.

        Return the keys of the markers that now name other rows, or are deleted.
        """
        named = [{"key": row.decode()} for row in rows]
        stale, concurrent = try_put(self.marks, found, named)
        lost = [each.key for each in concurrent if each.found is None or each.is_lost()]
        return [*stale, *lost]

    def take_over(self, key: str, index: UniqueIndex, row: bytes) -> bool:
        """Claim another row's marker, if that row does not get the value within GRACE.

        Return False if the marker belongs to this row already. Raise IntegrityError if
        the other row has the value.
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
                until = time.monotonic() + GRACE  # another writer was faster
            time.sleep(PAUSE)

    def holds(self, holder: bytes, key: str, index: UniqueIndex) -> bool:
        """Return whether the row of a marker has its value."""
        found = [each.row for each in self.objects.by_keys([holder])]
        return bool(found) and key in self.of(found)[0]

    def release(self, keys: Iterable[str]) -> None:
        release(self.store, keys)

    # --- for writing ---

    def claim_rows(self, rows: list[Row]) -> list[str]:
        """Claim the markers of new rows; return those claimed.

        Raise IntegrityError if two of the rows have the same unique value.
        """
        wanted: dict[str, tuple[UniqueIndex, bytes]] = {}
        for row, markers in zip(rows, self.of(rows), strict=True):
            self.want(wanted, markers, self.table.row_key(row))
        return self.claim(wanted) if wanted else []

    def claim_changes(
        self, old: list[Row], new: list[Row]
    ) -> tuple[list[str], list[str]]:
        """Claim the markers of changed rows.

        Return the markers claimed, and those to release when the rows are written.
        """
        wanted: dict[str, tuple[UniqueIndex, bytes]] = {}
        left: list[str] = []
        for row, before, after in zip(new, self.of(old), self.of(new), strict=True):
            added = {key: after[key] for key in after.keys() - before.keys()}
            self.want(wanted, added, self.table.row_key(row))
            left += before.keys() - after.keys()
        taken = [key for key in left if key in wanted]
        # A value may move from one row of the statement to another.
        self.release(taken)
        claimed = self.claim(wanted) if wanted else []
        return claimed, [key for key in left if key not in wanted]

    def want(self, wanted: dict, markers: dict[str, UniqueIndex], row: bytes) -> None:
        """Add a row's markers to `wanted`; raise IntegrityError for a duplicate."""
        for key, index in markers.items():
            if key in wanted:
                raise self.uniques.duplicate(index)
            wanted[key] = index, row
