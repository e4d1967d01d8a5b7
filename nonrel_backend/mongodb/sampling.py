"""Samples of a collection: which BSON types its documents hold under which keys."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import (
    Binary,
    Code,
    CodecOptions,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.binary import OLD_UUID_SUBTYPE, UUID_SUBTYPE
from bson.codec_options import DatetimeConversion

from ..microseconds import SUFFIX, is_hidden

# With these every document can be read: dates past 9999, text that is no UTF-8.
READ_ALL: CodecOptions = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)
# The names of BSON's types, by what pymongo decodes them to.
KINDS: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    Int64: "long",
    float: "double",
    str: "string",
    datetime: "date",
    DatetimeMS: "date out of range",
    Decimal128: "decimal",
    ObjectId: "objectId",
    dict: "object",
    list: "array",
    bytes: "binData",
    UUID: "uuid",
    DBRef: "DBRef",
    Regex: "regex",
    Code: "javascript",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
}
UUID_KINDS = {UUID_SUBTYPE: "uuid", OLD_UUID_SUBTYPE: "legacy uuid"}
# From here on a double does not tell neighbouring whole numbers apart.
WHOLE_LIMIT = 2**53


def kind_of(value: Any) -> str:
    """Return the name of a value's BSON type; UUIDs have names of their own."""
    if isinstance(value, Binary):
        kind = UUID_KINDS.get(value.subtype, "") if len(value) == 16 else ""
        return kind or "binData"
    return KINDS.get(type(value), type(value).__name__)


@dataclass
class Shape:
    """What values were seen: of a key, of the items of arrays, or of a collection."""

    kinds: Counter[str] = field(default_factory=Counter)
    # Those of sub-documents, in the order of their first appearance.
    keys: dict[str, "Shape"] = field(default_factory=dict)
    # That of the items of arrays.
    items: "Shape | None" = None
    # Whether an empty text, list or sub-document was seen.
    has_empty: bool = False
    # Whether all doubles are whole numbers.
    is_whole: bool = True
    # The most digits behind the point of a decimal, or of a double beside them.
    places: int = 0

    @property
    def count(self) -> int:
        """How many values were seen, without nulls."""
        return self.kinds.total() - self.kinds["null"]

    def add(self, value: Any) -> None:
        """Note a value, and all that is inside it."""
        kind = kind_of(value)
        self.kinds[kind] += 1
        if kind == "object":
            for key, inner in value.items():
                if not is_beside(value, key):
                    self.keys.setdefault(key, Shape()).add(inner)
        elif kind == "array":
            self.items = self.items or Shape()
            for inner in value:
                self.items.add(inner)
        elif kind == "double":
            whole = value.is_integer() and abs(value) < WHOLE_LIMIT
            self.is_whole = self.is_whole and whole
            self.places = max(self.places, places_of(Decimal(repr(value))))
        elif kind == "decimal":
            self.places = max(self.places, places_of(value.to_decimal()))
        if kind in ("object", "array", "string") and not value:
            self.has_empty = True

    def merged(self, other: "Shape") -> "Shape":
        """Return what was seen in both."""
        keys = dict(self.keys)
        for key, shape in other.keys.items():
            keys[key] = keys[key].merged(shape) if key in keys else shape
        items = self.items
        if other.items is not None:
            items = other.items if items is None else items.merged(other.items)
        return Shape(
            self.kinds + other.kinds,
            keys,
            items,
            self.has_empty or other.has_empty,
            self.is_whole and other.is_whole,
            max(self.places, other.places),
        )


def is_beside(document: dict[str, Any], key: str) -> bool:
    """Return whether a key holds the microseconds of the datetimes under another."""
    if not is_hidden(key):
        return False
    value, rests = document.get(key.removesuffix(SUFFIX)), document[key]
    if isinstance(value, list):
        return isinstance(rests, list) and all(map(is_rest, rests))
    return isinstance(value, datetime) and is_rest(rests)


def is_rest(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(is_rest, value))
    return value is None or isinstance(value, int)


def places_of(number: Decimal) -> int:
    """Return how many digits a number has behind the point."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def documents(collection: Any, size: int) -> Iterator[dict[str, Any]]:
    """Yield documents of a collection, chosen at random if it has more than `size`."""
    readable = collection.with_options(codec_options=READ_ALL)
    if readable.estimated_document_count() <= size:
        yield from readable.find()
    else:
        yield from readable.aggregate([{"$sample": {"size": size}}], allowDiskUse=True)


def shape_of(collection: Any, size: int) -> Shape:
    """Return what a sample of a collection's documents holds."""
    shape = Shape()
    for document in documents(collection, size):
        shape.add(document)
    return shape
