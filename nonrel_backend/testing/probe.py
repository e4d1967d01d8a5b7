"""Asks a backend what of a query its store does itself: nothing is run."""

from typing import Any

from django.db import NotSupportedError

from ..planner.conditions import Column, Leaf, Node
from ..planner.scans import new_query
from ..query import PREFILTER, Json, NonrelQuery
from .report import Report
from .specimens import VALUES

LOOKUPS = ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull")
TEXT_LOOKUPS = ("contains", "startswith", "endswith", "icontains", "iexact", "regex")
METHODS = ("count", "delete", "update", "group", "compute", "lock")


def probe(connection, models, report: Report) -> None:
    model = models.Specimen
    for name, values in VALUES.items():
        field = model._meta.get_field(name)
        kind = field.get_internal_type()
        lookups = LOOKUPS + (TEXT_LOOKUPS if name in ("char", "text") else ())
        for lookup in lookups:
            value = value_for(lookup, field, values)
            for negated in (False, True):
                leaf = Leaf(column_of(field, connection), lookup, value, negated)
                shown = f"not {lookup}" if negated else lookup
                report.probed(kind, shown, takes(connection, model, field, leaf))
        report.probed(kind, "order by", orders(connection, model, field))
    name = model._meta.get_field("char")
    leaf = Leaf(column_of(name, connection), "exact", "a")
    either = Node("OR", (leaf, Leaf(leaf.column, "exact", "b")))
    report.probed("conditions", "OR", takes(connection, model, name, either))
    query = connection.ops.compiler("SQLCompiler").query_class
    for method in METHODS:
        own = getattr(query, method) is not getattr(NonrelQuery, method)
        report.probed("whole queries", method, own)


def column_of(field, connection) -> Column:
    return Column(field.column, field.db_type(connection))


def value_for(lookup: str, field, values: list) -> Any:
    if lookup == "isnull":
        return True
    prepared = [
        Json(value) if field.get_internal_type() == "JSONField" else value
        for value in values
    ]
    if lookup in ("in", "range"):
        return (prepared * 2)[:2]
    return "a" if lookup in TEXT_LOOKUPS else prepared[0]


def takes(connection, model, field, condition) -> bool:
    query = new_query(connection, model, [field])
    try:
        return query.add_filters(condition) is not PREFILTER
    except NotSupportedError:
        return False


def orders(connection, model, field) -> bool:
    query = new_query(connection, model, [field])
    try:
        return query.order_by([(field.column, True)]) is not PREFILTER
    except NotSupportedError:
        return False
