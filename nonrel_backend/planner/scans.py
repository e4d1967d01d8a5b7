"""Scans: one table read through the author's interface, as Python or local values."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from operator import pos
from typing import Any

from django.db import NotSupportedError, models
from django.db.models.sql.query import Query

from ..conditions import Condition, Leaf
from ..local.engine import ADAPTERS, to_local
from ..query import MISSING, PREFILTER, Json, NonrelQuery
from ..values.columns import stored_field
from .raw_where import simple_where

# How many keys one `IN` takes; more become more scans.
IN_BATCH = 5_000


def new_query(store, model, fields) -> NonrelQuery:
    """A fresh scan of the model's own table."""
    compiler = store.ops.compiler("SQLCompiler")(Query(model), store, None)
    return compiler.query_class(compiler, fields)


def push(query: NonrelQuery, conditions: Iterable[Condition]) -> list[Condition]:
    """Give the conditions to the scan; return those that must be checked again."""
    left = []
    for condition in conditions:
        try:
            if query.add_filters(condition) is PREFILTER:
                left.append(condition)
        except NotSupportedError:
            left.append(condition)
    return left


def readers(query: NonrelQuery, fields) -> list[Callable | None]:
    """For each field, what makes a stored value a Python value (None: nothing)."""
    compiler = query.compiler
    return [
        compiler.from_db_converter(query.connection.type_of(field)) for field in fields
    ]


def python_rows(
    query: NonrelQuery, fields, low: int, high: int | None, names=()
) -> Iterator[list[list]]:
    """Chunks of rows of Python values, one for each field, then one for each name."""
    columns = [field.column for field in fields]
    converting = [
        (index, convert)
        for index, convert in enumerate(readers(query, fields))
        if convert is not None
    ]
    keys = [*columns, *names]
    for chunk in query.fetch_lists(keys, [None] * len(keys), low, high):
        for index, convert in converting:
            for row in chunk:
                value = row[index]
                if value is not None:
                    row[index] = convert(value)
        yield chunk


def local_converter(convert, zone) -> Callable[[Any], Any]:
    """What makes a stored value one of the local engine's."""
    if convert is None:
        return lambda value: to_local(value, zone)

    def converter(value):
        value = convert(value)
        adapt = ADAPTERS.get(type(value))
        return value if adapt is None else adapt(value, zone)

    return converter


def local_moment_converter(convert, zone) -> Callable[[Any], Any]:
    """The same for datetimes: a naive one is of the store's time zone already."""
    converter = local_converter(convert, zone)

    def from_stored(value):
        naive = type(value) is datetime and value.tzinfo is None
        return str(value) if naive else converter(value)

    return from_stored


def local_json_converter(convert, zone) -> Callable[[Any], Any]:
    """The same for JSON, whose null is a value."""

    def converter(value):
        if value is MISSING:
            return None
        if convert is not None and value is not None:
            value = convert(value)
        return to_local(Json(value), zone)

    return converter


def local_document_converter(field, connection) -> Callable[[Any], Any]:
    """The same for documents, whose field knows their leaves."""

    def converter(value):
        found = field.from_db_value(value, None, connection)
        return field.get_db_prep_value(found, connection, prepared=True).text()

    return converter


def local_rows(query: NonrelQuery, fields, zone) -> Iterator[list[list]]:
    """Chunks of rows of local values, one for each field."""
    columns = [field.column for field in fields]
    converts = readers(query, fields)
    jsons = [query.connection.type_of(field) == "json" for field in fields]
    absent = [MISSING if is_json else None for is_json in jsons]
    converting = [
        (
            index,
            local_moment_converter(convert, zone)
            if isinstance(stored_field(field), models.DateTimeField)
            else local_document_converter(field, query.connection)
            if query.connection.type_of(field) == "document"
            else local_converter(convert, zone),
        )
        for index, (field, convert) in enumerate(zip(fields, converts, strict=True))
        if not jsons[index] and not same_locally(field, convert)
    ]
    converting_json = [
        (index, local_json_converter(converts[index], zone))
        for index, is_json in enumerate(jsons)
        if is_json
    ]
    for chunk in query.fetch_lists(columns, absent, 0, None):
        for index, convert in converting:
            for row in chunk:
                value = row[index]
                if value is not None:
                    row[index] = convert(value)
        for index, convert in converting_json:
            for row in chunk:
                row[index] = convert(row[index])
        yield chunk


SAME_LOCALLY = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.FloatField,
)


def same_locally(field, convert) -> bool:
    """Whether SQLite holds the field's values just as the store gives them."""
    # A plus sign only makes a plain int of a number.
    return convert in (None, pos) and isinstance(stored_field(field), SAME_LOCALLY)


class Guard:
    """Counts the rows loaded for one query and stops it past the store's limit."""

    def __init__(self, store):
        self.store = store
        self.limit = store.local_rows
        self.rows = 0

    def __call__(self, chunks: Iterable[list], query: NonrelQuery) -> Iterator[list]:
        for chunk in chunks:
            self.count(len(chunk), query)
            yield chunk

    def count(self, rows: int, query: NonrelQuery) -> None:
        self.rows += rows
        if self.limit and self.rows > self.limit:
            raise NotSupportedError(self.message(query))

    def message(self, query: NonrelQuery) -> str:
        table = query.query.get_meta().db_table
        return (
            f"{self.store.display_name} cannot answer this query natively and its "
            f"scan of {table} passed OPTIONS['local_rows'] = {self.limit} rows "
            f"({query.describe()}). Filter more, add an index that serves the "
            "filter, or raise the limit."
        )


def load_tables(store, sql: str, params) -> Callable:
    """A `load` for LocalEngine.run that reads every table which the text names."""

    def load(reads, insert):
        guard = Guard(store)
        for table, columns in reads.items():
            fields = store.local_engine.known_table(table).fields
            conditions, _ = simple_where(store, sql, params, table, fields)
            load_table(store, table, columns, conditions, insert, guard)

    return load


def load_table(store, table, columns, conditions, insert, guard: Guard) -> None:
    """Scan the table's columns, restricted by conditions, into the local engine."""
    local = store.local_engine.known_table(table)
    fields = [local.fields[column] for column in columns] or [local.meta.pk]
    query = new_query(store, local.meta.model, fields)
    push(query, conditions)
    chunks = guard(local_rows(query, fields, store.timezone), query)
    insert(table, [field.column for field in fields], chain.from_iterable(chunks))


def key_batches(condition: Condition) -> Iterator[Condition]:
    """The condition itself, or one for each batch where it is a long IN."""
    if (
        isinstance(condition, Leaf)
        and condition.lookup_type == "in"
        and not condition.negated
        and len(condition.value) > IN_BATCH
    ):
        values = condition.value
        for start in range(0, len(values), IN_BATCH):
            yield Leaf(condition.column, "in", values[start : start + IN_BATCH])
    else:
        yield condition
