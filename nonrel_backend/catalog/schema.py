"""CatalogSchemaEditor: schema changes for stores whose tables are in the catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, ProgrammingError
from django.db.models import CompositePrimaryKey

from ..documents.altering import conversion as document_conversion
from ..documents.indexes import type_at
from ..query import MISSING
from ..schema import Command
from ..values.converting import converter
from ..values.saving import of_column
from . import partial as partial_indexes
from .columns import column_field, default_sql
from .indexes import CatalogIndexes, named, path_of_part
from .rows import Row, Rows
from .tables import table_model

# The name of a removed key's column, until another column is the key.
REMOVED_KEY = "nonrel_removed_key"


@dataclass
class RowChange:
    """A change of all rows of a table."""

    # The columns that it reads or changes.
    columns: set[str]
    # Returns {column: new stored value, or MISSING} for a row.
    of: Callable[[Row], Row]
    # Whether no value changes, only the name of the column, if `columns` are two.
    keeps_values: bool = False
    # Whether `of` validates rows, even if no value changes.
    validates: bool = False


class CatalogSchemaEditor(CatalogIndexes):
    """Changes the entries of tables, and their rows by the backend's own methods."""

    def execute(self, sql: Any, params: Any = ()) -> Any:
        if isinstance(sql, Command):
            sql = Command(sql.text, partial(self.run, sql.work))
        return super().execute(sql, params)

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what the work of a command returns; it is one statement."""
        return self.connection.all_or_nothing(work)

    def rows(self, table: str, entry: dict[str, Any]) -> Rows:
        return Rows(self.connection, table_model(table, entry))

    # --- tables ---

    def table_exists(self, table: str) -> bool:
        return self.catalog.find(table) is not None

    def make_table(self, model: Any) -> None:
        self.catalog.save(model._meta.db_table, self.table_entry(model))

    def table_entry(self, model: Any) -> dict[str, Any]:
        """Return the entry of a model's new table."""
        columns = [
            self.described(field)
            for field in model._meta.local_concrete_fields
            if self.has_column(field)
        ]
        key = [field.column for field in model._meta.pk_fields]
        return {"columns": columns, "key": key, "indexes": [], "checks": []}

    def drop_table(self, table: str) -> None:
        self.rows(table, self.catalog.entry(table)).clear()
        self.catalog.remove(table)

    def rename_table(self, old: str, new: str) -> None:
        if self.table_exists(new):
            raise ProgrammingError(f'table "{new}" already exists')
        entry = self.catalog.copy(old)
        source = self.rows(old, entry)
        found = source.find()
        last_key = self.catalog.last_key(old)
        source.clear()
        self.catalog.remove(old)
        self.catalog.save(new, entry)
        self.rows(new, entry).insert(found)
        if last_key is not None:
            self.catalog.advance(new, last_key)
        self.rename_references(lambda reference: [new, reference[1]], old)

    def rename_references(self, rename: Callable[[list], list], table: str) -> None:
        """Change the [table, column] to which foreign keys to the table refer."""
        for name in self.catalog.names():
            entry = self.catalog.copy(name)
            changed = False
            for column in entry["columns"]:
                references = column.get("references")
                if references and references[0] == table:
                    column["references"] = rename(references)
                    changed |= column["references"] != references
            if changed:
                self.catalog.save(name, entry)

    # --- columns ---

    def described(self, field: Any) -> dict[str, Any]:
        column = super().described(field)
        if field.has_db_default():
            column["default"] = default_sql(field, self.connection)
        return column

    def stored(self, field: Any, value: Any) -> Any:
        """Return a value from get_db_prep_save() in stored form; MISSING for NULL."""
        if value is None:
            return MISSING
        db_type = field.db_type(self.connection)
        convert = self.connection.ops.value_compiler.for_db_converter(db_type)
        return convert(of_column(db_type, value))

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        table, name = model._meta.db_table, field.column
        entry = self.catalog.copy(table)
        if any(each["name"] == name for each in entry["columns"]):
            raise ProgrammingError(f"duplicate column name: {name}")
        stored = self.stored(field, value)
        if stored is MISSING and not field.null and not field.generated:
            if self.has_rows(table):
                raise IntegrityError(f"NOT NULL constraint failed: {table}.{name}")
        entry["columns"].append(self.described(field))
        if stored is MISSING:
            self.catalog.save(table, entry)
            return
        self.fill_column(table, entry, name, stored)

    def fill_column(
        self, table: str, entry: dict[str, Any], name: str, stored: Any
    ) -> None:
        """Save an entry with a new column, and give all rows a value of it."""
        self.change_rows(table, entry, RowChange({name}, lambda row: {name: stored}))

    def has_rows(self, table: str) -> bool:
        return bool(self.rows(table, self.catalog.entry(table)).find())

    def drop_column(self, model: Any, field: Any) -> None:
        table, name = model._meta.db_table, field.column
        entry = self.catalog.copy(table)
        column = named(entry["columns"], name)
        for kind in ("indexes", "checks"):
            entry[kind] = [each for each in entry[kind] if name not in each["columns"]]
        if column["pk"]:
            # Rows need a key: it gets another name until there is a new one.
            rename(entry, name, REMOVED_KEY)
            self.change_rows(table, entry, renaming(name, REMOVED_KEY), rekeyed=True)
            return
        entry["columns"].remove(column)
        self.change_rows(table, entry, RowChange({name}, lambda row: {name: MISSING}))

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        table = model._meta.db_table
        old, new = old_field.column, new_field.column
        entry = self.catalog.copy(table)
        before = named(entry["columns"], old)
        convert = self.conversion(
            table,
            old_field,
            new_field,
            old_field.db_type(self.connection),
            new_field.db_type(self.connection),
        )
        default = self.stored(new_field, value)

        def change(row: Row) -> Row:
            changed = row.get(old, MISSING)
            if changed is MISSING:
                if old != new and new in row:
                    return {}  # it was changed before the change was interrupted
                changed = default
            elif convert is not None:
                changed = convert(changed)
            if changed is MISSING and not new_field.null:
                raise IntegrityError(f"NOT NULL constraint failed: {table}.{new}")
            return {old: MISSING, new: changed} if old != new else {new: changed}

        was_key = before["pk"]
        self.describe_again(before, new_field)
        if new_field.primary_key:
            entry["key"] = [old]
            for other in list(entry["columns"]):
                other["pk"] = other is before
                if other["name"] == REMOVED_KEY:
                    entry["columns"].remove(other)
        if old != new:
            rename(entry, old, new, self.connection.local_engine.quote)
        self.retype_paths(entry, new_field)
        rekeyed = was_key != new_field.primary_key or (was_key and convert is not None)
        self.change_rows(
            table,
            entry,
            RowChange(
                {old, new},
                change,
                keeps_values=convert is None and default is MISSING,
                validates=old_field.null and not new_field.null,
            ),
            rekeyed=rekeyed,
        )
        if old != new:
            self.rename_references(
                lambda reference: [table, new if reference[1] == old else reference[1]],
                table,
            )

    def describe_again(self, column: dict[str, Any], field: Any) -> None:
        """Make a column's description that of a field.

        Only its position stays, where rows are lists.
        """
        kept = {name: column[name] for name in ("position",) if name in column}
        column.clear()
        column |= self.described(field) | kept

    def retype_paths(self, entry: dict[str, Any], field: Any) -> None:
        """Update the types of a field's paths in the indexes on them."""
        for index in entry["indexes"]:
            for part in index["parts"]:
                path = path_of_part(part)
                if path is not None and path.name == field.column:
                    part["db_type"] = type_at(self.connection, field, path.path)

    def change_rows(
        self,
        table: str,
        entry: dict[str, Any],
        change: RowChange,
        rekeyed: bool = False,
    ) -> None:
        """Save a changed entry, and change each row.

        With `rekeyed` the rows' keys change: they are deleted and inserted again.
        """
        before = self.catalog.entry(table)
        rows = self.rows(table, before)
        found = [(rows.key(row), row, change.of(row)) for row in rows.find()]
        # The name of the key's column is in the models by which rows are read.
        if not rekeyed and entry["key"] == before["key"]:
            different = [
                (key, changes)
                for key, row, changes in found
                if any(row.get(name, MISSING) is not changes[name] for name in changes)
            ]
            self.catalog.save(table, entry)
            self.rows(table, entry).update(different)
            return
        rows.delete([key for key, _, _ in found])
        self.catalog.save(table, entry)
        changed = []
        names = {column["name"] for column in entry["columns"]}
        for _, row, changes in found:
            values = {**row, **changes}
            changed.append(
                {k: v for k, v in values.items() if v is not MISSING and k in names}
            )
        self.rows(table, entry).insert(changed)

    def conversion(
        self,
        table: str,
        old_field: Any,
        new_field: Any,
        old_type: str | None,
        new_type: str | None,
    ) -> Callable[[Any], Any] | None:
        """Return the function from old to new stored values; None if they are equal."""
        of_documents = document_conversion(self.connection, old_field, new_field)
        if of_documents is not None and old_type == "document":
            return of_documents
        compiler = self.connection.ops.value_compiler
        read = compiler.from_db_converter(old_type) or (lambda value: value)
        write = compiler.for_db_converter(new_type)
        if of_documents is not None:
            return lambda stored: write(of_documents(read(stored)))
        return converter(
            self.connection,
            f"{table}.{old_field.column}",
            old_type,
            new_type,
            new_field,
            read,
            write,
        )

    def change_type(
        self, model: Any, column: str, old_field: Any, new_field: Any
    ) -> None:
        table = model._meta.db_table
        new_type = new_field.rel_db_type(self.connection)
        old_type = old_field.rel_db_type(self.connection)
        convert = self.conversion(table, old_field, new_field, old_type, new_type)
        entry = self.catalog.copy(table)
        described = named(entry["columns"], column)
        self.describe_again(described, column_field(model, column))

        def change(row: Row) -> Row:
            if convert is None or column not in row:
                return {}
            return {column: convert(row[column])}

        keeps = convert is None
        self.change_rows(
            table,
            entry,
            RowChange({column}, change, keeps_values=keeps),
            rekeyed=described["pk"] and not keeps,
        )

    # --- composite keys ---

    def add_field(self, model: Any, field: Any) -> None:
        if not isinstance(field, CompositePrimaryKey):
            super().add_field(model, field)
            return
        key = [model._meta.get_field(name).column for name in field.field_names]
        self.change_key(model, key)

    def remove_field(self, model: Any, field: Any) -> None:
        if not isinstance(field, CompositePrimaryKey):
            super().remove_field(model, field)
            return
        self.change_key(model, [model._meta.get_field(field.field_names[0]).column])

    def change_key(self, model: Any, key: list[str]) -> None:
        table = model._meta.db_table
        columns = ", ".join(map(self.quote_name, key))
        text = f'ALTER TABLE "{table}" ADD PRIMARY KEY ({columns})'
        self.do(text, self.rekey, table, key)

    def rekey(self, table: str, key: list[str]) -> None:
        """Make the columns the primary key, and store the rows under it."""
        entry = self.catalog.copy(table)
        entry["key"] = key
        for column in entry["columns"]:
            column["pk"] = column["name"] in key
        self.change_rows(
            table, entry, RowChange(set(key), lambda row: {}), rekeyed=True
        )


def renaming(old: str, new: str) -> RowChange:
    """Return the change of rows by which a column gets another name."""

    def change(row: Row) -> Row:
        return {old: MISSING, new: row.get(old, MISSING)}

    return RowChange({old, new}, change, keeps_values=True)


def rename(
    entry: dict[str, Any], old: str, new: str, quote: Callable[[str], str] | None = None
) -> None:
    """Rename a column wherever the entry of its table names it.

    `quote` quotes names in the SQL of expressions; without it the SQL is unchanged.
    """
    for column in entry["columns"]:
        if column["name"] == old:
            column["name"] = new
    for index in entry["indexes"]:
        index["parts"] = [new if part == old else part for part in index["parts"]]
    entry["key"] = [new if name == old else name for name in entry["key"]]
    known = [*entry["checks"], *entry["indexes"]]
    for index in entry["indexes"]:
        known += [part for part in index["parts"] if isinstance(part, dict)]
        known += [index["condition"]] if index["condition"] else []
    for each in known:
        if old in each["columns"]:
            each["columns"] = [new if name == old else name for name in each["columns"]]
            if quote and each.get("sql"):
                each["sql"] = each["sql"].replace(quote(old), quote(new))
            if each.get("tree"):
                each["tree"] = partial_indexes.renamed(each["tree"], old, new)
