"""LMDB's compilers: conversion of values, and INSERT."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, models
from django.db.models.constants import OnConflict

from ..compiler import NonrelCompiler, NonrelInsertCompiler
from ..query import MISSING, safe_call
from . import rows as writing
from .catalog import Column, Index, Table
from .entries import Txn
from .query import BackendQuery, dict_maker
from .rows import Found
from .values import FROM_STORED, checked, to_stored


class SQLCompiler(NonrelCompiler):
    query_class = BackendQuery

    def convert_value_for_db(self, db_type: str | None, value: Any) -> Any:
        return to_stored(db_type, value)

    def convert_value_from_db(self, db_type: str | None, value: Any) -> Any:
        convert = self.from_db_converter(db_type)
        return value if convert is None else convert(value)

    def from_db_converter(self, db_type: str | None) -> Callable[[Any], Any] | None:
        if db_type == "datetime" and settings.USE_TZ:
            return aware_reader(self.store.timezone)
        return READERS.get(db_type or "")


READERS = {
    db_type: checked(convert, db_type) for db_type, convert in FROM_STORED.items()
}


@lru_cache(maxsize=16)
def aware_reader(zone: Any) -> Callable[[Any], Any]:
    convert = FROM_STORED["datetime"]
    return checked(lambda value: convert(value).replace(tzinfo=zone), "datetime")


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):  # type: ignore[misc]
    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        return self.insert_many([data], return_id)[0]

    @safe_call
    def insert_many(self, rows: list[dict[str, Any]], return_ids: bool) -> list:
        meta = self.query.get_meta().concrete_model._meta

        def work(txn: Txn) -> list:
            table = self.store.table(txn, meta.db_table)
            auto = self.auto_position(meta, table)
            return writing.insert_new(txn, table, self.listed(table, rows), auto)

        return self.store.write(work, nested=len(rows) > 1)

    def listed(self, table: Table, rows: list[dict[str, Any]]) -> list[list]:
        """Return {column: stored value} as rows by position.

        Columns of the table that the model does not have get their db_default.
        """
        start = [None] * table.width
        unknown = table.with_defaults.difference(
            field.column for field in self.query.get_meta().local_concrete_fields
        )
        for column in unknown:
            start[table.position(column)] = self.default(table.columns[column])
        found = []
        for values in rows:
            row = start.copy()
            for column, value in values.items():
                row[table.position(column)] = value
            found.append(row)
        return found

    def default(self, column: Column) -> Any:
        engine = self.store.local_engine
        _, ((value,),) = engine.select(f"SELECT {column.entry['default']}", ())
        field = getattr(models, column.entry["internal_type"])()
        value = field.get_db_prep_save(engine.from_local(field, value), self.store)
        return to_stored(column.db_type, value)

    def auto_position(self, meta: Any, table: Table) -> int | None:
        auto = meta.auto_field
        return None if auto is None else table.position(auto.column)

    @safe_call
    def insert_on_conflict(
        self,
        rows: list[dict[str, Any]],
        on_conflict: Any,
        unique_columns: list[str],
        update_columns: list[str],
    ) -> list[dict[str, Any]]:
        meta = self.query.get_meta().concrete_model._meta

        def work(txn: Txn) -> list:
            table = self.store.table(txn, meta.db_table)
            auto = self.auto_position(meta, table)
            if on_conflict == OnConflict.IGNORE:
                for row in self.listed(table, rows):
                    with suppress(IntegrityError):
                        writing.insert_new(txn, table, [row], auto)
                return []
            target = [table.position(column) for column in unique_columns]
            index = conflict_index(table, target, unique_columns)
            known = [field.column for field in meta.local_concrete_fields]
            columns = [each for each in known if each is not None]
            as_dict = dict_maker(table, columns)
            stored = []
            for row in self.listed(table, rows):
                found = existing(txn, table, index, row)
                if found is None:
                    writing.insert_new(txn, table, [row], auto)
                    stored.append(as_dict(row))
                    continue
                row_key, old = found
                new = old.copy()
                for column in update_columns:
                    new[table.position(column)] = row[table.position(column)]
                (generated,) = self.completed(meta, [as_dict(new)])
                for column, value in generated.items():
                    new[table.position(column)] = None if value is MISSING else value
                writing.replace(txn, table, [(row_key, old, new)])
                stored.append(as_dict(new))
            return stored

        return self.store.write(work)


def conflict_index(table: Table, target: list[int], columns: list[str]) -> Index:
    for index in (table.primary, *table.indexes):
        if index.unique and not index.conditions and None not in index.columns:
            if index.positions == set(target):
                return index
    raise OperationalError(
        f"{table.name} has no unique index on {', '.join(columns)}: "
        "name the fields of one in unique_fields."
    )


def existing(txn: Txn, table: Table, index: Index, row: list) -> Found | None:
    """Return the row with the same values in a unique index, None for none."""
    if any(row[position] is None for position in index.positions):
        return None
    row_key: bytes | None = table.row_key(row)
    if index is not table.primary:
        row_key = txn.get(index.key(row, b"") or b"")
    if row_key is None:
        return None
    data = txn.get(table.prefix + row_key)
    return None if data is None else (row_key, writing.unpack_row(data, table.width))
