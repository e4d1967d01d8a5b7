"""Riak's compilers: conversion of values, INSERT, and UPDATE of counters and sets."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db import IntegrityError

from ..catalog import inserts
from ..catalog.tables import OWN_TABLES
from ..compiler import NonrelInsertCompiler, NonrelUpdateCompiler
from ..kv.compiler import SQLCompiler as KeyValueCompiler
from ..query import safe_call, translated_errors
from . import datatypes
from . import rows as writing
from .objects import Objects
from .query import BackendQuery
from .tables import Row
from .values import FORMS


class SQLCompiler(KeyValueCompiler):
    query_class = BackendQuery

    def for_db_converter(self, db_type: str | None) -> Callable[[Any], Any]:
        # Rows that are written have None for JSON's null, and MISSING for NULL.
        return partial(FORMS.to_stored, db_type)


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):  # type: ignore[misc]
    @safe_call
    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        meta = self.query.get_meta().concrete_model._meta
        self.put(meta, [data])
        if len(meta.pk_fields) > 1:
            return None
        return self.read(meta.pk, data)

    @safe_call
    def insert_many(self, rows: list[Row], return_ids: bool) -> list:
        meta = self.query.get_meta().concrete_model._meta
        if meta.db_table in OWN_TABLES:
            return [self.insert(row) for row in rows]
        auto = meta.auto_field
        made = [
            number
            for number, row in enumerate(rows)
            if auto is not None and auto.column not in row
        ]
        inserts.give_keys(self.store, meta, rows)
        columns = self.store.catalog.entry(meta.db_table)["columns"]
        inserts.give_defaults(self.store, meta, columns, rows)
        markers = self.store.objects(meta).markers
        if markers is not None:
            # Rows that other clients have written have no markers.
            markers.uniques.validate(rows)
        self.put(meta, rows, made)
        if len(meta.pk_fields) > 1:
            return [None] * len(rows)
        return [self.read(meta.pk, row) for row in rows]

    def put(self, meta: Any, rows: list[Row], made: Iterable[int] = ()) -> None:
        """Store new rows. `made` are the positions of rows whose key was made here.

        If such a key is taken, make another. If another key is taken, store no row and
        raise IntegrityError.
        """
        objects = self.store.objects(meta)
        waiting = list(range(len(rows)))
        while waiting:
            taken = writing.insert_marked(objects, [rows[number] for number in waiting])
            again = [waiting[number] for number in taken]
            if not set(again) <= set(made):
                stored = set(range(len(rows))).difference(again)
                self.delete_rows(objects, [rows[number] for number in stored])
                columns = ", ".join(
                    f"{meta.db_table}.{field.column}" for field in meta.pk_fields
                )
                raise IntegrityError(f"UNIQUE constraint failed: {columns}")
            keys = self.store.catalog.next_keys(meta.db_table, len(again))
            for number, key in zip(again, keys, strict=True):
                rows[number][meta.auto_field.column] = key
            waiting = again
        datatypes.begin(objects, rows)

    def delete_rows(self, objects: Objects, rows: list[Row]) -> None:
        keys = [objects.table.row_key(row) for row in rows]
        writing.delete(objects, objects.by_keys(keys))


class SQLUpdateCompiler(NonrelUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    def update_by(self, scan: Any, values: dict[Any, Any]) -> int:
        """Change Riak counters and sets, and leave other columns to the toolkit."""
        meta = self.query.get_meta()
        objects = self.store.objects(meta)
        data = {field: objects.table.data.get(field.column) for field in values}
        if not any(data.values()):
            return super().update_by(scan, values)
        keys = [row[0] for row in self.select_keys(self.query)]
        if not keys:
            return 0
        changes = {
            column: column.change(values[field], self.store)
            for field, column in data.items()
            if column
        }
        rest = {field: each for field, each in values.items() if not data[field]}
        if rest:
            self.restrict(meta, keys)
            super().update_by(self.native_query(self.query), rest)
        table = objects.table
        object_keys = list(map(table.stored_key, keys))
        with translated_errors(self.store):
            for column, change in changes.items():
                if change is not None:
                    datatypes.write(objects, column, change, object_keys)
        return len(keys)

    def update_computed(
        self, meta: Any, validator: Any, values: dict[str, Any], uniques: Any
    ) -> int:
        """Update by the toolkit, and retry the rows that others have changed since."""
        store, count = self.store, 0
        for attempt in range(writing.ATTEMPTS):
            store.versions, store.changed_by_others = {}, []
            try:
                count += super().update_computed(meta, validator, values, uniques)
            finally:
                lost = store.changed_by_others
                store.versions = None
            if not lost:
                return count
            count -= len(lost)
            self.restrict(meta, lost)
            writing.give_way(attempt)
        raise writing.lost_race(meta.db_table)

    def restrict(self, meta: Any, keys: list[Any]) -> None:
        """Restrict the query to the rows with these stored keys."""
        self.query = self.query.chain()
        readers = [
            partial(self.convert_value_from_db, self.store.type_of(field))
            for field in meta.pk_fields
        ]
        if len(readers) == 1:
            wanted = [readers[0](key) for key in keys]
        else:
            wanted = [
                tuple(read(part) for read, part in zip(readers, key, strict=True))
                for key in keys
            ]
        self.query.add_filter("pk__in", wanted)
