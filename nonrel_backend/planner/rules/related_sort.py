"""Few rows in an order that names related columns: `order_by("author__name", "id")`.

They are found in no order, joined by lookups of keys, and sorted.
"""

from typing import Any

from ..plans.base import Plan
from ..plans.related_sort import RelatedSortPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import build_scan
from .related_order import alias_of
from .rows import Columns
from .union import UNORDERED


def plan(select: Select) -> Plan:
    """Return the plan of rows that are sorted when they have been joined."""
    if select.groups:
        raise OtherShape("the statement groups rows")
    aliases = [alias_of(each) for each in select.order_by]
    if not set(aliases) - {None, select.base}:
        raise OtherShape("the order names no related column")
    select.require_plain()
    if select.query.select_for_update:
        raise Refused("the rows are to be locked")
    joins = select.joins
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    columns = Columns(select, looked_up)
    output = columns.output()
    order: list[tuple[Any, bool]] = []
    for alias, each in zip(aliases, select.order_by, strict=True):
        alias = alias or select.base
        meta = select.meta if alias == select.base else joins[alias].meta
        for column, ascending in select.ordering_of([each], alias, meta):
            if column.path or column.db_type in UNORDERED:
                raise Refused(f"the order is by {column}")
            order.append(((alias, columns.index(alias, column.name)), ascending))
    columns.add_keys()
    scan = build_scan(select.store, select.meta, columns.fields, conditions, semi_joins)
    return RelatedSortPlan(
        scan,
        select.store,
        select.base,
        list(looked_up.values()),
        [*output, *(place for place, _ in order)],
        select.query.low_mark,
        select.query.high_mark,
        ordering=[
            (len(output) + number, ascending)
            for number, (_, ascending) in enumerate(order)
        ],
    )
