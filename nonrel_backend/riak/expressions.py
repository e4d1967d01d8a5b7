"""Django expressions in an UPDATE, computed of rows by the local engine."""

from typing import Any

from django.db import NotSupportedError, models
from django.db.models.expressions import Subquery

from ..dml.constraints import RowChecks
from ..dml.expressions import typed
from ..planner.expressions import columns_in
from ..values.wrappers import Json
from .table import Row


class Expressions:
    """Those among the values of an UPDATE, {column: stored value or expression}."""

    def __init__(self, compiler, values: dict[str, Any]):
        self.compiler = compiler
        self.store = compiler.store
        self.meta = compiler.query.get_meta()
        self.names = [name for name, each in values.items() if hasattr(each, "as_sql")]
        if not self.names:
            return
        fields = {field.column: field for field in self.meta.local_concrete_fields}
        self.fields = [fields[name] for name in self.names]
        self.all_fields = [field for field in fields.values() if field.column]
        if any(isinstance(field, models.JSONField) for field in self.fields):
            raise NotSupportedError("JSON is computed by the planner.")
        expressions = [values[name] for name in self.names]
        data = self.store.objects(self.meta).table.data
        if any(col.target.column in data for e in expressions for col in columns_in(e)):
            raise NotSupportedError("Values of data types are read by the planner.")
        if any(map(has_subquery, expressions)):
            raise NotSupportedError("Subqueries are the planner's.")
        self.expressions = [
            typed(*each) for each in zip(expressions, self.fields, strict=True)
        ]

    def of(self, rows: list[Row]) -> list[Row]:
        """For each row {column: stored value, or MISSING}."""
        if not self.names:
            return [{}] * len(rows)
        checks = RowChecks(self.store, self.meta)
        wrapper = self.store.local_engine.wrapper
        compiled = [self.compiler.compile(each) for each in self.expressions]
        prepared = [
            {field: self.prepared(field, row) for field in self.all_fields}
            for row in rows
        ]
        converters = [
            [
                *wrapper.ops.get_db_converters(each),
                *each.get_db_converters(wrapper),
            ]
            for each in self.expressions
        ]
        found = []
        for values in checks.computed(compiled, prepared):
            row = {}
            for field, expression, converts, value in zip(
                self.fields, self.expressions, converters, values, strict=True
            ):
                for convert in converts:
                    value = convert(value, expression, wrapper)
                value = field.get_db_prep_save(value, self.store)
                row[field.column] = self.compiler.stored(field, value)
            found.append(row)
        return found

    def prepared(self, field, row: Row) -> Any:
        """A stored value as get_db_prep_save() gives it."""
        db_type = self.store.type_of(field)
        if field.column not in row:
            return None
        value = row[field.column]
        if db_type == "json":
            return Json(value)
        if db_type == "document":
            return field.get_db_prep_save(
                field.from_db_value(value, None, self.store), self.store
            )
        convert = self.compiler.from_db_converter(db_type)
        value = value if convert is None or value is None else convert(value)
        return field.get_db_prep_save(value, self.store)


def has_subquery(expression: Any) -> bool:
    if isinstance(expression, Subquery) or hasattr(expression, "query"):
        return True
    sources = [each for each in expression.get_source_expressions() if each is not None]
    return any(map(has_subquery, sources))
