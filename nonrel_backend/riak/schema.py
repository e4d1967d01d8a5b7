"""Schema changes: the core's, and those of columns that are counters and sets."""

from collections.abc import Iterable
from typing import Any

from django.db import NotSupportedError, ProgrammingError
from django.db.transaction import TransactionManagementError

from ..catalog.indexes import named
from ..kv.online import OnlineSchemaEditor
from ..query import translated_errors
from . import datatypes
from .tables import ENTRIES, Row


class DatabaseSchemaEditor(OnlineSchemaEditor):
    """Rewrites rows in an order that other processes may read and write meanwhile."""

    def execute(self, sql: Any, params: Any = ()) -> Any:
        # Django's rule for DDL in transactions, as on databases without rollback of it.
        if self.connection.in_atomic_block and not self.collect_sql and self.logs:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases "
                "that can't perform a rollback is prohibited."
            )
        with translated_errors(self.connection):
            return super().execute(sql, params)

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

    def fill_column(
        self, table: str, entry: dict[str, Any], name: str, stored: Any
    ) -> None:
        # Values that an interrupted migration has written stay, even different ones.
        self.put_all(table, f"with {name}", lambda row: {name: stored, **row})
        self.catalog.save(table, entry)

    def drop_column(self, model: Any, field: Any) -> None:
        table = model._meta.db_table
        name, objects = field.column, self.connection.objects(table)
        if name in self.catalog.entry(table)["key"]:
            super().drop_column(model, field)
            return
        self.drop_parts(table, name)
        if name in objects.table.data:
            datatypes.clear(objects, objects.table.data[name])
        else:
            self.put_all(table, f"without {name}", lambda row: without(row, name))
        entry = self.catalog.copy(table)
        entry["columns"].remove(named(entry["columns"], name))
        self.catalog.save(table, entry)

    def drop_parts(self, table: str, column: str) -> None:
        """Remove the indexes and constraints of a column that will be dropped."""
        entry = self.catalog.copy(table)
        for index in entry["indexes"]:
            if index["unique"] and column in index["columns"]:
                self.release_claims(table, index["name"])
        for kind in ("indexes", "building", "checks"):
            entry[kind] = [
                each for each in entry.get(kind, ()) if column not in each["columns"]
            ]
        self.catalog.save(table, entry)

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

    # --- rewriting all rows of a table ---

    def renew_entries(self, table: str) -> None:
        """Write the entries of rows whose entries are of an older version."""
        self.write_entries(table, "index entries")
        entry = self.catalog.copy(table)
        entry["entries"] = ENTRIES
        self.catalog.save(table, entry)


def without(row: Row, column: str) -> Row:
    return {name: value for name, value in row.items() if name != column}
