"""Which writes a version of a row has in it: so that of writers who meet each is
counted, and none twice.

A row that is changed under compare-and-set says in its object's usermeta how many such
changes it has behind it, and the ids of the last ones:

    nonrel-writes: 17 wT3gR0 9ZkX1c
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from .resolving import time_of

NAME = b"nonrel-writes"
KEPT = 32
# Seconds. Versions that are farther apart were written by a cluster in parts.
MOMENT = 15.0
# Seconds that writers who met have to agree; one of them may have crashed.
PATIENCE = 2.0


def made_id() -> str:
    return secrets.token_urlsafe(4)


@dataclass(frozen=True, slots=True)
class Writes:
    """The changes that a version has in it."""

    count: int = 0
    last: tuple[str, ...] = ()

    def plus(self, write: str) -> "Writes":
        return Writes(self.count + 1, (*self.last, write)[-KEPT:])

    def __str__(self) -> str:
        return " ".join([str(self.count), *self.last])


def writes_of(content: Any) -> Writes:
    for pair in content.usermeta:
        if pair.key == NAME:
            count, *last = pair.value.decode().split(" ")
            return Writes(int(count), tuple(last))
    return Writes()


def met(versions: list[Any]) -> bool:
    """Whether they are of writers who met at the same moment."""
    times = [time_of(each) for each in versions]
    together = max(times) - min(times) < MOMENT
    return together and all(writes_of(each).count for each in versions)


def in_order(versions: list[Any]) -> list[Any]:
    """Versions of an object, the one that stands last: of writers who met the one with
    the most changes in it, and of those the first, on which the others make their
    changes anew; of any others the newest.
    """
    if len(versions) > 1 and met(versions):
        return sorted(versions, key=lambda v: (writes_of(v).count, -time_of(v)))
    return sorted(versions, key=time_of)


def is_open(versions: list[Any], write: str = "") -> bool:
    """Whether it will soon be clearer which version stands: where several have as many
    changes in them, one may have been the first, and its writer content; the others'
    writers, who saw it, are about to make their changes anew.
    """
    if len(versions) < 2 or not met(versions):
        return False
    if time.time() - max(map(time_of, versions)) > PATIENCE:
        return False
    best = writes_of(standing(versions, write))
    others = map(writes_of, versions)
    return write not in best.last and any(
        each.count == best.count and each.last[-1] not in (*best.last, write)
        for each in others
    )


def standing(versions: list[Any], write: str) -> Any:
    """The version that stands for the writer of one of them: not its own, which the
    others may not have seen, unless that has more changes in it.
    """
    own = [each for each in versions if is_own(each, write)]
    others = [each for each in versions if not is_own(each, write)]
    if not own or not others:
        return in_order(versions)[-1]
    best, mine = in_order(others)[-1], in_order(own)[-1]
    return mine if writes_of(mine).count > writes_of(best).count else best


def is_own(version: Any, write: str) -> bool:
    return writes_of(version).last[-1:] == (write,)
