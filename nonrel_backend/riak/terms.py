"""Values as terms of secondary indexes: in the order of the values, and fit for HTTP.

Integers, booleans and durations go into an _int index, all else into a _bin one. Text
is UTF-8 but for what a header cannot hold: bytes up to "!" are "!" and a character
from "@" on, "~" and DEL are "~0" and "~1".
"""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

from django.db import DataError

# Of a term's bytes: Riak finds no longer ones.
LONGEST = 1_000_000
INTEGERS = {"int", "long", "bool", "duration"}
# Types of which a term does not say all of the value: two may have one term.
INEXACT = {"decimal"}
# Types whose terms sort as their values do.
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
# Of descending terms: above every digit.
END = b"~"
# Below and above every term.
FIRST, LAST = b"", b"\xff"
FIRST_INTEGER, LAST_INTEGER = b"-9223372036854775808", b"9223372036854775807"
# One index for all that are NULL: its terms are the names of the columns.
NULLS = b"is-null_bin"


def escaped(text: str) -> bytes:
    data = text.encode()
    if data.translate(None, PLAIN):
        data = b"".join([ESCAPES[byte] for byte in data])
    return data


def number(value: Any) -> bytes:
    """A float in 16 digits that sort as it does."""
    value = float(value)
    if value == 0:
        value = 0.0  # and not -0.0
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    bits = bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63
    return b"%016x" % bits


def integer(value: Any) -> bytes:
    return str(int(value)).encode()


def nearest(value: str) -> bytes:
    """A decimal as the float beside it."""
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
    """The term of a stored value; DataError for one that Riak would not find."""
    found = TERMS[db_type](value)
    if len(found) > LONGEST:
        raise DataError(
            f"A value of {len(found)} bytes in an indexed column: Riak finds no more "
            f"than {LONGEST}. Leave the column without an index."
        )
    return found


def descending(db_type: str, term: bytes) -> bytes:
    """A term of another index, which sorts the other way round, as text in hex."""
    if db_type in INTEGERS:
        term = b"%016x" % (int(term) + 2**63)
    return bytes(0xFF - byte for byte in term).hex().encode() + END


def everything(db_type: str) -> tuple[bytes, bytes]:
    """The ends of the range of all terms of an index."""
    return (FIRST_INTEGER, LAST_INTEGER) if db_type in INTEGERS else (FIRST, LAST)


def is_nan(db_type: str, value: Any) -> bool:
    """NaN is NULL in all that is compared, as it is in SQLite."""
    return db_type in ("double", "decimal") and "nan" in str(value).lower()
