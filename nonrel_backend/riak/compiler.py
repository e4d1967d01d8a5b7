"""Riak's compilers: conversion of values, and UPDATE of counters and sets."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..compiler import NonrelInsertCompiler
from ..kv.compiler import RetriedUpdateCompiler
from ..kv.compiler import SQLCompiler as KeyValueCompiler
from ..kv.compiler import SQLInsertCompiler as KeyValueInsertCompiler
from ..query import translated_errors
from . import datatypes
from .query import BackendQuery
from .values import FORMS


class SQLCompiler(KeyValueCompiler):
    query_class = BackendQuery

    def for_db_converter(self, db_type: str | None) -> Callable[[Any], Any]:
        # Rows that are written have None for JSON's null, and MISSING for NULL.
        return partial(FORMS.to_stored, db_type)


class SQLInsertCompiler(KeyValueInsertCompiler, SQLCompiler):  # type: ignore[misc]
    # In a few requests for all rows.
    insert_on_conflict = NonrelInsertCompiler.insert_on_conflict  # type: ignore[assignment]


class SQLUpdateCompiler(RetriedUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    def update_by(self, scan: Any, values: dict[Any, Any]) -> int:
        """Change Riak counters and sets, and leave other columns to the toolkit."""
        meta = self.query.get_meta()
        objects = self.store.objects(meta.db_table)
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
            self.restrict(keys)
            super().update_by(self.native_query(self.query), rest)
        table = objects.table
        object_keys = list(map(table.stored_key, keys))
        with translated_errors(self.store):
            for column, change in changes.items():
                if change is not None:
                    datatypes.write(objects, column, change, object_keys)
        return len(keys)
