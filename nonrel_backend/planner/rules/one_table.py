"""Rows of one table with all columns, in no order: the get by key that sites do most.

The rule looks at the query alone, without Django's preparation of the statement.
"""

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models.sql.where import AND

from ...conditions import FALSE, Condition, conjuncts
from ..plans.base import Plan
from ..plans.native import NativePlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..shapes import shape_of
from ..table_scan import build_scan
from ..tables import writes_own_sql
from ..translate import Translator

OTHER_SHAPE = "the statement is more than a few lookups on one table"


def plan(select: Select) -> Plan:
    """Return the plan of a few lookups on the columns of one table."""
    query, compiler = select.query, select.compiler
    where = query.where
    if (
        not query.alias_map  # or it would remember that it has no base table
        or query.model is None
        or not where.children
        or where.connector != AND
        or where.negated
        or query.combinator
        or query.distinct
        or query.group_by is not None
        or query.extra_tables
        or query.order_by
        or query.extra_order_by
        or (query.default_ordering and query.get_meta().ordering)
        or query.select_for_update
        or writes_own_sql(query)
    ):
        raise OtherShape(OTHER_SHAPE)
    shape = shape_of(compiler)
    if shape is None:
        raise OtherShape(OTHER_SHAPE)
    base = query.base_table
    for alias, count in query.alias_refcount.items():
        if count and alias != base:
            raise OtherShape(OTHER_SHAPE)
    translator = Translator(select.store, base)
    conditions: list[Condition] = []
    try:
        for child in where.children:
            conditions += conjuncts(translator.condition(child))
        if FALSE in conditions:
            raise OtherShape(OTHER_SHAPE)
        fields = list(shape.fields)
        scan = build_scan(select.store, shape.meta, fields, conditions)
    except (Refused, EmptyResultSet, FullResultSet):
        # The other rules find the same, and say why.
        raise OtherShape(OTHER_SHAPE) from None
    compiler.select_all(shape)
    output = list(range(len(fields)))
    return NativePlan(scan, output, query.low_mark, query.high_mark)
