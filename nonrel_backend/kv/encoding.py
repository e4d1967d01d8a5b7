"""Encoding of values as key components, whose bytes sort like the values.

NULL comes first. The first byte of a component tells whether it is NULL, and no
component is a prefix of another one, so components are concatenated without a
separator. In a descending component every byte is inverted.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, TypeAlias
from zlib import crc32

from ..documents.functions import at_path
from ..values.folding import fold

NULL = b"\x01"
PRESENT = b"\x02"
# The first byte of NULL, ascending and descending.
NULL_BYTES = (1, 254)
PAST_PRESENT = b"\x03"
# Past every component, and every key or payload that begins with one.
LAST = b"\xff"
# The byte after each one.
NEXT_BYTE = [bytes([byte + 1]) for byte in range(255)]
INVERSION = bytes(255 - byte for byte in range(256))
# Bytes of the hash at the end of a shortened key: 128 bits, so that no two of a billion
# keys with the same beginning are expected to collide.
HASH_SIZE = 16

# Bytes of a checksum, and the CRC of any bytes that are followed by their own.
CRC_SIZE, WHOLE = 4, 0x2144DF1C

# (first key, the key after the last one).
KeyRange: TypeAlias = tuple[bytes, bytes]
EVERYTHING: KeyRange = (b"", LAST)

_pack_unsigned = Struct(">BQ").pack
_pack_double = Struct(">d").pack
_unpack_bits = Struct(">Q").unpack
SIGN = 1 << 63
ALL_BITS = (1 << 64) - 1


def encode_int(value: Any) -> bytes:
    return _pack_unsigned(2, int(value) + SIGN)


def encode_optional_int(value: Any) -> bytes:
    return NULL if value is None else _pack_unsigned(2, int(value) + SIGN)


def encode_double(value: float) -> bytes:
    """Return the IEEE bits with the sign flipped, or all bits flipped if negative.

    NaN is encoded as NULL.
    """
    if value != value:
        return NULL
    (bits,) = _unpack_bits(_pack_double(value + 0.0))
    return _pack_unsigned(2, bits ^ ALL_BITS if bits & SIGN else bits | SIGN)


def encode_bytes(value: bytes) -> bytes:
    """Return the bytes, ended by 0 1; a 0 among them becomes 0 255."""
    return b"\x02%b\0\1" % value.replace(b"\0", b"\0\xff")


def encode_text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"\x02%b\0\1" % data.replace(b"\0", b"\0\xff")  # encode_bytes(), in short


def text_prefix(text: str) -> bytes:
    """Return the prefix of the components of all texts that start with this one."""
    return encode_text(text)[:-2]


def encode_fixed(value: bytes) -> bytes:
    return PRESENT + value


def encode_bool(value: Any) -> bytes:
    return b"\x02\1" if value else b"\x02\0"


# Makes every exponent of a decimal (Python's are below 10**18) a positive number.
EXPONENT_BIAS = 1 << 62


def encode_decimal(value: Any) -> bytes:
    """Return sign, exponent and digits; equal numbers have equal components."""
    number = value if isinstance(value, Decimal) else Decimal(value)
    if number.is_nan():
        return NULL
    if not number:
        return b"\x02\x80"
    sign, digits, _ = number.as_tuple()
    if number.is_infinite():
        return b"\x02\x00" if sign else b"\x02\xff"
    text = "".join(map(str, digits)).rstrip("0").encode()
    magnitude = (number.adjusted() + EXPONENT_BIAS).to_bytes(8, "big") + text + b"\0"
    return b"\x02\x01" + inverted(magnitude) if sign else b"\x02\xc0" + magnitude


def encode_json(value: Any) -> bytes:
    """Return the component of the JSON text: for uniqueness only, not for order."""
    return encode_text(json.dumps(value, default=repr))


def encode_any(value: Any) -> bytes:
    """Encode a value by its own type: numbers sort first, then texts, then bytes."""
    if isinstance(value, (int, float, Decimal)):
        return b"\x02\x01" + encode_decimal(Decimal(value))[1:]
    if isinstance(value, bytes):
        return b"\x02\x03" + encode_bytes(value)[1:]
    return b"\x02\x02" + encode_text(value if type(value) is str else repr(value))[1:]


# By db_type, for values stored as numbers where they have an order, text as str.
ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "int": encode_int,
    "long": encode_int,
    "double": encode_double,
    "bool": encode_bool,
    "string": encode_text,
    "date": encode_int,
    "datetime": encode_int,
    "time": encode_int,
    "duration": encode_int,
    "decimal": encode_decimal,
    "uuid": encode_fixed,
    "binary": encode_bytes,
    "json": encode_json,
}


def decode_int(component: bytes) -> int:
    return int.from_bytes(component[1:], "big") - SIGN


def decode_text(component: bytes) -> str:
    value = component[1:-2].replace(b"\0\xff", b"\0")
    return value.decode("utf-8", "surrogatepass")


# The functions from components back to stored values, for those that keys often have.
DECODERS: dict[Callable[[Any], bytes], Callable[[bytes], Any]] = {
    encode_int: decode_int,
    encode_text: decode_text,
    encode_fixed: lambda component: component[1:],
}
# What an index on a function of a text holds.
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "fold": fold,
    "reverse": lambda text: text[::-1],
    "lower": str.lower,
    "upper": str.upper,
}


# As many as the columns and directions of all indexes of a large project.
@lru_cache(maxsize=1024)
def component(
    encode: Callable[[Any], bytes],
    descending: bool = False,
    transform: str | None = None,
) -> Callable[[Any], bytes]:
    """Return the function that encodes the values of a column, None included.

    `encode` encodes the values that are not None, in ascending order.
    """
    if encode is encode_int and not descending:
        return encode_optional_int
    change = TRANSFORMS[transform] if transform else None

    def ascending(value: Any) -> bytes:
        if value is None:
            return NULL
        return encode(value if change is None else change(value))

    if not descending:
        return ascending
    return lambda value: inverted(ascending(value))


def path_encoder(path: tuple, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return the function of a document that encodes the value at a path."""
    return lambda document: encode(next(at_path(document, path), None))


def items_encoder(
    path: tuple, encode: Callable[[Any], bytes]
) -> Callable[[Any], list[bytes]]:
    """Return the function of a document that encodes all values at a path.

    It returns the encoded NULL if there is none.
    """

    def encoded(document: Any) -> list[bytes]:
        found = {encode(value) for value in at_path(document, path)}
        return list(found) or [encode(None)]

    return encoded


def inverted(key: bytes) -> bytes:
    return key.translate(INVERSION)


def following(key: bytes) -> bytes:
    """Return the first key after all keys that begin with `key`."""
    if key[-1] == 255:
        key = key.rstrip(b"\xff")
    return key[:-1] + NEXT_BYTE[key[-1]]


def whole(data: bytes) -> bytes:
    """Return bytes followed by their checksum: the crc32() of both is WHOLE."""
    return data + crc32(data).to_bytes(CRC_SIZE, "little")


def shortened(key: bytes, size: int) -> bytes:
    """Return a key of at most `size` bytes; a longer one ends with a hash of itself."""
    if len(key) <= size:
        return key
    digest = blake2b(key, digest_size=HASH_SIZE).digest()
    return key[: size - HASH_SIZE] + digest
