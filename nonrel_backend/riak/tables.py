"""Tables of Riak: rows are JSON objects, entries are terms of secondary indexes.

Each index of a table is a secondary index of its bucket, INDEX_bin, and so is the
primary key, `primary-key_bin`. A term is the payload of an entry (see kv/encoding.py)
and the values of the primary key, by which rows with equal values are ordered. Its
bytes are escaped to ASCII that is valid in HTTP headers and sorts as before: a byte up
to "!" becomes "!" and a character from "@" on, one from "~" on "~" and two digits.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.db import DataError

from ..kv.access import Entry
from ..kv.json_values import dumped, loaded
from ..kv.tables import Table
from .client.client import content
from .values import FORMS, object_key
from .versions import NAME, Writes

# A row: {column: stored value}, without the columns that are NULL.
Row = dict[str, Any]
# Bytes of a term. Riak KV 3.2.3 finds terms of this size, but not longer ones
# (measured).
LONGEST = 1_000_000
# The version of the index entries of rows.
ENTRIES = 2
ESCAPED = {
    **{byte: bytes([0x21, 0x40 + byte]) for byte in range(0x22)},
    **{byte: b"~%02x" % byte for byte in range(0x7E, 0x100)},
}
ESCAPES = [ESCAPED.get(byte, bytes([byte])) for byte in range(256)]
PLAIN = bytes(set(range(256)) - set(ESCAPED))


def escaped(data: bytes) -> bytes:
    """Return bytes as ASCII that sorts like them."""
    if data.translate(None, PLAIN):
        data = b"".join([ESCAPES[byte] for byte in data])
    return data


def checked(term: bytes) -> bytes:
    """Return a term; raise DataError if it is too long for Riak."""
    if len(term) > LONGEST:
        raise DataError(
            f"A value of an indexed column has {len(term)} bytes; Riak finds "
            f"{LONGEST} at most. Remove the index of the column."
        )
    return term


# As many as the indexes of a large project.
@lru_cache(maxsize=4096)
def index_name(name: str) -> bytes:
    """Return the name of the secondary index of an index; Riak ignores its case."""
    lower = name.lower()
    if lower != name:
        lower += "." + hashlib.sha256(name.encode()).hexdigest()[:8]
    return escaped(lower.encode()) + b"_bin"


# The entry of a bucket without columns and indexes: the keys of its objects are given.
NO_COLUMNS: dict[str, Any] = {"columns": [], "key": [], "indexes": []}


class RiakTable(Table):
    """A table whose rows are objects of a bucket."""

    ordered_keys = False
    reverses = False
    entries_follow_rows = False
    claims_uniques = True
    # One page of keys takes 2.4 milliseconds, 100 keys 0.3, their gets 25 (measured):
    # more counting would cost more than it saves.
    probes = (100, 1_000)
    # Pipelines of gets do some 4,000 requests a second (measured on one node of Riak KV
    # 3.2.3); at that rate these take half a second, as long as a fold over 10,000 rows.
    most_ranges = 2_000
    key_size = payload_size = LONGEST

    def __init__(
        self,
        name: str,
        entry: dict[str, Any],
        bucket: bytes,
        data: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(name, entry, FORMS)
        self.bucket = bucket
        self.place = f"bucket {bucket.decode()}"
        self.key_types = [self.db_type(column) for column in self.key]
        # {name: DataColumn} of columns that are objects of their own; see datatypes.py.
        self.data = data
        for each in entry.get("building", ()):
            self.indexes.append(self.make_index({**each, "building": True}))
        self.key_index = self.make_key_index()
        self.indexes.append(self.key_index)
        # If not, rows have the entries of an older version: see checking.py.
        self.is_ready = entry.get("entries") == ENTRIES
        for index in self.indexes:
            index.building |= not self.is_ready

    # --- keys ---

    def row_key(self, row: Row) -> bytes:
        return object_key(self.key_types, [row[column] for column in self.key])

    def key_of(self, values: tuple[Any, ...]) -> bytes:
        return object_key(self.key_types, list(values))

    # --- entries ---

    def term(self, payload: bytes) -> bytes:
        """Return a payload as a term; raise DataError if it is too long for Riak."""
        return checked(escaped(payload))

    def terms(self, entries: list[Entry]) -> list[tuple[bytes, bytes]]:
        """Return (secondary index, term) of each of all entries of a row."""
        key = next(each for index, each, _ in entries if index is self.key_index)
        key = escaped(key)
        found = [
            (index_name(index.name), escaped(payload) + key)
            for index, payload, _ in entries
        ]
        checked(max((term for _, term in found), key=len))
        return found

    # --- objects ---

    def content(
        self,
        row: Row,
        writes: Writes | None = None,
        entries: list[Entry] | None = None,
    ) -> Any:
        """Return the content of a row's object, with its writes (see versions.py).

        `entries` are all entries of the row.
        """
        own = {c: v for c, v in row.items() if c not in self.data} if self.data else row
        terms = []
        if self.key:
            terms = self.terms(self.entries_of(row) if entries is None else entries)
        found = content(dumped(own), terms)
        if writes is not None and writes.count:
            found.usermeta.add(key=NAME, value=str(writes).encode())
        return found

    def row(self, found: Any) -> Row:
        """Return the row of an object's content."""
        return loaded(found.value, self.place)
