"""The first rows in the order of a to-one relation: `order_by("author__name", "id")`.

The related table is walked in that order, and the base's rows are fetched by its keys
until there are enough.
"""

from itertools import takewhile
from typing import Any

from django.db.models.expressions import Col

from ...conditions import Column, Leaf, disjunction
from ..expressions import source
from ..plans.base import Plan
from ..plans.related_order import RelatedOrderPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import DeferredKeys, LookupJoin, build_scan
from ..tables import field_of
from .rows import Columns

# The end of a slice that is not read row by row.
MOST_ROWS = 10_000


def plan(select: Select) -> Plan:
    """Return the plan of rows that are found in the order of related ones."""
    if select.groups:
        raise OtherShape("the statement groups rows")
    first = alias_of(select.order_by[0]) if select.order_by else None
    if first in (None, select.base):
        raise OtherShape("the order does not begin with a related column")
    select.require_plain()
    low, high = select.query.low_mark, select.query.high_mark
    if high is None or high > MOST_ROWS:
        raise Refused(f"not only the first rows are asked for, {MOST_ROWS} at most")
    if select.query.select_for_update:
        raise Refused("the rows are to be locked")
    joins = select.joins
    join = joins[first]
    if join.many or join.parent_alias != select.base:
        raise Refused(f"{join.meta.db_table} is not joined to the base by its key")
    order_by = select.order_by
    own = len(list(takewhile(lambda each: alias_of(each) == first, order_by)))
    related = select.ordering_of(order_by[:own], first, join.meta)
    ordering = select.ordering_of(order_by[own:], select.base, select.meta)
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    # Its own relations filter the walk.
    beyond = [
        inner
        for each in semi_joins
        if each.join is join
        for inner in each.scan.semi_joins
    ]
    semi_joins = [each for each in semi_joins if each.join is not join]
    columns = Columns(select, looked_up)
    output = columns.output()
    columns.add_keys()
    places = [columns.index(first, column.name) for column, _ in related]
    scan = build_scan(
        select.store,
        select.meta,
        columns.fields,
        conditions,
        semi_joins,
        ordering=ordering,
    )
    walk = build_scan(
        select.store, join.meta, join.fields, join.conditions, beyond, ordering=related
    )
    return RelatedOrderPlan(
        scan,
        select.store,
        select.base,
        list(looked_up.values()),
        output,
        low,
        high,
        first=join,
        walk=walk,
        places=places,
        key=select.column_of(select.meta, join.parent_column),
        ascending=related[0][1],
        of_none=None if join.required else of_none(select, join, related),
        is_filtered=bool(conditions or semi_joins),
    )


def alias_of(ordering: Any) -> str | None:
    """Return the alias whose column an ORDER BY names, None for an expression."""
    expression = source(ordering[0].expression)
    return expression.alias if type(expression) is Col else None


def of_none(
    select: Select, join: LookupJoin, related: list[tuple[Column, bool]]
) -> Any:
    """Return the condition of the base's rows that have only NULLs to order by.

    They have no related row, or one with NULLs.
    """
    if len({ascending for _, ascending in related}) > 1:
        raise Refused("NULLs of an outer join come neither first nor last")
    key = field_of(join.meta, join.column.name)
    values = [Leaf(column, "isnull", False) for column, _ in related]
    scan = build_scan(select.store, join.meta, [key], [disjunction(*values)])
    column = select.column_of(select.meta, join.parent_column)
    has_values = Leaf(column, "in", DeferredKeys(scan), True)
    return disjunction(has_values, Leaf(column, "isnull", True))
