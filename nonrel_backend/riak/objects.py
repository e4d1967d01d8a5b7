"""Reading of rows from a table's bucket: by key, by index, by fold, with siblings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..batching import batches
from ..kv.retrying import give_way
from .client import Client, Refused, RiakError
from .client.client import content, delete_request, index_request, put_request
from .resolving import Resolver
from .tables import RiakTable, Row
from .versions import NAME, Versions, Writes, writes_of

# Keys of a page of an index, objects of a page of a fold, gets of a pipeline. On one
# node of Riak KV 3.2.3 a page of keys takes 1.4 milliseconds, one of a fold 25, a
# pipeline 130 (measured): the request itself hardly counts, and larger pages only take
# more memory.
PAGE = 500
# The quorums of a get that every replica answers, none of them by a node that stands in
# for another.
ALL = 4294967292
EVERY_REPLICA = {"r": ALL, "pr": ALL}
# How often a row is read until its concurrent writers have agreed. The pauses add up to
# 1.3 seconds on average; writers need less, unless one of them has crashed.
LOOKS = 15


def absent(key: bytes) -> "Found":
    """Return a Found for a row that does not exist, so that it is put as new."""
    return Found(key, {}, b"", Writes())


@dataclass(slots=True)
class Found:
    """A row as it was read.

    It has the key of its object, its causal context, and the writes that it contains.
    It is open while its concurrent writers may still agree on another version.
    """

    key: bytes
    row: Row
    vclock: bytes
    writes: Writes
    is_open: bool = False

    def put(self, row: Row, writes: Writes, reply: Any) -> None:
        """Become the row that was put, unless the reply has other versions, too."""
        if [writes_of(each) for each in reply.content] == [writes]:
            self.row, self.vclock, self.writes = row, reply.vclock, writes


def answers(replies: list[Any]) -> list[Any]:
    """Return the replies; raise the first error among them."""
    for reply in replies:
        if isinstance(reply, Refused):
            raise reply
    return replies


def pages(items: Iterable[Any]) -> Iterator[list]:
    """Return the items in lists of PAGE."""
    return batches(items, PAGE)


class Objects:
    """The objects of one table."""

    def __init__(
        self, client: Client, table: RiakTable, resolve: Resolver, type: bytes
    ) -> None:
        self.client = client
        self.table = table
        self.resolve = resolve
        self.options = {"type": type} if type else {}
        # The quorums of gets, if they are not the bucket's.
        self.quorums: dict[str, int] = {}

    # --- by key ---

    def by_keys(self, keys: Iterable[bytes]) -> Iterator[Found]:
        """Yield the rows that exist, in the order of the keys, read page by page."""
        for key, reply in self.replies(keys):
            found = self.agreed(key, reply)
            if found is not None:
                yield found

    def replies(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, Any]]:
        """Yield (key, RpbGetResp) for each key."""
        options: dict[str, Any] = {**self.options, **self.quorums}
        for page in pages(keys):
            if len(page) == 1:
                replies = [self.client.get(self.table.bucket, *page, **options)]
            else:
                replies = self.client.get_many(self.table.bucket, page, **options)
            for key, reply in zip(page, replies, strict=True):
                if isinstance(reply, Refused):
                    raise reply
                yield key, reply

    def agreed(self, key: bytes, reply: Any) -> Found | None:
        """Return found(), read again until its concurrent writers have agreed."""
        found = self.found(key, reply)
        for attempt in range(LOOKS):
            if found is None or not found.is_open:
                break
            give_way(attempt)
            ((_, reply),) = self.replies([key])
            found = self.found(key, reply)
        return found

    def found(
        self, key: bytes, reply: Any, withdrawn: Iterable[str] = ()
    ) -> Found | None:
        """Return the row of an RpbGetResp, None if there is none.

        Of several versions it is the winning one, or what the resolver returns. That is
        written back, unless writers may be about to agree.
        """
        if len(reply.content) == 1 and not withdrawn:
            (one,) = reply.content
            writes = writes_of(one)
            if not one.deleted and writes.is_row:
                return Found(key, self.table.row(one), reply.vclock, writes)
        versions = Versions(reply.content, withdrawn)
        if not versions.live:
            if versions.notes:
                self.clear(key, reply.vclock)
            return None
        found = self.resolved(key, versions, reply.vclock)
        if not versions.are_one() and not versions.is_busy():
            self.settle(found)
        return found

    def resolved(self, key: bytes, versions: Versions, vclock: bytes) -> Found:
        """Return the winning or resolved row of several versions."""
        in_order = versions.in_order()
        last = in_order[-1]
        if versions.agreed:
            row = self.table.row(last.content)
        else:
            row = self.resolve([(self.table.row(v.content), v.time) for v in in_order])
        writes = replace(last.writes, withdrawn=versions.withdrawn)
        return Found(key, row, vclock, writes, versions.is_open())

    def settle(self, found: Found) -> None:
        """Replace all versions that were read by this row. Another reader may, too.

        If others have written meanwhile, the row keeps the context of what was read: a
        put with that of the reply would replace their writes, too.
        """
        request = put_request(
            self.table.bucket,
            found.key,
            self.table.content(found.row, found.writes),
            vclock=found.vclock,
            return_head=True,
            **self.options,
        )
        try:
            found.put(found.row, found.writes, self.client.tell(request))
        except RiakError:
            pass  # the next reader resolves it

    def note_request(self, key: bytes, withdrawn: Iterable[str]) -> Any:
        """Return the put of a note: a sibling without a row, with withdrawn writes."""
        note = content(b"null")
        note.usermeta.add(key=NAME, value=str(Writes(0, (), tuple(withdrawn))).encode())
        return put_request(
            self.table.bucket, key, note, return_body=True, **self.options
        )

    def clear(self, key: bytes, vclock: bytes) -> None:
        """Delete the notes that concurrent writers have left of a deleted row."""
        request = delete_request(self.table.bucket, key, vclock=vclock, **self.options)
        try:
            self.client.tell(request)
        except RiakError:
            pass  # as above

    # --- by index ---

    def key_pages(
        self, index: bytes, size: int, query: dict[str, bytes]
    ) -> Iterator[list[bytes]]:
        """Yield the keys of an index query in its order, page by page.

        `query` has the fields of an RpbIndexReq that say what is wanted.
        """
        for page in self.client.index_pages(
            self.table.bucket, index, size, **query, **self.options
        ):
            yield page.keys

    def index_request(
        self, index: bytes, query: dict[str, bytes], **options: Any
    ) -> Any:
        """Return an RpbIndexReq."""
        return index_request(
            self.table.bucket, index, **query, **options, **self.options
        )

    # --- all rows ---

    def all(self, start: bytes = b"") -> Iterator[Found]:
        """Yield all rows in the order of their keys, from `start` on."""
        for each in self.client.fold(
            self.table.bucket, PAGE, start_key=start, **self.options
        ):
            found = self.agreed(each.key, each.object)
            if found is not None:
                yield found
