"""Values in Python and in BSON: tables by db_type."""

import base64
import math
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from operator import pos
from typing import Any
from uuid import UUID

from bson import Binary, DBRef, Decimal128, Int64, ObjectId
from bson.decimal128 import create_decimal128_context
from django.db import DataError
from django.utils.duration import duration_microseconds

from ..microseconds import cut, to_microseconds
from ..values.storing import moment, to_int, to_string
from ..values.wrappers import Json
from .foreign import own
from .stored import (
    RoundedDecimal,
    RoundedDecimal128,
    StoredBytes,
    StoredFloat,
    StoredText,
    StoredUUID,
)

DECIMAL_CONTEXT = create_decimal128_context()


def to_decimal(value: Any) -> Decimal128:
    """Return the Decimal128. Raise DataError for more than its 34 digits."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        stored = Decimal128(DECIMAL_CONTEXT.create_decimal(number))
    except (InvalidOperation, ArithmeticError, ValueError) as error:
        raise DataError(f"{value!r} cannot be stored as a Decimal128.") from error
    if number.is_finite() and stored.to_decimal() != number:
        raise DataError(f"{value} has more than the 34 digits of a Decimal128.")
    if type(value) is RoundedDecimal:
        rounded = RoundedDecimal128.from_bid(stored.bid)
        rounded.given = to_decimal(value.given)  # type: ignore[attr-defined]
        return rounded
    return stored


def to_text(value: Any) -> Any:
    """Return a string, or the key of another type that a text stands for."""
    return value.stored if type(value) is StoredText else to_string(value)


def to_uuid(value: Any) -> Any:
    if type(value) is StoredUUID or type(value) is StoredText:
        return value.stored
    return Binary.from_uuid(value)


def to_binary(value: Any) -> bytes:
    if type(value) is StoredBytes:
        return value.stored
    return bytes(memoryview(value))


def to_json(value: Any) -> Any:
    return json_value(value.value if isinstance(value, Json) else value)


def to_object_id(value: Any) -> Any:
    # A field refuses other text. This is the text of a joined column, which equals no
    # ObjectId.
    return ObjectId(value) if ObjectId.is_valid(value) else value


JSON_PLAIN = (type(None), bool, float)


def json_value(value: Any) -> Any:
    """Return a JSON value as BSON. Raise TypeError if `json.dumps` would refuse it."""
    kind = type(value)
    if kind in JSON_PLAIN:
        return value
    if kind is StoredText or kind is StoredFloat:
        return value.stored
    if isinstance(value, str):
        return to_string(value)
    if isinstance(value, int):
        return bool(value) if kind is bool else to_int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return {json_key(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    raise TypeError(f"Object of type {kind.__name__} is not JSON serializable")


JSON_KEYS = {True: "true", False: "false", None: "null"}


def json_key(key: Any) -> str:
    """Return a key of an object as `json.dumps` writes it."""
    if isinstance(key, bool) or key is None:
        return JSON_KEYS[key]
    if not isinstance(key, (str, int, float)):
        raise TypeError(
            f"keys must be str, int, float, bool or None, not {type(key).__name__}"
        )
    text = to_string(key)
    if "\0" in text:
        raise DataError(f"The key {text!r} has a NUL, which BSON keys cannot hold.")
    return text


def is_short(value: int) -> bool:
    """Return whether pymongo stores an integer in 32 bits; others may take 64."""
    return -(2**31) <= value < 2**31


def json_reader(note: Callable[[], None]) -> Callable[[Any], Any]:
    """Return the function from BSON values to what `json.loads` would return.

    What JSON has no type for is text, or a float, that carries the BSON value: saved
    again, it is what it was. Call `note` for values in other forms than the backend's.
    """

    def read(value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return {key: read(item) for key, item in value.items()}
        if kind is list:
            return [read(item) for item in value]
        if kind in JSON_SAME:
            return value
        if kind is float:
            return value if math.isfinite(value) else StoredFloat(value, value)
        if kind is Int64:
            if is_short(value):
                note()
            return int(value)
        note()
        if isinstance(value, int):
            return int(value)
        if kind is DBRef:
            return {key: read(item) for key, item in value.as_doc().items()}
        if kind is Decimal128:
            return StoredFloat(value.to_decimal(), value)
        return StoredText(JSON_TEXTS.get(kind, str)(value), value)

    return read


def binary_text(value: Any) -> str:
    if isinstance(value, Binary) and value.subtype == 4:
        return str(value.as_uuid())
    return base64.b64encode(value).decode("ascii")


JSON_SAME = {str, int, bool, type(None), StoredText, StoredFloat}
# The texts of what JSON has no type for, where it is not str().
JSON_TEXTS: dict[type, Callable[[Any], str]] = {
    datetime: lambda value: f"{value.isoformat(timespec='milliseconds')}Z",
    bytes: binary_text,
    Binary: binary_text,
}


def from_date(value: datetime) -> date:
    return value.date()


# IEEE 754-2008's binary integer decimal encoding of 128 bits: two halves, the lower
# first. The high half has the sign in bit 63, the biased exponent in bits 49 to 62
# unless bits 61 and 62 are both set, and the upper digits below.
BID = struct.Struct("<QQ").unpack
BID_BIAS, BID_SHIFT, BID_LIMIT = 6176, 49, 0x6000000000000000
BID_REST = (1 << BID_SHIFT) - 1


def decimal_reader(
    places: int | None,
    note: Callable[[], None],
    refuse: Callable[[Any, str], None] | None = None,
) -> Callable[[Any], Decimal]:
    """Return the function from Decimal128 to Decimal.

    Call `note` for numbers with other than these decimal places, and `refuse` for NaN
    and infinity. Up to 18 digits are read here: Decimal128.to_decimal() takes five
    times as long.
    """
    own_exponent = None if places is None else -places

    def read(value: Any) -> Decimal:
        if type(value) is not Decimal128:
            found = Decimal(str(value))
            if refuse is not None and not found.is_finite():
                refuse(value, "it is not finite")
            return found
        low, high = BID(value.bid)
        if low < 10**18 and high < BID_LIMIT and not high & BID_REST:
            exponent: Any = (high >> BID_SHIFT) - BID_BIAS
            found = Decimal(low).scaleb(exponent, DECIMAL_CONTEXT)
        else:
            found = value.to_decimal()
            if refuse is not None and not found.is_finite():
                refuse(value, "it is not finite")
            exponent = found.as_tuple().exponent
        if exponent != own_exponent and own_exponent is not None:
            note()
        return found

    return read


def nothing_to_note() -> None:
    """Do nothing: nobody asks in which form values were."""


from_json = json_reader(nothing_to_note)
from_decimal = decimal_reader(None, nothing_to_note)


TO_BSON: dict[str, Callable[[Any], Any]] = {
    "int": to_int,
    "long": to_int,
    "double": float,
    "bool": bool,
    "string": to_text,
    "date": moment,  # a midnight: BSON has no dates
    "datetime": moment,
    # A datetime in an expression, of a table that keeps microseconds or not.
    "moment": lambda value: to_microseconds(moment(value)),
    "cut moment": lambda value: to_microseconds(cut(moment(value))),
    "time": lambda value: value.isoformat() if isinstance(value, time) else str(value),
    "duration": lambda value: to_int(duration_microseconds(value)),
    "decimal": to_decimal,
    "uuid": to_uuid,
    "binary": to_binary,
    "objectId": to_object_id,
    "json": to_json,
    "document": lambda value: value.stored(),
}
# Types whose values pymongo returns as Django wants them have no entry. Its Int64 does
# not pickle or serialize as an int does: the operator + makes it one, and returns a
# float unchanged.
FROM_BSON: dict[str, Callable[[Any], Any]] = {
    "int": pos,
    "long": pos,
    "date": from_date,
    "time": time.fromisoformat,
    "duration": lambda value: timedelta(microseconds=value),
    "decimal": from_decimal,
    "uuid": lambda value: value if isinstance(value, UUID) else value.as_uuid(),
    "binary": lambda value: value if type(value) is StoredBytes else bytes(value),
    "json": from_json,
}


def to_bson(db_type: str | None, value: Any) -> Any:
    """Return a Python value as `db_type` is stored.

    Raise DataError if BSON cannot hold it.
    """
    convert = TO_BSON.get(db_type or "")
    if convert is None or value is None and db_type != "json":
        return value
    return convert(value)


def from_bson(db_type: str | None, value: Any) -> Any:
    """Return a stored value, which is not None, as a Python value.

    Raise DataError if it means nothing in a column of this type.
    """
    try:
        value = own(db_type, value)
    except ValueError as error:
        raise DataError(f"{value!r} is no value of this column. {error}") from error
    convert = FROM_BSON.get(db_type or "")
    return value if convert is None else convert(value)
