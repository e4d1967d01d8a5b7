"""The values of components of keys, which encoding.py makes of values."""

import re
from collections.abc import Callable
from decimal import Decimal
from struct import Struct
from typing import Any

from .encoding import (
    ALL_BITS,
    EXPONENT_BIAS,
    NULL,
    PRESENT,
    SIGN,
    decode_int,
    decode_text,
    inverted,
)

# The types whose values are integers, and those of which they are texts.
NUMBERS = ("int", "long", "duration")
TEXTS = ("string", "date", "datetime", "time", "uuid")
unpack_double = Struct(">d").unpack
# The content of a text, before its end.
CONTENT = re.compile(rb"(?:[^\0]|\0\xff)*")
# The second bytes of the components of 0, -Infinity and Infinity, and of numbers > 0.
DECIMAL_MARKS, POSITIVE = (0x80, 0x00, 0xFF), 0xC0
EXPONENT_SIZE = 8


def decode_double(component: bytes) -> float:
    bits = int.from_bytes(component[1:], "big")
    bits ^= SIGN if bits & SIGN else ALL_BITS
    (number,) = unpack_double(bits.to_bytes(8, "big"))
    return float(number)


def decode_decimal(component: bytes) -> str:
    mark, magnitude = component[1], component[2:]
    if not magnitude:
        return {0x80: "0", 0x00: "-Infinity", 0xFF: "Infinity"}[mark]
    sign = int(mark != POSITIVE)
    magnitude = inverted(magnitude) if sign else magnitude
    exponent = int.from_bytes(magnitude[:EXPONENT_SIZE], "big") - EXPONENT_BIAS
    digits = tuple(map(int, magnitude[EXPONENT_SIZE:-1].decode()))
    return str(Decimal((sign, digits, exponent - len(digits) + 1)))


def decode_bytes(component: bytes) -> bytes:
    return component[1:-2].replace(b"\0\xff", b"\0")


DECODERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(NUMBERS, decode_int),
    **dict.fromkeys(TEXTS, decode_text),
    "binary": decode_bytes,
    "bool": lambda component: component[1] == 1,
    "double": decode_double,
    "decimal": decode_decimal,
}


def decoded(db_type: str) -> Callable[[bytes], Any]:
    """Return the function from a component to a stored value of this type.

    It raises ValueError for NULL, and for a component that is not whole.
    """
    decode, end = DECODERS[db_type], end_of(db_type)

    def value(component: bytes) -> Any:
        if component[:1] == NULL or end(component) != len(component):
            raise ValueError("no value")
        return decode(component)

    return value


# --- where components end ---


def fixed(size: int) -> Callable[[bytes], int]:
    return lambda data: size


def end_of_text(data: bytes) -> int:
    return data.index(b"\0\1") + 2


def end_of_decimal(data: bytes) -> int:
    if data[1] in DECIMAL_MARKS:
        return 2
    last = b"\0" if data[1] == POSITIVE else b"\xff"
    return data.index(last, 2 + EXPONENT_SIZE) + 1


ENDS: dict[str, Callable[[bytes], int]] = {
    **dict.fromkeys((*NUMBERS, "double"), fixed(9)),
    **dict.fromkeys((*TEXTS, "binary"), end_of_text),
    "bool": fixed(2),
    "decimal": end_of_decimal,
}


def end_of(db_type: str) -> Callable[[bytes], int]:
    """Return the function from bytes to the size of their first component."""
    return ENDS[db_type]


# --- ends of ranges ---


def edge(db_type: str, data: bytes) -> Any:
    """Return the value of the end of a range that bytes are, or one further out.

    Return None for no end, and for a type whose ends are not told.
    """
    value: Any
    if data[:1] != PRESENT:
        return None
    if db_type in NUMBERS:
        return decode_int(data[:9].ljust(9, b"\0"))
    if db_type not in (*TEXTS, "binary"):
        return None
    found = CONTENT.match(data, 1)
    assert found is not None
    value = found[0].replace(b"\0\xff", b"\0")
    if db_type != "binary":
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    return value or None
