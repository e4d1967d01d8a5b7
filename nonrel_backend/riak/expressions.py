"""Django expressions in an UPDATE: evaluated on rows, by the local engine."""

from typing import Any

from django.db import NotSupportedError, models
from django.db.models.expressions import Subquery
from django.db.models.sql.query import Query

from ..dml.constraints import RowValidator
from ..dml.expressions import typed
from ..planner.expressions import columns_in
from ..query import MISSING
from ..values.wrappers import Json
from .tables import Row
from .values import FORMS


class Expressions:
    """The expressions among the values of an UPDATE, {column: stored value or
    expression}.

    Raise NotSupportedError for an expression that needs more than the row itself.
    """

    def __init__(self, compiler: Any, values: dict[str, Any]) -> None:
        self.compiler = compiler
        self.store = compiler.store
        self.meta = compiler.query.get_meta()
        self.names = [name for name, each in values.items() if hasattr(each, "as_sql")]
        if not self.names:
            return
        fields = {field.column: field for field in self.meta.local_concrete_fields}
        self.fields = [fields[name] for name in self.names]
        self.all_fields = [field for field in fields.values() if field.column]
        data = self.store.objects(self.meta).table.data
        for name, field in zip(self.names, self.fields, strict=True):
            expression = values[name]
            if isinstance(field, models.JSONField):
                raise NotSupportedError(f"Riak computes no JSON, as {name} needs")
            for column in (each.target.column for each in columns_in(expression)):
                if column in data:
                    raise NotSupportedError(
                        f"the expression for {name} reads {column}, a "
                        f"{data[column].label}"
                    )
            if has_subquery(expression):
                raise NotSupportedError(f"the expression for {name} has a subquery")
        self.expressions = [
            typed(values[name], field)
            for name, field in zip(self.names, self.fields, strict=True)
        ]

    def of(self, rows: list[Row]) -> list[Row]:
        """Return for each row {column: stored value, or MISSING for NULL}."""
        if not self.names:
            return [{}] * len(rows)
        validator = RowValidator(self.store, self.meta)
        wrapper = self.store.local_engine.wrapper
        query = Query(self.meta.model)
        compiler = self.store.ops.compiler("SQLCompiler")(query, self.store, None)
        compiled = [compiler.compile(each) for each in self.expressions]
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
        for values in validator.computed(compiled, prepared):
            row = {}
            for field, expression, converts, value in zip(
                self.fields, self.expressions, converters, values, strict=True
            ):
                for convert in converts:
                    value = convert(value, expression, wrapper)
                value = field.get_db_prep_save(value, self.store)
                row[field.column] = self.stored(field, value)
            found.append(row)
        return found

    def stored(self, field: Any, value: Any) -> Any:
        if value is None:
            return MISSING
        return FORMS.to_stored(self.store.type_of(field), value)

    def prepared(self, field: Any, row: Row) -> Any:
        """Return a stored value as get_db_prep_save() gives it."""
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
