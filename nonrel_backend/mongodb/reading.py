"""Rows of documents, with values of other types read or refused; what saving keeps.

A column's stored form is what the backend itself would store for its value. Where other
forms were read, updates leave a value alone that would only change its form.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime, time
from itertools import chain
from operator import itemgetter, pos
from typing import Any

from bson import Int64
from django.db import DataError

from ..caching import IdentityCache
from ..values.columns import stored_field
from .foreign import CHECKED, NAMES, NATIVE, NOTHING, own, refusal
from .key_forms import text_forms
from .values import decimal_reader, is_short, json_reader

Document = dict[str, Any]
MIDNIGHT = time()
CACHED_MODELS = 1_000
Note = Callable[[], None]
# Raises DataError for a value, with the reason.
Refuse = Callable[[Any, str], None]
# What the items of a document field stand in, by what the field makes of none.
CONTAINERS: dict[Any, frozenset[type]] = {
    list: frozenset({list}),
    set: frozenset({list}),
    dict: frozenset({dict}),
}

# The columns of each collection of which this process has read other forms, by the
# names of database and collection.
_other_forms: defaultdict[tuple[str, str], set[str]] = defaultdict(set)


# What the forms of values inside documents are noted under: no collection's name.
DOCUMENTS = ""


def other_forms(connection: Any, table: str) -> set[str]:
    """Return the keys of a collection of which other forms have been read."""
    return _other_forms[connection.settings_dict["NAME"], table]


def begun(cursor: Any, size: int) -> Iterator[list[Document]]:
    """Return drained(cursor, size), with the first list fetched already."""
    first = cursor.to_list(size)
    return chain([first], drained(cursor, size)) if first else iter(())


def drained(cursor: Any, size: int) -> Iterator[list[Document]]:
    """Yield a cursor's documents in lists of `size`: its own iterator costs more."""
    while cursor.alive:
        if found := cursor.to_list(size):
            yield found


class Columns:
    """The types of chosen columns of a table, and those known to be its own."""

    def __init__(
        self, connection: Any, meta: Any, names: list[str], is_foreign: bool
    ) -> None:
        by_name = {field.column: field for field in meta.local_concrete_fields}
        self.fields = [by_name.get(name) for name in names]
        self.types = [
            None if field is None else connection.type_of(field)
            for field in self.fields
        ]
        self.native = [
            None if field is None else native_types(field, db_type)
            for field, db_type in zip(self.fields, self.types, strict=True)
        ]
        self.is_key = [
            field is not None and (field.primary_key or bool(field.remote_field))
            for field in self.fields
        ]
        # Text keys may be those of other types too: they say which they are.
        looked_at = [
            {Int64, str}
            if is_foreign
            and field is not None
            and field.primary_key
            and db_type == "string"
            else {Int64, CHECKED.get(db_type or "")}
            for field, db_type in zip(self.fields, self.types, strict=True)
        ]
        # Types whose values need no look; None stands for any.
        self.plain = [
            None if native is None else (native - looked) | {NOTHING}
            for native, looked in zip(self.native, looked_at, strict=True)
        ]


def native_types(field: Any, db_type: str | None) -> frozenset[type] | None:
    """Return the types in which pymongo returns a field's own values, None for any."""
    if db_type == "document":
        if getattr(field, "embeds", False):
            return CONTAINERS[dict]
        return CONTAINERS.get(getattr(field, "empty", None), NATIVE["document"])
    return NATIVE.get(db_type or "")


# Columns by the names, by the model's options.
columns_of: IdentityCache = IdentityCache(lambda meta: {}, CACHED_MODELS)


def date_reader(field: Any, note: Note, refuse: Refuse) -> Callable[[Any], Any]:
    """Return the function from datetimes to dates; refuse those with a time of day.

    The store compares them as datetimes, and the day depends on a time zone.
    """

    def read(value: datetime) -> date:
        if value.time() != MIDNIGHT:
            refuse(value, "it has a time of day")
        return value.date()

    return read


# By db_type, the function from a field, what notes another form and what refuses a
# value to the converter.
READERS: dict[str, Callable[[Any, Note, Refuse], Callable[[Any], Any]]] = {
    "json": lambda field, note, refuse: json_reader(note),
    "decimal": lambda field, note, refuse: decimal_reader(
        stored_field(field).decimal_places, note, refuse
    ),
    "date": date_reader,
}


def leaf_reader(
    connection: Any, db_type: str | None, convert: Callable[[Any], Any] | None
) -> Callable[[Any], Any] | None:
    """Return the function from values inside documents to Python values.

    It raises ValueError for a value that means nothing there. Other forms are noted for
    all documents of the database.
    """
    noted = other_forms(connection, DOCUMENTS)

    def note() -> None:
        noted.add("document")

    if db_type == "json":
        return json_reader(note)
    if db_type == "decimal":
        note()  # of how many places its numbers are is not known here
    native = NATIVE.get(db_type or "")
    if native is None:
        return convert
    checked = CHECKED.get(db_type or "")

    def read(value: Any) -> Any:
        kind = type(value)
        if kind not in native or kind is checked or kind is Int64:
            if kind is not checked:
                note()
            try:
                value = own(db_type, value)
            except ValueError as error:
                name = NAMES.get(kind, (kind.__name__, ""))[0]
                raise ValueError(
                    f"{name}, {value!r}, is no {db_type} {error}"
                ) from error
        return value if convert is None else convert(value)

    return read


class Reader:
    """Makes rows of a scan's documents, of values of their columns' own types."""

    def __init__(
        self,
        query: Any,
        names: list[str],
        absent: list[Any],
        converting: Iterable[tuple[int, Callable[[Any], Any]]],
        of_none: Collection[int],
    ) -> None:
        self.query = query
        known = columns_of(query.meta)
        is_foreign = query.connection.is_foreign(query.table)
        key = is_foreign, *names
        if key not in known:
            known[key] = Columns(query.connection, query.meta, names, is_foreign)
        self.columns: Columns = known[key]
        self.keys = list(map(query.precision.key, names))
        self.absent, self.converting, self.of_none = absent, converting, of_none

    def rows(self, documents: list[Document]) -> list[tuple[Any, ...]]:
        """Return a row of each document, as fetch_converted() has them.

        Whole columns are read at a time: a step for each value would cost more.
        """
        if not self.keys:
            return [()] * len(documents)
        values, kinds = [], []
        plain = self.columns.plain
        for position, key in enumerate(self.keys):
            column = column_of(documents, key, self.absent[position])
            found = set(map(type, column))
            expected = plain[position]
            if expected is not None and not found <= expected:
                self.look(position, column, documents)
                found = set(map(type, column))
            if NOTHING in found and any(each.get(key, 0) is None for each in documents):
                self.note(key)
            values.append(column)
            kinds.append(found)
        for position, convert in self.converting:
            found, column = kinds[position], values[position]
            if NOTHING in found and position not in self.of_none:
                values[position] = [
                    None if value is None else convert(value) for value in column
                ]
            elif convert is not pos or Int64 in found:
                values[position] = list(map(convert, column))
        return list(zip(*values, strict=True))

    def look(self, position: int, values: list[Any], documents: list[Document]) -> None:
        """Read the values of one column that are of other types, in place."""
        columns = self.columns
        field, db_type = columns.fields[position], columns.types[position]
        native, is_key = columns.native[position], columns.is_key[position]
        assert field is not None and native is not None
        noted = False
        is_own_text = db_type == "string" and field.primary_key
        for row, value in enumerate(values):
            kind = type(value)
            if kind is NOTHING:
                continue
            if kind in native:
                if kind is Int64:
                    noted = noted or is_short(value)
            else:
                noted = True
            try:
                if db_type == "document" and kind not in native:
                    raise ValueError
                values[row] = own(db_type, value, is_key)
                if is_own_text and kind is str:
                    values[row] = text_forms(value)[0]
            except ValueError as error:
                raise self.refusal(field, value, documents[row], error) from error
        if noted:
            is_pk = field.column == self.query.pk_column
            self.note("_id" if is_pk else field.column)

    def note(self, key: str) -> None:
        """Note that there are other forms under a key."""
        other_forms(self.query.connection, self.query.table).add(key)

    def refusal(
        self, field: Any, value: Any, document: Document, reason: object
    ) -> DataError:
        query = self.query
        key = document.get("_id")
        if "_id" not in document:
            column = field.column
            key = query.connection.key_of_value(query.table, column, value)
        return refusal(query.table, key, field, value, reason)


def column_of(documents: list[Document], key: str, absent: Any) -> list[Any]:
    """Return what the documents hold under a key, `absent` for those that lack it."""
    try:
        return list(map(itemgetter(key), documents))
    except KeyError:
        return [each.get(key, absent) for each in documents]
