"""Indexes on paths, such as Index(F("address__city"), name=...), and on items."""

from collections.abc import Iterable
from typing import Any

from django.db import NotSupportedError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, Func, OrderBy
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..conditions import Column, Step
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..values.columns import stored_field
from .codec import is_raw


def indexed_path(
    store: BaseDatabaseWrapper, model: type[models.Model], expression: Any
) -> tuple[Column, bool] | None:
    """Return (column with path, whether descending) for an index on a path.

    Return None for any other expression.
    """
    wrapped = IndexExpression(expression)
    wrapped.set_wrapper_classes(store)
    resolved = wrapped.resolve_expression(Query(model, alias_cols=False))
    descending = False
    while isinstance(resolved, (IndexExpression, OrderBy)) or type(resolved) is Func:
        if isinstance(resolved, OrderBy):
            descending = bool(resolved.descending)
        elif type(resolved) is Func and resolved.function is not None:
            return None
        resolved = resolved.get_source_expressions()[-1]
    if type(resolved) is Col:
        field = resolved.target
        column = items_path(store, field) or Column(field.column, store.type_of(field))
        return column, descending
    if not hasattr(resolved, "as_column"):
        return None
    try:
        column = resolved.as_column(Translator(store, resolved.root.alias))
    except Refused:
        return None
    if column is None or column.db_type == "document":
        return None
    return column, descending


def check_unique(
    store: BaseDatabaseWrapper,
    model: type[models.Model],
    constraint: models.UniqueConstraint,
) -> None:
    """Raise NotSupportedError for a unique constraint on the items of lists."""
    for expression in constraint.expressions:
        path = indexed_path(store, model, expression)
        if path is not None and path[0].is_many:
            raise NotSupportedError(
                f"The unique constraint {constraint.name} is on the items of a list, "
                "of which a row has many. Put the unique values into a table of their "
                "own."
            )


def type_at(
    store: BaseDatabaseWrapper, field: Any, path: Iterable[str | int | Step]
) -> str:
    """Return the db_type of what a path through a field leads to.

    Raise NotSupportedError if the path has a step that no longer exists.
    """
    for step in path:
        if getattr(field, "embeds", False):
            found = [
                each
                for model in field.embedded_models()
                for each in model._meta.concrete_fields
                if each.column == step
            ]
            if not found:
                raise NotSupportedError(
                    f"{field.name} no longer has {step!r}, which an index needs. "
                    "Remove the index first."
                )
            field = found[0]
        else:
            field = field.item_field
    db_type: str = store.type_of(stored_field(field))
    return db_type


def items_path(store: BaseDatabaseWrapper, field: Any) -> Column | None:
    """Return the column with the path to a list's or set's items, or None.

    An index on such a column has an entry for each item. Items with a structure cannot
    be indexed.
    """
    item = getattr(field, "item_field", None)
    if item is None or field.empty is dict or is_raw(item):
        return None
    if item.get_internal_type() == "DocumentField":
        return None
    return Column(field.column, store.type_of(stored_field(item)), (Step.EACH,))
