"""What a table demands of every row: NOT NULL, checks, generated columns."""

from functools import cached_property
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import CheckConstraint
from django.db.models.expressions import Case, Value
from django.db.models.functions import Coalesce
from django.db.models.sql.query import Query

from ..query import MISSING
from ..values.local import to_local

POSITIVE = {
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "PositiveBigIntegerField",
}


class RowChecks:
    """The checks of one table; rows are {field: value from get_db_prep_save()}."""

    def __init__(self, store, meta):
        self.store = store
        self.meta = meta

    @cached_property
    def generated(self) -> list:
        return [each for each in self.meta.local_concrete_fields if each.generated]

    @cached_property
    def constraints(self) -> list[tuple[str, str, tuple]]:
        """(name, SQL, parameters) of the table's check constraints."""
        kept = self.store.kept_checks(self.meta.db_table)
        if kept is not None:
            columns = {field.column for field in self.meta.local_concrete_fields}
            return [
                (check["name"], check["sql"], ())
                for check in kept
                if columns.issuperset(check["columns"])
            ]
        return [
            (each.name, *check_sql(self.store, self.meta.model, each.condition))
            for each in self.meta.constraints
            if isinstance(each, CheckConstraint)
        ]

    def needed(self, values: dict, by_key: list | None = None) -> bool:
        """Whether an update of these columns must look at whole rows."""
        if self.generated or self.constraints:
            return True
        for field, value in values.items():
            is_expression = hasattr(value, "as_sql")
            if by_key is not None:
                if not field.null and any(
                    row.get(field.column) is MISSING for _, row in by_key
                ):
                    return True
                if is_positive(field) and any(
                    type(row.get(field.column)) is int and row[field.column] < 0
                    for _, row in by_key
                ):
                    return True
                continue
            if not is_expression and (value is None) and not field.null:
                return True
            if is_positive(field) and (is_expression or (value or 0) < 0):
                return True
            if is_expression and not field.null and may_be_null(value):
                return True
        return False

    def columns_needed(self, values: dict, whole: bool = False) -> list:
        """The fields of a row, not being written, that the checks read, or of the
        `whole` row.
        """
        if not (whole or self.generated or self.constraints):
            return []
        return [
            each
            for each in self.meta.local_concrete_fields
            if each not in values and not each.generated
        ]

    def complete_and_check(self, rows: list[dict], written: set | None = None) -> None:
        """Add generated values to the rows; IntegrityError for a row refused, where
        only what is `written` of it, by default all, may break a column's own rule.
        """
        if self.generated or self.constraints:
            self.evaluate(rows)
        for field in rows[0] if rows else ():
            if written is None or field in written:
                self.check_column(field, [row[field] for row in rows], False)

    def complete_and_check_columns(self, columns: dict, count: int, auto) -> None:
        """The same for `count` rows that are kept as {field: values}."""
        if self.generated or self.constraints:
            rows = [
                {field: values[number] for field, values in columns.items()}
                for number in range(count)
            ]
            self.evaluate(rows)
            for field in self.generated:
                columns[field] = [row[field] for row in rows]
        for field, values in columns.items():
            self.check_column(field, values, field is auto)

    def without_refused(self, columns: dict, count: int, auto) -> tuple[dict, int]:
        """The rows, kept as {field: values}, without those that a check refuses."""
        try:
            self.complete_and_check_columns(columns, count, auto)
            return columns, count
        except IntegrityError:
            kept = []
        for number in range(count):
            row = {field: [values[number]] for field, values in columns.items()}
            try:
                self.complete_and_check_columns(row, 1, auto)
            except IntegrityError:
                continue
            kept.append(row)
        fields = kept[0] if kept else columns
        return {field: [row[field][0] for row in kept] for field in fields}, len(kept)

    def check_column(self, field, values: list, is_auto: bool) -> None:
        if not (field.null or is_auto or field.generated) and None in values:
            raise IntegrityError(
                f"NOT NULL constraint failed: {self.meta.db_table}.{field.column}"
            )
        if is_positive(field) and any(
            value is not None and value < 0 for value in values
        ):
            raise IntegrityError(
                f"CHECK constraint failed: {field.column} of "
                f"{self.meta.db_table} must not be negative"
            )

    def evaluate(self, rows: list[dict]) -> None:
        engine = self.store.local_engine
        compiled = [field.generated_sql(engine.wrapper) for field in self.generated]
        compiled += [(text, values) for _, text, values in self.constraints]
        for row, values in zip(rows, self.computed(compiled, rows), strict=True):
            for field, value in zip(self.generated, values, strict=False):
                row[field] = self.python_value(field, value)
            for (name, *_), value in zip(
                self.constraints, values[len(self.generated) :], strict=True
            ):
                if value is not None and not value:
                    raise IntegrityError(f"CHECK constraint failed: {name}")

    def computed(self, compiled: list[tuple[str, Any]], rows: list[dict]) -> list:
        """For each row the values of SQL expressions, given with their parameters."""
        engine = self.store.local_engine
        table = engine.table(self.meta)
        zone = self.store.timezone
        sql = "SELECT {} FROM {} ORDER BY rowid".format(
            ", ".join(f"({text})" for text, _ in compiled), engine.quote(table.name)
        )
        params = [value for _, values in compiled for value in values]
        fields = [each for each in table.fields.values() if not each.generated]

        def load(reads, insert):
            insert(
                table.name,
                [each.column for each in fields],
                [[to_local(row.get(each), zone) for each in fields] for row in rows],
            )

        try:
            return engine.run(sql, params, {table.name: table}, load)
        except OverflowError as error:
            raise DataError(
                f"A number for {self.meta.db_table} has more than 64 bits."
            ) from error

    def python_value(self, field, value: Any) -> Any:
        wrapper = self.store.local_engine.wrapper
        expression = field.get_col(self.meta.db_table)
        for converter in [
            *wrapper.ops.get_db_converters(expression),
            *expression.get_db_converters(wrapper),
        ]:
            value = converter(value, expression, wrapper)
        return field.get_db_prep_save(value, self.store)


def check_sql(store, model, condition) -> tuple[str, tuple]:
    """A condition on one row as SQL for the local engine, and its parameters."""
    query = Query(model, alias_cols=False)
    where = query.build_where(condition)
    wrapper = store.local_engine.wrapper
    compiler = query.get_compiler(connection=wrapper)
    sql, params = where.as_sql(compiler, wrapper)
    return sql, tuple(params)


def is_positive(field) -> bool:
    return field.get_internal_type() in POSITIVE


def may_be_null(expression) -> bool:
    """Whether an expression's value can be NULL although its columns' are not."""
    if isinstance(expression, Value):
        return expression.value is None
    if getattr(expression, "never_null", False):
        return False
    field = getattr(expression, "target", None)
    if field is not None:
        return bool(field.null)
    if type(expression) is Coalesce:
        return all(map(may_be_null, expression.get_source_expressions()))
    if type(expression) is Case:
        results = [each.result for each in expression.cases]
        return any(map(may_be_null, [*results, expression.default]))
    if type(expression).__name__ == "CombinedExpression":
        if expression.connector in ("/", "%%", "^"):
            return True
        return any(map(may_be_null, expression.get_source_expressions()))
    return True
