"""Schema changes of tables and columns: catalog entries, rows and index entries."""

import functools
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, ProgrammingError

from ..catalog.columns import column_field, default_sql
from ..documents.altering import conversion
from ..documents.functions import path_steps
from ..documents.indexes import type_at
from ..progress import told
from ..values.converting import converter
from . import catalog, partial, rows
from .catalog import Table, loaded
from .entries import Txn
from .indexing import IndexEditing, named, remove_named
from .values import from_stored, pack, to_stored


class DatabaseSchemaEditor(IndexEditing):
    """Changes the schema within transactions: a rollback undoes it."""

    # --- tables ---

    def table_exists(self, table: str) -> bool:
        return self.connection.read(
            lambda txn: txn.get(catalog.table_key(table)) is not None
        )

    def make_table(self, model: Any) -> None:
        fields = [
            field
            for field in model._meta.local_concrete_fields
            if field.column is not None and field.db_type(self.connection) is not None
        ]

        def work(txn: Txn) -> None:
            columns = [
                {**self.described(field), "position": position}
                for position, field in enumerate(fields)
            ]
            if not any(column["pk"] for column in columns):
                raise ProgrammingError(f"{model._meta.db_table} has no primary key.")
            entry = {
                "id": catalog.new_tree(txn),
                "width": len(columns),
                "columns": columns,
                "indexes": [],
                "checks": [],
            }
            catalog.save(txn, model._meta.db_table, entry)

        self.write(work)

    def drop_table(self, table: str) -> None:
        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            for index in (known.primary, *known.indexes):
                catalog.clear_tree(txn, index.prefix)
            txn.delete(known.counters_key)
            catalog.remove(txn, table)

        self.write(work)

    def rename_table(self, old: str, new: str) -> None:
        def work(txn: Txn) -> None:
            entry = self.entry(txn, old)
            if txn.get(catalog.table_key(new)) is not None:
                raise ProgrammingError(f'table "{new}" already exists')
            catalog.remove(txn, old)
            catalog.save(txn, new, entry)
            # Foreign keys refer to the table by its name.
            for name, _ in list(catalog.entries(txn)):
                other = self.entry(txn, name)
                if rename_references(other, old, new):
                    catalog.save(txn, name, other)

        self.write(work)

    # --- columns ---

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        table = model._meta.db_table
        stored = self.stored(field, value)

        def work(txn: Txn) -> None:
            entry = self.entry(txn, table)
            if any(column["name"] == field.column for column in entry["columns"]):
                raise ProgrammingError(f"duplicate column name: {field.column}")
            position = entry["width"]
            entry["width"] += 1
            entry["columns"].append({**self.described(field), "position": position})
            known = loaded(table, pack(entry))
            if stored is not None:
                for row_key, row in rows.list_rows(txn, known):
                    row[position] = stored
                    txn.put(known.prefix + row_key, pack(row))
            elif not field.null and not field.generated and has_rows(txn, known):
                raise IntegrityError(
                    f"NOT NULL constraint failed: {table}.{field.column}"
                )
            catalog.save(txn, table, entry)

        self.write(work)

    def stored(self, field: Any, value: Any) -> Any:
        if value is None:
            return None
        return to_stored(field.db_type(self.connection), value)

    def drop_column(self, model: Any, field: Any) -> None:
        table = model._meta.db_table

        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            position = known.position(field.column)
            entry = self.entry(txn, table)
            for index in known.indexes:
                if position in index.positions:
                    catalog.clear_tree(txn, index.prefix)
                    remove_named(entry["indexes"], index.name)
            entry["checks"] = [
                check
                for check in entry["checks"]
                if field.column not in check["columns"]
            ]
            if position in known.primary.positions:
                # The rows are stored under it until another key is declared.
                named(entry["columns"], field.column)["name"] = catalog.REMOVED_KEY
                catalog.save(txn, table, entry)
                return
            remove_named(entry["columns"], field.column)
            for row_key, row in rows.list_rows(txn, known):
                row[position] = None
                txn.put(known.prefix + row_key, pack(row))
            catalog.save(txn, table, entry)

        self.write(work)

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        table = model._meta.db_table
        old_type = old_field.db_type(self.connection)
        new_type = new_field.db_type(self.connection)
        default = self.stored(new_field, value)

        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            position = known.position(old_field.column)
            entry = self.entry(txn, table)
            column = named(entry["columns"], old_field.column)
            column.clear()
            column |= {**self.described(new_field), "position": position}
            if new_field.primary_key:
                for other in list(entry["columns"]):
                    other["pk"] = other is column
                    if other["name"] == catalog.REMOVED_KEY:
                        entry["columns"].remove(other)
            if old_field.column != new_field.column:
                self.rename_column(txn, entry, table, old_field, new_field)
            convert = self.conversion(table, old_field, new_field, old_type, new_type)

            def change(row: list) -> None:
                if row[position] is None:
                    row[position] = default
                elif convert is not None:
                    row[position] = convert(row[position])
                if row[position] is None and not new_field.null:
                    raise IntegrityError(
                        f"NOT NULL constraint failed: {table}.{new_field.column}"
                    )

            self.retype_paths(entry, position, new_field)
            after = loaded(table, pack(entry))
            rekeyed = after.primary.positions != known.primary.positions
            if convert is not None or default is not None or rekeyed:
                rebuild(txn, known, entry, change)
                return
            if old_field.null and not new_field.null:
                for _, row in rows.list_rows(txn, known):
                    change(row)
            catalog.save(txn, table, entry)

        self.write(work)

    def retype_paths(self, entry: dict[str, Any], position: int, field: Any) -> None:
        """Update the types of indexed values inside the documents of a column."""
        for index in entry["indexes"]:
            for at, _, what in index["parts"]:
                if at == position and isinstance(what, dict) and "path" in what:
                    path = path_steps(what["path"])
                    what["db_type"] = type_at(self.connection, field, path)

    def rename_column(
        self,
        txn: Txn,
        entry: dict[str, Any],
        table: str,
        old_field: Any,
        new_field: Any,
    ) -> None:
        old, new = old_field.column, new_field.column
        quote = self.connection.local_engine.quote
        for index in entry["indexes"]:
            expressions = [what for _, _, what in index["parts"]]
            if isinstance(index["condition"], list):
                index["condition"] = partial.renamed(index["condition"], old, new)
            for what in (*expressions, index["condition"]):
                if isinstance(what, dict) and old in what.get("columns", ()):
                    what["columns"] = [new if x == old else x for x in what["columns"]]
                    what["sql"] = what["sql"].replace(quote(old), quote(new))
        for check in entry["checks"]:
            if old in check["columns"]:
                check["columns"] = [new if x == old else x for x in check["columns"]]
                check["sql"] = check["sql"].replace(quote(old), quote(new))
        for name, _ in list(catalog.entries(txn)):
            other = entry if name == table else self.entry(txn, name)
            for column in other["columns"]:
                if column.get("references") == [table, old]:
                    column["references"] = [table, new]
                    if other is not entry:
                        catalog.save(txn, name, other)

    def conversion(
        self, table: str, old_field: Any, new_field: Any, old_type: str, new_type: str
    ) -> Callable[[Any], Any] | None:
        """Return the function from old to new stored values, None if they are equal."""
        of_documents = conversion(self.connection, old_field, new_field)
        if of_documents is not None:
            return of_documents
        return converter(
            self.connection,
            f"{table}.{old_field.column}",
            old_type,
            new_type,
            new_field,
            functools.partial(from_stored, old_type),
            functools.partial(to_stored, new_type),
        )

    def change_type(
        self, model: Any, column: str, old_field: Any, new_field: Any
    ) -> None:
        table = model._meta.db_table
        new_type = new_field.rel_db_type(self.connection)
        old_type = old_field.rel_db_type(self.connection)
        convert = self.conversion(table, old_field, new_field, old_type, new_type)

        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            position = known.position(column)
            entry = self.entry(txn, table)
            described = named(entry["columns"], column)
            described |= self.described(column_field(model, column))

            def change(row: list) -> None:
                if row[position] is not None and convert is not None:
                    row[position] = convert(row[position])

            rebuild(txn, known, entry, change)

        self.write(work)

    def described(self, field: Any) -> dict[str, Any]:
        column = super().described(field)
        if field.has_db_default():
            column["default"] = default_sql(field, self.connection)
        return column

    # --- check constraints ---

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        def work(txn: Txn) -> None:
            entry = self.entry(txn, table)
            entry["checks"].append(check)
            catalog.save(txn, table, entry)

        self.write(work)

    def drop_check(self, table: str, name: str) -> None:
        def work(txn: Txn) -> None:
            entry = self.entry(txn, table)
            remove_named(entry["checks"], name)
            catalog.save(txn, table, entry)

        self.write(work)


def rename_references(entry: dict[str, Any], old: str, new: str) -> bool:
    """Rename a table in the foreign keys of an entry; return whether there was one."""
    found = False
    for column in entry["columns"]:
        references = column.get("references")
        if references and references[0] == old:
            references[0], found = new, True
    return found


def has_rows(txn: Txn, table: Table) -> bool:
    return next(iter(rows.all_rows(txn, table)), None) is not None


def rebuild(
    txn: Txn,
    table: Table,
    entry: dict[str, Any],
    change: Callable[[list], None],
) -> None:
    """Write all rows, each after `change(row)`, to new trees of the new entry."""
    sequence, count = catalog.counters(txn, table)
    entry["id"] = catalog.new_tree(txn)
    entry["truncated"] = False
    for index in entry["indexes"]:
        index["id"] = catalog.new_tree(txn)
        index["truncated"] = False
    catalog.save(txn, table.name, entry)
    after = loaded(table.name, pack(entry))
    everything = told(rows.list_rows(txn, table), count, f"{table.name}: all rows")
    for _, row in everything:
        change(row)
        rows.insert(txn, after, row)
    for index in (table.primary, *table.indexes):
        catalog.clear_tree(txn, index.prefix)
    txn.delete(table.counters_key)
    catalog.set_counters(txn, after, sequence, count)
