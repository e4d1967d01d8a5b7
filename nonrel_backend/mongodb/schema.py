"""Schema changes on MongoDB: collections, columns and keys."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from django.db import DatabaseError, IntegrityError, NotSupportedError
from django.db.models import CompositePrimaryKey
from django.db.transaction import TransactionManagementError

from ..catalog.columns import column_field
from ..documents.altering import conversion
from ..local.texts import READING, WRITING, verb_of
from ..microseconds import hidden
from ..query import translated_errors
from ..schema import Command
from ..values.converting import converter
from ..values.saving import of_column
from . import metadata
from .indexes import CollectionIndexes, retyped
from .paths import NOT_NULL_DOCUMENT
from .precision import Precision
from .rewriting import (
    Document,
    change_values,
    reindexing,
    rename_key,
    replace_all,
    replace_keys,
    setting,
)
from .values import from_bson, to_bson


class DatabaseSchemaEditor(CollectionIndexes):
    """Changes collections outside of transactions: MongoDB does so only there."""

    sql_create_table = "CREATE TABLE %(table)s -- db.createCollection(%(table)s)"
    sql_rename_table = "db[%(old_table)s].renameCollection(%(new_table)s)"

    def __enter__(self) -> Self:
        editor = super().__enter__()
        self.connection.before_ddl()
        return editor

    # --- running commands ---

    def execute(self, sql: Any, params: Any = ()) -> Any:
        if isinstance(sql, Command):
            sql = Command(sql.text, partial(self.run, sql.work))
        return super().execute(sql, params)

    def run(self, work: Callable[[], Any]) -> Any:
        """Run the work of a command outside of the transaction."""
        self.connection.before_ddl()
        self.connection.known_unique_indexes.clear()
        self.connection.known_entries.clear()
        with translated_errors(self.connection):
            return work()

    def execute_text(self, sql: str, params: Any = None) -> None:
        """Run SQL, in a transaction only if it reads or writes rows."""
        changes_schema = verb_of(sql) not in READING | WRITING
        if changes_schema and self.connection.in_atomic_block and not self.collect_sql:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases that "
                "can't perform a rollback is prohibited."
            )
        super().execute_text(sql, params)

    # --- tables ---

    def table_exists(self, table: str) -> bool:
        return table in self.connection.primary.list_collection_names()

    def make_table(self, model: Any) -> None:
        self.connection.primary.create_collection(model._meta.db_table)
        metadata.remember(self.connection, model)

    def drop_table(self, table: str) -> None:
        self.collection(table).drop()
        metadata.forget(self.connection, table)
        self.connection.sequences.reset([table])

    def rename_table(self, old: str, new: str) -> None:
        self.collection(old).rename(new)
        metadata.rename(self.connection, old, new)
        self.connection.sequences.rename(old, new)

    # --- columns ---

    def stored(self, field: Any, value: Any) -> Any:
        """Return a value from get_db_prep_save() as BSON."""
        db_type = field.db_type(self.connection)
        return to_bson(db_type, of_column(db_type, value))

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        table, column = model._meta.db_table, field.column
        if value is not None:
            stored = self.stored(field, value)
            precision = self.precision(model, field)
            self.collection(table).update_many(
                {column: {"$exists": False}},
                setting(column, stored, precision, precision),
            )
        metadata.add_column(self.connection, table, self.described(field))

    def drop_column(self, model: Any, field: Any) -> None:
        table, column = model._meta.db_table, field.column
        collection = self.collection(table)
        for name in self.indexes_on(table, column):
            self.drop_index(table, name)
        removed = {column: ""}
        if self.precision(model, field).columns:
            removed[hidden(column)] = ""
        collection.update_many({}, {"$unset": removed})
        metadata.remove_column(self.connection, table, column)

    def _alter_field(
        self,
        model: Any,
        old_field: Any,
        new_field: Any,
        old_type: str,
        new_type: str,
        *parameters: Any,
        **options: Any,
    ) -> None:
        """Alter a column; create indexes anew whose conditions compare its values."""
        fields, table = (old_field, new_field), model._meta.db_table
        names: list[str] = []
        if not self.collect_sql and (
            old_type != new_type or old_field.null != new_field.null
        ):
            column = old_field.column
            names = self.conditional_on(table, column, self.key(model, column))
        for name in names:
            self.remove(table, name)
        try:
            super()._alter_field(
                model, *fields, old_type, new_type, *parameters, **options
            )
        except DatabaseError:
            self.add_again(model, names)
            raise
        self.add_again(getattr(new_field, "model", model), names)

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        table = model._meta.db_table
        if old_field.unique and old_field.null != new_field.null:
            # Its partial filter is another: create_field_index() creates it anew.
            self.drop_unique_index(model, old_field)
        old_key = self.key(model, old_field.column)
        other_key = self.other_key(model, old_field)
        if other_key and old_field.primary_key and not new_field.primary_key:
            old_key = old_field.column  # another column has become the key before
        new_key = "_id" if old_key == "_id" else new_field.column
        is_composite = len(model._meta.pk_fields) > 1
        if old_field.primary_key != new_field.primary_key and not is_composite:
            new_key = "_id" if new_field.primary_key else new_field.column
        collection = self.collection(table)
        old, new = self.precision(model, old_field), self.precision(model, new_field)
        move = partial(rename_key, collection, old_key, new_key, kept=other_key)
        # What becomes an `_id` is converted before that: an `_id` never changes.
        becomes_id = new_key == "_id" != old_key
        if old_key != new_key and not becomes_id:
            move(bool(old.columns))
        key = old_key if becomes_id else new_key
        self.convert(model, key, old_field, new_field, old, new)
        if becomes_id:
            move(bool(new.columns))
        if old_field.null and not new_field.null:
            self.fill_nulls(model, new_key, new_field, value)
        metadata.change_column(
            self.connection, table, old_field.column, self.described(new_field)
        )

    def other_key(self, model: Any, field: Any) -> str:
        """Return another column that is the primary key, too, until it is altered.

        Return "" for none that the collection has.
        """
        stored = {
            each["name"]
            for each in metadata.columns_of(self.connection, model._meta.db_table)
        }
        keys = [
            each.column
            for each in model._meta.local_concrete_fields
            if each.primary_key and each.column != field.column
        ]
        return next((column for column in keys if column in stored), "")

    def drop_unique_index(self, model: Any, field: Any) -> None:
        """Drop the index of a unique field, which no constraint has named."""
        named = {each.name for each in model._meta.constraints}
        table = model._meta.db_table
        for name, facts in self.known_indexes(table).items():
            if facts == ([field.column], True) and name not in named:
                self.drop_index(table, name)

    def convert(
        self,
        model: Any,
        key: str,
        old_field: Any,
        new_field: Any,
        old: Precision,
        new: Precision,
    ) -> None:
        """Convert a column's values to the type of `new_field`, and its indexes.

        Its precision changes from `old` to `new`. Raise DataError for a value that does
        not convert; all stay as they were then.
        """
        collection = self.collection(model._meta.db_table)
        db_type = new_field.db_type(self.connection)
        change, wanted = self.conversion(model, key, old_field, new_field)

        def changed(index: Document) -> Document:
            return retyped(index, key, db_type, bool(old.moments), bool(new.moments))

        with reindexing(collection, changed):
            if change is not None:
                change_values(collection, key, wanted, change, old, new)
            elif old.columns and not new.columns:
                collection.update_many({}, {"$unset": {hidden(key): ""}})

    def conversion(
        self, model: Any, key: str, old_field: Any, new_field: Any
    ) -> tuple[Callable[[Any], Any] | None, dict[str, Any]]:
        """Return the conversion of stored values, and the operators for which ones."""
        change = conversion(self.connection, old_field, new_field)
        if change is not None:
            return change, NOT_NULL_DOCUMENT
        old_type = old_field.db_type(self.connection)
        new_type = new_field.db_type(self.connection)
        change = converter(
            self.connection,
            f"{model._meta.db_table}.{key}",
            old_type,
            new_type,
            new_field,
            partial(from_bson, old_type),
            partial(to_bson, new_type),
        )
        return change, {"$exists": True, "$ne": None}

    def fill_nulls(self, model: Any, key: str, field: Any, value: Any) -> None:
        """Put `value` in the place of NULLs; raise IntegrityError if it is None."""
        table = model._meta.db_table
        db_type = field.db_type(self.connection)
        null = {key: {"$not": NOT_NULL_DOCUMENT} if db_type == "document" else None}
        if value is not None:
            stored, precision = self.stored(field, value), self.precision(model, field)
            self.collection(table).update_many(
                null, setting(key, stored, precision, precision)
            )
        elif self.collection(table).find_one(null):
            raise IntegrityError(f"NOT NULL constraint failed: {table}.{field.column}")

    def change_type(
        self, model: Any, column: str, old_field: Any, new_field: Any
    ) -> None:
        table = model._meta.db_table
        old, new = self.precision(model, old_field), self.precision(model, new_field)
        key = self.key(model, column)
        self.convert(model, key, old_field, new_field, old, new)
        field = column_field(model, column)
        metadata.change_column(self.connection, table, column, self.described(field))

    # --- composite keys ---

    def add_field(self, model: Any, field: Any) -> None:
        if not isinstance(field, CompositePrimaryKey):
            super().add_field(model, field)
            return
        columns = [each.column for each in field.model._meta.pk_fields]
        names: dict[str, str] = {}
        if single := self.connection.precision(model._meta).pk:
            names = {"_id": single, hidden("_id"): hidden(single)}
        precision = self.connection.precision(field.model._meta)

        def change(document: Document) -> Document:
            row = {names.get(name, name): value for name, value in document.items()}
            return {**row, "_id": precision.composite_key(columns, row)}

        table = model._meta.db_table
        self.do(
            f'db["{table}"]: _id of {columns}',
            replace_all,
            self.collection(table),
            change,
        )

    def remove_field(self, model: Any, field: Any) -> None:
        """Remove a field; `id` becomes the key in the place of a composite one."""
        if not isinstance(field, CompositePrimaryKey):
            super().remove_field(model, field)
            return
        table = model._meta.db_table
        if all(each.column != "id" for each in model._meta.local_concrete_fields):
            raise NotSupportedError(
                f"{table} has no column id to be its key without the composite one: "
                "add it first."
            )
        is_moment = "id" in self.connection.precision(model._meta).moments
        text, collection = f'db["{table}"]: _id of id', self.collection(table)
        self.do(text, replace_keys, collection, "id", is_moment)
