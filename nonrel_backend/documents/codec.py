"""Conversion between values and documents, in a store's types or as JSON text.

A document consists of lists, dictionaries and leaves. The leaf's own field and the
store decide how a leaf is stored. In JSON text, a leaf is what an SQLite column of its
field holds, so that SQLite compares leaves as it compares columns.
"""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from threading import RLock
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DataError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.query import Query
from django.utils import timezone
from django.utils.duration import duration_string

from ..caching import IdentityCache
from ..values.columns import stored_field
from ..values.local import PARSERS, to_local
from ..values.saving import of_column
from ..values.wrappers import Json
from .sources import SOURCE_KEY, Form, Keys, Source

Convert = Callable[[Any], Any]
MakeConvert = Callable[[Any], Convert]
# How many fields' functions a codec caches, and the longest text that is cached.
CACHE_SIZE = 5_000
CACHED_LENGTH = 5_000


class Codec:
    """The functions that convert the values of fields.

    `write_leaf(field)` and `read_leaf(field)` return those for fields that are not
    document fields; document fields make their own. `form` is that of the documents.
    If `packs` is set, they hold what no model knows under one key. If `sorts` is set,
    their keys are sorted by name.
    """

    def __init__(
        self,
        write_leaf: MakeConvert,
        read_leaf: MakeConvert,
        form: type[Form] = Form,
        packs: bool = False,
        sorts: bool = False,
    ) -> None:
        self.form, self.packs, self.sorts = form, packs, sorts
        # The function from a field's value, not None, to a document, by the field.
        self.writer = IdentityCache(
            lambda field: self.built(field, "document_writer", write_leaf), CACHE_SIZE
        )
        # The function from a document, not None, to a field's value, by the field.
        self.reader = IdentityCache(
            lambda field: self.built(field, "document_reader", read_leaf), CACHE_SIZE
        )
        self.lock = RLock()
        self.building: dict[tuple[str, int], list[Convert]] = {}

    def built(self, field: Any, method: str, leaf: MakeConvert) -> Convert:
        """Return what a field's own method makes; that of a leaf if it has none."""
        with self.lock:
            key = (method, id(field))
            if key in self.building:  # a model that contains itself
                later = self.building[key]
                return lambda value: later[0](value)
            built = self.building[key] = []
            try:
                own = getattr(field, method, None)
                built.append(leaf(field) if own is None else own(self))
            finally:
                del self.building[key]
            return built[0]

    def keys(self, names: Iterable[str]) -> Keys:
        """Return the keys of a model's documents."""
        return Keys(sorted(names) if self.sorts else list(names))

    def with_source(self, document: dict[str, Any], source: Source) -> dict[str, Any]:
        """Return a document of fields with what the model does not know."""
        if self.packs:
            return {**document, SOURCE_KEY: source.packed(self.form)}
        return source.restored(document, self.form)


def optional(convert: Convert) -> Convert:
    """Return the function with None passed through."""
    return lambda value: None if value is None else convert(value)


# --- leaves ---


def is_raw(field: Any) -> bool:
    """Return whether a leaf holds any JSON value."""
    return isinstance(field, models.JSONField)


def is_binary(field: Any) -> bool:
    return bool(stored_field(field).get_internal_type() == "BinaryField")


def validated_json(value: Any) -> Any:
    """Return a copy of a JSON value. Raise DataError for what JSON cannot express."""
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise DataError(f"The key {key!r} is not a string, as JSON requires.")
        return {key: validated_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [validated_json(item) for item in value]
    raise DataError(
        f"{value!r} is not a JSON value. Give the field an item field for "
        f"{type(value).__name__}."
    )


def given_source(values: dict[str, Any], columns: dict[str, str]) -> Source:
    """Return the source of values that were given as a dictionary.

    `columns` are the columns of the names that the model knows. Raise DataError for
    other values that are not JSON.
    """
    others = {key: value for key, value in values.items() if key not in columns}
    order = tuple(columns.get(key, key) for key in values)
    return Source(order, validated_json(others), Form)


def custom_reader(field: Any) -> Callable[..., Any] | None:
    """Return the field's own `from_db_value`, or None.

    JSONField's does not count, because it reads text.
    """
    if is_raw(field):
        return None
    return getattr(stored_field(field), "from_db_value", None)


def stored_reader(
    field: Any, connection: BaseDatabaseWrapper
) -> Callable[..., Any] | None:
    """Return the converter that a field has for this store, or None."""
    if is_raw(field):
        return None
    converters = stored_field(field).get_db_converters(connection)
    return converters[0] if converters else None


def quantized(field: Any) -> Convert:
    """Return the function that gives decimals the field's places.

    It makes equal decimals equal texts.
    """
    if field.get_internal_type() != "DecimalField" or field.decimal_places is None:
        return lambda value: value
    context = Context(prec=field.max_digits, rounding=ROUND_HALF_EVEN)
    quantum = Decimal(1).scaleb(-field.decimal_places)

    def convert(value: Any) -> Any:
        if not isinstance(value, Decimal) or not value.is_finite():
            return value
        try:
            return value.quantize(quantum, context=context)
        except InvalidOperation as error:
            raise DataError(
                f"{value} has more digits than its field's {field.max_digits}."
            ) from error

    return convert


def store_codec(connection: BaseDatabaseWrapper) -> Codec:
    """Return the codec for documents of a store's own types."""
    compiler = connection.ops.compiler("SQLCompiler")(Query(None), connection, None)

    def write_leaf(field: Any) -> Convert:
        if is_raw(field):
            convert = compiler.for_db_converter("json")
            return lambda value: convert(Json(validated_json(value)))
        db_type = connection.type_of(field)
        convert = compiler.for_db_converter(db_type)
        places = quantized(stored_field(field))

        def write(value: Any) -> Any:
            prepared = places(field.get_db_prep_save(value, connection=connection))
            return convert(of_column(db_type, prepared))

        return write

    def read_leaf(field: Any) -> Convert:
        db_type = "json" if is_raw(field) else connection.type_of(field)
        convert = compiler.leaf_from_db_converter(db_type)
        own = stored_reader(field, connection)
        if own is None:
            return convert or (lambda value: value)
        if convert is None:
            return lambda value: own(value, None, connection)
        return lambda value: own(convert(value), None, connection)

    return Codec(write_leaf, read_leaf, connection.document_form)


def text_codec(connection: BaseDatabaseWrapper) -> Codec:
    """Return the codec for JSON text, whose leaves are as in SQLite's columns."""
    zone = connection.timezone

    def write_leaf(field: Any) -> Convert:
        if is_raw(field):
            return validated_json
        if is_binary(field):
            return lambda value: bytes(value).hex()
        places = quantized(stored_field(field))
        return lambda value: to_local(
            places(field.get_db_prep_save(value, connection=connection)), zone
        )

    def read_leaf(field: Any) -> Convert:
        if is_raw(field):
            return lambda value: value
        if is_binary(field):
            return bytes.fromhex
        kind = stored_field(field).get_internal_type()
        parse = PARSERS.get(kind)
        if kind == "DateTimeField":
            parse = datetime_parser(zone)
        elif kind == "FloatField":
            parse = float
        own = custom_reader(field)
        if own is None:
            return parse or (lambda value: value)
        if parse is None:
            return lambda value: own(value, None, connection)
        return lambda value: own(parse(value), None, connection)

    form = getattr(connection, "packed_form", None)  # SQL databases have none
    return Codec(
        write_leaf, read_leaf, form or Form, packs=form is not None, sorts=True
    )


def datetime_parser(zone: tzinfo | None) -> Convert:
    """Return the function that parses datetimes, aware if USE_TZ is set."""

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


def portable_leaf(field: Any) -> Convert:
    """Return the function that makes a leaf's value a JSON value."""
    if is_raw(field):
        return validated_json

    def convert(value: Any) -> Any:
        if isinstance(value, memoryview):
            value = bytes(value)
        if isinstance(value, datetime) and timezone.is_aware(value):
            value = value.astimezone(timezone.get_default_timezone())
        change = PORTABLE.get(type(value))
        return value if change is None else change(value)

    return convert


# The codec for fixtures and forms, which have no connection. `to_python()` reads it.
portable = Codec(portable_leaf, lambda field: field.to_python)


# --- by connection ---


def stores_documents(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a connection's store holds documents, and not JSON text."""
    return "DocumentField" in connection.data_types


def codec_of(connection: BaseDatabaseWrapper) -> Codec:
    """Return the connection's codec for its store's own types."""
    return cached_codec(connection, "document_codec", store_codec)


def text_codec_of(connection: BaseDatabaseWrapper) -> Codec:
    """Return the connection's codec for JSON text."""
    return cached_codec(connection, "document_text_codec", text_codec)


def cached_codec(
    connection: BaseDatabaseWrapper,
    name: str,
    make: Callable[[BaseDatabaseWrapper], Codec],
) -> Codec:
    """Return a connection's codec, a new one if the time zone has changed."""
    zone = (settings.USE_TZ, connection.timezone)
    cached: tuple[Any, Codec] | None = vars(connection).get(name)
    if cached is None or cached[0] != zone:
        cached = vars(connection)[name] = (zone, make(connection))
    return cached[1]


def unreadable(field: Any, value: Any, connection: Any, reason: object) -> DataError:
    """Return the error for a stored document that the field cannot read."""
    table = field.model._meta.db_table
    key = connection.key_of_value(table, field.column, value)
    named = "" if key is None else f", _id {key!r}"
    return DataError(
        f"{table}{named}: the field {field.name!r} is a {type(field).__name__}, which "
        f"cannot read a value in {str(value)[:80]} ({str(reason).strip()}). Store "
        "another value there, or declare its type: a JSONField takes any."
    )


# --- text ---


def dumped(document: Any) -> str:
    """Return the JSON of a document; equal documents have equal texts."""
    return json.dumps(document, sort_keys=True)


def loaded(text: str) -> Any:
    """Return the document of a text. It is cached, so it must not be changed."""
    return cached_loads(text) if len(text) < CACHED_LENGTH else json.loads(text)


cached_loads = lru_cache(maxsize=512)(json.loads)


def to_text(field: Any, value: Any, connection: BaseDatabaseWrapper) -> str:
    """Return the JSON text of a field's value."""
    return dumped(text_codec_of(connection).writer(field)(value))


def from_text(field: Any, text: str, connection: BaseDatabaseWrapper) -> Any:
    """Return the value of a field's JSON text."""
    return text_codec_of(connection).reader(field)(json.loads(text))
