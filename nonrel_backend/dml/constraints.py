"""RowValidator: generated columns and constraints of the rows that are written."""

from collections.abc import Callable, Container, Iterable
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import CheckConstraint
from django.db.models.expressions import Case, CombinedExpression, Value
from django.db.models.functions import Coalesce
from django.db.models.sql.query import Query
from django.utils.functional import cached_property

from ..query import MISSING
from ..values.local import to_local

POSITIVE = {
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "PositiveBigIntegerField",
}
# A row to be written: {field: value from get_db_prep_save()}.
FieldRow = dict[Any, Any]


class RowValidator:
    """Computes the generated columns of one table's rows, and validates the rows.

    They must satisfy NOT NULL, the sign of positive fields and CHECK constraints.
    (Unique constraints: `catalog/unique.py`.) `assigned` are the fields that an UPDATE
    assigns; None stands for all.
    """

    def __init__(
        self, store: Any, meta: Any, assigned: Iterable[Any] | None = None
    ) -> None:
        self.store = store
        self.meta = meta
        self.assigned = assigned

    @cached_property
    def generated(self) -> list[Any]:
        """The fields of generated columns, and of hidden ones that may change."""
        found = [each for each in self.meta.local_concrete_fields if each.generated]
        hidden = self.store.hidden_fields(self.meta)
        if hidden and self.assigned is not None and not found:
            columns = {each.column for each in self.assigned}
            hidden = [each for each in hidden if not columns.isdisjoint(each.columns)]
        return [*found, *hidden]

    @cached_property
    def constraints(self) -> list[tuple[str, str, tuple]]:
        """(name, SQL, parameters) of each CHECK constraint."""
        stored = self.store.stored_checks(self.meta.db_table)
        if stored is not None:
            columns = {field.column for field in self.meta.local_concrete_fields}
            return [
                (check["name"], check["sql"], ())
                for check in stored
                if columns.issuperset(check["columns"])
            ]
        return [
            (each.name, *check_sql(self.store, self.meta.model, each.condition))
            for each in self.meta.constraints
            if isinstance(each, CheckConstraint)
        ]

    # --- what an UPDATE must read ---

    def needs_rows(self, values: FieldRow) -> bool:
        """Return whether rows must be read to validate an UPDATE with these values."""
        if self.generated or self.constraints:
            return True
        for field, value in values.items():
            is_expression = hasattr(value, "as_sql")
            if not is_expression and value is None and not field.null:
                return True
            if is_positive(field) and not (
                grows(field, value) if is_expression else (value or 0) >= 0
            ):
                return True
            if is_expression and not field.null and may_be_null(value):
                return True
        return False

    def needs_rows_by_key(
        self, fields: Iterable[Any], changes: Iterable[tuple[Any, dict[str, Any]]]
    ) -> bool:
        """Return the same for changes, (key, {column: stored value}), of the fields."""
        if self.generated or self.constraints:
            return True
        for field in fields:
            values = [row.get(field.column) for _, row in changes]
            if not field.null and MISSING in values:
                return True
            if is_positive(field):
                db_type = self.store.type_of(field)
                read = self.store.ops.value_compiler.from_db_converter(db_type) or int
                stored = (each for each in values if each not in (None, MISSING))
                if any(read(each) < 0 for each in stored):
                    return True
        return False

    def fields_to_read(self, values: Container, whole: bool = False) -> list[Any]:
        """Return the fields, besides those assigned, whose values validation needs.

        With `whole` these are all fields of the row.
        """
        if not (whole or self.generated or self.constraints):
            return []
        return [
            each
            for each in self.meta.local_concrete_fields
            if each not in values and not each.generated
        ]

    # --- validation ---

    def complete(self, rows: list[FieldRow], assigned: set | None = None) -> None:
        """Add generated values to the rows and validate these.

        Raise IntegrityError for an invalid row. With `assigned` fields only these are
        validated one by one; CHECK constraints always are.
        """
        if self.generated or self.constraints:
            self.evaluate(rows)
        for field in rows[0] if rows else ():
            if assigned is None or field in assigned:
                self.validate_column(field, [row[field] for row in rows])

    def complete_columns(self, columns: dict, count: int, auto: Any) -> None:
        """Complete and validate `count` rows, {field: [value of each row]}.

        `auto` is the field whose missing values the store will choose.
        """
        if self.generated or self.constraints:
            rows = [
                {field: values[number] for field, values in columns.items()}
                for number in range(count)
            ]
            self.evaluate(rows)
            for field in self.generated:
                columns[field] = [row[field] for row in rows]
        for field, values in columns.items():
            if None in values or is_positive(field):
                self.validate_column(field, values, field is auto)

    def valid_columns(self, columns: dict, count: int, auto: Any) -> tuple[dict, int]:
        """Complete the rows; return the valid ones, and how many there are."""
        try:
            self.complete_columns(columns, count, auto)
            return columns, count
        except IntegrityError:
            valid = []
        for number in range(count):
            row = {field: [values[number]] for field, values in columns.items()}
            try:
                self.complete_columns(row, 1, auto)
            except IntegrityError:
                continue
            valid.append(row)
        fields = valid[0] if valid else columns
        return {field: [row[field][0] for row in valid] for field in fields}, len(valid)

    def validate_column(self, field: Any, values: list, is_auto: bool = False) -> None:
        """Raise IntegrityError if a value is NULL, or negative, and must not be."""
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

    def evaluate(self, rows: list[FieldRow]) -> None:
        """Add generated values to the rows; raise IntegrityError if a CHECK fails."""
        engine = self.store.local_engine
        compiled = [field.generated_sql(engine.wrapper) for field in self.generated]
        compiled += [(text, values) for _, text, values in self.constraints]
        for row, values in zip(rows, self.computed(compiled, rows), strict=True):
            for field, value in zip(self.generated, values, strict=False):
                row[field] = self.prepared(field, value)
            for (name, *_), value in zip(
                self.constraints, values[len(self.generated) :], strict=True
            ):
                if value is not None and not value:
                    raise IntegrityError(f"CHECK constraint failed: {name}")

    def computed(
        self, compiled: list[tuple[str, Any]], rows: list[FieldRow]
    ) -> list[tuple]:
        """Return, for each row, the values of (SQL, parameters) over its columns."""
        engine = self.store.local_engine
        table = engine.table(self.meta)
        zone = self.store.timezone
        sql = "SELECT {} FROM {} ORDER BY rowid".format(
            ", ".join(f"({text})" for text, _ in compiled), engine.quote(table.name)
        )
        params = [value for _, values in compiled for value in values]
        fields = [each for each in table.fields.values() if not each.generated]

        def load(reads: Any, insert: Callable) -> None:
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

    def prepared(self, field: Any, value: Any) -> Any:
        """Return a column's value in the local engine as get_db_prep_save() would."""
        wrapper = self.store.local_engine.wrapper
        expression = field.get_col(self.meta.db_table)
        for converter in [
            *wrapper.ops.get_db_converters(expression),
            *expression.get_db_converters(wrapper),
        ]:
            value = converter(value, expression, wrapper)
        return field.get_db_prep_save(value, self.store)


def check_sql(store: Any, model: Any, condition: Any) -> tuple[str, tuple]:
    """Return a condition on one row as SQL for the local engine, and its parameters."""
    query = Query(model, alias_cols=False)
    where = query.build_where(condition)
    wrapper = store.local_engine.wrapper
    compiler = query.get_compiler(connection=wrapper)
    sql, params = where.as_sql(compiler, wrapper)
    return sql, tuple(params)


def is_positive(field: Any) -> bool:
    return field.get_internal_type() in POSITIVE


def grows(field: Any, expression: Any) -> bool:
    """Return whether an expression adds to the field's own value."""
    return (
        type(expression) is CombinedExpression
        and expression.connector == "+"
        and getattr(expression.lhs, "target", None) is field
        and type(expression.rhs) is Value
        and type(expression.rhs.value) is int
        and expression.rhs.value >= 0
    )


def may_be_null(expression: Any) -> bool:
    """Return whether an expression can be NULL if its columns' values are not."""
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
