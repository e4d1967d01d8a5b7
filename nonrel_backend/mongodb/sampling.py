"""Samples of a collection: which BSON types its documents hold under which keys."""

from collections.abc import Iterable, Iterator
from datetime import datetime
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

from ..inference import Shape
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


def kind_of(value: Any) -> str:
    """Return the name of a value's BSON type; UUIDs have names of their own."""
    if isinstance(value, Binary):
        kind = UUID_KINDS.get(value.subtype, "") if len(value) == 16 else ""
        return kind or "binData"
    return KINDS.get(type(value), type(value).__name__)


class MongoShape(Shape):
    """What values of BSON were seen."""

    def kind_of(self, value: Any) -> str:
        return kind_of(value)

    def parts_of(self, value: Any, kind: str) -> Iterable[Any]:
        if kind == "array":
            return list(value)
        return [each for each in value.items() if not is_beside(value, each[0])]

    def number_of(self, value: Any, kind: str) -> Any:
        return value.to_decimal() if kind == "decimal" else value


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


def documents(collection: Any, size: int) -> Iterator[dict[str, Any]]:
    """Yield documents of a collection, chosen at random if it has more than `size`."""
    readable = collection.with_options(codec_options=READ_ALL)
    if readable.estimated_document_count() <= size:
        yield from readable.find()
    else:
        yield from readable.aggregate([{"$sample": {"size": size}}], allowDiskUse=True)


def shape_of(collection: Any, size: int) -> MongoShape:
    """Return what a sample of a collection's documents holds."""
    shape = MongoShape()
    for document in documents(collection, size):
        shape.add(document)
    return shape
