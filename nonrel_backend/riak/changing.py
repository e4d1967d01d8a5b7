"""A change of rows under compare-and-set, and what writers do who met at one."""

from typing import Any

from django.db import OperationalError

from .client import Conflict, Refused
from .client.client import put_request
from .objects import Found, Objects
from .table import Row
from .versions import Versions, Writes, give_way, made_id

# How often a change is tried again that another writer was faster with.
ATTEMPTS = 40
# Beyond this many attempts no longer is waited, where others go on meanwhile.
QUICK = 4


def put_changed(objects: Objects, found: list[Found], rows: list[Row]) -> list[Found]:
    """Put rows in the place of those found, which are then as they were put; return, as
    they are now, those that another writer has changed, and which are not put.
    """
    stale, met = try_put(objects, found, rows)
    lost = [each.found for each in met if each.is_lost()]
    return [*lost, *objects.by_keys(stale)]


def try_put(
    objects: Objects, found: list[Found], rows: list[Row]
) -> tuple[list[bytes], list["Meeting"]]:
    """Put rows in the place of those found, or where there were none; return the keys
    of those that are not put, and the meetings at others, which are over.
    """
    write = made_id()
    stale = [each.key for each in found if each.is_open]
    put = [
        (each, row, each.writes.plus(write))
        for each, row in zip(found, rows, strict=True)
        if not each.is_open
    ]
    requests = [changed_request(objects, *each) for each in put]
    met = []
    for (each, row, writes), reply in zip(put, told(objects, requests), strict=True):
        if isinstance(reply, Conflict):
            stale.append(each.key)
        elif Versions(reply.content).acknowledge(writes):
            each.put(row, writes, reply)
        elif len(reply.content) > 1:
            met.append(Meeting(each.key, writes, reply))
        else:  # the bucket has no siblings
            stale.append(each.key)
    agree(objects, met)
    return stale, met


def changed_request(objects: Objects, found: Found, row: Row, writes: Writes) -> Any:
    """The request that puts a row in the place of one found, or where none was."""
    condition = {"vclock": found.vclock, "if_not_modified": True}
    return put_request(
        objects.table.bucket,
        found.key,
        objects.table.content(row, writes),
        **(condition if found.vclock else {"if_none_match": True}),
        return_body=True,
        **objects.options,
    )


def told(objects: Objects, requests: list[Any]) -> list[Any]:
    """The replies to requests, some of them Conflicts."""
    if len(requests) != 1:
        replies = objects.client.tell_many(requests)
        for reply in replies:
            if isinstance(reply, Refused) and not isinstance(reply, Conflict):
                raise reply
        return replies
    try:
        return [objects.client.tell(requests[0])]
    except Conflict as error:
        return [error]


class Meeting:
    """A row that others have put at the same moment.

    Its write is withdrawn. Then the version that stands, be the write in it or not, is
    put again by another write, until that is acknowledged. Where others have yet to
    withdraw theirs before one stands, they are told what is withdrawn, and waited for.
    """

    def __init__(self, key: bytes, writes: Writes, reply: Any):
        self.key = key
        # With which it was put.
        self.writes = writes
        # What the store has now, None where that is not known.
        self.reply = reply
        # As it was read last, and the writes with which that is put again.
        self.found: Any = None
        self.again = writes
        # The writes of which the others have yet to be told that they are withdrawn.
        self.withdrawn = [writes.last[-1]]
        self.is_over = False

    def request(self, objects: Objects, write: str) -> Any:
        """The next request, None where there is nothing to do but wait."""
        self.found = objects.found(self.key, self.reply, self.withdrawn)
        self.reply = None
        if self.found is None:
            self.is_over = True
        elif not self.found.is_open:
            self.again = self.found.writes.plus(write)
            return changed_request(objects, self.found, self.found.row, self.again)
        elif self.withdrawn:
            return objects.note_request(self.key, self.withdrawn)
        return None

    def take(self, reply: Any) -> None:
        if isinstance(reply, Conflict):
            return
        self.reply = reply
        if self.found.is_open:
            self.withdrawn = []
        elif Versions(reply.content).acknowledge(self.again):
            self.found.put(self.found.row, self.again, reply)
            self.is_over = True
        else:
            self.withdrawn.append(self.again.last[-1])

    def is_lost(self) -> bool:
        """Whether the write is not in the row, and will not be; no row has lost it."""
        if self.found is None:
            return False
        has = self.found.writes.has(self.writes)
        if has is None:
            raise not_known()
        return not has


def agree(objects: Objects, met: list[Meeting]) -> None:
    """Return when the meetings are over."""
    attempt = 0
    while met:
        if attempt == ATTEMPTS:
            raise not_known()
        if attempt:
            waits = any(each.found.is_open for each in met)
            give_way(attempt if waits else min(attempt, QUICK))
        old = {each.key: each for each in met if each.reply is None}
        for key, reply in objects.replies(old):
            old[key].reply = reply
        write = made_id()
        asked = [(each, each.request(objects, write)) for each in met]
        asked = [(each, request) for each, request in asked if request is not None]
        replies = told(objects, [request for _, request in asked])
        for (each, _), reply in zip(asked, replies, strict=True):
            each.take(reply)
        met = [each for each in met if not each.is_over]
        attempt += 1


def not_known() -> OperationalError:
    return OperationalError(
        "Others change this row so often that it is not known whether it was changed."
    )
