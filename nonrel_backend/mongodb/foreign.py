"""Values of other BSON types than their field's: what they mean there, or a refusal.

A value is read where it is plain what it means and the server compares it as that:
numbers of another type, 1 and 0 for booleans, keys of other types as their text.
"""

from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId
from django.db import DataError

from ..values.local import ADAPTERS
from .stored import StoredBytes, StoredText, StoredUUID

ADAPTERS[StoredUUID] = ADAPTERS[UUID]

NOTHING = type(None)
INTEGERS = frozenset({int, Int64})
# The types in which pymongo returns the values that the backend itself stores.
NATIVE: dict[str, frozenset[type]] = {
    "int": INTEGERS,
    "long": INTEGERS,
    "double": frozenset({float}),
    "bool": frozenset({bool}),
    "string": frozenset({str}),
    "date": frozenset({datetime}),
    "datetime": frozenset({datetime}),
    "time": frozenset({str}),
    "duration": INTEGERS,
    "decimal": frozenset({Decimal128}),
    "uuid": frozenset({UUID, Binary}),
    "binary": frozenset({bytes}),
    "objectId": frozenset({ObjectId}),
    "document": frozenset({list, dict}),
}
# Types of NATIVE of which not every value means something.
CHECKED: dict[str, type] = {"time": str, "uuid": Binary}


def whole(value: Any) -> int:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("it is not finite")
    if number != int(number):
        raise ValueError("it is not a whole number")
    return int(number)


def truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError("of numbers, 0 and 1 are booleans")
    return bool(value)


def standard_uuid(value: Any) -> UUID:
    if value.subtype != 4:
        raise ValueError(
            f"it is of the subtype {value.subtype}, whose order of bytes depends on "
            "the driver that wrote it"
        )
    return value.as_uuid()


def text_uuid(value: str) -> UUID:
    return StoredUUID(value, value)


def time_text(value: str) -> str:
    if time.fromisoformat(value).isoformat() != value:
        raise ValueError("the store compares texts as time.isoformat() writes them")
    return value


def exact_double(value: int) -> float:
    if int(float(value)) != value:
        raise ValueError("no double holds all its digits")
    return float(value)


Others = dict[type, Callable[[Any], Any]]
WHOLE: Others = dict.fromkeys((float, Decimal128), whole)
# By db_type and type, the function to a value of the db_type's own type. It raises
# ValueError for a value that means nothing there.
OTHERS: dict[str, Others] = {
    "int": WHOLE,
    "long": WHOLE,
    "duration": WHOLE,
    "double": {
        **dict.fromkeys(INTEGERS, exact_double),
        Decimal128: lambda value: float(value.to_decimal()),
    },
    "decimal": dict.fromkeys(
        (*INTEGERS, float), lambda value: Decimal128(Decimal(str(value)))
    ),
    "bool": dict.fromkeys((*INTEGERS, float), truth),
    "time": {str: time_text},
    "uuid": {Binary: standard_uuid},
    "binary": {Binary: lambda value: StoredBytes(value, value)},
}
# The same for keys, which may be of several types in one collection.
KEYS: dict[str, Others] = {
    "string": {
        ObjectId: lambda value: StoredText(str(value), value),
        Binary: lambda value: StoredText(str(standard_uuid(value)), value),
        float: lambda value: StoredText(str(whole(value)), value),
        **dict.fromkeys(INTEGERS, lambda value: StoredText(str(value), value)),
    },
    "uuid": {**OTHERS["uuid"], str: text_uuid},
}
# The names of types in errors, and the fields that hold them.
NAMES: dict[type, tuple[str, str]] = {
    str: ("a string", "a CharField or TextField"),
    bool: ("a boolean", "a BooleanField"),
    int: ("an integer", "a BigIntegerField"),
    Int64: ("an integer", "a BigIntegerField"),
    float: ("a double", "a FloatField"),
    Decimal128: ("a Decimal128", "a DecimalField"),
    datetime: ("a date", "a DateTimeField"),
    DatetimeMS: ("a date that Python's datetime cannot hold", ""),
    list: ("an array", "a ListField"),
    dict: ("a document", "an EmbeddedModelField"),
    ObjectId: ("an ObjectId", "an ObjectIdField"),
    bytes: ("binary data", "a BinaryField"),
    Binary: ("binary data", "a UUIDField or BinaryField"),
}


def own(db_type: str | None, value: Any, is_key: bool = False) -> Any:
    """Return a stored value, not None, as one of the db_type's own types.

    Raise ValueError, with the reason, if it means nothing there.
    """
    kind = type(value)
    native = NATIVE.get(db_type or "")
    if native is None or (kind in native and kind is not CHECKED.get(db_type or "")):
        return value
    others = OTHERS.get(db_type or "", {})
    if is_key:
        others = KEYS.get(db_type or "", others)
    convert = others.get(kind)
    if convert is None:
        raise ValueError
    return convert(value)


def refusal(table: str, key: Any, field: Any, value: Any, reason: object) -> DataError:
    """Return the error for a stored value that a field cannot hold."""
    kind = type(value)
    name, holder = NAMES.get(kind, (kind.__name__, ""))
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    declared = f"{holder} or a JSONField" if holder else "a JSONField"
    because = f": {reason}" if str(reason) else ""
    return DataError(
        f"{table}, _id {key!r}: {name}, {shown}, is stored where the field "
        f"{field.name!r} is a {type(field).__name__}{because}. Store another value "
        f"there, or declare {declared}."
    )
