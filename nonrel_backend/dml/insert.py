"""InsertMixin: INSERT, with computed values, validated rows and conflicts resolved."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import Any
from uuid import UUID

from django.db import NotSupportedError
from django.db.models.constants import OnConflict

from ..catalog import inserts
from ..query import MISSING
from ..values.saving import to_save, with_data_errors
from ..values.wrappers import Document, Json
from .base import WriteMixin
from .constraints import RowValidator
from .expressions import is_json_null, json_as_text

# Types of values that are no expressions.
PLAIN = {
    *(type(None), bool, int, float, str, bytes, Decimal),
    *(date, datetime, time, timedelta, UUID, dict, list, Json, Document),
}


class InsertMixin(WriteMixin):
    """INSERT of any number of rows, held by column: {field: [value of each row]}."""

    returning_fields: Any = None

    @with_data_errors
    def execute_sql(self, returning_fields: Any = None) -> list:
        self.returning_fields = returning_fields
        meta = self.query.get_meta().concrete_model._meta
        objects = self.query.objs
        columns = {
            field: self.prepare_values(
                field, [self.pre_save_val(field, each) for each in objects]
            )
            for field in self.query.fields
        }
        stored = self.store.run_statement(
            partial(self.insert_columns, meta, columns, len(objects)), self.insert_text
        )
        if not returning_fields:
            return []
        nothing = [None] * len(objects)
        found = zip(
            *(stored.get(field, nothing) for field in returning_fields), strict=True
        )
        cols = [field.get_col(meta.db_table) for field in returning_fields]
        converters = self.python_converters(cols)
        return list(map(tuple, self.apply_converters(found, converters)))

    def insert_text(self) -> str:
        """Return the statement for the query log."""
        table = self.query.get_meta().concrete_model._meta.db_table
        names = ", ".join(f'"{field.column}"' for field in self.query.fields)
        returning = ", ".join(
            f'"{table}"."{field.column}"' for field in self.returning_fields or ()
        )
        return (
            f'INSERT INTO "{table}" ({names})'
            + (f" RETURNING {returning}" if returning else "")
            + f" -- {len(self.query.objs)} rows"
        )

    def prepare_values(self, field: Any, values: list[Any]) -> list[Any]:
        """Return prepare_value() of several values."""
        if PLAIN.issuperset(map(type, values)):
            return [to_save(field, value, self.store) for value in values]
        return [self.prepare_value(field, value) for value in values]

    def prepare_value(self, field: Any, value: Any) -> Any:
        if hasattr(value, "resolve_expression"):
            found = super().prepare_value(field, value)  # type: ignore[misc]
            if hasattr(found, "as_sql"):
                return found
        return to_save(field, value, self.store)

    def insert_columns(self, meta: Any, columns: dict, count: int) -> dict:
        """Compute, validate and store `count` rows.

        Return {field: [Python value of each row]} of the fields to return.
        """
        self.compute_expressions(columns)
        auto = meta.auto_field
        if auto is not None and auto not in columns and hasattr(auto, "new_keys"):
            columns |= auto.new_keys(self.store, count)
        given = len(columns) + (auto is not None and auto not in columns)
        if given < len(meta.local_concrete_fields):
            for field in meta.local_concrete_fields:
                if field not in columns and not field.generated and field is not auto:
                    columns[field] = [None] * count
        while True:
            found = self.insert_valid(meta, dict(columns), count)
            if found is not None:
                return found

    def insert_valid(self, meta: Any, columns: dict, count: int) -> dict | None:
        """Validate and store rows whose values are computed.

        Return None if nothing was stored, because the table's constraints have changed
        since they were read.
        """
        auto = meta.auto_field
        validator = RowValidator(self.store, meta)
        if self.query.on_conflict == OnConflict.IGNORE:
            columns, count = validator.valid_columns(columns, count, auto)
        else:
            validator.complete_columns(columns, count, auto)
        if count:
            found = self.insert_or_resolve(self.rows_of(columns, count))
            if found is None:
                return None
            columns |= found
        return {
            field: list(map(python_value, columns[field]))
            for field in self.returning_fields or ()
            if field in columns
        }

    def rows_of(self, columns: dict, count: int) -> list[dict[str, Any]]:
        """Return the rows as {column: stored value}, NULLs left out."""
        stored = {}
        for field, values in columns.items():
            if field.column is not None:
                stored[field.column] = self.stored_values(field, values)
        rows = zip(*stored.values(), strict=True) if stored else repeat((), count)
        return [
            {
                name: value
                for name, value in zip(stored, row, strict=True)
                if value is not MISSING
            }
            for row in rows
        ]

    def insert_or_resolve(self, rows: list[dict[str, Any]]) -> dict | None:
        """Store the rows, and resolve conflicts as the query asks.

        Return {field: [Python value of each row]} of the values that the store chose.
        """
        query = self.query
        auto = query.get_meta().concrete_model._meta.auto_field
        if query.on_conflict is None:
            keys = self.insert_many(rows, bool(self.returning_fields))
            if keys is None:
                return None
            return {auto: keys} if auto is not None and keys else {}
        stored = self.insert_on_conflict(
            rows,
            query.on_conflict,
            [field.column for field in query.unique_fields],
            [field.column for field in query.update_fields],
        )
        if stored is None:
            return None
        return {
            field: [self.read(field, each) for each in stored]
            for field in (self.returning_fields or ())
            if stored
        }

    def read(self, field: Any, stored: dict[str, Any]) -> Any:
        """Return the Python value of a field of {column: stored value}."""
        value = stored.get(field.column)
        db_type = self.store.type_of(field)
        if db_type == "document":
            return field.from_db_value(value, None, self.store)
        convert: Callable | None = self.from_db_converter(db_type)
        return value if value is None or convert is None else convert(value)

    def completed(self, meta: Any, stored: list[dict[str, Any]]) -> list[dict]:
        """Validate rows, {column: stored value}, into which an update was merged.

        Return {column: stored value or MISSING} of each row's generated columns.
        """
        validator = RowValidator(self.store, meta)
        if not (validator.generated or validator.constraints):
            return [{} for _ in stored]
        fields = [
            each
            for each in meta.local_concrete_fields
            if each.column is not None and not each.generated
        ]
        rows = [
            {field: self.restored(field, each) for field in fields} for each in stored
        ]
        validator.complete(rows)
        return [
            {
                field.column: self.stored(field, row[field])
                for field in validator.generated
            }
            for row in rows
        ]

    def restored(self, field: Any, stored: dict[str, Any]) -> Any:
        """Return a stored value as get_db_prep_save() would."""
        value = self.read(field, stored)
        if self.store.type_of(field) == "json":
            return Json(value) if field.column in stored else None
        return field.get_db_prep_save(value, self.store)

    def compute_expressions(self, columns: dict) -> None:
        """Replace expressions by their values, which the local engine computes."""
        waiting: dict[int, list] = {}
        for field, values in columns.items():
            if PLAIN.issuperset(map(type, values)):
                continue
            for number, value in enumerate(values):
                if is_json_null(value):
                    values[number] = Json(None)
                elif hasattr(value, "as_sql"):
                    waiting.setdefault(number, []).append(field)
        for number, fields in waiting.items():
            found = self.computed(
                [json_as_text(columns[field][number], field) for field in fields]
            )
            for field, value in zip(fields, found, strict=True):
                columns[field][number] = self.prepared(field, value)

    def computed(self, expressions: list) -> list:
        """Return the values of expressions that name no column."""
        compiled = [self.compile(each) for each in expressions]
        sql = "SELECT " + ", ".join(text for text, _ in compiled)
        params = [value for _, values in compiled for value in values]
        _, rows = self.store.local_engine.select(sql, params)
        (row,) = self.apply_converters(rows, self.get_converters(expressions))
        return row

    # --- for backends ---

    def key_of(self, data: dict[str, Any]) -> Any:
        """Return the key of a row to insert, as `delete_rows` takes it."""
        fields = self.query.get_meta().concrete_model._meta.pk_fields
        key = tuple(data[field.column] for field in fields)
        return key if len(key) > 1 else key[0]

    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        """Store one row, {column: stored value} with NULLs left out.

        Return its key as a Python value if `return_id`. Raise the driver's own error
        if the key or a unique value exists.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement insert().")

    def insert_rows(
        self, rows: list[dict[str, Any]], return_ids: bool = False
    ) -> list[Any]:
        """Store several rows as `insert` does one; return what it returns.

        The default inserts one after the other; override it where the store takes
        several at once.
        """
        return [self.insert(row, return_ids) for row in rows]

    def insert_many(self, rows: list[dict[str, Any]], return_ids: bool) -> list | None:
        """Store all rows or none; return their keys if `return_ids`.

        Return None if the catalog has changed, so that they must be validated again.
        """
        if self.store.catalog:
            return self.store.all_or_nothing(partial(inserts.insert, self, rows))
        if len(rows) == 1:
            return self.insert_rows(rows, return_ids)
        return self.store.all_or_nothing(partial(self.insert_rows, rows, return_ids))

    def insert_on_conflict(
        self,
        rows: list[dict[str, Any]],
        on_conflict: OnConflict,
        unique_columns: list[str],
        update_columns: list[str],
    ) -> list | None:
        """Store rows; skip (IGNORE) or update (UPDATE) those that exist.

        After UPDATE, return the rows as they are stored, {column: stored value}. Call
        `completed()` to validate updated rows and to get their generated columns.
        """
        if not self.store.catalog:
            raise NotSupportedError(
                f"{self.store.display_name} cannot insert and resolve conflicts."
            )
        return self.store.all_or_nothing(
            partial(
                inserts.insert_on_conflict,
                *(self, rows, on_conflict, unique_columns, update_columns),
            )
        )


def python_value(value: Any) -> Any:
    return value.value if isinstance(value, (Document, Json)) else value
