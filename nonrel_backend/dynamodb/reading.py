"""What is read of DynamoDB: items by their keys, scans and queries."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from heapq import merge
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from ..batching import batches
from ..kv.conditional import Predicates, Stored
from ..kv.encoding import KeyRange
from ..kv.parallel import each, pool
from ..kv.tables import Index
from .errors import Unavailable
from .expressions import (
    ENTRY,
    OWNER,
    PARTITION,
    entries_between,
    entry_stored,
    native_between,
    reading,
    returning,
    row_stored,
)
from .filters import INTENT, Expressions
from .items import LONGEST_RANGE, Item
from .tables import INDEX_TABLE, DynamoTable, NativeIndex

# Keys of one BatchGetItem (Amazon's documentation).
MOST_KEYS = 100
# Of a scan with a limit, how many times more items are asked for next.
GROWTH = 8
# Entries that are yielded at a time where they are those of several queries.
MERGED = 1000
# How many segments of a large table are scanned at the same time.
SEGMENTS = 4


class Reading:
    """The reading half of DynamoStore."""

    def __init__(self, database: Any, consistent: bool = True) -> None:
        self.database = database
        # Whether reads see all that was written before them. If not, they cost half.
        self.consistent = consistent

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        reply: dict[str, Any] = self.database.connection.call(operation, **parameters)
        return reply

    @property
    def index_table(self) -> str:
        name: str = self.database.physical(INDEX_TABLE)
        return name

    # --- rows ---

    def rows(
        self,
        table: Any,
        keys: Sequence[bytes],
        columns: AbstractSet[str] | None = None,
    ) -> list[Stored]:
        native = [
            table.native_key(key)
            for key in dict.fromkeys(keys)
            if table.is_possible(key)
        ]
        items = self.items(table.physical, native, reading(table, columns))
        return [row_stored(table, item) for item in items]

    def items(
        self,
        physical: str,
        keys: list[Item],
        parameters: dict[str, Any],
        consistent: bool | None = None,
    ) -> list[Item]:
        """Return the items with these keys that exist."""
        if consistent is None:
            consistent = self.consistent
        parameters = {**parameters, "ConsistentRead": consistent}
        if len(keys) == 1:
            reply = self.call("get_item", TableName=physical, Key=keys[0], **parameters)
            return [reply["Item"]] if reply.get("Item") else []
        work = partial(self.batch, physical, parameters)
        return list(chain.from_iterable(each(work, batches(keys, MOST_KEYS))))

    def batch(
        self, physical: str, parameters: dict[str, Any], keys: list[Item]
    ) -> list[Item]:
        found: list[Item] = []
        pauses = self.database.connection.pauses()
        while True:
            request = {physical: {"Keys": keys, **parameters}}
            reply = self.call("batch_get_item", RequestItems=request)
            found += reply["Responses"].get(physical, ())
            left = reply.get("UnprocessedKeys")
            if not left:
                return found
            if len(left[physical]["Keys"]) < len(keys):
                pauses = self.database.connection.pauses()
            keys = left[physical]["Keys"]
            if next(pauses, None) is None:
                raise Unavailable(
                    f"DynamoDB has not returned {len(keys)} items of {physical} before "
                    "the deadline: it is throttled, or overloaded."
                )

    def all_rows(
        self,
        table: Any,
        limit: int | None = None,
        after: bytes | None = None,
        columns: AbstractSet[str] | None = None,
        filters: Predicates = (),
    ) -> Iterator[list[Stored]]:
        parameters = {"TableName": table.physical, **reading(table, columns, filters)}
        begin = table.native_key(after) if after else None
        items, start = self.page("scan", parameters, limit, begin)
        first = [row_stored(table, item) for item in items]
        if first:
            yield first
        if not start:
            return
        segments: int = self.database.option("segments", SEGMENTS)
        if limit is not None or after is not None or segments < 2:
            for items in self.pages("scan", parameters, grown(limit), start):
                yield [row_stored(table, item) for item in items]
            return
        # A large table is read in segments at the same time, from the beginning; at
        # most one page of each is in memory.
        known = {stored.key for stored in first}
        for items in self.in_segments(parameters, segments):
            rows = [row_stored(table, item) for item in items]
            yield [stored for stored in rows if stored.key not in known]

    def page(
        self,
        operation: str,
        parameters: dict[str, Any],
        limit: int | None = None,
        start: Any = None,
    ) -> tuple[Any, Any]:
        """Return (items, where the next page starts) of a scan or query.

        The items are (how many were found, how many were read) if they are counted.
        """
        parameters = {"ConsistentRead": self.consistent, **parameters}
        if limit is not None:
            parameters["Limit"] = max(limit, 1)
        if start:
            parameters["ExclusiveStartKey"] = start
        reply = self.call(operation, **parameters)
        if "Select" in parameters:
            items: Any = (reply["Count"], reply["ScannedCount"])
        else:
            items = reply["Items"]
        return items, reply.get("LastEvaluatedKey")

    def pages(
        self,
        operation: str,
        parameters: dict[str, Any],
        limit: int | None = None,
        start: Any = None,
    ) -> Iterator[Any]:
        """Yield the pages of a scan or query; the first one has at most `limit` items.

        Pages may be empty.
        """
        while True:
            items, start = self.page(operation, parameters, limit, start)
            yield items
            if not start:
                return
            limit = grown(limit)

    def in_segments(self, parameters: dict[str, Any], segments: int) -> Iterator[Any]:
        """Yield the pages of a scan in segments that are read at the same time."""
        running: dict[Future[tuple[Any, Any]], dict[str, Any]] = {}

        def ask(segment: dict[str, Any], start: Any = None) -> None:
            running[pool().submit(self.page, "scan", segment, None, start)] = segment

        for number in range(segments):
            ask({**parameters, "Segment": number, "TotalSegments": segments})
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    segment = running.pop(future)
                    items, start = future.result()
                    if start:
                        ask(segment, start)
                    yield items
        finally:
            for future in running:
                future.cancel()

    # --- entries ---

    def entries(
        self,
        table: Any,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Stored]]:
        if isinstance(index, NativeIndex):
            for low, high in ranges:
                yield from self.native_entries(table, index, low, high, reverse, limit)
            return
        partitions = table.partitions(index)
        queries = [
            {**self.query(partition, low, high), "ScanIndexForward": not reverse}
            for low, high in ranges
            if low < high
            for partition in partitions
        ]
        firsts = each(lambda query: self.page("query", query, limit), queries)
        streams = (
            self.entry_pages(query, first, start, limit)
            for query, (first, start) in zip(queries, firsts, strict=True)
        )
        at_once = min(limit or MERGED, MERGED)
        if len(partitions) == 1:
            pages: Iterator[list[Stored]] = chain.from_iterable(streams)
            if len(queries) > 1:  # the rows of several are read at once
                pages = batches(chain.from_iterable(pages), at_once)
            yield from pages
            return
        while some := list(islice(streams, len(partitions))):
            found = merge(
                *map(chain.from_iterable, some), key=attrgetter("key"), reverse=reverse
            )
            yield from batches(found, at_once)

    def entry_pages(
        self, query: dict[str, Any], first: Any, start: Any, limit: int | None
    ) -> Iterator[list[Stored]]:
        """Yield the pages of a query of entries, of which the first was read.

        They come in parts: the rows of a whole page may be more than the caller needs.
        """
        yield from batches(map(entry_stored, first), MERGED)
        if start:
            for items in self.pages("query", query, grown(limit), start):
                yield from batches(map(entry_stored, items), MERGED)

    def query(
        self, partition: str, low: bytes, high: bytes, counts: bool = False
    ) -> dict[str, Any]:
        """Return the parameters of a query of the entries from `low` to before `high`.

        It returns them, or counts them.
        """
        found = Expressions()
        wanted = entries_between(partition, low, high, found)
        names = None if counts else [ENTRY, OWNER, INTENT]
        parameters = returning(found, names)
        return {
            "TableName": self.index_table,
            **found.parameters(KeyConditionExpression=wanted, **parameters),
        }

    def found(self, table: Any, index: Index, keys: Sequence[bytes]) -> list[Stored]:
        native: list[Item] = [
            {PARTITION: {"S": table.partition(index, key)}, ENTRY: {"B": key}}
            for key in dict.fromkeys(keys)
            if 0 < len(key) <= LONGEST_RANGE
        ]
        items = self.items(self.index_table, native, {})
        return list(map(entry_stored, items))

    def native_entries(
        self,
        table: DynamoTable,
        index: NativeIndex,
        low: bytes,
        high: bytes,
        reverse: bool,
        limit: int | None,
    ) -> Iterator[list[Stored]]:
        """Yield the entries of a range of an index that DynamoDB keeps.

        Of a range of several hashes all rows of the table are read.
        """
        query = self.native_query(table, index, low, high)
        if query is None:
            rows = chain.from_iterable(self.all_rows(table))
            entries = [native_entry(index, stored) for stored in rows]
            found = [each for each in entries if each and low <= each.key < high]
            found.sort(key=attrgetter("key"), reverse=reverse)
            yield from batches(found, MERGED)
            return
        query["ScanIndexForward"] = not reverse
        for items in self.pages("query", query, limit):
            entries = [native_entry(index, row_stored(table, item)) for item in items]
            yield [each for each in entries if each and low <= each.key < high]

    def native_query(
        self,
        table: DynamoTable,
        index: NativeIndex,
        low: bytes,
        high: bytes,
        counts: bool = False,
    ) -> dict[str, Any] | None:
        """Return the parameters of a query of a native index, None if there is none.

        It may find entries before and after the range, too, unless it counts them.
        """
        bounds = table.bounds(index, low, high)
        if bounds is None or (counts and not bounds.is_whole):
            return None
        found = Expressions()
        wanted = native_between(bounds, found)
        parameters = returning(found, None) if counts else {}
        query = {
            "TableName": table.physical,
            **found.parameters(KeyConditionExpression=wanted, **parameters),
        }
        if index.native is not None:
            query |= {"IndexName": index.native, "ConsistentRead": False}
        return query

    # --- counting ---

    def count(
        self,
        table: Any,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int | None:
        """Return the number, None, too, for a part of a hash of a native index."""
        if index is table.primary:
            return self.count_rows(table, limit)
        queries = []
        for low, high in ranges:
            if isinstance(index, NativeIndex):
                query = self.native_query(table, index, low, high, counts=True)
                if query is None:
                    return None
                queries.append(query)
            elif low < high:
                queries += [
                    self.query(partition, low, high, counts=True)
                    for partition in table.partitions(index)
                ]
        total = 0
        for counted in each(partial(self.counted, "query", limit), queries):
            if counted is None:
                return None
            total += counted
            if limit is not None and total >= limit:
                return limit
        return total

    def count_rows(self, table: DynamoTable, limit: int | None) -> int | None:
        """Return the number of rows of a table, None if one has an intent."""
        found = Expressions()
        scan = {
            "TableName": table.physical,
            **found.parameters(**returning(found, None)),
        }
        segments: int = self.database.option("segments", SEGMENTS)
        scans = [scan]
        if limit is None and segments > 1:
            scans = [
                {**scan, "Segment": number, "TotalSegments": segments}
                for number in range(segments)
            ]
        total = 0
        for counted in each(partial(self.counted, "scan", limit), scans):
            if counted is None:
                return None
            total += counted
        return total if limit is None else min(total, limit)

    def counted(
        self, operation: str, limit: int | None, parameters: dict[str, Any]
    ) -> int | None:
        """Return how many items a scan or query finds, at least if it is `limit`.

        Return None if one of them has an intent.
        """
        total = 0
        for found, read in self.pages(operation, parameters, limit):
            if found != read:
                return None
            total += found
            if limit is not None and total >= limit:
                break
        return total


def grown(limit: int | None) -> int | None:
    return None if limit is None else max(limit, 1) * GROWTH


def native_entry(index: NativeIndex, stored: Stored) -> Stored | None:
    """Return the entry of a row in a native index, None if it has none there.

    The row comes with it, unless the index has a part of it only.
    """
    row = stored.value
    if row is None and stored.intent is not None:
        row = stored.intent.value
    if row is None or not all(name in row for name in index.reads):
        return None
    found = Stored(index.payload(row) + stored.key, stored.key)
    if index.holds_rows:
        found.row = stored
    return found
