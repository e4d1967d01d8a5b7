"""Indexes on paths, as Index(F("address__city"), name=...), and on a list's items."""

from django.db import NotSupportedError
from django.db.models.expressions import Col, Func, OrderBy
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..conditions import Column, Step
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..values.columns import stored_field
from .codec import is_raw


def indexed_path(store, model, expression) -> tuple[Column, bool] | None:
    """(the path, whether descending) of an index's expression that is just a path."""
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


def check_unique(store, model, constraint) -> None:
    """Refuse a unique constraint on the items of lists."""
    for expression in constraint.expressions:
        path = indexed_path(store, model, expression)
        if path is not None and path[0].is_many:
            raise NotSupportedError(
                f"{constraint.name} is of the items of a list, of which a row has "
                "many: what is to be unique needs a table of its own."
            )


def type_at(store, field, path) -> str:
    """The type of what a path through a field leads to."""
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
                    f"{field.name} has no {step!r} any more, of which there is an "
                    "index: remove that first."
                )
            field = found[0]
        else:
            field = field.item_field
    return store.type_of(stored_field(field))


def items_path(store, field) -> Column | None:
    """The path to the items of a list or set, which an index of its column holds."""
    item = getattr(field, "item_field", None)
    if item is None or field.empty is dict or is_raw(item):
        return None
    if item.get_internal_type() == "DocumentField":
        return None
    return Column(field.column, store.type_of(stored_field(item)), (Step.EACH,))
