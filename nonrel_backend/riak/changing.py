"""Writing of objects: new ones, and by compare-and-set, with writers that agree."""

from collections.abc import Iterable
from typing import Any

from django.db import OperationalError

from ..kv.retrying import ATTEMPTS, give_way
from .client import AlreadyThere, Conflict, Refused
from .client.client import delete_request, put_request
from .objects import Found, Objects
from .tables import Row
from .versions import Versions, Writes, made_id

# The pauses grow for so many attempts only, while other writers make progress: up to 32
# milliseconds.
QUICK = 4


def put_new(objects: Objects, contents: list[tuple[bytes, Any]]) -> list[int]:
    """Put [(key, content)] of new rows; return the positions of the keys taken."""
    requests = [
        put_request(
            objects.table.bucket, key, content, if_none_match=True, **objects.options
        )
        for key, content in contents
    ]
    taken = []
    for number, reply in enumerate(replies_to(objects, requests)):
        if isinstance(reply, AlreadyThere):
            taken.append(number)
        elif isinstance(reply, Conflict):
            raise reply
    return taken


def delete(objects: Objects, versions: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Delete the objects of [(key, causal context)].

    One that was changed since it was read may stay, as a sibling.
    """
    requests = [
        delete_request(objects.table.bucket, key, vclock=vclock, **objects.options)
        for key, vclock in versions
    ]
    for reply in objects.client.tell_many(requests):
        if isinstance(reply, Refused):
            raise reply


def put_changed(objects: Objects, found: list[Found], rows: list[Row]) -> list[Found]:
    """Replace the rows found, unless another writer has changed them.

    Return the rows that are not replaced, as they are now. The others become, in
    `found`, what was put.
    """
    lost = put_unchanged(objects, found, rows)
    return [each for each in lost.values() if each is not None]


def put_unchanged(
    objects: Objects, found: list[Found], rows: list[Row]
) -> dict[bytes, Found | None]:
    """Replace the rows found, unless another writer has changed them.

    Return {key: row as it is now, None if there is none} of those not replaced.
    """
    stale, concurrent = try_put(objects, found, rows)
    # A claim that was withdrawn by all is put anew, a row deleted meanwhile is not.
    is_claim = not objects.table.key
    lost: dict[bytes, Found | None] = {
        each.key: each.found
        for each in concurrent
        if (is_claim and each.found is None) or each.is_lost()
    }
    if stale:
        lost |= dict.fromkeys(stale)
        lost |= {each.key: each for each in objects.by_keys(stale)}
    return lost


def try_put(
    objects: Objects, found: list[Found], rows: list[Row]
) -> tuple[list[bytes], list["ConcurrentWrite"]]:
    """Replace the rows found; `found` may have rows that do not exist yet.

    Return the keys of those that are not put because they have changed, and the
    concurrent writes of others, on whose outcome the writers have agreed.
    """
    write = made_id()
    stale = [each.key for each in found if each.is_open]
    put = [
        (each, row, each.writes.plus(write))
        for each, row in zip(found, rows, strict=True)
        if not each.is_open
    ]
    requests = [changed_request(objects, *each) for each in put]
    concurrent = []
    for (each, row, writes), reply in zip(
        put, replies_to(objects, requests), strict=True
    ):
        if isinstance(reply, Conflict):
            stale.append(each.key)
        elif Versions(reply.content).acknowledge(writes):
            each.put(row, writes, reply)
        elif len(reply.content) > 1:
            concurrent.append(ConcurrentWrite(each.key, writes, reply))
        else:  # the bucket has no siblings
            stale.append(each.key)
    agree(objects, concurrent)
    return stale, concurrent


def changed_request(objects: Objects, found: Found, row: Row, writes: Writes) -> Any:
    """Return the conditional put of a row, for one found or for none."""
    condition = {"vclock": found.vclock, "if_not_modified": True}
    return put_request(
        objects.table.bucket,
        found.key,
        objects.table.content(row, writes),
        **(condition if found.vclock else {"if_none_match": True}),
        return_body=True,
        **objects.options,
    )


def replies_to(objects: Objects, requests: list[Any]) -> list[Any]:
    """Return the replies to requests, with a Conflict for a condition that failed.

    Raise any other refusal.
    """
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


class ConcurrentWrite:
    """A write of a row that others have put at the same moment.

    The write is withdrawn. Then the winning version, which may contain the write or
    not, is put again by another write, until that is acknowledged. While no version
    wins, because others have yet to withdraw, a note tells them what is withdrawn.
    """

    def __init__(self, key: bytes, writes: Writes, reply: Any) -> None:
        self.key = key
        # The writes of the version that was put.
        self.writes = writes
        # The latest reply with the versions of the row, None if it must be read.
        self.reply = reply
        # The row as last read, and the writes with which it is put again.
        self.found: Any = None
        self.again = writes
        # Withdrawn writes that no note tells the others of yet.
        self.withdrawn = [writes.last[-1]]
        self.is_over = False

    def request(self, objects: Objects, write: str) -> Any:
        """Return the next request, None if there is nothing to do but wait."""
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
        """Take the reply to the request."""
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
        """Return whether the write will never be in the row; False for a deleted row.

        Raise OperationalError if that is not known.
        """
        if self.found is None:
            return False
        has = self.found.writes.has(self.writes)
        if has is None:
            raise unknown_outcome()
        return not has


def agree(objects: Objects, concurrent: list[ConcurrentWrite]) -> None:
    """Send requests until each write is over; raise OperationalError after ATTEMPTS."""
    attempt = 0
    while concurrent:
        if attempt == ATTEMPTS:
            raise unknown_outcome()
        if attempt:
            waits = any(each.found.is_open for each in concurrent)
            give_way(attempt if waits else min(attempt, QUICK))
        unread = {each.key: each for each in concurrent if each.reply is None}
        for key, reply in objects.replies(unread):
            unread[key].reply = reply
        write = made_id()
        asked = [(each, each.request(objects, write)) for each in concurrent]
        asked = [(each, request) for each, request in asked if request is not None]
        replies = replies_to(objects, [request for _, request in asked])
        for (each, _), reply in zip(asked, replies, strict=True):
            each.take(reply)
        concurrent = [each for each in concurrent if not each.is_over]
        attempt += 1


def unknown_outcome() -> OperationalError:
    return OperationalError(
        "Others change this row so often that it is unknown whether it was changed. "
        "Read it before you retry."
    )
