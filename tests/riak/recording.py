"""The exchanges that were recorded from a real Riak KV 3.2.3."""

import hashlib
import json
from pathlib import Path
from typing import Any

from nonrel_backend.riak.client.messages import CLASSES

RECORDED = Path(__file__).parent / "recorded"
# Values that are recorded only as a length and a hash.
LONG_VALUES = [bytes(range(256)) * 4096, b"x" * 9_000, b"y" * 40_000]
ENUMERATIONS = {
    ("RpbIndexReq", "qtype"): {"eq": 0, "range": 1},
    ("RpbBucketProps", "repl"): {"FALSE": 0, "REALTIME": 1, "FULLSYNC": 2, "TRUE": 3},
    ("DtFetchResp", "type"): {"COUNTER": 1, "SET": 2, "MAP": 3},
    ("MapField", "type"): {
        "COUNTER": 1,
        "SET": 2,
        "REGISTER": 3,
        "FLAG": 4,
        "MAP": 5,
    },
    ("MapUpdate", "flag_op"): {"ENABLE": 1, "DISABLE": 2},
}


def exchanges(name: str = "pb.jsonl") -> list[dict[str, Any]]:
    """Return the exchanges in a file of `recorded/`."""
    with open(RECORDED / name) as lines:
        return [json.loads(line) for line in lines]


def payload(frame: dict[str, Any]) -> bytes | None:
    """Return the bytes of a recorded frame, None if only their hash is recorded."""
    return None if frame["hex"] is None else bytes.fromhex(frame["hex"])


def raw(value: Any) -> bytes:
    """Return the bytes of a recorded value."""
    if isinstance(value, str):
        return value.encode()
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    for known in LONG_VALUES:
        if hashlib.sha256(known).hexdigest() == value["sha256"]:
            return known
    raise LookupError(f"No value of {value['length']} bytes is known.")


def fields(decoded: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return a recorded message as keyword arguments of its class."""
    descriptor = CLASSES[name or decoded["message"]].DESCRIPTOR
    return {
        field: converted(descriptor, field, value)
        for field, value in decoded.items()
        if field != "message"
    }


def converted(descriptor: Any, name: str, value: Any) -> Any:
    """Return a recorded value of a field as its class takes it."""
    if isinstance(value, list):
        return [converted(descriptor, name, each) for each in value]
    field = descriptor.fields_by_name[name]
    if field.type == field.TYPE_MESSAGE:
        return fields(value, field.message_type.name)
    if field.type == field.TYPE_BYTES:
        return raw(value)
    return ENUMERATIONS.get((descriptor.name, name), {}).get(value, value)


def plain(message: Any) -> dict[str, Any]:
    """Return a message in the form of `fields`."""
    return {
        field.name: [as_field(each) for each in value]
        if isinstance(value, (list, tuple)) or hasattr(value, "extend")
        else as_field(value)
        for field, value in message.ListFields()
    }


def as_field(value: Any) -> Any:
    """Return the value of a field in the form of `fields`."""
    return plain(value) if hasattr(value, "ListFields") else value
