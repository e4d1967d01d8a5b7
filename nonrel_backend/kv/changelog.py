"""The log of a table's changes: which rows changed since a version.

Every change of rows replaces the token in the table's counters. A record of the log
tells of the change that made a token: the token before it, the keys of the rows and, if
none of them is new or gone, the names of the columns that changed. So the way back from
the present token to an older one names all rows that changed. The last bytes of a token
are the place of its record. Places are used again, so the log does not grow; a record
of a later change has another token, and ends the way back.
"""

import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from struct import Struct, pack, unpack_from
from typing import Any, TypeAlias
from zlib import crc32

from .encoding import CRC_SIZE, WHOLE, whole
from .tables import Table

# Records of a few keys, and larger ones, have places of their own: 1,024 changes of one
# row are some 60 KB, and 32 of thousands of rows at most 4 MB.
SMALL_BITS, LARGE_BITS = 10, 5
SMALL_MASK = (1 << SMALL_BITS) - 1
LARGE_MASK = (1 << LARGE_BITS) - 1
IS_LARGE = 1 << (SMALL_BITS + LARGE_BITS)
# Bytes of keys. A change of more rows is not recorded.
SMALL_SIZE, MOST_SIZE = 1_024, 1 << 17
TOKEN_SIZE, RANDOM_SIZE = 8, 6
# What comes before the names of columns.
NAMES_BEGIN = b"\0"
# The names of the columns in which rows have changed; None if rows are new or gone.
Columns: TypeAlias = AbstractSet[str] | None

_place = Struct(">H")
# The token, the one before it, and the number of keys.
_head = Struct(">8s8sI")


def write(
    access: Any,
    table: Table,
    before: bytes,
    keys: Sequence[bytes],
    columns: Columns = None,
) -> bytes:
    """Record a change of rows with these keys; return the token that it makes."""
    data = b"".join(keys)
    large, small = places(before)
    if len(data) <= SMALL_SIZE:
        place = large << SMALL_BITS | (small + 1) & SMALL_MASK
    else:
        place = IS_LARGE | ((large + 1) & LARGE_MASK) << SMALL_BITS | small
    token = os.urandom(RANDOM_SIZE) + _place.pack(place)
    if len(data) <= MOST_SIZE:
        sizes = pack(f">{len(keys)}H", *map(len, keys))
        record = _head.pack(token, before, len(keys)) + sizes + data
        if columns is not None:
            record += NAMES_BEGIN + "\0".join(sorted(columns)).encode()
        access.put(record_key(table, token), whole(record))
    return token


def changed(
    access: Any, table: Table, before: bytes, token: bytes
) -> dict[bytes, Columns] | None:
    """Return {key of a row: its columns} of what changed between two tokens.

    Return None if that is unknown.
    """
    found: dict[bytes, Columns] = {}
    while token != before:
        record = access.unnoted(record_key(table, token))
        # A damaged record is as good as none.
        if record is None or crc32(record) != WHOLE or record[:TOKEN_SIZE] != token:
            return None
        _, token, count = _head.unpack_from(record)
        sizes = unpack_from(f">{count}H", record, _head.size)
        at = _head.size + 2 * count
        keys = []
        for size in sizes:
            keys.append(record[at : at + size])
            at += size
        names = record[at:-CRC_SIZE]
        if not names:
            found.update(dict.fromkeys(keys))
            continue
        columns = frozenset(names[len(NAMES_BEGIN) :].decode().split("\0"))
        for key in keys:
            others = found.get(key, columns)
            found[key] = others and others | columns
    return found


def places(token: bytes) -> tuple[int, int]:
    """Return the last place of a large record and that of a small one."""
    (place,) = _place.unpack(token[RANDOM_SIZE:])
    return place >> SMALL_BITS & LARGE_MASK, place & SMALL_MASK


def record_key(table: Table, token: bytes) -> bytes:
    """Return the key of the record of the change that made a token."""
    (place,) = _place.unpack(token[RANDOM_SIZE:])
    place &= ~SMALL_MASK if place & IS_LARGE else SMALL_MASK
    return table.log_key + _place.pack(place)
