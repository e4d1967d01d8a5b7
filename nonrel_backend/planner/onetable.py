"""Rows of one table with all columns, in no order: planned in one look, for the get by
key that sites do most.
"""

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models.sql.where import AND

from ..conditions import FALSE
from .basescan import BaseScan, NotNative
from .plan import NativePlan
from .shapes import shape_of
from .translate import Translator, Untranslatable, conjuncts


def one_table_plan(compiler) -> NativePlan | None:
    """The plan of a query that is a few lookups on columns of its one table, ready for
    the store; None where it is more than that: see `plan_select()`.
    """
    query = compiler.query
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
    ):
        return None
    shape = shape_of(compiler)
    if shape is None:
        return None
    base = query.base_table
    if any(count and alias != base for alias, count in query.alias_refcount.items()):
        return None
    translator = Translator(compiler.store, base)
    try:
        found = [translator.condition(each) for each in where.children]
        conditions = [part for each in found for part in conjuncts(each)]
        if FALSE in conditions:
            return None
        fields = list(shape.fields)
        scan = BaseScan(compiler, fields, conditions, []).check()
    except (NotNative, Untranslatable, EmptyResultSet, FullResultSet):
        return None
    compiler.select_all(shape)
    output = list(range(len(fields)))
    low, high = query.low_mark, query.high_mark
    return NativePlan(compiler.store, scan, fields, output, low, high, [], base)
