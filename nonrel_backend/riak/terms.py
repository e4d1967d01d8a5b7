"""Encoding of values as terms of secondary indexes, which sort like the values.

Integers, booleans and durations go into an _int index, all other types into a _bin one.
Terms are also valid in HTTP headers: of text in UTF-8, a byte up to "!" becomes "!" and
a character from "@" on, "~" and DEL become "~0" and "~1".
"""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

from django.db import DataError

# Bytes of a term. Riak KV 3.2.3 finds terms of this size, but not longer ones
# (measured).
LONGEST = 1_000_000
INTEGERS = {"int", "long", "bool", "duration"}
# Types whose terms sort like their values. A decimal's term is the nearest float, which
# several decimals share.
SORTED = {
    *("int", "long", "bool", "duration", "double"),
    *("string", "date", "datetime", "time", "uuid", "binary"),
}
ESCAPED = {
    **{byte: bytes([0x21, 0x40 + byte]) for byte in range(0x22)},
    0x7E: b"~0",
    0x7F: b"~1",
}
ESCAPES = [ESCAPED.get(byte, bytes([byte])) for byte in range(256)]
PLAIN = bytes(set(range(256)) - set(ESCAPED))
# The end of a descending term: a shorter text sorts after a longer one with its prefix.
END = b"~"
# Below and above every term.
FIRST, LAST = b"", b"\xff"
FIRST_INTEGER, LAST_INTEGER = b"-9223372036854775808", b"9223372036854775807"
# The index of NULLs: its terms are the names of the columns that are NULL.
NULLS = b"is-null_bin"


def escaped(text: str) -> bytes:
    data = text.encode()
    if data.translate(None, PLAIN):
        data = b"".join([ESCAPES[byte] for byte in data])
    return data


def number(value: Any) -> bytes:
    """Return a float as 16 hexadecimal digits that sort like it."""
    value = float(value)
    if value == 0:
        value = 0.0  # and not -0.0
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    bits = bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63
    return b"%016x" % bits


def integer(value: Any) -> bytes:
    return str(int(value)).encode()


def nearest(value: str) -> bytes:
    """Return a decimal as the nearest float."""
    try:
        return number(value)
    except OverflowError:
        return number(math.inf)


TERMS: dict[str, Callable[[Any], bytes]] = {
    **dict.fromkeys(INTEGERS, integer),
    "double": number,
    "decimal": nearest,
    "binary": lambda value: base64.b64decode(value).hex().encode(),
    **dict.fromkeys(("string", "date", "datetime", "time", "uuid"), escaped),
}


def index_name(column: str, db_type: str) -> bytes:
    suffix = "int" if db_type in INTEGERS else "bin"
    return escaped(f"{column.lower()}_{suffix}")


def term(db_type: str, value: Any) -> bytes:
    """Return the term of a stored value; raise DataError if it is too long for Riak."""
    found = TERMS[db_type](value)
    if len(found) > LONGEST:
        raise DataError(
            f"A value of an indexed column has {len(found)} bytes; Riak finds "
            f"{LONGEST} at most. Remove the index of the column."
        )
    return found


def descending(db_type: str, term: bytes) -> bytes:
    """Return a term, in hexadecimal text, for an index in descending order."""
    if db_type in INTEGERS:
        term = b"%016x" % (int(term) + 2**63)
    return bytes(0xFF - byte for byte in term).hex().encode() + END


def everything(db_type: str) -> tuple[bytes, bytes]:
    """Return the range of all terms of an index: (first, last)."""
    return (FIRST_INTEGER, LAST_INTEGER) if db_type in INTEGERS else (FIRST, LAST)


def is_nan(db_type: str, value: Any) -> bool:
    """Return whether a stored value is NaN, which counts as NULL, as in SQLite."""
    return db_type in ("double", "decimal") and "nan" in str(value).lower()
