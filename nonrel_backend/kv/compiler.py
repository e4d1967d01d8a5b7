"""The compilers: conversion of values, and INSERT."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError
from django.db.models.constants import OnConflict

from ..catalog.inserts import give_defaults, without_missing
from ..compiler import NonrelCompiler, NonrelInsertCompiler
from ..query import MISSING, safe_call
from . import writing
from .access import Access, Record
from .forms import JSON_NULL, Forms, checked
from .query import KeyValueQuery
from .tables import Index, Table


class SQLCompiler(NonrelCompiler):
    query_class = KeyValueQuery

    def convert_value_for_db(self, db_type: str | None, value: Any) -> Any:
        return self.for_db_converter(db_type)(value)

    def for_db_converter(self, db_type: str | None) -> Callable[[Any], Any]:
        convert = partial(self.store.forms.to_stored, db_type)
        return convert if db_type != "json" else partial(not_null, convert)

    def convert_value_from_db(self, db_type: str | None, value: Any) -> Any:
        convert = self.from_db_converter(db_type)
        return value if convert is None else convert(value)

    def from_db_converter(self, db_type: str | None) -> Callable[[Any], Any] | None:
        forms: Forms = self.store.forms
        if db_type == "datetime" and settings.USE_TZ:
            return aware_reader(forms.from_stored["datetime"], self.store.timezone)
        return forms.readers.get(db_type or "")


def not_null(convert: Callable[[Any], Any], value: Any) -> Any:
    """Return a stored JSON value, with JSON's null told from SQL's NULL."""
    stored = convert(value)
    return JSON_NULL if stored is None else stored


@lru_cache(maxsize=16)
def aware_reader(convert: Callable[[Any], Any], zone: Any) -> Callable[[Any], Any]:
    """Return the converter of stored datetimes with USE_TZ."""
    return checked(lambda value: convert(value).replace(tzinfo=zone), "datetime")


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):  # type: ignore[misc]
    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        return self.insert_many([data], return_id)[0]

    @safe_call
    def insert_many(self, rows: list[dict[str, Any]], return_ids: bool) -> list[Any]:
        meta = self.query.get_meta().concrete_model._meta

        def work(access: Access) -> list[Any]:
            table = access.table(meta.db_table)
            return self.insert_new(access, table, rows)

        found: list[Any] = self.store.write(work, nested=len(rows) > 1)
        return found

    def insert_new(
        self, access: Access, table: Table, rows: list[dict[str, Any]]
    ) -> list[Any]:
        """Store new rows; give keys and the database's defaults to those without.

        Return the keys of a table with an AutoField, an empty list for others.
        """
        meta = self.query.get_meta()
        auto = meta.concrete_model._meta.auto_field
        if table.with_defaults:
            give_defaults(self.store, meta, table.entry["columns"], rows)
        keys: list[Any] = []
        if auto is not None:
            keys = access.next_keys(table, [row.get(auto.column) for row in rows])
            for row, key in zip(rows, keys, strict=True):
                row[auto.column] = key
        writing.insert(access, table, map(table.layout.new, rows))
        return keys

    @safe_call
    def insert_on_conflict(
        self,
        rows: list[dict[str, Any]],
        on_conflict: Any,
        unique_columns: list[str],
        update_columns: list[str],
    ) -> list[dict[str, Any]]:
        meta = self.query.get_meta().concrete_model._meta

        def work(access: Access) -> list[dict[str, Any]]:
            table = access.table(meta.db_table)
            if on_conflict == OnConflict.IGNORE:
                for values in rows:
                    with suppress(IntegrityError):
                        self.insert_new(access, table, [values])
                return []
            index = conflict_index(table, unique_columns)
            return [
                self.insert_or_update(access, table, index, values, update_columns)
                for values in rows
            ]

        found: list[dict[str, Any]] = self.store.write(work)
        return found

    def insert_or_update(
        self,
        access: Access,
        table: Table,
        index: Index,
        values: dict[str, Any],
        columns: list[str],
    ) -> dict[str, Any]:
        """Insert a row, or update columns of the one with the same unique values.

        Return the row as it is stored then.
        """
        layout = table.layout
        found = existing(access, table, index, layout.new(values))
        if found is None:
            self.insert_new(access, table, [values])
            return values
        record, old = found
        meta = self.query.get_meta().concrete_model._meta
        merged = {**layout.as_dict(old)}
        merged |= {column: values.get(column, MISSING) for column in columns}
        (generated,) = self.completed(meta, [without_missing(merged)])
        merged = without_missing({**merged, **generated})
        writing.replace(access, table, [(record, old, layout.new(merged))])
        return merged


def conflict_index(table: Table, columns: list[str]) -> Index:
    """Return the unique index of these columns; raise OperationalError for none."""
    for index in (table.primary, *table.indexes):
        if index.unique and not index.conditions and None not in index.columns:
            if set(index.columns) == set(columns):
                return index
    raise OperationalError(
        f"{table.name} has no unique index on {', '.join(columns)}: "
        "name the fields of one in unique_fields."
    )


def existing(
    access: Access, table: Table, index: Index, row: Any
) -> tuple[Record, Any] | None:
    """Return (record, row) of the row with the same values in a unique index.

    Return None if there is none.
    """
    ((payload, unique),) = index.payloads(row)
    if not unique:
        return None
    if index is table.primary:
        keys = [table.row_key(row)]
    else:
        keys = access.find(table, index, [payload])
    records = access.get(table, keys)
    return (records[0], access.rows(table, records)[0]) if records else None
