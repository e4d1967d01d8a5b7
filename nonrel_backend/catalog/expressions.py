"""Expressions and conditions of indexes as SQL that a store can keep."""

from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import Col, OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..conditions import Column
from ..dml.constraints import check_sql
from ..documents.functions import path_text
from ..documents.indexes import indexed_path
from ..planner.expressions import columns_in
from ..schema import Part


def stored_condition(store: Any, model: Any, condition: Any) -> dict[str, Any]:
    """Return the condition of a partial index, a Q, as {"sql", "columns"}."""
    where = Query(model).build_where(condition)
    return stored(store, check_sql(store, model, condition), where)


def stored(store: Any, sql: tuple[str, Any], node: Any) -> dict[str, Any]:
    """Return an SQL expression and its columns, as {"sql", "columns"}.

    Raise DatabaseError for one that no index can be on.
    """
    names = dict.fromkeys(column.target.column for column in columns_in(node))
    written = store.local_engine.written_in(*sql)
    store.local_engine.check_indexable(written % (), list(names))
    return {"sql": written, "columns": list(names)}


def expression_part(store: Any, query: Query, expression: Any, unique: bool) -> Part:
    """Return the part of an index that an expression is: a column, path or SQL."""
    path = None if unique else indexed_path(store, query.model, expression)
    if path is not None and path[0].path:
        return None, path[1], path_part(path[0])
    wrapped = IndexExpression(expression)
    wrapped.set_wrapper_classes(store)
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
            f"{store.display_name} has no unique index by a collation: use Lower() or "
            "Upper() of the column."
        )
    wrapper = store.local_engine.wrapper
    sql = query.get_compiler(connection=wrapper).compile(resolved)
    return None, descending, stored(store, sql, resolved)


def path_part(column: Column) -> dict[str, Any]:
    """Return a path as a part of an index."""
    return {
        "path": path_text(column.path),
        "db_type": column.db_type,
        "columns": [column.name],
    }
