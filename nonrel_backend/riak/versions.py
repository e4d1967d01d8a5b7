"""Which writes a version of a row has in it: so that of writers who meet each is
counted, and none twice.

A row that is changed under compare-and-set says in its object's usermeta how many such
writes it has behind it, the ids of the last ones, and after a slash those withdrawn:

    nonrel-writes: 17 agDOmlFb3dc agDOmpq0VNM / agDOmhC1ZJU

A write is acknowledged when the reply to it has no other version that may be. Of two
at the same moment that is one at most: a node of both quorums had one before the other,
and the reply to that has both. Who sees others withdraws, and then puts no version in
the place of one that may have an acknowledged write which it has not; see changing.py.
"""

import random
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .resolving import time_of

NAME = b"nonrel-writes"
# Seconds. Versions that are farther apart were written by a cluster in parts.
MOMENT = 15.0
# Seconds that writers who met have to agree; one of them may have crashed.
PATIENCE = 2.0
PAUSE, LONGEST_PAUSE = 0.002, 0.3
# How many ids a version names.
FEWEST, MOST = 16, 256
FORM = re.compile(rb"[0-9]+( [\w-]{11})*( /( [\w-]{11})+)?")


def made_id() -> str:
    """The id of a write: 11 characters, of its second and a random number."""
    data = int(time.time()).to_bytes(4) + secrets.token_bytes(4)
    return urlsafe_b64encode(data).decode().rstrip("=")


def second_of(write: str) -> int:
    return int.from_bytes(urlsafe_b64decode(write + "=")[:4])


def kept(writes: tuple[str, ...]) -> tuple[str, ...]:
    """The last ones: those that writers of this moment may ask for."""
    if len(writes) <= FEWEST:
        return writes
    writes = writes[-MOST:]
    since = second_of(writes[-1]) - MOMENT
    return writes[sum(second_of(each) < since for each in writes[:-FEWEST]) :]


def give_way(attempt: int) -> None:
    """Wait a random time, the longer the more often it was lost."""
    time.sleep(random.random() * min(PAUSE * 2**attempt, LONGEST_PAUSE))


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes that a version has in it, and those known to be withdrawn."""

    count: int = 0
    last: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()

    def plus(self, write: str) -> "Writes":
        last = kept((*self.last, write))
        return Writes(self.count + 1, last, kept(self.withdrawn))

    def __str__(self) -> str:
        withdrawn = ("/", *self.withdrawn) if self.withdrawn else ()
        return " ".join([str(self.count), *self.last, *withdrawn])

    @property
    def is_row(self) -> bool:
        """Whether the version is not there for what it withdraws alone."""
        return self.count > 0 or not self.withdrawn

    @property
    def unnamed(self) -> int:
        """How many writes were before those that it names."""
        return self.count - len(self.last)

    def has(self, other: "Writes") -> bool | None:
        """Whether the last of other writes is in it; None if that is not known."""
        if other.last[-1] in self.last:
            return True
        return None if self.unnamed >= other.count else False


def writes_of(content: Any) -> Writes:
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
    """All versions of an object, as one reply has them; `withdrawn`: the writes that
    its reader withdraws.
    """

    def __init__(self, contents: Iterable[Any], withdrawn: Iterable[str] = ()):
        there = [
            Version(each, writes_of(each)) for each in contents if not each.deleted
        ]
        # Versions of the row.
        self.live = [each for each in there if each.writes.is_row]
        # What is there to withdraw a write, and has no row.
        self.notes = [each for each in there if not each.writes.is_row]
        told = (write for each in there for write in each.writes.withdrawn)
        self.withdrawn = tuple(sorted({*told, *withdrawn}, key=second_of))
        # Whether all their writers count.
        self.are_counted = all(each.writes.count for each in self.live)
        # Those of which each may stand, as it has what the others may be acknowledged
        # for; none where writers have yet to withdraw.
        self.agreed = self.live
        if len(self.live) > 1:
            self.agreed = [v for v in self.live if self.are_counted and self.has_all(v)]

    def has_all(self, version: Version) -> bool:
        return not any(self.lacks(version.writes, each.writes) for each in self.live)

    def lacks(self, mine: Writes, others: Writes) -> bool:
        """Whether there may be an acknowledged write in a version and not in mine. Mine
        has those that are older than the ones it names.
        """
        named = others.last[max(0, mine.unnamed - others.unnamed) :]
        return not {*mine.last, *self.withdrawn}.issuperset(named)

    def in_order(self) -> list[Version]:
        """Those that may stand, the one that does last: of writers who met the one with
        the most writes in it, and of those the first; of any others the newest.
        """
        found = self.agreed or self.live
        if self.agreed or self.met():
            return sorted(found, key=lambda each: (each.writes.count, -each.time))
        return sorted(found, key=lambda each: each.time)

    def met(self) -> bool:
        """Whether their writers met at the same moment."""
        times = [each.time for each in self.live]
        return self.are_counted and max(times) - min(times) < MOMENT

    def are_one(self) -> bool:
        return len(self.live) == 1 and not self.notes

    def is_busy(self) -> bool:
        """Whether writers may be about to agree."""
        newest = max(each.time for each in (*self.live, *self.notes))
        return self.are_counted and time.time() - newest < PATIENCE

    def is_open(self) -> bool:
        """Whether it will soon be clearer which version stands."""
        return not self.agreed and self.met() and self.is_busy()

    def acknowledge(self, mine: Writes) -> bool:
        """Whether what was put with these writes, the last one its own, will be in
        every version that stands from now on.
        """
        own = mine.last[-1]
        if not self.are_counted:
            return own in self.in_order()[-1].writes.last
        others = [each.writes for each in self.live if own not in each.writes.last]
        return len(others) < len(self.live) and not any(
            self.lacks(mine, each) for each in others
        )
