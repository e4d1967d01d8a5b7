"""watch(): changes of rows, as DynamoDB Streams have them."""

import time
from collections.abc import Iterator
from typing import Any

from django.db import NotSupportedError

from ..query import translated_errors
from .client import shared
from .errors import code_of, described
from .expressions import is_only_intent
from .filters import INTENT
from .items import Item
from .raw import RawRows

# Seconds between two looks at a shard: five a second are allowed (Amazon's
# documentation).
PAUSE = 0.3
IMAGES = "NEW_AND_OLD_IMAGES"
# The codes by which endpoints without streams answer.
NO_STREAMS = {"400", "404", "InvalidAction", "UnknownOperationException"}
STARTS = {"now": "LATEST", "oldest": "TRIM_HORIZON"}


class Stream:
    """The stream of a model's table, from now on or from the oldest change in it."""

    def __init__(self, queryset: Any, start: str) -> None:
        self.rows = RawRows(queryset)
        self.store, self.table = self.rows.store, self.rows.table
        with translated_errors(self.store):
            found = self.store.catalog.native.describe(self.table.physical) or {}
            self.arn = found.get("LatestStreamArn")
            kind = found.get("StreamSpecification", {}).get("StreamViewType")
            if not self.arn or kind != IMAGES:
                raise NotSupportedError(
                    f"The table {self.table.physical} has no stream of old and new "
                    "items, or its endpoint has no streams. To enable it: "
                    "connection.client.update_table(TableName="
                    f"{self.table.physical!r}, StreamSpecification="
                    f"{{'StreamEnabled': True, 'StreamViewType': {IMAGES!r}}})."
                )
            settings = self.store.db_connection.settings
            self.client = shared(settings, "dynamodbstreams")
            # The iterators of shards; None for those that are read to their end.
            self.iterators: dict[str, str | None] = {}
            try:
                self.add_shards(STARTS[start])
            except Exception as error:
                if code_of(error) not in NO_STREAMS:
                    raise
                raise NotSupportedError(
                    f"The endpoint has no DynamoDB Streams: {described(error)}"
                ) from error

    def add_shards(self, start: str) -> None:
        """Begin to read the shards that are new, after those that they go on from."""
        more: dict[str, str] = {}
        while True:
            found = self.client.describe_stream(StreamArn=self.arn, **more)
            for shard in found["StreamDescription"]["Shards"]:
                name, parent = shard["ShardId"], shard.get("ParentShardId")
                if name in self.iterators or self.iterators.get(parent) is not None:
                    continue
                reply = self.client.get_shard_iterator(
                    StreamArn=self.arn, ShardId=name, ShardIteratorType=start
                )
                self.iterators[name] = reply["ShardIterator"]
            last = found["StreamDescription"].get("LastEvaluatedShardId")
            if not last:
                return
            more = {"ExclusiveStartShardId": last}

    def changes(self, seconds: float | None) -> Iterator[tuple[str, Any, Any]]:
        """Yield (operation, instance, key); end after so many seconds without one."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            found = list(self.looked())
            yield from found
            now = time.monotonic()
            if found and seconds is not None:
                until = now + seconds
            elif until is not None and now >= until:
                return
            time.sleep(PAUSE)

    def looked(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield the changes since the last look."""
        with translated_errors(self.store):
            for name, iterator in list(self.iterators.items()):
                if iterator is None:
                    continue
                reply = self.client.get_records(ShardIterator=iterator)
                self.iterators[name] = reply.get("NextShardIterator")
                for record in reply["Records"]:
                    yield from self.change(record["dynamodb"])
                if self.iterators[name] is None:
                    self.add_shards(STARTS["oldest"])

    def change(self, record: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Yield what a record tells; nothing of what is no change of a row."""
        old, new = (self.row(record.get(name)) for name in ("OldImage", "NewImage"))
        if old == new:
            return
        operation = "insert" if old is None else "delete" if new is None else "update"
        row = old if new is None else new
        assert row is not None
        for instance in self.rows.of_rows([row], set(self.table.columns)):
            yield operation, instance, instance.pk

    def row(self, item: Item | None) -> dict[str, Any] | None:
        """Return the row of an item, None if there is none of the model."""
        if item is None or (
            INTENT in item and is_only_intent(item, self.table.attributes)
        ):
            return None
        row: dict[str, Any] = self.table.row_of(item)
        return row if self.table.holds(row) else None
