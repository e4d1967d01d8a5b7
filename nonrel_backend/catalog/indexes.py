"""Changes of indexes and constraints for stores that keep no schema, in the catalog."""

from typing import Any

from django.db import NotSupportedError, ProgrammingError
from django.db.models.expressions import Col, OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..conditions import Column
from ..dml.constraints import check_sql
from ..documents.functions import path_steps, path_text
from ..documents.indexes import check_unique, indexed_path, items_path
from ..planner.expressions import columns_in
from ..schema import NonrelSchemaEditor, unsupported
from .tables import table_model
from .unique import Uniques


class CatalogIndexes(NonrelSchemaEditor):
    """The part of the schema editor that is about a table's indexes and checks."""

    @property
    def catalog(self):
        return self.connection.catalog

    # --- indexes ---

    def make_index(self, model, name, parts, unique=False, condition=None):
        table = model._meta.db_table
        entry = self.catalog.copy(table)
        if any(index["name"] == name for index in entry["indexes"]):
            raise ProgrammingError(f"index {name} already exists")
        index: dict[str, Any] = {
            "name": name,
            "unique": unique,
            "parts": [column or sql for column, _, sql in parts],
            "descending": [descending for _, descending, _ in parts],
            "condition": None,
        }
        if condition is not None:
            where = Query(model).build_where(condition)
            sql = check_sql(self.connection, model, condition)
            index["condition"] = self.expression(sql, where)
        columns = [part for part in index["parts"] if isinstance(part, str)]
        for part in (*index["parts"], index["condition"]):
            columns += part["columns"] if isinstance(part, dict) else []
        index["columns"] = list(dict.fromkeys(columns))
        if unique:
            uniques = Uniques(self.connection, table_model(table, entry), [index])
            uniques.rows.lock()
            found = uniques.rows.find()
            uniques.check(found, [uniques.rows.key(row) for row in found])
        entry["indexes"].append(index)
        self.catalog.save(table, entry)

    def expression(self, sql: tuple[str, Any], node) -> dict[str, Any]:
        """An SQL expression and the columns that it names, as the catalog keeps it."""
        names = dict.fromkeys(column.target.column for column in columns_in(node))
        written = self.connection.local_engine.written_in(*sql)
        self.connection.local_engine.check_indexable(written % (), list(names))
        return {"sql": written, "columns": list(names)}

    def drop_index(self, table, name):
        entry = self.catalog.copy(table)
        entry["indexes"].remove(named(entry["indexes"], name))
        self.catalog.save(table, entry)

    def known_indexes(self, table):
        return {
            index["name"]: (
                [part if isinstance(part, str) else None for part in index["parts"]],
                index["unique"],
            )
            for index in self.catalog.entry(table)["indexes"]
        }

    def index_parts(self, model, index):
        if index.expressions:
            return self.expression_parts(model, index.expressions)
        parts = []
        for name, order in index.fields_orders:
            field = model._meta.get_field(name)
            items = items_path(self.connection, field)
            parts.append(
                (field.column, bool(order), None)
                if items is None
                else (None, bool(order), path_part(items))
            )
        return parts

    def expression_parts(self, model, expressions, unique=False):
        query = Query(model, alias_cols=False)
        return [self.expression_part(query, each, unique) for each in expressions]

    def expression_part(self, query, expression, unique: bool):
        """(column, descending, None), or no column but what the expression is."""
        path = (
            None if unique else indexed_path(self.connection, query.model, expression)
        )
        if path is not None and path[0].path:
            return None, path[1], path_part(path[0])
        wrapped = IndexExpression(expression)
        wrapped.set_wrapper_classes(self.connection)
        resolved = wrapped.resolve_expression(query)
        descending = False
        while isinstance(resolved, (IndexExpression, OrderBy)):
            if isinstance(resolved, OrderBy):
                descending = bool(resolved.descending)
            resolved = resolved.get_source_expressions()[-1]
        if type(resolved) is Col:
            return resolved.target.column, descending, None
        if unique and isinstance(resolved, Collate):
            raise NotSupportedError(
                f"{self.connection.display_name} has no unique index by a collation: "
                "use Lower() or Upper() of the column."
            )
        wrapper = self.connection.local_engine.wrapper
        sql = query.get_compiler(connection=wrapper).compile(resolved)
        return None, descending, self.expression(sql, resolved)

    def add_unique(self, model, constraint):
        if not constraint.expressions:
            super().add_unique(model, constraint)
        elif not unsupported(constraint):
            check_unique(self.connection, model, constraint)
            parts = self.expression_parts(model, constraint.expressions, unique=True)
            self.create(model, constraint.name, parts, True, constraint.condition)

    # --- checks ---

    def keep_check(self, table, check):
        entry = self.catalog.copy(table)
        entry["checks"].append(check)
        self.catalog.save(table, entry)

    def drop_check(self, table, name):
        entry = self.catalog.copy(table)
        entry["checks"].remove(named(entry["checks"], name))
        self.catalog.save(table, entry)


def path_part(column: Column) -> dict[str, Any]:
    """A path as a part of an index."""
    return {
        "path": path_text(column.path),
        "db_type": column.db_type,
        "columns": [column.name],
    }


def path_of_part(part: Any) -> Column | None:
    """The path that a part of an index is, None for any other part."""
    if not isinstance(part, dict) or "path" not in part:
        return None
    (name,) = part["columns"]
    return Column(name, part["db_type"], tuple(path_steps(part["path"])))


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise ProgrammingError(f"There is no {name}.")
