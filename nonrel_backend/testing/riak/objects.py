"""The objects that the stand-in stores, with their siblings and index entries."""

import itertools
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
    """Return a random name of `length` hexadecimal digits."""
    return f"{random.getrandbits(4 * length):0{length}x}".encode()


class Version:
    """One sibling: its content, and the dot (node, number) of its write."""

    __slots__ = ("content", "dot", "entries")

    def __init__(self, content: Any, dot: tuple[str, int]) -> None:
        self.content = content
        self.dot = dot
        self.entries = [] if content.deleted else list(map(entry, content.indexes))

    def time(self) -> tuple[int, int]:
        """Return when the version was written, in seconds and microseconds."""
        return self.content.last_mod, self.content.last_mod_usecs


class Stored:
    """An object: its siblings, and its clock, which covers all writes it has seen."""

    __slots__ = ("clock", "deleted", "got", "vclock", "versions")

    def __init__(self) -> None:
        self.clock: Clock = {}
        self.versions: list[Version] = []
        self.written()

    def written(self) -> None:
        """Update what readers get, after a write."""
        self.vclock = json.dumps(self.clock, sort_keys=True).encode()
        # Whether all siblings are tombstones.
        self.deleted = all(version.content.deleted for version in self.versions)
        # The RpbGetResp, made for the first reader.
        self.got: Any = None

    def copy(self) -> "Stored":
        """Return a copy with the same versions."""
        copied = Stored()
        copied.clock, copied.versions = dict(self.clock), list(self.versions)
        copied.written()
        return copied

    def entries(self) -> set[tuple[Any, ...]]:
        """Return the index entries of all versions."""
        return {entry for version in self.versions for entry in version.entries}

    def get(self) -> Any:
        """Return the RpbGetResp of the whole object."""
        if self.got is None:
            self.got = self.reply(messages.RpbGetResp)
        return self.got

    def reply(self, kind: Any, head: bool = False) -> Any:
        """Return the object in a message of class `kind`, without values if `head`."""
        reply = kind(vclock=self.vclock)
        # Tombstones first, then the oldest.
        for version in sorted(self.versions, key=lambda each: not each.content.deleted):
            added = reply.content.add()
            added.CopyFrom(version.content)
            if head:
                added.value = b""
        return reply


def seen(clock: Clock, dot: tuple[str, int]) -> bool:
    """Return whether a clock covers a write."""
    node, number = dot
    return number <= clock.get(node, 0)


def clock_of(vclock: bytes) -> Clock:
    """Return the clock of a vector clock. Raise Refused if it is none."""
    try:
        clock: Clock = json.loads(vclock)
        return clock
    except ValueError as error:
        raise Refused("Error processing incoming message: error:badarg:") from error


def entry(pair: Any) -> tuple[bytes, int | bytes]:
    """Return (name of the index, term) of a content's RpbPair."""
    return pair.key, int(pair.value) if pair.key.endswith(b"_int") else pair.value


class Bucket:
    """The objects of one bucket, and its indexes as sorted lists."""

    def __init__(self) -> None:
        self.objects: dict[bytes, Stored] = {}
        # {name: [(term, key), ...]}
        self.indexes: dict[bytes, list[tuple[Any, bytes]]] = {}
        self.keys: list[bytes] = []

    def change(
        self, key: bytes, before: set[tuple[Any, ...]], stored: Stored | None
    ) -> None:
        """Update keys and index entries after an object has changed, from the entries
        that it had before. `stored` is None if the object is gone.
        """
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
    """All buckets of a stand-in. Its lock must be held."""

    def __init__(self, node: str, tombstone_seconds: float) -> None:
        self.node = node
        self.tombstone_seconds = tombstone_seconds
        self.buckets: dict[tuple[bytes, bytes], Bucket] = {}
        # The tombstones in the order of the times when they are removed.
        self.dying: deque[tuple[float, Bucket, bytes, Clock]] = deque()
        # The numbers of this node's writes. No two writes have the same, as a node that
        # missed the removal of an object may still have its clock.
        self.numbers = itertools.count(1)

    def bucket(self, type: bytes, name: bytes) -> Bucket:
        """Return a bucket, which is made if there is none."""
        self.reap()
        return self.buckets.setdefault((type or b"default", name), Bucket())

    def reap(self, now: float | None = None) -> None:
        """Remove the tombstones that are old enough."""
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
        """Add a version, which replaces those that `vclock` covers, or all if not
        `siblings`.
        """
        known = clock_of(vclock) if vclock else {}
        stored = bucket.objects.setdefault(key, Stored())
        before = stored.entries()
        for node, count in known.items():
            stored.clock[node] = max(count, stored.clock.get(node, 0))
        number = stored.clock[self.node] = next(self.numbers)
        remaining = [
            version
            for version in stored.versions
            if siblings and not seen(known, version.dot)
        ]
        stored.versions = [*remaining, Version(stamped(content), (self.node, number))]
        self.changed(bucket, key, before, stored)
        return stored

    def changed(
        self, bucket: Bucket, key: bytes, before: set[tuple[Any, ...]], stored: Stored
    ) -> None:
        """Update what depends on an object after it has changed."""
        stored.written()
        bucket.change(key, before, stored)
        if stored.deleted:
            due = time.monotonic() + self.tombstone_seconds
            self.dying.append((due, bucket, key, dict(stored.clock)))

    def merge(self, bucket: Bucket, key: bytes, other: Stored, siblings: bool) -> None:
        """Merge another node's copy of an object into this node's.

        Add versions that this node has not seen, and drop those that the other node has
        seen and replaced.
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
        """Remove an object, without a tombstone."""
        stored = bucket.objects.pop(key, None)
        if stored is not None:
            bucket.change(key, stored.entries(), None)


def stamped(content: Any) -> Any:
    """Return a content as Riak stores it: with an id and a time, in normal form."""
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
    """Return the normal form of an index entry."""
    name = name.lower()
    return name, str(int(term)).encode() if name.endswith(b"_int") else term


def bad_indexes(content: Any) -> str | None:
    """Return Riak's error for the invalid index entries of a content, or None."""
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
    """Return bytes as an Erlang term."""
    return f'<<"{text.decode(errors="replace")}">>'
