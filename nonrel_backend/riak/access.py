"""What a statement reads of Riak and writes: objects, folds and secondary indexes."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ..kv.access import Access, Change
from ..kv.encoding import EVERYTHING, KeyRange
from ..kv.tables import KEY_INDEX, Index
from . import datatypes
from .changing import delete, put_new, put_unchanged
from .client import Refused
from .objects import PAGE, Found, Objects, absent, answers, pages
from .tables import RiakTable, index_name

# Ranges of one scan of which each is counted. Of more, as for an IN, each is taken to
# hold one entry.
FEW = 8


# The table of claims, of the bucket type OPTIONS["unique_type"].
CLAIMS = "nonrel_unique"


class RiakAccess(Access):
    """The rows and entries of a database. A row is an object with its entries."""

    def __init__(self, store: Any, quorums: dict[str, int] | None = None) -> None:
        self.store = store
        # The quorums of gets, if they are not the buckets'.
        self.quorums = quorums or {}
        self.seen = store.seen
        # {table: its objects}
        self.known: dict[str, Objects] = {}
        # {(table, index, ranges): the rows' keys}, of the ranges that counts() has read
        # whole. They are used once: rows may be written after that.
        self.counted: dict[tuple[str, str, tuple[KeyRange, ...]], list[bytes]] = {}

    def table(self, name: str) -> RiakTable:
        found: RiakTable = self.store.catalog.table(name)
        return found

    def objects(self, table: RiakTable) -> Objects:
        found = self.known.get(table.name)
        if found is None:
            found = self.known[table.name] = self.store.objects_of(table)
            found.quorums = self.quorums
        return found

    # --- rows ---

    def get(self, table: Any, keys: Sequence[bytes]) -> list[Found]:
        return list(self.objects(table).by_keys(keys))

    def scan(
        self,
        table: Any,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Found]]:
        return pages(self.objects(table).all(ranges[0][0]))

    def scan_after(self, table: Any, key: bytes) -> Iterator[list[Found]]:
        return super().scan_after(table, key and key + b"\0")

    def keys(self, table: Any, records: list[Found]) -> list[bytes]:
        return [each.key for each in records]

    def rows(self, table: Any, records: list[Found], layout: Any = None) -> list[Any]:
        return [each.row for each in records]

    def record_version(self, record: Found) -> bytes:
        return record.vclock

    # --- entries ---

    def entries(
        self,
        table: Any,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[bytes]]:
        if self.counted:
            known = self.counted.pop((table.name, index.name, tuple(ranges)), None)
            if known is not None:
                return iter([known])
        if len(ranges) > 2:
            return self.at_once(table, index, ranges)
        return self.in_pages(table, index, ranges, min(limit or PAGE, PAGE))

    def in_pages(
        self, table: Any, index: Index, ranges: Sequence[KeyRange], size: int
    ) -> Iterator[list[bytes]]:
        """Yield the keys of each range, page by page."""
        objects = self.objects(table)
        for options in self.queries(table, ranges):
            yield from objects.key_pages(index_name(index.name), size, options)

    def at_once(
        self, table: Any, index: Index, ranges: Sequence[KeyRange]
    ) -> Iterator[list[bytes]]:
        """Yield all keys of each range, with PAGE queries in a pipeline."""
        objects = self.objects(table)
        for page in pages(self.queries(table, ranges)):
            requests = [
                objects.index_request(
                    index_name(index.name), options, pagination_sort=True
                )
                for options in page
            ]
            for reply in answers(objects.client.ask_many(requests)):
                yield reply.keys

    def queries(
        self, table: RiakTable, ranges: Iterable[KeyRange]
    ) -> Iterator[dict[str, bytes]]:
        """Yield the fields of an RpbIndexReq for each range that is not empty.

        Riak's ranges include both ends: the rows are checked again.
        """
        for low, high in ranges:
            if low < high:
                yield {"range_min": table.term(low), "range_max": table.term(high)}

    def count(
        self,
        table: Any,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int:
        # Unlike the fold, the index of the key has no tombstones.
        if index is table.primary and table.is_ready:
            index = table.key_index
        return super().count(table, index, ranges, limit)

    def counts(
        self,
        table: Any,
        scans: Sequence[tuple[Index, Sequence[KeyRange]]],
        limit: int,
    ) -> list[int]:
        objects = self.objects(table)
        requests = [
            objects.index_request(index_name(index.name), options, max_results=limit)
            for index, ranges in scans
            if len(ranges) <= FEW and index is not table.primary
            for options in self.queries(table, ranges)
        ]
        replies = iter(answers(objects.client.ask_many(requests)) if requests else [])
        found = []
        for index, ranges in scans:
            if len(ranges) > FEW or index is table.primary:
                found.append(min(limit, len(ranges)))
                continue
            asked = self.queries(table, ranges)
            keys = [key for _ in asked for key in next(replies).keys]
            found.append(min(limit, len(keys)))
            if len(keys) < limit:
                self.counted[table.name, index.name, tuple(ranges)] = keys
        return found

    # --- writing ---

    def apply(self, table: Any, changes: Iterable[Change]) -> list[Change]:
        objects = self.objects(table)
        lost = (self.apply_page(objects, page) for page in pages(changes))
        return list(chain.from_iterable(lost))

    def apply_page(self, objects: Objects, page: list[Change]) -> list[Change]:
        put = [(each.key, each) for each in page if each.key is not None]
        if put and objects.table.key and put[0][1].old_key is None:
            return self.insert(objects, put)
        lost = []
        if put:
            # A new claim, too: writers who put it at the same moment must agree.
            found = [each.record or absent(key) for key, each in put]
            now = put_unchanged(objects, found, [each.row for _, each in put])
            for key, each in put:
                if key in now:
                    each.record = now[key]
                    lost.append(each)
        gone = [
            (each.old_key, each.record and each.record.vclock)
            for each in page
            if each.key is None and each.old_key is not None
        ]
        if gone:
            delete(objects, gone)
            datatypes.remove(objects, [key for key, _ in gone])
        return lost

    def insert(self, objects: Objects, new: list[tuple[bytes, Change]]) -> list[Change]:
        table = objects.table
        taken = put_new(
            objects,
            [(key, table.content(e.row, entries=e.added)) for key, e in new],
        )
        if table.data:
            written = [e.row for n, (_, e) in enumerate(new) if n not in taken]
            datatypes.begin(objects, written)
        return [new[number][1] for number in taken]

    def claims(self) -> RiakTable:
        if CLAIMS not in self.known:
            self.known[CLAIMS] = self.store.claims()
            self.known[CLAIMS].quorums = self.quorums
        return self.known[CLAIMS].table

    def empty(self, names: list[str]) -> set[str]:
        """Return which of these tables are known to have no row, in one pipeline."""
        tables = [
            each for each in map(self.table, names) if not each.key_index.building
        ]
        requests = [
            self.objects(each).index_request(
                index_name(KEY_INDEX), query, max_results=1
            )
            for each in tables
            for query in self.queries(each, [EVERYTHING])
        ]
        replies = self.store.db_connection.ask_many(requests)
        return {
            table.name
            for table, reply in zip(tables, replies, strict=True)
            if not isinstance(reply, Refused) and not reply.keys
        }
