"""The stored forms of values in DynamoDB, and documents as attribute values.

An attribute value is what boto3's client takes: {"S": "a text"}. Columns other than
documents are in items.py. Documents and the values of a JSONField are DynamoDB's own
maps, lists, texts, numbers, booleans and nulls, but for

    {"$float": "1.0"}   a float that is whole, or that a number cannot hold
    {"$int": "1..."}    an integer of more digits than a number has
    {"$": ...}          the key "", which DynamoDB lacks

Where a document itself has such keys, each has one more "$" at its beginning.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

from django.db import DataError

from ..kv.encoding import encode_bytes, encode_double, encode_text
from ..kv.json_values import FROM_STORED, TO_STORED, json_forms, json_value, to_json
from ..values.storing import short, to_string

Attribute: TypeAlias = dict[str, Any]
# Digits of a number, and the exponents of its first one: a number is at least 1E-130
# and less than 1E+126 (Amazon's documentation), and so is each of its digits here.
DIGITS = 38
EXPONENTS = range(-92, 126)
LARGEST, SMALLEST = 1e126, 1e-92
# Of maps and lists, one in the other: there may be 32 (Amazon's documentation), two of
# them for the intent of a large commit, and one for the escape of a float.
DEEPEST = 29
# Texts of numbers that DynamoDB surely holds, without looking at their digits.
PLAIN_NUMBER = re.compile(r"-?(?=[0-9.]{1,38}\Z)[0-9]+(?:\.[0-9]+)?")
# The only key of a map that stands for a number, and keys that DynamoDB lacks; more
# "$" before them are escapes.
NUMBER_KEY = re.compile(r"\$+(?:float|int)")
EMPTY_KEY = re.compile(r"\$*")


def double_component(value: Any) -> bytes:
    return encode_double(float(value))


def document_component(value: Any) -> bytes:
    """Return the component of a document: its maps come back in another order."""
    return encode_text(json.dumps(value, default=repr, sort_keys=True))


base = json_forms("DynamoDB")


def to_document(value: Any) -> Any:
    """Return the value of a JSONField; raise DataError if DynamoDB cannot hold it."""
    found = json_value(to_json(value))
    write_document(found)
    return found


CHANGED: dict[str, Callable[[Any], Any]] = {"binary": bytes, "json": to_document}


def to_stored(db_type: str | None, value: Any) -> Any:
    """Return a Python value in the stored form of `db_type`.

    Raise DataError if the type cannot hold it.
    """
    convert = CHANGED.get(db_type or "") or TO_STORED.get(db_type or "")
    return value if convert is None else convert(value)


FORMS = replace(
    base,
    to_stored=to_stored,
    from_stored={key: each for key, each in FROM_STORED.items() if key != "binary"},
    encoders={
        **base.encoders,
        "double": double_component,
        "binary": encode_bytes,
        "json": document_component,
        "document": document_component,
    },
    comparable={"decimal": Decimal, "double": float},
)


# --- numbers ---


def fits(number: Decimal) -> bool:
    """Return whether a number of DynamoDB is this one exactly."""
    if not number:
        return number.is_finite()
    if not number.is_finite() or number.adjusted() not in EXPONENTS:
        return False
    return len("".join(map(str, number.as_tuple().digits)).strip("0")) <= DIGITS


def double_attribute(value: float | str) -> Attribute:
    """Return a float as a number; as a text where a number would not be the same."""
    if type(value) is str:
        return {"S": value}
    text = repr(value)
    if SMALLEST <= abs(value) < LARGEST or text == "0.0":  # type: ignore[arg-type]
        return {"N": text}
    return {"S": text}


def read_double(attribute: Attribute) -> float | str:
    ((tag, text),) = attribute.items()
    if tag == "S" and text in ("inf", "-inf", "nan"):
        return str(text)
    if tag not in ("N", "S"):
        raise ValueError(tag)
    return float(text)


def decimal_attribute(places: int | None) -> Callable[[str], Attribute]:
    """Return the function from the text of a decimal to an attribute value.

    It is a number that is read as an equal decimal of so many places. If the places
    are not known, the text must be the same.
    """

    def convert(text: str) -> Attribute:
        if places is None:
            is_same = PLAIN_NUMBER.fullmatch(text) and is_normal(text)
            return {"N": text} if is_same else {"S": text}
        if PLAIN_NUMBER.fullmatch(text) or fits(Decimal(text)):
            return {"N": text}
        return {"S": text}

    return convert


def is_normal(text: str) -> bool:
    """Return whether DynamoDB returns the text of a number as it is."""
    whole, point, fraction = text.partition(".")
    digits = whole.lstrip("-")
    return (
        (digits == "0" or not digits.startswith("0"))
        and not (point and fraction.endswith("0"))
        and (text != "-0")
    )


def decimal_reader(places: int | None) -> Callable[[Attribute], str]:
    """Return the function from an attribute value to a decimal with so many places."""

    def read(attribute: Attribute) -> str:
        text: str | None = attribute.get("N")
        if text is None:
            text = attribute["S"]
            Decimal(text)
            return text
        if "E" in text or "e" in text:
            text = format(Decimal(text), "f")
        whole, _, fraction = text.partition(".")
        if not places:
            return text
        return f"{whole}.{fraction.ljust(places, '0')}"

    return read


def int_of(text: str) -> int:
    """Return a number of DynamoDB as an integer; raise ValueError if it is none."""
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        if number != number.to_integral_value():
            raise
        return int(number)


def read_int(attribute: Attribute) -> int:
    return int_of(attribute["N"])


# --- documents ---

# Types of which documents may hold subclasses.
PLAIN: tuple[Any, ...] = (str, int, float, bytes)


class StoredSet(list):
    """The items of a set of DynamoDB, in order; it is stored as a set again."""


def write_document(value: Any, depth: int = 0) -> Attribute:
    """Return a value of a document as an attribute value.

    Raise DataError for a type that documents do not have, and for one too deep.
    """
    kind = type(value)
    if kind is str:
        return {"S": to_string(value)}
    if value is None:
        return {"NULL": True}
    if kind is bool:
        return {"BOOL": value}
    if kind is int:
        return int_attribute(value)
    if kind is float:
        return float_attribute(value)
    if kind is bytes:
        return {"B": value}
    if depth >= DEEPEST:
        raise DataError(f"DynamoDB holds documents of at most {DEEPEST} levels.")
    if isinstance(value, dict):
        return map_attribute(value, depth + 1)
    if isinstance(value, (list, tuple)):
        items = [write_document(item, depth + 1) for item in value]
        return (set_of(items) if kind is StoredSet else None) or {"L": items}
    convert = next((each for each in PLAIN if isinstance(value, each)), None)
    if convert is not None:
        return write_document(convert(value), depth)
    raise DataError(f"{value!r} of {kind.__name__} cannot be stored.")


def interchanged(attribute: Attribute) -> Attribute:
    """Return a document's attribute value with whole floats as numbers.

    They are read as integers, but other programs know them.
    """
    ((tag, value),) = attribute.items()
    if tag == "L":
        return {"L": list(map(interchanged, value))}
    if tag != "M":
        return attribute
    if value.keys() == {"$float"} and "S" in value["$float"]:
        number = double_attribute(float(value["$float"]["S"]))
        return number if "N" in number else attribute
    return {"M": {key: interchanged(item) for key, item in value.items()}}


def int_attribute(value: int) -> Attribute:
    if -(10**DIGITS) < value < 10**DIGITS or fits(Decimal(value)):
        return {"N": str(value)}
    try:
        return {"M": {"$int": {"S": str(value)}}}
    except ValueError as error:
        raise DataError(f"{short(value)} has too many digits to be stored.") from error


def float_attribute(value: float) -> Attribute:
    if abs(value % 1) > 0 and SMALLEST <= abs(value):  # not whole, NaN or infinite
        return {"N": repr(value)}
    return {"M": {"$float": {"S": repr(value)}}}


def map_attribute(value: dict[str, Any], depth: int) -> Attribute:
    found = {}
    for key, item in value.items():
        if not key or key[0] == "$":
            if EMPTY_KEY.fullmatch(key) or (
                len(value) == 1 and NUMBER_KEY.fullmatch(key)
            ):
                key = f"${key}"
        found[to_string(key)] = write_document(item, depth)
    return {"M": found}


def set_of(items: list[Attribute]) -> Attribute | None:
    """Return the set of these items, None if they cannot be one."""
    tags = {tag for each in items for tag in each}
    if len(tags) != 1:
        return None
    (tag,) = tags
    values = [each[tag] for each in items]
    if tag not in ("S", "N", "B") or len(set(values)) < len(values):
        return None
    return {f"{tag}S": values}


def read_document(attribute: Attribute) -> Any:
    """Return a value of a document."""
    ((tag, value),) = attribute.items()
    if tag in ("S", "BOOL", "B"):
        return value
    if tag == "M":
        return read_map(value)
    if tag == "L":
        return list(map(read_document, value))
    if tag == "N":
        return read_number(value)
    if tag == "NULL":
        return None
    if tag in ("SS", "BS"):
        return StoredSet(sorted(value))
    if tag == "NS":
        return StoredSet(sorted(map(read_number, value)))
    raise ValueError(tag)


def read_number(text: str) -> int | float:
    try:
        return int_of(text)
    except ValueError:
        return float(text)


def read_map(attributes: dict[str, Attribute]) -> Any:
    if len(attributes) == 1:
        ((key, item),) = attributes.items()
        if key[:1] == "$" and NUMBER_KEY.fullmatch(key):
            if key[1] == "$":
                return {key[1:]: read_document(item)}
            if "S" in item:
                return float(item["S"]) if key == "$float" else int(item["S"])
    return {
        key[1:] if key[:1] == "$" and EMPTY_KEY.fullmatch(key) else key: read_document(
            item
        )
        for key, item in attributes.items()
    }
