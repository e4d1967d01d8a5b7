"""The compilers: conversion of values, and INSERT."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import IntegrityError, OperationalError
from django.db.models.constants import OnConflict

from ..catalog.inserts import give_defaults, without_missing
from ..compiler import (
    NonrelCompiler,
    NonrelInsertCompiler,
    NonrelUpdateCompiler,
)
from ..query import MISSING, safe_call
from . import writing
from .access import Access, Record
from .forms import JSON_NULL, readers_of
from .query import KeyValueQuery
from .retrying import attempts, give_way
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
        return readers_of(self.store).get(db_type or "")


def not_null(convert: Callable[[Any], Any], value: Any) -> Any:
    """Return a stored JSON value, with JSON's null told from SQL's NULL."""
    stored = convert(value)
    return JSON_NULL if stored is None else stored


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):  # type: ignore[misc]
    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        keys = self.insert_many([data], return_id)
        return keys[0] if keys else None

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

        If a key that was made is taken, make another one; if a given key is, store no
        row. Return the keys of a table with an AutoField, an empty list for others.
        """
        meta = self.query.get_meta()
        auto = meta.concrete_model._meta.auto_field
        if table.with_defaults:
            give_defaults(self.store, meta, table.entry["columns"], rows)
        keys: list[Any] = []
        if auto is not None:
            given = [row.get(auto.column) for row in rows]
            keys = access.next_keys(table, given)
            for row, key in zip(rows, keys, strict=True):
                row[auto.column] = key
        new = list(map(table.layout.new, rows))
        lost = writing.insert(access, table, new)
        while lost:
            taken = {id(change.row) for change in lost}
            again = [number for number, row in enumerate(new) if id(row) in taken]
            if auto is None or any(given[number] is not None for number in again):
                stored = [table.row_key(row) for row in new if id(row) not in taken]
                writing.delete_keys(access, table, stored)
                raise table.duplicate(table.primary)
            made = access.next_keys(table, [None] * len(again))
            for number, key in zip(again, made, strict=True):
                rows[number][auto.column] = keys[number] = key
                new[number] = table.layout.new(rows[number])
            lost = writing.insert(access, table, [new[number] for number in again])
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
            try:
                self.insert_new(access, table, [values])
                return values
            except IntegrityError:
                # Another may have inserted it since.
                found = existing(access, table, index, layout.new(values))
                if found is None:
                    raise
        record, old = found
        meta = self.query.get_meta().concrete_model._meta
        merged = {**layout.as_dict(old)}
        merged |= {column: values.get(column, MISSING) for column in columns}
        (generated,) = self.completed(meta, [without_missing(merged)])
        merged = without_missing({**merged, **generated})
        writing.update(access, table, [(record, old)], lambda *_: layout.new(merged))
        return merged


class RetriedUpdateCompiler(NonrelUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    """UPDATE for stores whose statements are not atomic.

    Where values are computed from rows read before, the versions of these rows are
    noted; for rows that have changed when they are written, it is done again.
    """

    def update_computed(
        self, meta: Any, validator: Any, values: dict[Any, Any], uniques: Any
    ) -> int:
        compute = super().update_computed

        def work(keys: list[Any] | None) -> int:
            if keys is not None:
                self.restrict(keys)
            return compute(meta, validator, values, uniques)

        return self.guarded(meta, work)

    def guarded(self, meta: Any, work: Callable[[list[Any] | None], int]) -> int:
        store, count, keys = self.store, 0, None
        for attempt in attempts(meta.db_table):
            store.seen, store.changed_by_others = {}, []
            try:
                count += work(keys)
            finally:
                keys = store.changed_by_others
                store.seen = None
            if not keys:
                break
            count -= len(keys)
            give_way(attempt)
        return count


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
