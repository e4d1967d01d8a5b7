"""Schema changes: the core's, and those of columns that are counters and sets."""

from collections.abc import Iterable
from typing import Any

from django.db import NotSupportedError, ProgrammingError

from ..kv.online import OnlineSchemaEditor
from . import datatypes
from .tables import ENTRIES


class DatabaseSchemaEditor(OnlineSchemaEditor):
    """Rewrites rows in an order that other processes may read and write meanwhile."""

    def make_table(self, model: Any) -> None:
        for field in model._meta.local_concrete_fields:
            self.check_data(model, field)
        super().make_table(model)
        self.connection.check_unique_type()
        self.connection.set_properties(model._meta.db_table)

    def table_entry(self, model: Any) -> dict[str, Any]:
        return {**super().table_entry(model), "entries": ENTRIES}

    # --- Riak counters and sets ---

    def described(self, field: Any) -> dict[str, Any]:
        kind = getattr(field, "riak_data", None)
        column = super().described(field)
        return {**column, "data": kind} if kind else column

    def check_data(self, model: Any, field: Any) -> None:
        """Raise ImproperlyConfigured if a counter or set has no usable bucket type."""
        kind = getattr(field, "riak_data", None)
        if kind:
            table = model._meta.db_table
            column = self.connection.data_column(table, field.column, kind)
            self.connection.check_data_column(column)

    def refuse_data(self, table: str, columns: Iterable[str], what: str) -> None:
        """Raise NotSupportedError if one of the columns is a counter or a set."""
        data = self.catalog.data_columns(table, self.catalog.entry(table))
        for name in columns:
            if name in data:
                raise NotSupportedError(
                    f"{data[name]} is a {data[name].label}: {what}."
                )

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        kind = getattr(field, "riak_data", None)
        if not kind:
            super().make_column(model, field, value)
            return
        self.check_data(model, field)
        table = model._meta.db_table
        entry = self.catalog.copy(table)
        if any(column["name"] == field.column for column in entry["columns"]):
            raise ProgrammingError(f"duplicate column name: {field.column}")
        entry["columns"].append(self.described(field))
        self.catalog.save(table, entry)
        objects = self.connection.objects(table)
        column, stored = objects.table.data[field.column], self.stored(field, value)
        if stored:
            change = datatypes.Change(column.to(stored))
            keys = [each.key for each in objects.all()]
            datatypes.write(objects, column, change, keys)

    def clear_column(self, table: str, name: str) -> None:
        objects = self.connection.objects(table)
        if name in objects.table.data:
            datatypes.clear(objects, objects.table.data[name])
        else:
            super().clear_column(table, name)

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        self.refuse_data(table, check["columns"], "no constraint can be on it")
        super().store_check(table, check)

    # --- indexes ---

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        self.refuse_data(table, index["columns"], "no index can be on it")
        super().build_index(table, entry, index)

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        kinds = {getattr(each, "riak_data", None) for each in (old_field, new_field)}
        if kinds != {None} and (len(kinds) > 1 or old_field.column != new_field.column):
            raise NotSupportedError(
                f"{model._meta.db_table}.{old_field.column} cannot be altered: the "
                "values of Riak counters and sets cannot be moved. Add a new field, "
                "copy the values, and remove the old field."
            )
        super().change_column(model, old_field, new_field, value)

    def renew_entries(self, table: str) -> None:
        """Write the entries of rows whose entries are of an older version."""
        self.write_entries(table, "index entries")
        entry = self.catalog.copy(table)
        entry["entries"] = ENTRIES
        self.catalog.save(table, entry)
