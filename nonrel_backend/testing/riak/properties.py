"""The stand-in's bucket types and bucket properties."""

from collections.abc import Hashable
from functools import cache
from typing import Any

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

QUORUM = 4294967293
# The number of partitions of the ring, which is the limit of n_val.
RING_SIZE = 8
DEFAULTS: dict[str, Any] = {
    "n_val": 3,
    "allow_mult": True,
    "last_write_wins": False,
    "has_precommit": True,
    "has_postcommit": True,
    "chash_keyfun": {"module": b"riak_core_util", "function": b"chash_std_keyfun"},
    "linkfun": {"module": b"riak_kv_wm_link_walker", "function": b"mapreduce_linkfun"},
    "old_vclock": 86400,
    "young_vclock": 20,
    "big_vclock": 50,
    "small_vclock": 50,
    "pr": 0,
    "r": QUORUM,
    "w": QUORUM,
    "pw": 0,
    "dw": QUORUM,
    "rw": QUORUM,
    "basic_quorum": False,
    "notfound_ok": True,
}
# The type "default", which Riak always has, and types that tests need. As in Riak, a
# type that is made has siblings unless it says otherwise.
TYPES: dict[bytes, dict[str, Any]] = {
    b"default": {"allow_mult": False, "repl": 3, "write_once": False},
    b"mult": {"allow_mult": True},
    b"mult1": {"allow_mult": True, "n_val": 1},
    b"n1": {"allow_mult": False, "n_val": 1},
    b"lww": {"allow_mult": False, "last_write_wins": True},
    b"cnt": {"allow_mult": True, "datatype": b"counter"},
    b"cnt1": {"allow_mult": True, "datatype": b"counter", "n_val": 1},
    b"sets": {"allow_mult": True, "datatype": b"set"},
    b"maps": {"allow_mult": True, "datatype": b"map"},
    b"sc": {"allow_mult": True, "consistent": True},
}
QUORUMS = ("r", "w", "pr", "pw", "dw", "rw")
# The numbers above this are symbols: one, quorum, all, default.
HIGHEST_NUMBER = 2**32 - 16


@cache
def quorums_of(kind: Hashable) -> list[str]:
    """Return the names of the quorums that a message's class has."""
    known = kind.DESCRIPTOR.fields_by_name  # type: ignore[attr-defined]
    return [name for name in QUORUMS if name in known]


class NeverAnswered(Exception):
    """Riak neither answers this request nor closes the connection."""


class Properties:
    """The properties of each bucket: its type's, with those that were set for it."""

    def __init__(self) -> None:
        self.types = {name: {**DEFAULTS, **props} for name, props in TYPES.items()}
        self.own: dict[tuple[bytes, bytes], dict[str, Any]] = {}

    def of(self, type: bytes, bucket: bytes) -> dict[str, Any]:
        """Return the properties of a bucket."""
        type = type or b"default"
        own = self.own.get((type, bucket))
        return {**self.types[type], **own} if own else self.types[type]

    def set(self, type: bytes, bucket: bytes, props: Any) -> None:
        """Set properties of a bucket. Raise Refused for invalid ones."""
        if props.HasField("n_val") and props.n_val == 0:
            raise Refused("Invalid bucket properties: [{n_val,not_integer}]")
        if props.HasField("consistent"):
            why = '[{consistent,"cannot update consistent property"}]'
            raise Refused(f"Invalid bucket properties: {why}")
        own = self.own.setdefault((type or b"default", bucket), {})
        own |= {field.name: value for field, value in props.ListFields()}

    def reset(self, type: bytes, bucket: bytes) -> None:
        """Give a bucket the properties of its type."""
        self.own.pop((type or b"default", bucket), None)

    def require(self, type: bytes, text: str) -> None:
        """Raise Refused with `text` if there is no such type."""
        if type and type not in self.types:
            raise Refused(text.format(type.decode(errors="replace")))

    def for_object(self, request: Any) -> dict[str, Any]:
        """Return the properties of the bucket of a request for one object.

        Raise Refused or NeverAnswered if Riak does not carry out such a request.
        """
        for name in ("bucket", "key"):
            if request.HasField(name) and not getattr(request, name):
                raise Refused(f"{name.capitalize()} cannot be zero-length")
        self.require(request.type, "no_type")
        props = self.of(request.type, request.bucket)
        if props["n_val"] > RING_SIZE:
            raise NeverAnswered
        for name in quorums_of(request.__class__):
            if props["n_val"] < getattr(request, name) < HIGHEST_NUMBER:
                raise Refused(f"{{n_val_violation,{props['n_val']}}}")
        return props


def message(props: dict[str, Any]) -> Any:
    """Return properties as an RpbGetBucketResp."""
    return messages.RpbGetBucketResp(props=messages.RpbBucketProps(**props))
