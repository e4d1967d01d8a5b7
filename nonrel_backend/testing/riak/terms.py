"""Continuations of the stand-in's queries, as Riak's: Erlang terms in base64."""

import base64
import binascii
import struct
from typing import Any

Term = int | bytes


def continuation(term: Term | None, key: bytes) -> bytes:
    """Return the continuation after an index entry, or after a key without a term."""
    body = packed(key)
    if term is not None:
        body = b"h\x02" + packed(term) + body
    return base64.b64encode(b"\x83" + body)


def place(text: bytes) -> tuple[Term | None, bytes]:
    """Return the term and key of a continuation. Raise ValueError if it is none."""
    try:
        data = base64.b64decode(text, validate=True)
        if data[:1] != b"\x83":
            raise ValueError("no Erlang term")
        if data[1:3] != b"h\x02":
            return None, unpacked(data, 1)[0]
        term, at = unpacked(data, 3)
        return term, unpacked(data, at)[0]
    except (binascii.Error, IndexError, struct.error) as error:
        raise ValueError("no continuation") from error


def packed(term: Term) -> bytes:
    """Return a term in Erlang's external format."""
    if isinstance(term, bytes):
        return b"m" + struct.pack("!I", len(term)) + term
    if 0 <= term < 256:
        return b"a" + bytes([term])
    if -(2**31) <= term < 2**31:
        return b"b" + struct.pack("!i", term)
    size = (abs(term).bit_length() + 7) // 8
    return bytes([ord("n"), size, term < 0]) + abs(term).to_bytes(size, "little")


def unpacked(data: bytes, at: int) -> tuple[Any, int]:
    """Return the term at an offset, and the offset after it."""
    tag, at = data[at : at + 1], at + 1
    if tag == b"m":
        (size,) = struct.unpack_from("!I", data, at)
        return data[at + 4 : at + 4 + size], at + 4 + size
    if tag == b"a":
        return data[at], at + 1
    if tag == b"b":
        return struct.unpack_from("!i", data, at)[0], at + 4
    if tag == b"n":
        size, negative = data[at], data[at + 1]
        number = int.from_bytes(data[at + 2 : at + 2 + size], "little")
        return -number if negative else number, at + 2 + size
    raise ValueError("no Erlang term")
