"""Schema changes: the toolkit's, in the catalog; new indexes are written into rows."""

import time
from typing import Any

from django.db.transaction import TransactionManagementError

from ..catalog import table_model
from ..catalogschema import CatalogSchemaEditor
from . import rows as writing
from .catalog import SECONDS, columns_indexed, transforms_indexed
from .transforms import transform_of


class DatabaseSchemaEditor(CatalogSchemaEditor):
    def execute(self, sql, params=()):
        # A text through a cursor, which is not logged twice, is nobody else's affair.
        if self.connection.in_atomic_block and not self.collect_sql and self.logs:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases "
                "that can't perform a rollback is prohibited."
            )
        return super().execute(sql, params)

    def make_table(self, model):
        super().make_table(model)
        self.connection.check_unique_type()
        self.connection.set_properties(model._meta.db_table)

    def make_index(self, model, name, parts, unique=False, condition=None):
        table = model._meta.db_table
        entry = self.catalog.copy(table)
        new = {column for column, _, _ in parts if column} - columns_indexed(entry)
        transforms = {each for _, _, sql in parts if (each := transform_of(sql))}
        transforms -= transforms_indexed(entry)
        if new or transforms:
            # Rows are written with the entries before anybody looks for them.
            entry["indexed"] = sorted(new.union(entry.get("indexed", ())))
            known = map(tuple, entry.get("transformed", ()))
            entry["transformed"] = sorted(transforms.union(known))
            self.catalog.save(table, entry)
            self.write_entries(table, entry)
        super().make_index(model, name, parts, unique, condition)
        if unique:
            self.claim_markers(table)

    def claim_markers(self, table: str) -> None:
        """Claim the markers of rows that were there before their unique index."""
        objects = self.connection.objects(
            table_model(table, self.catalog.entry(table))._meta
        )
        if objects.markers is not None:
            for page in writing.pages(objects.all()):
                objects.markers.claim_rows([each.row for each in page])

    def drop_index(self, table, name):
        self.release_markers(table, name)
        super().drop_index(table, name)

    def release_markers(self, table: str, name: str) -> None:
        """Give up the unique values of an index that goes."""
        objects = self.connection.objects(
            table_model(table, self.catalog.entry(table))._meta
        )
        if objects.markers is not None:
            for page in writing.pages(objects.all()):
                for markers in objects.markers.of([each.row for each in page]):
                    objects.markers.release(
                        [key for key, index in markers.items() if index.name == name]
                    )

    def change_column(self, model, old_field, new_field, value):
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
        touched = indexed.union(column for column, _ in entry["transformed"])
        if new_field.column in touched or old_field.primary_key:
            self.write_entries(table, entry)

    def write_entries(self, table: str, entry: dict[str, Any]) -> int:
        """Put all rows as they are, with the index entries that they should have."""
        meta = table_model(table, entry)._meta
        objects = self.connection.objects(meta)

        def unchanged(found):
            return [each.row for each in found]

        if next(objects.all(), None) is None:
            return 0
        # Until then other processes may still write rows without them.
        time.sleep(self.connection.option("schema_wait", SECONDS))
        return writing.update(objects, objects.all(), unchanged, lambda row: True)
