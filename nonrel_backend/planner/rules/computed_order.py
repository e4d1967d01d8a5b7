"""The first rows in the order of an expression: `order_by(F("price") / F("pages"))`.

The store finds the keys of the first rows by nearly the same values; the local engine
computes and orders those rows, and others that come as close.
"""

from typing import Any

from django.db.models.expressions import Col, OrderBy, Value

from ...query import ask
from ..expressions import source
from ..plans.computed_order import ComputedOrderPlan
from ..refusal import OtherShape, Refused
from ..scans import new_query, require_filters
from ..select import Select
from ..table_scan import require
from .partial_groups import only_table

# The end of a slice whose keys are found first.
MOST_ROWS = 1_000
# How many more rows are read than are wanted: those that come as close as the last.
MORE = 200


def plan(select: Select) -> ComputedOrderPlan:
    """Return the plan that loads the first rows by an expression."""
    query, order_by = select.query, select.order_by
    expression, ascending = first_expression(order_by[0][0] if order_by else None)
    if select.groups or query.high_mark is None or query.high_mark > MOST_ROWS:
        raise Refused(f"not only the first rows are asked for, {MOST_ROWS} at most")
    select.require_plain()
    if query.distinct or query.select_for_update or select.has_own_sql:
        raise Refused("the statement is no plain one of rows")
    shown = [*select.selected, *(each for each, _ in order_by)]
    if any(getattr(each, "contains_over_clause", False) for each in shown):
        raise Refused("the statement has a window function")
    refs, edges = only_table(select)
    ranking = new_query(select.store, select.meta.model, select.meta.pk_fields)
    require_filters(ranking, refs[0].conditions)
    require(ranking, ask(ranking.rank, expression, ascending), "order")
    sql, params = select.compiler.local_sql()
    return ComputedOrderPlan(
        select.store,
        sql,
        params,
        refs,
        edges,
        ranking=ranking,
        wanted=query.high_mark,
        more=MORE,
    )


def first_expression(ordering: Any) -> tuple[Any, bool]:
    """Return the expression that the order begins with, and whether it ascends."""
    if type(ordering) is not OrderBy or ordering.nulls_first or ordering.nulls_last:
        raise OtherShape("the order begins with no plain ordering")
    expression = source(ordering.expression)
    if type(expression) in (Col, Value) or hasattr(expression, "as_column"):
        raise OtherShape("the order begins with no expression")
    return expression, not ordering.descending
