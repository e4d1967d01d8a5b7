"""Tables of DynamoDB, the keys of their rows, and the entries of their indexes.

The key of a row in the core is its values as components of bytes (see kv/encoding.py),
of which the attributes of the native key are made again. The entries of all indexes
are items of one table, `nonrel_index`: `h` tells the index and `r` is the key of the
entry, its payload and the key of the row, shortened to what DynamoDB takes.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

from django.db import DatabaseError, DataError, IntegrityError
from django.utils.functional import cached_property

from ..kv.access import Entry
from ..kv.components import decoded, edge, end_of
from ..kv.encoding import LAST, NULL, following, shortened
from ..kv.predicates import CompoundPredicate, Predicate, all_of, bind
from ..kv.predicates import columns as columns_of
from ..kv.tables import Index, Table
from .items import (
    LONGEST_HASH,
    LONGEST_RANGE,
    Item,
    Row,
    check_key,
    column_codec,
    key_codec,
    key_tag,
    ordered_columns,
    row_reader,
    row_writer,
)
from .values import FORMS, Attribute

# The table of the entries of all indexes, with its prefix; and the index of the keys.
INDEX_TABLE = "nonrel_index"
# The attribute of a range key of several columns.
RANGE = "_range"
# Bytes of the key of a row at the end of an entry's; longer ones end with a hash.
OWNER_SIZE = 160
# Names of DynamoDB's tables have 3 to 255 of these characters (its documentation).
# Others, "-" and "." are "-" and two digits for each byte.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_]*")
SHORTEST_NAME, LONGEST_NAME = 3, 255
# Of the hash at the end of a name that is too long.
HASH_DIGITS = 16


@lru_cache(maxsize=4096)
def table_name(prefix: str, name: str) -> str:
    """Return the name of DynamoDB's table for a table of this name.

    A name that is too long ends with a hash, one that is too short with hyphens.
    """
    if not PLAIN_NAME.fullmatch(name):
        name = "".join(
            each if PLAIN_NAME.fullmatch(each) else escaped_character(each)
            for each in name
        )
    full = prefix + name
    if len(full) > LONGEST_NAME:
        digest = hashlib.sha256(full.encode()).hexdigest()[:HASH_DIGITS]
        full = f"{full[: LONGEST_NAME - HASH_DIGITS - 1]}-{digest}"
    return full.ljust(SHORTEST_NAME, "-")


def escaped_character(character: str) -> str:
    return "".join(f"-{byte:02X}" for byte in character.encode())


class NativeIndex(Index):
    """An index that DynamoDB keeps: the table's own key, or a secondary index.

    It is read where its first column is compared for equality.
    """

    hashed = True
    lacks_nulls = True

    def __init__(self, table: "DynamoTable", entry: dict[str, Any]) -> None:
        super().__init__(table, entry)
        self.is_plain = False
        # Whether the rows come with its entries.
        self.holds_rows = entry.get("projection", "all") == "all"
        # The name for DynamoDB, None for the table's own key.
        self.native: str | None = None
        if entry["kind"] != "native":
            self.native = entry.get("id", self.name)
        self.follows_rows = self.native is None

    def payloads(self, row: Any) -> list[tuple[bytes, bool]]:
        """Return nothing: no entries are written for it."""
        return []


@dataclass(slots=True)
class Bounds:
    """A range of a native index; it may hold more than was asked for.

    Both ends are in it; None is no end. A whole one holds all of a hash, as asked for.
    """

    hash: tuple[str, Attribute]
    is_whole: bool
    range: str | None = None
    low: Attribute | None = None
    high: Attribute | None = None


class DynamoTable(Table):
    """A table whose rows are items of a table of DynamoDB.

    In its entry, "existing" is a table that migrate did not make: its items have no
    versions, and no entries of ours. "unindexed" is one without entries. "id" is what
    its entries are named by, and "buckets" in how many partitions those of the keys
    are. "key_truncated" tells that some keys are shortened in their entries.
    """

    # Whether DynamoDB deletes rows by itself, and leaves their entries.
    expires = False
    # What all rows satisfy, where the table has others, too.
    parts: Sequence[Predicate | CompoundPredicate] = ()
    ordered_keys = False
    entries_follow_rows = False
    # Each counting is a request of some milliseconds, charged like reading.
    probes = (100, 1_000)
    most_ranges = 2_000
    # A row by its key costs a unit, which is 4 KB of a scan.
    most_walked = 1_000
    # No key of a row is shortened: DynamoDB refuses longer ones.
    key_size = 2 * (LONGEST_HASH + LONGEST_RANGE) + 64
    payload_size = LONGEST_RANGE - OWNER_SIZE

    def __init__(self, name: str, entry: dict[str, Any], physical: str) -> None:
        super().__init__(name, entry, FORMS)
        self.physical = physical
        self.has_versions = not entry.get("existing")
        self.has_entries = self.has_versions and not entry.get("unindexed")
        self.key_columns = [self.column(each) for each in self.key]
        for each in self.key_columns:
            key_tag(name, each)
        # The attributes of the key: the hash, and the range if there is one.
        self.hash = self.key[0]
        self.range: str | None = None
        if len(self.key) > 1:
            self.range = self.key[1] if len(self.key) == 2 else RANGE
        # Both of them.
        self.attributes = [self.hash, *filter(None, [self.range])]
        self.row_of = row_reader(
            name, self.columns, self.attributes, is_ours=self.has_versions
        )
        self.write_item = row_writer(self.columns, self.attributes, self.has_versions)
        # The columns with an order of keys. Other programs' items get no attribute
        # that they do not know.
        self.ordered = ordered_columns(self.columns) if self.has_versions else set()
        # Functions from the values of the key to attributes.
        self.key_writers = [key_codec(each)[0] for each in self.key_columns]
        self.native_key = self.key_maker()
        # Whether keys have a form that DynamoDB may lack, whatever their length.
        self.checks_keys = self.range is not None or any(
            each["db_type"] in ("decimal", "double") for each in self.key_columns
        )
        for each in entry.get("building", ()):
            self.indexes.append(self.make_index({**each, "building": True}))
        # Secondary indexes of DynamoDB, for queries to which old rows will do.
        self.secondary = [each for each in self.indexes if each.entry.get("kind")]
        self.indexes = [each for each in self.indexes if not each.entry.get("kind")]
        self.key_index = self.make_key_index(
            truncated=entry.get("key_truncated", False),
            buckets=entry.get("buckets", 1),
            **({"kind": "native"} if self.range else {}),
        )
        if self.has_entries or self.range:
            self.indexes.append(self.key_index)
        # Those of building indexes are among them, those of DynamoDB's own are not.
        self.indexed = self.primary.reads.union(*(each.reads for each in self.indexes))

    def make_index(self, entry: dict[str, Any]) -> Index:
        return (NativeIndex if entry.get("kind") else Index)(self, entry)

    def key_schema(self) -> dict[str, Any]:
        """Return the parameters of CreateTable that describe the key."""
        parts = [(self.hash, key_tag(self.name, self.key_columns[0]), "HASH")]
        if self.range == RANGE:
            parts.append((RANGE, "B", "RANGE"))
        elif self.range:
            tag = key_tag(self.name, self.key_columns[1])
            parts.append((self.range, tag, "RANGE"))
        return {
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": tag} for name, tag, _ in parts
            ],
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind} for name, _, kind in parts
            ],
        }

    @property
    def counted(self) -> Index | None:
        """The index whose entries are as many as the rows, if there is one."""
        has_keys = self.has_entries and not (self.range or self.expires)
        return self.key_index if has_keys and not self.key_index.building else None

    @cached_property
    def eventual(self) -> "DynamoTable":
        """The table with DynamoDB's indexes, for queries to which old rows will do."""
        found = copy(self)
        found.indexes = [*self.indexes, *self.secondary]
        return found

    # --- keys ---

    def key_maker(self) -> Callable[[bytes], Item]:
        """Return the function from the key of a row to the native key."""
        hash, range, writers = self.hash, self.range, self.key_writers
        decode, *others = [decoded(each["db_type"]) for each in self.key_columns]
        write = writers[0]
        if range is None:
            return lambda key: {hash: write(decode(key))}
        end = end_of(self.key_columns[0]["db_type"])

        def native(key: bytes) -> Item:
            at = end(key)
            if range == RANGE:
                return {hash: write(decode(key[:at])), RANGE: {"B": key[at:]}}
            return {
                hash: write(decode(key[:at])),
                range: writers[1](others[0](key[at:])),
            }

        return native

    def row_key(self, row: Row) -> bytes:
        """Return the key of a row; raise DataError if DynamoDB cannot hold it."""
        key = super().row_key(row)
        if self.checks_keys or len(key) > LONGEST_RANGE:
            self.check(key)
        return key

    def check(self, key: bytes) -> None:
        """Raise DataError if DynamoDB cannot hold the key of a row."""
        try:
            native = self.native_key(key)
        except (TypeError, ValueError) as error:  # NULL, or too long for the core
            raise DataError(
                f"DynamoDB cannot hold this key of {self.name}, which is NaN or has "
                f"more than {LONGEST_HASH} bytes."
            ) from error
        hash, *others = self.key_columns
        check_key(self.name, hash, native[self.hash], LONGEST_HASH)
        if self.range == RANGE:
            size = len(native[RANGE]["B"])
            if size > LONGEST_RANGE:
                names = ", ".join(each["name"] for each in others)
                raise DataError(
                    f"The key {self.name}.({names}) has {size} bytes; DynamoDB takes "
                    f"{LONGEST_RANGE} at most."
                )
        elif self.range:
            check_key(self.name, others[0], native[self.range], LONGEST_RANGE)

    def is_possible(self, key: bytes) -> bool:
        """Return whether a row can have this key."""
        if self.checks_keys or len(key) > LONGEST_RANGE or key == NULL:
            try:
                self.check(key)
            except DataError:
                return False
        return True

    def key_of_item(self, item: Item, row: Row) -> bytes:
        """Return the key of the row that was made of an item.

        The row may lack columns that are not in the native key.
        """
        if self.range != RANGE:
            return Table.row_key(self, row)
        get, encode = self.primary.encoders[0]
        rest: bytes = item[RANGE]["B"]
        return encode(get(row)) + rest

    def shown(self, key: bytes) -> str:
        """Return the key of a row as an error shows it."""
        native = self.native_key(key)
        return ", ".join(str(*native[each].values()) for each in self.attributes)

    # --- items ---

    def item_of(self, row: Row) -> Item:
        """Return the item of a row, without its version."""
        item = self.write_item(row)
        if self.range == RANGE:
            item[RANGE] = self.native_key(Table.row_key(self, row))[RANGE]
        return item

    # --- entries ---

    def entry_key(self, entry: Entry, row_key: bytes) -> tuple[bytes, list[Index]]:
        """Return the key of an entry, and indexes to be marked as truncated before.

        The primary key is one of them if the key of the row is shortened.
        """
        index, payload, unique = entry
        marked = []
        if unique or index is self.key_index:
            size, owner = LONGEST_RANGE, b""
        else:
            size, owner = self.payload_size, row_key
            if len(row_key) > OWNER_SIZE:
                owner = shortened(row_key, OWNER_SIZE)
                if not self.primary.truncated:
                    marked.append(self.primary)
        if len(payload) > size:
            payload = shortened(payload, size)
            if not index.truncated:
                marked.append(index)
        return payload + owner, marked

    def partitions(self, index: Index) -> list[str]:
        """Return the hashes under which the entries of an index are."""
        buckets = index.entry.get("buckets") or 1
        begin = self.partition_name(index)
        return [f"{begin}#{number}" for number in range(buckets)]

    def partition(self, index: Index, key: bytes) -> str:
        """Return the hash under which an entry with this key is."""
        buckets = index.entry.get("buckets") or 1
        number = crc32(key) % buckets if buckets > 1 else 0
        return f"{self.partition_name(index)}#{number}"

    def partition_name(self, index: Index) -> str:
        return partition_name(
            self.entry.get("id") or self.name, index.entry.get("id") or index.name
        )

    # --- a part of a table ---

    def restrict(self, parts: Sequence[Predicate | CompoundPredicate]) -> None:
        """Make it the part whose rows satisfy predicates.

        The attributes of other items may have other types: these are read in part.
        """
        self.parts = parts
        names = {*self.key}.union(*map(columns_of, parts))
        columns = {name: self.column(name) for name in names}
        row_of = self.row_of
        row_of_part = row_reader(self.name, columns, self.attributes)

        def row_of_own(item: Item) -> Row:
            try:
                return row_of(item)
            except DatabaseError:
                try:
                    row = row_of_part(item)
                except DatabaseError:
                    row = row_of_part({name: item[name] for name in self.attributes})
                if self.holds(row):
                    raise
                return row

        self.row_of = row_of_own

    @cached_property
    def holds(self) -> Callable[[Row], bool]:
        """The function whether a row is one of this part of the table."""
        return all_of([bind(each, self.getter) for each in self.parts])

    def require_own(self, row: Row) -> None:
        """Raise IntegrityError if a row is not one of this part of the table."""
        if not self.holds(row):
            key = self.shown(Table.row_key(self, row))
            raise IntegrityError(
                f"The row {key} of {self.name} does not satisfy DynamoMeta.where."
            )

    # --- native indexes ---

    def bounds(self, index: NativeIndex, low: bytes, high: bytes) -> Bounds | None:
        """Return a range of a native index that holds all entries from `low` to `high`.

        Return None if it is not one of a single hash.
        """
        columns = [self.column(each) for each in index.columns if each]
        types = [each["db_type"] for each in columns]
        is_key = index.native is None
        write = [(key_codec if is_key else column_codec)(each)[0] for each in columns]
        try:
            end = end_of(types[0])(low)
            hash = write[0](decoded(types[0])(low[:end]))
        except (IndexError, TypeError, ValueError):
            return None
        if high == following(low[:end]):
            high = low[:end] + LAST
        if not high.startswith(low[:end]):
            return None
        is_whole = low[end:] == b"" and high[end:] == LAST
        found = Bounds((columns[0]["name"], hash), is_whole)
        if is_key and self.range == RANGE:
            found.range = RANGE
            found.low, found.high = (
                {"B": each} if 0 < len(each) <= LONGEST_RANGE else None
                for each in (low[end:], high[end:])
            )
        elif len(columns) > 1:
            found.range = columns[1]["name"]
            ends = (edge(types[1], each[end:]) for each in (low, high))
            found.low, found.high = (
                None if each is None or is_long(each) else write[1](each)
                for each in ends
            )
        return found


def is_long(value: Any) -> bool:
    """Return whether a value is too long for the range of a key."""
    return isinstance(value, (str, bytes)) and 4 * len(value) >= LONGEST_RANGE


@lru_cache(maxsize=4096)
def partition_name(table: str, index: str) -> str:
    """Return a name of an index of a table that no other index has."""
    return f"{table.replace('~', '~~').replace('.', '~.')}.{index}"
