"""Which models stand behind the tables that a query names."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.db import models
from django.db.models.expressions import RawSQL, Subquery
from django.db.models.sql.query import Query
from django.db.models.sql.where import ExtraWhere, WhereNode
from django.utils.module_loading import import_string

from .refusal import Refused


def field_of(meta: Any, column: str) -> Any:
    """Return the field of a table's own column; raise Refused if it has none."""
    for each in meta.local_concrete_fields:
        if each.column == column:
            return each
    raise Refused(f"{meta.db_table} has no column {column}")


def registered_models() -> dict[str, Any]:
    """Return {table: model} of every concrete model of the project."""
    found: dict[str, Any] = {}
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        if not model._meta.proxy:
            found.setdefault(model._meta.db_table, model)
    return found


def model_of_table(model: Any, table: str) -> Any:
    """Return the model of a table: a parent of `model`, or one that it can refer to."""
    related = model._meta.apps.get_models(include_auto_created=True)
    for other in (*model._meta.all_parents, *related):
        if other._meta.db_table == table:
            return other._meta.concrete_model
    return None


def tables_that_refer_to(tables: Iterable[str]) -> set[str]:
    """Return the tables that refer, at any distance, to one of `tables`."""
    found: set[str] = set()
    waiting = set(tables)
    while waiting:
        step = {
            model._meta.db_table
            for model in registered_models().values()
            for field in model._meta.local_concrete_fields
            if field.remote_field and field.remote_field.model._meta.db_table in waiting
        }
        waiting = step - found
        found |= step
    return found


def model_of_join(join: Any) -> Any:
    """Return the model whose table a Join brings in."""
    field = join.join_field
    for owner in (field.related_model, field.model, *_ends(join)):
        meta = getattr(owner, "_meta", None)
        if meta is None:
            continue
        for parent in (owner, *meta.all_parents):
            if parent._meta.db_table == join.table_name:
                return parent._meta.concrete_model
    return model_of_table(field.model, join.table_name)


def _ends(join: Any) -> Iterator[Any]:
    for pair in join.join_fields or ():
        for field in pair:
            if hasattr(field, "model"):
                yield field.model


def model_from_store(store: Any, table: str) -> Any:
    """Return a model of a table, as the store knows it; None if it does not."""
    introspection = store.introspection
    if table not in [info.name for info in introspection.get_table_list(None)]:
        return None
    columns = []
    for row in introspection.get_table_description(None, table):
        kind = introspection.get_field_type(row.type_code, row)
        options = {"null": row.null_ok}
        if kind == "DecimalField":
            options["max_digits"] = row.precision
            options["decimal_places"] = row.scale
        columns.append((row.name, kind, options, row.pk))
    return stored_model(table, columns)


def stored_model(
    table: str, columns: list[tuple[str, str, dict[str, Any], bool]]
) -> Any:
    """Return an unregistered model of (column, field class, options, is in the key)."""
    attributes: dict[str, Any] = {"__module__": __name__}
    keys = [f"column_{number}" for number, each in enumerate(columns) if each[3]]
    for number, (name, kind, options, is_key) in enumerate(columns):
        if is_key and len(keys) == 1:
            options = {**options, "null": False, "primary_key": True}
        field = import_string(kind) if "." in kind else getattr(models, kind)
        attributes[f"column_{number}"] = field(db_column=name, **options)
    if len(keys) > 1:
        attributes["pk"] = models.CompositePrimaryKey(*keys)
    attributes["Meta"] = type(
        "Meta", (), {"apps": Apps(), "app_label": "nonrel_backend", "db_table": table}
    )
    return type("StoredTable", (models.Model,), attributes)


def writes_own_sql(query: Query) -> bool:
    """Return whether a project's or package's class writes the SQL of a query.

    It has a compiler of its own, whose text only SQL can answer.
    """
    kind: Any = type(query)
    return (
        kind.get_compiler is not Query.get_compiler or kind.as_sql is not Query.as_sql
    )


def holds_text(node: Any) -> bool:
    """Return whether a project's own text is in a query, an expression or a where tree.

    Queries within are not looked at.
    """
    if isinstance(node, (RawSQL, ExtraWhere)):
        return True
    if isinstance(node, Query):
        parts = [node.where, *node.annotations.values(), *node.select, *node.order_by]
        if node.extra or node.extra_tables or node.extra_order_by:
            return True
    elif isinstance(node, WhereNode):
        parts = node.children
    elif hasattr(node, "get_source_expressions"):
        parts = node.get_source_expressions()
    else:
        return False
    return any(holds_text(part) for part in parts if not isinstance(part, Query))


def is_correlated(query: Query) -> bool:
    """Return whether a subquery refers to the query around it, or may do so."""
    # Django does not look into the parts of unions.
    parts = [
        part
        for each in queries_within(query)
        for part in getattr(each, "combined_queries", ())
    ]
    return any(each.get_external_cols() for each in (query, *parts))


def queries_within(node: Any, seen: set[int] | None = None) -> Iterator[Query]:
    """Yield every Query inside a query, an expression or a where tree, itself first."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return
    if isinstance(node, Query):
        seen.add(id(node))
        yield node
        parts = [
            *getattr(node, "combined_queries", ()),
            node.where,
            *node.annotations.values(),
            *node.select,
            *(node.group_by if isinstance(node.group_by, (tuple, list)) else ()),
            *(getattr(join, "filtered_relation", None) for join in _joins(node)),
            *(part for part in node.order_by if not isinstance(part, str)),
            getattr(node, "inner_query", None),
        ]
    elif isinstance(node, Subquery):
        parts = [node.query]
    elif isinstance(node, WhereNode):
        parts = node.children
    elif hasattr(node, "resolved_condition"):  # FilteredRelation
        parts = [node.resolved_condition]
    elif hasattr(node, "get_source_expressions"):
        parts = [*node.get_source_expressions(), getattr(node, "rhs", None)]
    else:
        return
    for part in parts:
        if part is not None and not isinstance(part, (str, int, float)):
            yield from queries_within(part, seen)


def _joins(query: Any) -> Any:
    return query.alias_map.values()
