"""Ask a backend what of a query its store does itself, without running a query."""

from typing import Any

from django.db import NotSupportedError

from ...conditions import Column, Leaf, Node
from ...planner.scans import new_query
from ...query import PREFILTER, NonrelQuery
from ...values.wrappers import Json
from .report import Report
from .specimens import VALUES

LOOKUPS = ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull")
TEXT_LOOKUPS = ("contains", "startswith", "endswith", "icontains", "iexact", "regex")
METHODS = ("count", "delete", "update", "group", "compute", "lock")


def probe(connection: Any, models: Any, report: Report) -> None:
    """Add to the report which lookups, orders, limits and whole queries are native."""
    model = models.Specimen
    kinds: dict[str, Any] = {}
    for name in VALUES:
        field = model._meta.get_field(name)
        kinds.setdefault(field.get_internal_type(), field)
    for kind, field in kinds.items():
        for lookup in LOOKUPS + (TEXT_LOOKUPS if kind == "CharField" else ()):
            value = value_for(lookup, field, VALUES[field.name])
            plain, negated = (
                takes(connection, model, field, leaf)
                for leaf in leaves(column_of(field, connection), lookup, value)
            )
            report.probed(kind, lookup, plain)
            if plain != negated:
                report.probed(kind, f"not {lookup}", negated)
        report.probed(kind, "order", orders(connection, model, field))
    field = kinds["CharField"]
    either = Node("OR", tuple(leaves(column_of(field, connection), "exact", "a")))
    report.probed("conditions", "OR", takes(connection, model, field, either))
    # The limits of an ordered query are the store's if the order is.
    report.probed("rows", "limits", orders(connection, model, model._meta.pk))
    # Without a catalog of the toolkit's, the store keeps them unique itself.
    report.probed("rows", "unique values", connection.catalog is None)
    query = connection.ops.compiler("SQLCompiler").query_class
    for method in METHODS:
        own = getattr(query, method) is not getattr(NonrelQuery, method)
        report.probed("whole queries", method, own)


def leaves(column: Column, lookup: str, value: Any) -> list[Leaf]:
    """Return the condition and its negation."""
    return [Leaf(column, lookup, value, negated) for negated in (False, True)]


def column_of(field: Any, connection: Any) -> Column:
    """Return the column of a field, as conditions name it."""
    return Column(field.column, field.db_type(connection))


def value_for(lookup: str, field: Any, values: list[Any]) -> Any:
    """Return a value that the lookup may have."""
    if lookup == "isnull":
        return True
    prepared = [
        Json(value) if field.get_internal_type() == "JSONField" else value
        for value in values
    ]
    if lookup in ("in", "range"):
        return (prepared * 2)[:2]
    return "a" if lookup in TEXT_LOOKUPS else prepared[0]


def takes(connection: Any, model: Any, field: Any, condition: Leaf | Node) -> bool:
    """Return whether the store answers the condition exactly."""
    query = new_query(connection, model, [field])
    try:
        return query.add_filters(condition) is not PREFILTER
    except NotSupportedError:
        return False


def orders(connection: Any, model: Any, field: Any) -> bool:
    """Return whether the store orders by the field exactly."""
    query = new_query(connection, model, [field])
    if query.db_type(field.column) == "json":
        return False
    try:
        return query.order_by([(field.column, True)]) is not PREFILTER
    except NotSupportedError:
        return False
