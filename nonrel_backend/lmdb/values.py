"""Conversion of values between Python and the store, and of rows to bytes and back."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import accumulate
from operator import attrgetter, or_
from typing import Any
from uuid import UUID
from zlib import crc32

import msgpack
from django.db import DatabaseError, DataError
from django.utils.duration import duration_microseconds

from ..kv.encoding import CRC_SIZE, ENCODERS
from ..kv.forms import BAD_VALUE, JSON_NULL, Forms, JsonNull
from ..kv.json_values import json_value
from ..kv.layouts import differs
from ..values import storing
from ..values.storing import moment, time_of_day
from ..values.wrappers import Json

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


# --- values ---


def to_date(value: date) -> int:
    return value.toordinal()


def to_datetime(value: Any) -> int:
    return (moment(value) - EPOCH) // MICROSECOND


def to_time(value: Any) -> int:
    value = time_of_day(value)
    minutes = value.hour * 60 + value.minute
    return (minutes * 60 + value.second) * 1_000_000 + value.microsecond


def to_json(value: Any) -> Any:
    if isinstance(value, Json):
        value = value.value
    return JSON_NULL if value is None else json_value(value)


def from_datetime(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def from_time(value: int) -> time:
    seconds, microseconds = divmod(value, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return time(hours, minutes, seconds, microseconds)


def from_json(value: Any) -> Any:
    return None if value is JSON_NULL else value


TO_STORED: dict[str, Callable[[Any], Any]] = {
    **storing.TO_STORED,
    "double": float,
    "date": to_date,
    "datetime": to_datetime,
    "time": to_time,
    "uuid": attrgetter("bytes"),
    "binary": bytes,
    "json": to_json,
}
# A type without an entry is stored as Django has it.
FROM_STORED: dict[str, Callable[[Any], Any]] = {
    "date": date.fromordinal,
    "datetime": from_datetime,
    "time": from_time,
    "duration": lambda value: timedelta(microseconds=value),
    "decimal": Decimal,
    "uuid": lambda value: UUID(bytes=value),
    "json": from_json,
}


def to_stored(db_type: str | None, value: Any) -> Any:
    """Return a Python value in the stored form of `db_type`.

    Raise DataError if the type cannot hold it.
    """
    convert = TO_STORED.get(db_type or "")
    if convert is None or (value is None and db_type != "json"):
        return value
    return convert(value)


FORMS = Forms(
    "LMDB",
    to_stored,
    FROM_STORED,
    ENCODERS,
    comparable={"decimal": Decimal},
    nans={"double": lambda value: value != value, "decimal": lambda v: "NaN" in v},
)


# --- rows ---

EXTENSIONS: dict[int, tuple[type, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    0: (JsonNull, lambda value: b"", lambda data: JSON_NULL),
    1: (int, lambda value: str(value).encode(), int),
    2: (
        Decimal,
        lambda value: str(value).encode(),
        lambda data: Decimal(data.decode()),
    ),
    3: (
        datetime,
        lambda value: value.isoformat().encode(),
        lambda data: datetime.fromisoformat(data.decode()),
    ),
    4: (
        date,
        lambda value: value.isoformat().encode(),
        lambda data: date.fromisoformat(data.decode()),
    ),
    5: (
        time,
        lambda value: value.isoformat().encode(),
        lambda data: time.fromisoformat(data.decode()),
    ),
    6: (
        timedelta,
        lambda value: str(duration_microseconds(value)).encode(),
        lambda data: timedelta(microseconds=int(data)),
    ),
    7: (UUID, attrgetter("bytes"), lambda data: UUID(bytes=data)),
}
CODES = {kind: code for code, (kind, _, _) in EXTENSIONS.items()}


def extended(value: Any) -> msgpack.ExtType:
    """Return a value that msgpack has no type for; raise DataError for others."""
    for kind in type(value).__mro__:
        code = CODES.get(kind)
        if code is not None:
            return msgpack.ExtType(code, EXTENSIONS[code][1](value))
    raise DataError(f"{value!r} of {type(value).__name__} cannot be stored.")


def restored(code: int, data: bytes) -> Any:
    if code not in EXTENSIONS:
        raise ValueError(f"unknown extension {code}")
    return EXTENSIONS[code][2](bytes(data))


def pack(value: Any) -> bytes:
    """Return a value as bytes; raise DataError if it is too large or too deep."""
    try:
        return msgpack.packb(value, default=extended, unicode_errors="surrogatepass")
    except ValueError as error:  # too deep, or past 4 GB
        raise DataError(f"This value cannot be stored: {error}") from error


unpacked = partial(
    msgpack.unpackb,
    strict_map_key=False,
    ext_hook=restored,
    unicode_errors="surrogatepass",
)
NOT_PACKED = (*BAD_VALUE, msgpack.UnpackException, RecursionError)


def unpack(data: bytes) -> Any:
    """Return the value that pack() made these bytes of.

    Raise DatabaseError for bytes that it did not make.
    """
    try:
        return unpacked(data)
    except NOT_PACKED as error:
        raise DatabaseError(f"The store is damaged: {error or 'no value'}") from error


# After the row comes its checksum, as a number of 32 bits for msgpack. It is the CRC of
# all bytes before it, computed from 0, which makes that of both 0. So that of several
# rows, one after the other, is 0, too: one call checks a batch. zlib inverts the bits.
# The checksum of an entry, after the key of the row, is that of its key as well.
ZERO = 0xFFFFFFFF
NUMBER = b"\xce"
CHECKSUM_SIZE = len(NUMBER) + CRC_SIZE
# What is asked of an Unpacker for a value, and for one with its place.
VALUE = ("unpack",)
PLACED_VALUE = ("tell", "unpack", "tell")
# Of so few rows each is unpacked alone: an Unpacker takes 1.5 microseconds to make.
FEW = 4
# Batches of more bytes are read in halves: they are copied twice.
LARGE_BATCH = 1 << 24
LARGEST_BUFFER = 1 << 33


def pack_row(row: list[Any], checksums: bool) -> bytes:
    """Return a row as bytes, followed by a checksum if that is asked for."""
    if not checksums:
        return pack(row)
    data = pack(row) + NUMBER
    return data + checksum(data)


def checksum(data: bytes) -> bytes:
    return (crc32(data, ZERO) ^ ZERO).to_bytes(CRC_SIZE, "little")


def unpack_row(data: bytes, width: int) -> list:
    """Return a row as its values by position; columns added later are NULL."""
    return unpack_rows([data], width)[0]


def unpack_rows(data: list[bytes], width: int, checksums: bool = False) -> list[list]:
    """Return rows as their values by position; columns added later are NULL.

    Raise DatabaseError if they are damaged, or do not have their `checksums`.
    """
    try:
        rows = unpack_checked(data) if checksums else list(map(unpacked, data))
        if not all(map(width.__eq__, map(list.__len__, rows))):
            for row in rows:
                row += [None] * (width - len(row))
    except NOT_PACKED as error:
        raise DatabaseError(f"The store is damaged: {error or 'no row'}") from error
    return rows


def unpack_columns(
    data: list[bytes], width: int, positions: list[int], checksums: bool
) -> list[tuple[Any, ...]]:
    """Return the values at these positions of rows; the others are not unpacked.

    Raise DatabaseError as unpack_rows() does.
    """
    if not positions:
        return [()] * len(data)
    order = sorted(positions)
    found = walked(b"".join(data), len(data), width, order, checksums)
    if found is None:
        rows = unpack_rows(data, width, checksums)
        return [tuple([row[at] for at in positions]) for row in rows]
    columns = dict(zip(order, found, strict=True))
    return list(zip(*[columns[at] for at in positions], strict=True))


def patch_rows(
    data: list[bytes],
    width: int,
    changes: dict[int, Callable[[Any], Any]],
    checksums: bool,
) -> list[bytes] | None:
    """Return rows after changes of the values at some positions, as bytes.

    A row that does not change is the same object. Return None where rows are to be
    unpacked as a whole for that.
    """
    joined = b"".join(data)
    order = sorted(changes)
    found = walked(joined, len(data), width, order, checksums, PLACED_VALUE)
    if found is None:
        return None
    pack = msgpack.Packer(default=extended, unicode_errors="surrogatepass").pack
    *begin, _ = ends = list(accumulate(map(len, data), initial=0))
    parts: list[list[bytes]] = []
    is_changed = [False] * len(data)
    columns = iter(found)
    for at, low, values, high in zip(order, columns, columns, columns, strict=True):
        new = list(map(changes[at], values))
        is_changed = list(map(or_, is_changed, map(differs, values, new)))
        parts.append([joined[i:j] for i, j in zip(begin, low, strict=True)])
        parts.append(list(map(pack, new)))
        begin = high
    end = CRC_SIZE if checksums else 0
    parts.append([joined[i : j - end] for i, j in zip(begin, ends[1:], strict=True)])
    rows = list(map(b"".join, zip(*parts, strict=True)))
    if checksums:
        rows = [row + checksum(row) for row in rows]
    return [
        new if changed else old
        for old, new, changed in zip(data, rows, is_changed, strict=True)
    ]


def walked(
    joined: bytes,
    count: int,
    width: int,
    positions: list[int],
    checksums: bool,
    asked: tuple[str, ...] = VALUE,
) -> list[list[Any]] | None:
    """Return lists of what is asked for each of `count` rows at each of some positions,
    in ascending order. What is at others is not unpacked.

    Return None for rows from before a column was added, for damaged or few rows, and
    for large ones.
    """
    if count < FEW or len(joined) > LARGE_BATCH or (checksums and wrong(joined)):
        return None
    unpacker = unpacker_of(joined)
    steps = [unpacker.read_array_header, *[unpacker.skip] * (width + checksums)]
    calls = [getattr(unpacker, name) for name in asked]
    for at in reversed(positions):
        steps[1 + at : 2 + at] = calls
    try:
        found = [step() for step in steps * count]
    except NOT_PACKED:
        return None
    size = len(steps)
    if found[::size].count(width) != count or unpacker.tell() != len(joined):
        return None
    more = len(asked) - 1
    return [
        found[1 + at + number * more + each :: size]
        for number, at in enumerate(positions)
        for each in range(len(asked))
    ]


def wrong(joined: bytes) -> bool:
    """Return whether rows with checksums, one after the other, are not as written."""
    return crc32(joined, ZERO) != ZERO


def unpacker_of(data: bytes) -> msgpack.Unpacker:
    """Return what unpacks the values of these bytes one after the other."""
    unpacker = msgpack.Unpacker(
        strict_map_key=False,
        ext_hook=restored,
        unicode_errors="surrogatepass",
        max_buffer_size=LARGEST_BUFFER,
    )
    unpacker.feed(data)
    return unpacker


def unpack_checked(data: list[bytes]) -> list[list]:
    """Return rows that are followed by their checksums.

    Raise ValueError if one is not as it was written.
    """
    joined = b"".join(data)
    if len(joined) > LARGE_BATCH and len(data) > 1:
        half = len(data) // 2
        return unpack_checked(data[:half]) + unpack_checked(data[half:])
    if not wrong(joined):
        if len(data) < FEW:
            return [unpacked(each[:-CHECKSUM_SIZE]) for each in data]
        found = list(unpacker_of(joined))
        if len(found) == 2 * len(data):
            return found[::2]
    raise ValueError(
        "a row is not as it was written. Run nonrel_check, or restore a backup."
    )
