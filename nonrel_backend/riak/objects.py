"""Rows read from a table's bucket: by key, by index, by fold; siblings resolved."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from .client import Client, Refused, RiakError
from .client.client import content, delete_request, index_request, put_request
from .paths import IndexQuery, Path, whole
from .resolving import Resolver
from .table import Row, Table
from .versions import NAME, Versions, Writes, give_way, writes_of

# How many gets are under way at once, how many keys and objects a page has.
PAGE = 500
# An index is probed for no more keys than these; a path of more queries than a few only
# where the others find many keys.
PROBE = 100
FEW = 5
# How often several versions of a row are looked at before one is taken.
LOOKS = 15


def absent(key: bytes) -> "Found":
    """In whose place a row is put that must be new."""
    return Found(key, {}, b"", Writes())


@dataclass(slots=True)
class Found:
    """A row as it was read: with the key of its object, its causal context, the writes
    that are in it, and whether its writers are about to agree on another one.
    """

    key: bytes
    row: Row
    vclock: bytes
    writes: Writes
    is_open: bool = False

    def put(self, row: Row, writes: Writes, reply: Any) -> None:
        """Be as it was put, unless others were, too."""
        if [writes_of(each) for each in reply.content] == [writes]:
            self.row, self.vclock, self.writes = row, reply.vclock, writes


class Probe:
    """The first keys that a path finds, by the replies to its queries."""

    def __init__(self, path: Path, replies: list[Any]):
        self.path = path
        pages = [() if isinstance(each, Refused) else each.keys for each in replies]
        self.keys = dict.fromkeys(key for page in pages for key in page)
        counts = [
            PROBE if isinstance(reply, Refused) else len(page)
            for page, reply in zip(pages, replies, strict=True)
        ]
        self.count = sum(counts)
        # Whether the keys are all.
        self.whole = all(count < PROBE for count in counts)


def pages(items: Iterable[Any], first: int = PAGE) -> Iterator[list]:
    """Lists of the items; the first one may be shorter, and the next ones grow."""
    waiting, size = iter(items), first
    while page := list(islice(waiting, size)):
        yield page
        size = min(2 * size, PAGE)


class Objects:
    """One table's objects."""

    def __init__(self, client: Client, table: Table, resolve: Resolver, type: bytes):
        self.client = client
        self.table = table
        self.resolve = resolve
        self.options = {"type": type} if type else {}
        # Of a table with unique values.
        self.make_markers: Callable[[], Any] | None = None

    @cached_property
    def markers(self) -> Any:
        """The table's Markers, None where nothing is to be unique."""
        return self.make_markers() if self.make_markers else None

    # --- by key ---

    def by_keys(self, keys: Iterable[bytes], first: int = PAGE) -> Iterator[Found]:
        """The rows that there are, page by page, in the order of the keys."""
        for key, reply in self.replies(keys, first):
            found = self.agreed(key, reply)
            if found is not None:
                yield found

    def replies(
        self, keys: Iterable[bytes], first: int = PAGE
    ) -> Iterator[tuple[bytes, Any]]:
        """Each key's RpbGetResp."""
        for page in pages(keys, first):
            if len(page) == 1:
                replies = [self.client.get(self.table.bucket, *page, **self.options)]
            else:
                replies = self.client.get_many(self.table.bucket, page, **self.options)
            for key, reply in zip(page, replies, strict=True):
                if isinstance(reply, Refused):
                    raise reply
                yield key, reply

    def agreed(self, key: bytes, reply: Any) -> Found | None:
        """found(), once its writers have agreed, or are given up."""
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
        """The row of an RpbGetResp; of several versions the one that stands, or the
        resolver's choice, which is written back.
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
        """The row of several versions."""
        in_order = versions.in_order()
        last = in_order[-1]
        if versions.agreed:
            row = self.table.row(last.content)
        else:
            row = self.resolve([(self.table.row(v.content), v.time) for v in in_order])
        writes = replace(last.writes, withdrawn=versions.withdrawn)
        return Found(key, row, vclock, writes, versions.is_open())

    def settle(self, found: Found) -> None:
        """Put a row in the place of all versions that were read; another reader may,
        too.
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
            found.vclock = self.client.tell(request).vclock
        except RiakError:
            pass  # it is resolved by the next one who reads it

    def note_request(self, key: bytes, withdrawn: Iterable[str]) -> Any:
        """The request that puts a version beside the others which has no row, but says
        which writes are withdrawn.
        """
        note = content(b"null")
        note.usermeta.add(key=NAME, value=str(Writes(0, (), tuple(withdrawn))).encode())
        return put_request(
            self.table.bucket, key, note, return_body=True, **self.options
        )

    def clear(self, key: bytes, vclock: bytes) -> None:
        """Delete what is left of writers of a row that was deleted."""
        request = delete_request(self.table.bucket, key, vclock=vclock, **self.options)
        try:
            self.client.tell(request)
        except RiakError:
            pass  # as above

    # --- by index ---

    def keys(self, path: Path) -> Iterator[bytes]:
        """The keys that a path finds, each once, in its order."""
        if path.known is not None:
            yield from path.known
            return
        seen: set[bytes] = set()
        batches = self.pages(path) if len(path.queries) < 3 else self.at_once(path)
        for keys in batches:
            for key in keys:
                if key not in seen:
                    seen.add(key)
                    yield key

    def pages(self, path: Path) -> Iterator[list[bytes]]:
        for query in path.queries:
            pages = self.client.index_pages(
                self.table.bucket, query.index, PAGE, **query.options, **self.options
            )
            for page in pages:
                yield page.keys

    def at_once(self, path: Path) -> Iterator[list[bytes]]:
        for start in range(0, len(path.queries), PAGE):
            queries = path.queries[start : start + PAGE]
            for reply in self.client.ask_many(
                [self.index_request(q, pagination_sort=True) for q in queries]
            ):
                if isinstance(reply, Refused):
                    raise reply
                yield reply.keys

    def index_request(self, query: IndexQuery, **options) -> Any:
        return index_request(
            self.table.bucket, query.index, **query.options, **options, **self.options
        )

    def best(self, paths: list[Path]) -> Path:
        """The path with the fewest keys, of which no more than a few are counted;
        where those are all, it has the ones that all such paths have.
        """
        if len(paths) == 1:
            return paths[0]
        most = max(FEW, min(len(path.queries) for path in paths))
        few = [path for path in paths if len(path.queries) <= most]
        probes = self.probes(few)
        rest = [path for path in paths if len(path.queries) > most]
        if rest and min(each.count for each in probes) > most:
            probes += self.probes(rest)
        best = min(probes, key=lambda each: each.count)
        if not best.whole:
            return best.path
        others = [each.keys for each in probes if each.whole]
        known = [key for key in best.keys if all(key in keys for keys in others)]
        return replace(best.path, known=tuple(known))

    def probes(self, paths: list[Path]) -> list["Probe"]:
        queries = [query for path in paths for query in path.queries]
        requests = [self.index_request(query, max_results=PROBE) for query in queries]
        replies = iter(self.client.ask_many(requests))
        return [Probe(path, [next(replies) for _ in path.queries]) for path in paths]

    # --- all of them ---

    def count(self, limit: int | None = None) -> int:
        """How many rows there are, at most `limit`."""
        # Tombstones have left the key's own index, but not the fold's.
        path = whole(self.table, self.table.key[0][0])
        rows: Iterator[Any] = self.all() if path is None else self.keys(path)
        return sum(1 for _ in islice(rows, limit))

    def all(self, start: bytes = b"") -> Iterator[Found]:
        """The rows in the order of their keys, from `start` on."""
        for each in self.client.fold(
            self.table.bucket, PAGE, start_key=start, **self.options
        ):
            found = self.agreed(each.key, each.object)
            if found is not None:
                yield found
