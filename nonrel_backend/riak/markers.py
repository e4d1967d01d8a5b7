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
from typing import Any

from django.db import IntegrityError

from ..uniques import UniqueIndex, Uniques
from .client import Conflict, Refused
from .client.client import content, delete_request, put_request
from .objects import PAGE, Objects
from .resolving import time_of
from .table import Row

BUCKET = "nonrel_unique"
# Of a key; longer ones hold a hash of the values.
LONGEST = 512
# How long a writer may take from its marker to its row.
GRACE = 5.0
PAUSE = 0.02


def place(store) -> tuple[bytes, dict[str, Any]]:
    """The bucket of the markers, and its type as an option of requests."""
    type = store.unique_type.encode()
    return store.bucket(BUCKET), {"type": type} if type else {}


def keys(store) -> Iterator[str]:
    """The keys of all markers of a database."""
    bucket, options = place(store)
    if store.unique == "strong":  # of which there is no fold
        found = store.db_connection.keys(bucket, **options)
    else:
        found = (each.key for each in store.db_connection.fold(bucket, PAGE, **options))
    yield from (key.decode() for key in found)


def holder(store, key: str) -> bytes | None:
    """The key of the row that a marker names, None where there is none."""
    bucket, options = place(store)
    return named(store.db_connection.get(bucket, key, **options))


def release(store, keys: Iterable[str]) -> None:
    bucket, options = place(store)
    requests = [delete_request(bucket, key, **options) for key in keys]
    if requests:
        store.db_connection.tell_many(requests)


def named(reply: Any) -> bytes | None:
    """The row that a marker is of, by the oldest of its versions."""
    live = sorted((each for each in reply.content if not each.deleted), key=time_of)
    return json.loads(live[0].value)["key"].encode() if live else None


class Markers:
    """The markers of one table."""

    def __init__(self, store, objects: Objects, uniques: Uniques):
        self.store = store
        self.client = store.db_connection
        self.objects = objects
        self.uniques = uniques
        self.table = objects.table
        self.bucket, self.options = place(store)

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
        requests = [self.put(key, row) for key, (_, row) in wanted.items()]
        replies = self.client.tell_many(requests)
        claimed = []
        lost = []
        for key, reply in zip(wanted, replies, strict=True):
            if isinstance(reply, Conflict):
                lost.append(key)
            elif isinstance(reply, Refused):
                raise reply
            elif self.is_second(key, reply, wanted[key][1]):
                lost.append(key)
            else:
                claimed.append(key)
        for key in lost:
            index, row = wanted[key]
            try:
                if self.take_over(key, index, row):
                    claimed.append(key)
            except IntegrityError:
                self.release(claimed)
                raise
        return claimed

    def put(self, key: str, row: bytes, **options: Any) -> Any:
        """The request that claims a marker, which may be there if a vclock is given."""
        return put_request(
            self.bucket,
            key,
            content(json.dumps({"key": row.decode()}).encode()),
            **(options or {"if_none_match": True}),
            return_body=True,
            **self.options,
        )

    def is_second(self, key: str, reply: Any, row: bytes) -> bool:
        """Whether a marker was put beside another one, which then is left alone."""
        live = sorted((c for c in reply.content if not c.deleted), key=time_of)
        if len(live) < 2:
            return False
        self.client.tell(
            put_request(self.bucket, key, live[0], vclock=reply.vclock, **self.options)
        )
        return True

    def take_over(self, key: str, index: UniqueIndex, row: bytes) -> bool:
        """Claim a marker that is another's, if its row has not got the value, nor gets
        it soon; whether it was not one's own already.
        """
        until = time.monotonic() + GRACE
        while True:
            reply = self.client.get(self.bucket, key, **self.options)
            holder = named(reply)
            if holder == row:
                return False
            if holder is not None and self.holds(holder, key, index):
                raise self.uniques.duplicate(index)
            if holder is None or time.monotonic() > until:
                options = {"vclock": reply.vclock, "if_not_modified": True}
                request = self.put(key, row, **(options if holder else {}))
                try:
                    if not self.is_second(key, self.client.tell(request), row):
                        return True
                except Conflict:
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
