"""Loading: scans whose rows become the local engine's, within a limit."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import chain
from operator import pos
from time import monotonic
from typing import Any

from django.db import NotSupportedError, models

from ..conditions import Condition
from ..planner.raw_where import simple_where
from ..planner.scans import new_query, push
from ..query import MISSING, NonrelQuery
from ..values.columns import stored_field
from ..values.local import ADAPTERS, to_local
from ..values.wrappers import Json

logger = logging.getLogger("nonrel_backend.planner")
# A query that loads more rows is logged.
ROWS_TOLD = 100_000
Convert = Callable[[Any], Any]
# {table: the columns that a statement reads of it}.
Reads = dict[str, tuple[str, ...]]
# insert(table, columns, rows of SQLite values), as LocalEngine.insert().
Insert = Callable[..., None]
# What SQLite holds just as the store gives it.
SAME_LOCALLY = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.FloatField,
)


def local_rows(
    query: NonrelQuery, fields: list[Any], zone: tzinfo, high: int | None = None
) -> Iterator[list[list[Any]]]:
    """Return chunks of rows of SQLite values, one for each field: `high` at most."""
    columns = [field.column for field in fields]
    converts = query.converters(fields)
    types = [query.connection.type_of(field) for field in fields]
    absent = [MISSING if db_type == "json" else None for db_type in types]
    of_json = {index for index, db_type in enumerate(types) if db_type == "json"}
    converting: list[tuple[int, Convert]] = []
    for index, (field, convert) in enumerate(zip(fields, converts, strict=True)):
        if index in of_json:
            converting.append((index, json_converter(convert, zone)))
        elif not same_locally(field, convert):
            converting.append((index, converter(query, field, convert, zone)))
    return query.fetch_converted(columns, absent, 0, high, converting, of_json)


def to_local_values(
    query: NonrelQuery, field: Any, values: list[Any], zone: tzinfo
) -> list[Any]:
    """Return stored values of a field that are not NULL as SQLite's."""
    (convert,) = query.converters([field])
    if same_locally(field, convert):
        return values
    return list(map(converter(query, field, convert, zone), values))


def same_locally(field: Any, convert: Convert | None) -> bool:
    """Return whether SQLite holds the field's values just as the store gives them."""
    # A plus sign only makes a plain int of a number.
    return convert in (None, pos) and isinstance(stored_field(field), SAME_LOCALLY)


def converter(
    query: NonrelQuery, field: Any, convert: Convert | None, zone: tzinfo
) -> Convert:
    """Return the function from a field's stored values to SQLite's."""
    if isinstance(stored_field(field), models.DateTimeField):
        return moment_converter(convert, zone)
    if query.connection.type_of(field) == "document":
        return document_converter(field, query.connection)
    return plain_converter(convert, zone)


def plain_converter(convert: Convert | None, zone: tzinfo) -> Convert:
    """Return the function for values without a rule of their own."""
    if convert is None:
        return lambda value: to_local(value, zone)

    def from_stored(value: Any) -> Any:
        value = convert(value)
        adapt = ADAPTERS.get(type(value))
        return value if adapt is None else adapt(value, zone)

    return from_stored


def moment_converter(convert: Convert | None, zone: tzinfo) -> Convert:
    """Return the function for datetimes; naive ones are in the store's zone already."""
    to_text = plain_converter(convert, zone)

    def from_stored(value: Any) -> Any:
        naive = type(value) is datetime and value.tzinfo is None
        return str(value) if naive else to_text(value)

    return from_stored


def json_converter(convert: Convert | None, zone: tzinfo) -> Convert:
    """Return the function for JSON, whose null is a value."""

    def from_stored(value: Any) -> Any:
        if value is MISSING:
            return None
        if convert is not None and value is not None:
            value = convert(value)
        return to_local(Json(value), zone)

    return from_stored


def document_converter(field: Any, connection: Any) -> Convert:
    """Return the function for documents, whose field knows their leaves."""

    def from_stored(value: Any) -> Any:
        found = field.from_db_value(value, None, connection)
        return field.get_db_prep_value(found, connection, prepared=True).text()

    return from_stored


class RowLimit:
    """Counts the rows loaded for one query and stops it past the store's limit."""

    def __init__(self, store: Any):
        self.store = store
        self.limit: int = store.local_rows
        self.rows = 0
        self.start = monotonic()

    def tell(self, statement: Callable[[], str]) -> None:
        """Log a query that has loaded many rows, with what it did, and why."""
        if self.rows > ROWS_TOLD:
            seconds = monotonic() - self.start
            logger.info("%d rows loaded in %.1f s: %s", self.rows, seconds, statement())

    def counted(
        self, chunks: Iterable[list[Any]], query: NonrelQuery
    ) -> Iterator[list[Any]]:
        """Yield the chunks of a scan, counting their rows."""
        for chunk in chunks:
            self.add(len(chunk), query)
            yield chunk

    def add(self, rows: int, query: NonrelQuery) -> None:
        """Count rows of a scan; raise NotSupportedError past the limit."""
        self.rows += rows
        if self.limit and self.rows > self.limit:
            raise NotSupportedError(
                f"{self.store.display_name} cannot answer this query natively and its "
                f"scan of {query.table} passed OPTIONS['local_rows'] = {self.limit} "
                f"rows ({query.describe()}). Filter more, add an index that serves the "
                "filter, or raise the limit."
            )


def require_columns(store: Any, table: str, columns: Iterable[str]) -> None:
    """Raise NotSupportedError if a text names the rowid, which SQLite alone has."""
    fields = store.local_engine.known_table(table).fields
    for column in columns:
        if column not in fields:
            raise no_rowid(store, table, column)


def no_rowid(store: Any, table: str, name: str) -> NotSupportedError:
    """Return the error for a text that names the rowid of a table."""
    return NotSupportedError(
        f"{store.display_name} has no {name.lower()} of {table}: name its primary key."
    )


def load_tables(store: Any, sql: str, params: Any) -> Callable[[Reads, Insert], None]:
    """Return a `load` for LocalEngine.run: it reads every table that the text names."""

    def load(reads: Reads, insert: Insert) -> None:
        limit = RowLimit(store)
        for table, columns in reads.items():
            fields = store.local_engine.known_table(table).fields
            require_columns(store, table, columns)
            conditions, _ = simple_where(store, sql, params, table, fields)
            load_table(store, table, columns, conditions, insert, limit)
        limit.tell(lambda: sql)

    return load


def load_table(
    store: Any,
    table: str,
    columns: Iterable[str],
    conditions: Iterable[Condition],
    insert: Insert,
    limit: RowLimit,
) -> None:
    """Scan the table's columns, restricted by conditions, into the local engine."""
    local = store.local_engine.known_table(table)
    fields = [local.fields[column] for column in columns] or [local.meta.pk]
    query = new_query(store, local.meta.model, fields)
    push(query, conditions)
    chunks = limit.counted(local_rows(query, fields, store.timezone), query)
    insert(table, [field.column for field in fields], chain.from_iterable(chunks))
