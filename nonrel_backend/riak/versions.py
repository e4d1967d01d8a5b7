"""The versions of a row and the writes in each, so that concurrent writers lose none.

A row that is changed by compare-and-set has, in its object's usermeta, the number of
such writes, the ids of the last ones and, after a slash, the ids of withdrawn ones:

    nonrel-writes: 17 agDOmlFb3dc agDOmpq0VNM / agDOmhC1ZJU

A write is acknowledged if the reply to it has no other version that may be
acknowledged. At most one of two concurrent writes is: some node belongs to both
quorums and gets one before the other, and its reply to the second has both. A writer
that sees another version withdraws. After that it replaces no version that may contain
an acknowledged write which its own version lacks; see changing.py.
"""

import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .resolving import time_of

NAME = b"nonrel-writes"
# Seconds. Versions that are farther apart were not written concurrently, but while
# nodes could not reach each other: a change retries for 10 seconds at most.
MOMENT = 15.0
# Seconds that concurrent writers have to agree before readers decide: one of them may
# have crashed. Writers that run need a few requests, of milliseconds each.
PATIENCE = 2.0
# How many ids a version names: those of the last MOMENT, but at least 16, so that as
# many concurrent writers find theirs, and at most 256, which take 3 kB.
FEWEST, MOST = 16, 256
FORM = re.compile(rb"[0-9]+( [\w-]{11})*( /( [\w-]{11})+)?")


def made_id() -> str:
    """Return the id of a write: 11 characters of its second and a random number."""
    data = int(time.time()).to_bytes(4) + secrets.token_bytes(4)
    return urlsafe_b64encode(data).decode().rstrip("=")


def second_of(write: str) -> int:
    """Return the second in which an id was made."""
    return int.from_bytes(urlsafe_b64decode(write + "=")[:4])


def recent(writes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the last writes: those that concurrent writers may look for."""
    if len(writes) <= FEWEST:
        return writes
    writes = writes[-MOST:]
    since = second_of(writes[-1]) - MOMENT
    return writes[sum(second_of(each) < since for each in writes[:-FEWEST]) :]


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes that a version contains, and those known to be withdrawn."""

    count: int = 0
    last: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()

    def plus(self, write: str) -> "Writes":
        """Return these writes and one more."""
        last = recent((*self.last, write))
        return Writes(self.count + 1, last, recent(self.withdrawn))

    def __str__(self) -> str:
        withdrawn = ("/", *self.withdrawn) if self.withdrawn else ()
        return " ".join([str(self.count), *self.last, *withdrawn])

    @property
    def is_row(self) -> bool:
        """Whether the version has a row, and is not only a note of withdrawn writes."""
        return self.count > 0 or not self.withdrawn

    @property
    def unnamed(self) -> int:
        """How many writes came before those that it names."""
        return self.count - len(self.last)

    def has(self, other: "Writes") -> bool | None:
        """Return whether it contains the last of other writes, None if not known."""
        if other.last[-1] in self.last:
            return True
        return None if self.unnamed >= other.count else False


def writes_of(content: Any) -> Writes:
    """Return the writes of a content; those of another client's content are empty."""
    for pair in content.usermeta:
        if pair.key == NAME and FORM.fullmatch(pair.value):
            made, _, withdrawn = pair.value.decode().partition(" / ")
            count, *last = made.split(" ")
            return Writes(int(count), tuple(last), tuple(withdrawn.split()))
    return Writes()


class Version(NamedTuple):
    content: Any
    writes: Writes

    @property
    def time(self) -> float:
        return time_of(self.content)


class Versions:
    """All versions of an object in one reply.

    `withdrawn` are writes that the reader itself withdraws.
    """

    def __init__(self, contents: Iterable[Any], withdrawn: Iterable[str] = ()) -> None:
        there = [
            Version(each, writes_of(each)) for each in contents if not each.deleted
        ]
        # Versions with a row.
        self.live = [each for each in there if each.writes.is_row]
        # Versions without a row, which only withdraw writes.
        self.notes = [each for each in there if not each.writes.is_row]
        told = (write for each in there for write in each.writes.withdrawn)
        self.withdrawn = tuple(sorted({*told, *withdrawn}, key=second_of))
        # Whether all were written by compare-and-set.
        self.are_counted = all(each.writes.count for each in self.live)
        # Versions that may win: each contains every write of the others that may be
        # acknowledged. There is none while writers have yet to withdraw.
        self.agreed = self.live
        if len(self.live) > 1:
            self.agreed = [v for v in self.live if self.are_counted and self.has_all(v)]

    def has_all(self, version: Version) -> bool:
        return not any(self.lacks(version.writes, each.writes) for each in self.live)

    def lacks(self, mine: Writes, others: Writes) -> bool:
        """Return whether others may have an acknowledged write that mine lacks.

        Mine contains all writes that are older than those it names.
        """
        named = others.last[max(0, mine.unnamed - others.unnamed) :]
        return not {*mine.last, *self.withdrawn}.issuperset(named)

    def in_order(self) -> list[Version]:
        """Return the versions that may win, the winner last.

        Of concurrent writers' versions the winner is the one with the most writes, and
        of these the oldest. Of other versions it is the newest.
        """
        found = self.agreed or self.live
        if self.agreed or self.are_concurrent():
            return sorted(found, key=lambda each: (each.writes.count, -each.time))
        return sorted(found, key=lambda each: each.time)

    def are_concurrent(self) -> bool:
        """Return whether they were written at the same moment."""
        times = [each.time for each in self.live]
        return self.are_counted and max(times) - min(times) < MOMENT

    def are_one(self) -> bool:
        return len(self.live) == 1 and not self.notes

    def is_busy(self) -> bool:
        """Return whether concurrent writers may be about to agree."""
        newest = max(each.time for each in (*self.live, *self.notes))
        return self.are_counted and time.time() - newest < PATIENCE

    def is_open(self) -> bool:
        """Return whether no version wins yet, but one may soon."""
        return not self.agreed and self.are_concurrent() and self.is_busy()

    def acknowledge(self, mine: Writes) -> bool:
        """Return whether every version that wins from now on contains this write.

        `mine` are the writes of the version that was put, its own last.
        """
        own = mine.last[-1]
        if not self.are_counted:
            return own in self.in_order()[-1].writes.last
        others = [each.writes for each in self.live if own not in each.writes.last]
        return len(others) < len(self.live) and not any(
            self.lacks(mine, each) for each in others
        )
