"""Schema changes: the toolkit's, in the catalog; new indexes are written into rows."""

import time
from collections.abc import Callable, Iterable

from django.db import NotSupportedError, ProgrammingError
from django.db.transaction import TransactionManagementError

from ..catalog.indexes import named, path_of_part
from ..catalog.schema import CatalogSchemaEditor
from ..catalog.tables import table_model
from ..progress import told
from ..query import translated_errors
from . import datatypes
from . import rows as writing
from .catalog import (
    SECONDS,
    columns_indexed,
    path_parts,
    paths_indexed,
    transforms_indexed,
)
from .objects import Objects, pages
from .table import Row
from .transforms import transforms_in


class DatabaseSchemaEditor(CatalogSchemaEditor):
    def execute(self, sql, params=()):
        # A text through a cursor, which is not logged twice, is nobody else's affair.
        if self.connection.in_atomic_block and not self.collect_sql and self.logs:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases "
                "that can't perform a rollback is prohibited."
            )
        with translated_errors(self.connection):
            return super().execute(sql, params)

    def make_table(self, model):
        for field in model._meta.local_concrete_fields:
            self.check_data(model, field)
        super().make_table(model)
        self.connection.check_unique_type()
        self.connection.set_properties(model._meta.db_table)

    # --- counters and sets of Riak's ---

    def described(self, field):
        kind = getattr(field, "riak_data", None)
        column = super().described(field)
        return {**column, "data": kind} if kind else column

    def check_data(self, model, field) -> None:
        """Raise where the settings have no bucket type for a field that needs one."""
        kind = getattr(field, "riak_data", None)
        if kind:
            table = model._meta.db_table
            column = self.connection.data_column(table, field.column, kind)
            self.connection.check_data_column(column)

    def refuse_data(self, table: str, columns: Iterable[str], what: str) -> None:
        """Raise where one of the columns is a counter or a set."""
        data = self.catalog.data_columns(table, self.catalog.entry(table))
        for name in columns:
            if name in data:
                text = f"{data[name]} is a data type of Riak's: {what}."
                raise NotSupportedError(text)

    def make_column(self, model, field, value):
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
        objects = self.objects(table)
        column, stored = objects.table.data[field.column], self.stored(field, value)
        if stored:
            change = datatypes.Change(column.to(stored))
            keys = [each.key for each in objects.all()]
            datatypes.write(objects, column, change, keys)

    def fill_column(self, table, name, stored):
        # What a run that broke off has written stays, also where it is another value.
        self.put_all(table, f"with {name}", lambda row: {name: stored, **row})

    def drop_column(self, model, field):
        table = model._meta.db_table
        name, objects = field.column, self.objects(table)
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
        """Have rows be written without entries of a column, which is to go."""
        entry = self.catalog.copy(table)
        for index in entry["indexes"]:
            if index["unique"] and column in index["columns"]:
                self.release_markers(table, index["name"])
        for kind in ("indexes", "checks"):
            kept = [each for each in entry[kind] if column not in each["columns"]]
            entry[kind] = kept
        entry["indexed"] = [each for each in entry.get("indexed", ()) if each != column]
        entry["transformed"] = [
            each for each in entry.get("transformed", ()) if each[0] != column
        ]
        entry["paths"] = path_parts(entry)
        self.catalog.save(table, entry)

    def keep_check(self, table, check):
        self.refuse_data(table, check["columns"], "no constraint can hold it")
        super().keep_check(table, check)

    # --- indexes ---

    def make_index(self, model, name, parts, unique=False, condition=None):
        table = model._meta.db_table
        columns = {column for column, _, _ in parts if column}
        columns.update(*(sql["columns"] for _, _, sql in parts if sql))
        self.refuse_data(table, columns, "no index can hold it")
        entry = self.catalog.copy(table)
        new = {column for column, _, _ in parts if column} - columns_indexed(entry)
        index = {
            "parts": [column or sql for column, _, sql in parts],
            "descending": [descending for _, descending, _ in parts],
        }
        transforms = transforms_in(index) - transforms_indexed(entry)
        known_paths = paths_indexed(entry)
        paths = [
            part
            for _, _, part in parts
            if (path := path_of_part(part)) and path not in known_paths
        ]
        if new or transforms or paths:
            # Rows are written with the entries before anybody looks for them.
            entry["indexed"] = sorted(new.union(entry.get("indexed", ())))
            known = map(tuple, entry.get("transformed", ()))
            entry["transformed"] = sorted(transforms.union(known))
            entry["paths"] = [*entry.get("paths", ()), *paths]
            self.catalog.save(table, entry)
            self.write_entries(table, f"index {name}")
        super().make_index(model, name, parts, unique, condition)
        if unique:
            self.claim_markers(table)

    def claim_markers(self, table: str) -> None:
        """Claim the markers of rows that were there before their unique index."""
        objects = self.objects(table)
        if objects.markers is not None:
            for page in pages(objects.all()):
                objects.markers.claim_rows([each.row for each in page])

    def drop_index(self, table, name):
        self.release_markers(table, name)
        super().drop_index(table, name)

    def release_markers(self, table: str, name: str) -> None:
        """Give up the unique values of an index that goes."""
        objects = self.objects(table)
        if objects.markers is not None:
            for page in pages(objects.all()):
                for markers in objects.markers.of([each.row for each in page]):
                    objects.markers.release(
                        [key for key, index in markers.items() if index.name == name]
                    )

    def retype_paths(self, entry, field):
        super().retype_paths(entry, field)
        entry["paths"] = path_parts(entry)

    def change_column(self, model, old_field, new_field, value):
        kinds = {getattr(each, "riak_data", None) for each in (old_field, new_field)}
        if kinds != {None} and (len(kinds) > 1 or old_field.column != new_field.column):
            raise NotSupportedError(
                f"{model._meta.db_table}.{old_field.column} is, or is to be, a data "
                "type of Riak's, whose values cannot be moved: add a new field, bring "
                "the values along, and remove the old one."
            )
        super().change_column(model, old_field, new_field, value)
        table = model._meta.db_table
        entry = self.catalog.copy(table)
        known = {column["name"] for column in entry["columns"]}
        indexed = known.intersection(entry.get("indexed", ()))
        if new_field.column in columns_indexed(entry):
            indexed.add(new_field.column)
        entry["indexed"] = sorted(indexed)
        entry["transformed"] = sorted(transforms_indexed(entry))
        self.catalog.save(table, entry)
        touched = indexed.union(
            [column for column, _ in entry["transformed"]],
            [path.name for path in paths_indexed(entry)],
        )
        if new_field.column in touched or old_field.primary_key:
            self.write_entries(table, f"column {new_field.column}")

    # --- all rows of a table ---

    def write_entries(self, table: str, what: str) -> None:
        """Put all rows as they are, with the index entries that they should have."""
        self.put_all(table, what, lambda row: row)

    def put_all(self, table: str, what: str, change: Callable[[Row], Row]) -> None:
        """Put all rows anew, in the order of their keys. The catalog keeps how far that
        has come, so that a run which broke off is gone on with.
        """
        entry = self.catalog.copy(table)
        objects = self.objects(table)
        total = objects.count()
        if total:
            # Until then other processes may write rows as they were before.
            time.sleep(self.connection.option("schema_wait", SECONDS))

        def changed(found):
            return [change(each.row) for each in found]

        begun = entry.get("rewriting", {})
        start = begun["key"].encode() if begun.get("what") == what else b""
        for page in pages(told(objects.all(start), total, f"{table}: {what}")):
            writing.update_page(objects, page, changed, lambda row: True)
            entry["rewriting"] = {"what": what, "key": page[-1].key.decode()}
            self.catalog.save(table, entry)
        if entry.pop("rewriting", None):
            self.catalog.save(table, entry)

    def objects(self, table: str) -> Objects:
        return self.connection.objects(
            table_model(table, self.catalog.entry(table))._meta
        )


def without(row: Row, column: str) -> Row:
    return {name: value for name, value in row.items() if name != column}
