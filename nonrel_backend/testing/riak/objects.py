"""What the stand-in for Riak holds: objects, their versions, their index entries."""

import json
import random
import re
import time
from bisect import bisect_left, insort
from collections import deque
from typing import Any

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

INTEGER = re.compile(rb"-?[0-9]+")
Clock = dict[str, int]


def made_name(length: int) -> bytes:
    return f"{random.getrandbits(4 * length):0{length}x}".encode()


class Version:
    """One sibling: its content, and its write's dot: the node and its number."""

    __slots__ = ("content", "dot", "entries")

    def __init__(self, content: Any, dot: tuple[str, int]):
        self.content = content
        self.dot = dot
        self.entries = [] if content.deleted else list(map(entry, content.indexes))

    def time(self) -> tuple[int, int]:
        return self.content.last_mod, self.content.last_mod_usecs


class Stored:
    """An object: its siblings, and all writes that it has seen."""

    __slots__ = ("clock", "deleted", "got", "vclock", "versions")

    def __init__(self) -> None:
        self.clock: Clock = {}
        self.versions: list[Version] = []
        self.written()

    def written(self) -> None:
        """Work out what every reader is told, after each write."""
        self.vclock = json.dumps(self.clock, sort_keys=True).encode()
        # Whether nothing but tombstones is left.
        self.deleted = all(version.content.deleted for version in self.versions)
        # The RpbGetResp, once somebody has asked for it.
        self.got: Any = None

    def copy(self) -> "Stored":
        copied = Stored()
        copied.clock, copied.versions = dict(self.clock), list(self.versions)
        copied.written()
        return copied

    def entries(self) -> set[tuple]:
        return {entry for version in self.versions for entry in version.entries}

    def get(self) -> Any:
        """The RpbGetResp of the whole object."""
        if self.got is None:
            self.got = self.reply(messages.RpbGetResp)
        return self.got

    def reply(self, kind: Any, head: bool = False) -> Any:
        """The object in an RpbGetResp or RpbPutResp."""
        reply = kind(vclock=self.vclock)
        # Tombstones first, then the oldest.
        for version in sorted(self.versions, key=lambda each: not each.content.deleted):
            added = reply.content.add()
            added.CopyFrom(version.content)
            if head:
                added.value = b""
        return reply


def seen(clock: Clock, dot: tuple[str, int]) -> bool:
    """Whether a write had been seen by whoever had this clock."""
    node, number = dot
    return number <= clock.get(node, 0)


def clock_of(vclock: bytes) -> Clock:
    try:
        return json.loads(vclock)
    except ValueError as error:
        raise Refused("Error processing incoming message: error:badarg:") from error


def entry(pair: Any) -> tuple[bytes, int | bytes]:
    """(name of the index, term) of a content's RpbPair."""
    return pair.key, int(pair.value) if pair.key.endswith(b"_int") else pair.value


class Bucket:
    """The objects of one bucket, and its indexes as sorted lists."""

    def __init__(self) -> None:
        self.objects: dict[bytes, Stored] = {}
        # {name: [(term, key), ...]}
        self.indexes: dict[bytes, list[tuple]] = {}
        self.keys: list[bytes] = []

    def change(self, key: bytes, before: set[tuple], stored: Stored | None) -> None:
        """Bring keys and index entries along with an object that has changed."""
        at = bisect_left(self.keys, key)
        there = at < len(self.keys) and self.keys[at] == key
        if stored is None:
            if there:
                del self.keys[at]
        elif not there:
            self.keys.insert(at, key)
        after = stored.entries() if stored else set()
        for name, term in before - after:
            entries = self.indexes[name]
            del entries[bisect_left(entries, (term, key))]
        for name, term in after - before:
            insort(self.indexes.setdefault(name, []), (term, key))


class Objects:
    """All buckets of a stand-in, under its lock."""

    def __init__(self, node: str, tombstone_seconds: float):
        self.node = node
        self.tombstone_seconds = tombstone_seconds
        self.buckets: dict[tuple[bytes, bytes], Bucket] = {}
        # Tombstones in the order in which they go.
        self.dying: deque[tuple[float, Bucket, bytes, Clock]] = deque()

    def bucket(self, type: bytes, name: bytes) -> Bucket:
        self.reap()
        return self.buckets.setdefault((type or b"default", name), Bucket())

    def reap(self, now: float | None = None) -> None:
        """Have the tombstones go whose time has come."""
        now = time.monotonic() if now is None else now
        while self.dying and self.dying[0][0] <= now:
            _, bucket, key, clock = self.dying.popleft()
            stored = bucket.objects.get(key)
            if stored is not None and stored.deleted and stored.clock == clock:
                del bucket.objects[key]
                bucket.change(key, set(), None)

    def write(
        self, bucket: Bucket, key: bytes, content: Any, vclock: bytes, siblings: bool
    ) -> Stored:
        """Add a version, which replaces those that the writer had seen, or all."""
        known = clock_of(vclock) if vclock else {}
        stored = bucket.objects.setdefault(key, Stored())
        before = stored.entries()
        for node, count in known.items():
            stored.clock[node] = max(count, stored.clock.get(node, 0))
        number = stored.clock.get(self.node, 0) + 1
        stored.clock[self.node] = number
        kept = [
            version
            for version in stored.versions
            if siblings and not seen(known, version.dot)
        ]
        stored.versions = [*kept, Version(stamped(content), (self.node, number))]
        self.changed(bucket, key, before, stored)
        return stored

    def changed(self, bucket: Bucket, key: bytes, before: set, stored: Stored) -> None:
        stored.written()
        bucket.change(key, before, stored)
        if stored.deleted:
            due = time.monotonic() + self.tombstone_seconds
            self.dying.append((due, bucket, key, dict(stored.clock)))

    def merge(self, bucket: Bucket, key: bytes, other: Stored, siblings: bool) -> None:
        """Add the versions that another node has and this one has not seen, and drop
        those that the other one has seen replaced.
        """
        stored = bucket.objects.setdefault(key, Stored())
        before = stored.entries()
        ours = {version.dot for version in stored.versions}
        theirs = {version.dot for version in other.versions}
        versions = [
            version
            for version in stored.versions
            if version.dot in theirs or not seen(other.clock, version.dot)
        ]
        versions += [
            version
            for version in other.versions
            if version.dot not in ours and not seen(stored.clock, version.dot)
        ]
        if not siblings:
            versions = sorted(versions, key=Version.time)[-1:]
        for node, count in other.clock.items():
            stored.clock[node] = max(count, stored.clock.get(node, 0))
        stored.versions = versions
        self.changed(bucket, key, before, stored)

    def remove(self, bucket: Bucket, key: bytes) -> None:
        """Leave no trace of an object."""
        stored = bucket.objects.pop(key, None)
        if stored is not None:
            bucket.change(key, stored.entries(), None)


def stamped(content: Any) -> Any:
    """A content as it is stored: with a version's id and time, in normal form."""
    stored = messages.RpbContent()
    stored.CopyFrom(content)
    if not stored.HasField("value"):
        stored.value = b""
    stored.vtag = made_name(22)
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    stored.last_mod, stored.last_mod_usecs = seconds, nanoseconds // 1000
    for pair in stored.usermeta:
        if not pair.HasField("value"):
            pair.value = b"undefined"
    indexes = sorted({normal(pair.key, pair.value) for pair in content.indexes})
    del stored.indexes[:]
    for name, term in indexes:
        stored.indexes.add(key=name, value=term)
    return stored


def normal(name: bytes, term: bytes) -> tuple[bytes, bytes]:
    name = name.lower()
    return name, str(int(term)).encode() if name.endswith(b"_int") else term


def bad_indexes(content: Any) -> str | None:
    """Riak's words for indexes that it refuses."""
    wrong = []
    for pair in content.indexes:
        name, term = pair.key.lower(), pair.value
        if name.endswith(b"_int"):
            if not INTEGER.fullmatch(term):
                text = f"{{field_parsing_failed,{{{erlang(name)},{erlang(term)}}}}}"
                wrong.append(text)
        elif not name.endswith(b"_bin"):
            wrong.append(f"{{unknown_field_type,{erlang(name)}}}")
    if not wrong:
        return None
    return f"{{precommit_fail,[{(',' + chr(10) + ' ' * 17).join(sorted(wrong))}]}}"


def erlang(text: bytes) -> str:
    return f'<<"{text.decode(errors="replace")}">>'
