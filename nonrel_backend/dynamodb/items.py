"""Rows as DynamoDB's items, and back.

An attribute has the name of its column. NULL is a missing attribute; an attribute that
is null is JSON's null in a JSON column, NULL in others. Texts and bytes of keys must
not be empty: to those that are, or begin with NUL, one NUL is added at the beginning,
which keeps their order. Maps have no order in DynamoDB: `_o` has that of the keys in
JSON columns which are not sorted. `_v` is the version of an item, `_i` its intent: see
store.py.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import DatabaseError, DataError, NotSupportedError

from ..kv.components import NUMBERS, TEXTS
from ..kv.forms import BAD_VALUE, misplaced
from ..kv.key_orders import in_order, orders_of
from .values import (
    Attribute,
    StoredSet,
    decimal_attribute,
    decimal_reader,
    double_attribute,
    fits,
    interchanged,
    read_document,
    read_double,
    read_int,
    write_document,
)

# The attribute of the order of keys.
ORDER = "_o"
Item: TypeAlias = dict[str, Attribute]
Row: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[Attribute], Any]
Write: TypeAlias = Callable[[Any], Attribute]
# Bytes (Amazon's documentation).
LARGEST_ITEM = 400 * 1024
LONGEST_HASH, LONGEST_RANGE = 2048, 1024
# The type of a key's attribute.
KEY_TAGS = {
    **dict.fromkeys((*NUMBERS, "decimal", "double"), "N"),
    **dict.fromkeys((*TEXTS, "bool"), "S"),
    "binary": "B",
}
# How the texts of these types look. Others, which other programs have stored, do not
# compare and sort as these do.
SHAPES = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"),
    "time": re.compile(r"\d\d:\d\d:\d\d\.\d{6}"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
OTHER_FORM = (
    "This backend has another form of it: declare a field for the texts that are "
    "stored, as docs/dynamodb.md shows."
)


def number(value: int) -> Attribute:
    return {"N": str(value)}


def text(value: str) -> Attribute:
    return {"S": value}


def boolean(value: Any) -> Attribute:
    return {"BOOL": bool(value)}


def binary(value: bytes) -> Attribute:
    return {"B": value}


def write_set(value: Any) -> Attribute:
    return write_document(StoredSet(value) if type(value) is list else value)


CODECS: dict[str, tuple[Write, Read]] = {
    **dict.fromkeys(NUMBERS, (number, read_int)),
    **dict.fromkeys(TEXTS, (text, itemgetter("S"))),
    "bool": (boolean, itemgetter("BOOL")),
    "binary": (binary, itemgetter("B")),
    "double": (double_attribute, read_double),
}


def shaped(db_type: str) -> Read:
    """Return the function from an attribute to a text that looks as ours do.

    It raises ValueError for another one.
    """
    matches = SHAPES[db_type].fullmatch

    def read(attribute: Attribute) -> Any:
        text: str = attribute["S"]
        if not matches(text):
            raise ValueError(text)
        return text

    return read


def read_content(attribute: Attribute) -> Any:
    """Return a document; raise KeyError for null, which counts as NULL."""
    if "NULL" in attribute:
        raise KeyError("NULL")
    return read_document(attribute)


def column_codec(column: Mapping[str, Any]) -> tuple[Write, Read]:
    """Return the functions from a column's stored value to an attribute and back."""
    if column["db_type"] == "decimal":
        places = column.get("decimal_places")
        return decimal_attribute(places), decimal_reader(places)
    write = write_set if column.get("set") else write_document
    read = read_document if column["db_type"] == "json" else read_content
    return CODECS.get(column["db_type"], (write, read))


# --- keys ---


def key_text(value: str) -> Attribute:
    return {"S": f"\0{value}" if value[:1] in ("", "\0") else value}


def key_bytes(value: bytes) -> Attribute:
    return {"B": b"\0" + value if value[:1] in (b"", b"\0") else value}


def read_key_text(attribute: Attribute) -> str:
    value: str = attribute["S"]
    return value[1:] if value[:1] == "\0" else value


def read_key_bytes(attribute: Attribute) -> bytes:
    value: bytes = attribute["B"]
    return value[1:] if value[:1] == b"\0" else value


def key_decimal(value: str) -> Attribute:
    return {"N" if fits(Decimal(value)) else "S": value}


def key_double(value: float | str) -> Attribute:
    """Return a float as a key: -0.0 is 0.0, as the number of both is the same."""
    return double_attribute(value if isinstance(value, str) else value + 0.0)


KEY_CODECS: dict[str, tuple[Write, Read]] = {
    "bool": (
        lambda value: {"S": "true" if value else "false"},
        lambda attribute: ("false", "true").index(attribute["S"]) == 1,
    ),
    "string": (key_text, read_key_text),
    "binary": (key_bytes, read_key_bytes),
}
# How keys that are numbers are written, and read as others are.
KEY_NUMBERS: dict[str, Write] = {"decimal": key_decimal, "double": key_double}


def key_codec(column: Mapping[str, Any]) -> tuple[Write, Read]:
    """Return the functions of column_codec() for a column of the primary key."""
    write, read = KEY_CODECS.get(column["db_type"]) or column_codec(column)
    return KEY_NUMBERS.get(column["db_type"], write), read


def key_tag(table: str, column: Mapping[str, Any]) -> str:
    """Return the type of a key's attribute: S, N or B."""
    tag = KEY_TAGS.get(column["db_type"])
    if tag is None:
        raise NotSupportedError(
            f"{table}.{column['name']} cannot be a key: DynamoDB's keys are texts, "
            "numbers and bytes."
        )
    return tag


def check_key(
    table: str, column: Mapping[str, Any], attribute: Attribute, most: int
) -> None:
    """Raise DataError for an attribute that a key cannot have."""
    tag = key_tag(table, column)
    ((found, value),) = attribute.items()
    name = f"{table}.{column['name']}"
    if found != tag:
        raise DataError(
            f"{value} is no number that DynamoDB can hold as the key {name}."
        )
    size = 0 if tag == "N" else len(value.encode() if tag == "S" else value)
    if size > most:
        raise DataError(
            f"The key {name} has {size} bytes; DynamoDB takes {most} at most."
        )


# --- rows ---


def row_reader(
    table: str,
    columns: Mapping[str, Mapping[str, Any]],
    key: Sequence[str],
    is_ours: bool = True,
) -> Callable[[Item], Row]:
    """Return the function from an item to a row; `key` are the native key's names.

    Attributes that are no column are left out. Raise DatabaseError for an attribute of
    another type than its column, and, unless the table `is_ours`, in another form.
    """
    readers: dict[str, Read] = {
        name: (key_codec if name in key else column_codec)(column)[1]
        for name, column in columns.items()
    }
    if not is_ours:
        types = {name: column["db_type"] for name, column in columns.items()}
        readers |= {
            name: shaped(each) for name, each in types.items() if each in SHAPES
        }
    find = readers.get
    documents = ordered_columns(columns)

    def row_of(item: Item) -> Row:
        try:
            row = {
                name: read(attribute)
                for name, attribute in item.items()
                if (read := find(name)) is not None
            }
        except (KeyError, *BAD_VALUE):
            row = slowly(item)
        if documents:
            orders = json.loads(item[ORDER]["S"]) if ORDER in item else {}
            for name in documents & row.keys():
                row[name] = in_order(row[name], orders.get(name))
        return row

    def slowly(item: Item) -> Row:
        row: Row = {}
        for name, attribute in item.items():
            if name not in readers or "NULL" in attribute:
                if name in columns and columns[name]["db_type"] == "json":
                    row[name] = None
                continue
            try:
                row[name] = readers[name](attribute)
            except (KeyError, *BAD_VALUE) as error:
                (value,) = attribute.values()
                db_type = columns[name]["db_type"]
                wrong: object = misplaced(value, db_type)
                if db_type in SHAPES and not is_ours:
                    wrong = f"{wrong} {OTHER_FORM}"
                raise DatabaseError(f"{table}.{name}: {wrong}") from error
        return row

    return row_of


def row_writer(
    columns: Mapping[str, Mapping[str, Any]], key: Sequence[str], is_ours: bool = True
) -> Callable[[Row], Item]:
    """Return the function from a row to an item.

    Other programs read the items of tables that are not ours.
    """
    writers: dict[str, Write] = {
        name: (key_codec if name in key else column_codec)(column)[0]
        for name, column in columns.items()
    }

    documents = ordered_columns(columns)

    def item_of(row: Row) -> Item:
        item = {name: writers[name](value) for name, value in row.items()}
        if not is_ours:
            return {
                name: interchanged(value) if name in documents else value
                for name, value in item.items()
            }
        orders = orders_of((name, row[name]) for name in documents & row.keys())
        if orders:
            item[ORDER] = {"S": json.dumps(orders, separators=(",", ":"))}
        return item

    return item_of


def ordered_columns(columns: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the names of the columns of which `_o` has the order of keys."""
    return {
        name
        for name, column in columns.items()
        if column["db_type"] in ("json", "document") and not column.get("set")
    }


# --- sizes ---


def item_size(item: Item) -> int:
    """Return the bytes of an item, by the rules of Amazon's documentation."""
    return sum(len(name.encode()) + size_of(value) for name, value in item.items())


def size_of(attribute: Attribute) -> int:
    ((tag, value),) = attribute.items()
    if tag == "S":
        return len(value.encode())
    if tag == "N":
        return number_size(value)
    if tag == "B":
        return len(value)
    if tag == "M":
        return 3 + len(value) + item_size(value)
    if tag == "L":
        return 3 + sum(1 + size_of(each) for each in value)
    if tag in ("SS", "NS", "BS"):
        return sum(size_of({tag[0]: each}) for each in value)
    return 1


def number_size(value: str) -> int:
    digits = value.upper().partition("E")[0].replace(".", "").lstrip("-").strip("0")
    return (len(digits) + 1) // 2 + 1 + value.startswith("-")


def check_size(table: str, key: Any, item: Item) -> None:
    """Raise DataError for an item that is too large for DynamoDB."""
    size = item_size(item)
    if size > LARGEST_ITEM:
        largest = max(item, key=lambda name: size_of(item[name]))
        raise DataError(
            f"The row {key} of {table} has {size:,} bytes; DynamoDB holds "
            f"{LARGEST_ITEM:,} at most. The largest column is {largest}, "
            f"{size_of(item[largest]):,} bytes."
        )
