"""Values as documents and back, leaf by leaf: in a store's types, or as JSON text.

A document is made of lists and dictionaries; what its leaves are, the leaf's own field
and the store decide. In text, leaves are what SQLite's columns hold of such fields, so
that they compare there as columns do.
"""

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from threading import RLock
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DataError, models
from django.db.models.sql.query import Query
from django.utils import timezone
from django.utils.duration import duration_string

from ..values.columns import stored_field
from ..values.local import PARSERS, to_local
from ..values.wrappers import Json

Convert = Callable[[Any], Any]
REMEMBERED = 5_000


class Codec:
    """Converts the values of fields; `write_leaf(field)` and `read_leaf(field)` give
    the functions for what is no collection.
    """

    def __init__(self, write_leaf: Callable, read_leaf: Callable):
        self.writers: dict[int, tuple[Any, Convert]] = {}
        self.readers: dict[int, tuple[Any, Convert]] = {}
        self.write_leaf, self.read_leaf = write_leaf, read_leaf
        self.lock = RLock()
        self.building: dict[tuple[str, int], list[Convert]] = {}

    def writer(self, field) -> Convert:
        """What makes a field's value, not None, a document."""
        return self.known(self.writers, field, "document_writer", self.write_leaf)

    def reader(self, field) -> Convert:
        return self.known(self.readers, field, "document_reader", self.read_leaf)

    def known(self, functions, field, method: str, leaf: Callable) -> Convert:
        found = functions.get(id(field))
        if found is not None and found[0] is field:
            return found[1]
        with self.lock:
            key = (method, id(field))
            if key in self.building:  # a model that holds itself
                later = self.building[key]
                return lambda value: later[0](value)
            built = self.building[key] = []
            try:
                own = getattr(field, method, None)
                built.append(leaf(field) if own is None else own(self))
            finally:
                del self.building[key]
            if len(functions) > REMEMBERED:
                functions.clear()
            functions[id(field)] = (field, built[0])
            return built[0]


def optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


# --- leaves ---


def is_raw(field) -> bool:
    """Whether a leaf holds any JSON value."""
    return isinstance(field, models.JSONField)


def is_binary(field) -> bool:
    return stored_field(field).get_internal_type() == "BinaryField"


def json_checked(value: Any) -> Any:
    """A copy of a JSON value; DataError for what JSON has not."""
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise DataError(f"The key {key!r} is no string, as JSON's keys are.")
        return {key: json_checked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_checked(item) for item in value]
    raise DataError(
        f"{value!r} is no JSON value: give the field an item field for "
        f"{type(value).__name__}."
    )


def custom_reader(field) -> Convert | None:
    """The field's own `from_db_value`, but JSONField's, which reads text."""
    own = getattr(stored_field(field), "from_db_value", None)
    if own is None or is_raw(field):
        return None
    return own


def quantized(field) -> Convert:
    """Decimals with the field's places: equal ones are equal texts then."""
    if field.get_internal_type() != "DecimalField" or field.decimal_places is None:
        return lambda value: value
    context = Context(prec=field.max_digits, rounding=ROUND_HALF_EVEN)
    quantum = Decimal(1).scaleb(-field.decimal_places)

    def convert(value):
        if not isinstance(value, Decimal) or not value.is_finite():
            return value
        try:
            return value.quantize(quantum, context=context)
        except InvalidOperation as error:
            raise DataError(
                f"{value} has more than the {field.max_digits} digits of its field."
            ) from error

    return convert


def store_codec(connection) -> Codec:
    """Documents of a store's own types."""
    compiler = connection.ops.compiler("SQLCompiler")(Query(None), connection, None)

    def write_leaf(field):
        if is_raw(field):
            convert = compiler.for_db_converter("json")
            return lambda value: convert(Json(json_checked(value)))
        convert = compiler.for_db_converter(connection.type_of(field))
        places = quantized(stored_field(field))
        return lambda value: convert(
            places(field.get_db_prep_save(value, connection=connection))
        )

    def read_leaf(field):
        db_type = "json" if is_raw(field) else connection.type_of(field)
        convert = compiler.from_db_converter(db_type)
        own = custom_reader(field)
        if own is None:
            return convert or (lambda value: value)
        if convert is None:
            return lambda value: own(value, None, connection)
        return lambda value: own(convert(value), None, connection)

    return Codec(write_leaf, read_leaf)


def text_codec(connection) -> Codec:
    """Documents to be dumped as JSON, of leaves as SQLite's columns hold them."""
    zone = connection.timezone

    def write_leaf(field):
        if is_raw(field):
            return json_checked
        if is_binary(field):
            return lambda value: bytes(value).hex()
        places = quantized(stored_field(field))
        return lambda value: to_local(
            places(field.get_db_prep_save(value, connection=connection)), zone
        )

    def read_leaf(field):
        if is_raw(field):
            return lambda value: value
        if is_binary(field):
            return bytes.fromhex
        kind = stored_field(field).get_internal_type()
        parse = PARSERS.get(kind)
        if kind == "DateTimeField":
            parse = moment_parser(zone)
        elif kind == "FloatField":
            parse = float
        own = custom_reader(field)
        if own is None:
            return parse or (lambda value: value)
        if parse is None:
            return lambda value: own(value, None, connection)
        return lambda value: own(parse(value), None, connection)

    return Codec(write_leaf, read_leaf)


def moment_parser(zone) -> Convert:
    def parse(text: str) -> datetime:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=zone) if settings.USE_TZ else value

    return parse


PORTABLE: dict[type, Convert] = {
    datetime: lambda value: value.isoformat(),
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    timedelta: duration_string,
    Decimal: str,
    UUID: str,
    bytes: lambda value: base64.b64encode(value).decode("ascii"),
}


def portable_leaf(field) -> Convert:
    if is_raw(field):
        return json_checked

    def convert(value):
        if isinstance(value, memoryview):
            value = bytes(value)
        if isinstance(value, datetime) and timezone.is_aware(value):
            value = value.astimezone(timezone.get_default_timezone())
        change = PORTABLE.get(type(value))
        return value if change is None else change(value)

    return convert


# Documents for fixtures and forms, which know no connection: `to_python()` reads them.
portable = Codec(portable_leaf, lambda field: field.to_python)


# --- by connection ---


def is_store(connection) -> bool:
    """Whether a connection's store holds documents as they are."""
    return "DocumentField" in connection.data_types


def codec_of(connection) -> Codec:
    """The codec of a store's own types."""
    return remembered(connection, "document_codec", store_codec)


def text_codec_of(connection) -> Codec:
    return remembered(connection, "document_text_codec", text_codec)


def remembered(connection, name: str, make: Callable) -> Codec:
    """A connection's codec, until the time zone is another."""
    now = (settings.USE_TZ, connection.timezone)
    known = vars(connection).get(name)
    if known is None or known[0] != now:
        known = vars(connection)[name] = (now, make(connection))
    return known[1]


# --- text ---


def dumped(document: Any) -> str:
    """One text for equal documents."""
    return json.dumps(document, sort_keys=True)


def loaded(text: str) -> Any:
    """The document of a text, to be read only."""
    return short_loaded(text) if len(text) < REMEMBERED else json.loads(text)


short_loaded = lru_cache(maxsize=512)(json.loads)


def to_text(field, value: Any, connection) -> str:
    return dumped(text_codec_of(connection).writer(field)(value))


def from_text(field, text: str, connection) -> Any:
    return text_codec_of(connection).reader(field)(json.loads(text))
