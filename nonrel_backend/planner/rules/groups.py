"""GROUP BY, aggregates and DISTINCT of one table, filtered by it and its relations."""

from typing import Any

from django.db.models.expressions import Value

from ...query import Grouping
from ..expressions import source
from ..plans.base import Plan
from ..plans.grouped import GroupPlan
from ..refusal import OtherShape, Refused
from ..select import Select, constant
from ..table_scan import build_scan


def plan(select: Select, by_keys: bool = False) -> Plan:
    """Return the plan of groups that the store aggregates.

    With `by_keys` the statement is filtered by a to-many relation.
    """
    distinct = select.drops_duplicates and not select.groups
    if not distinct and (not select.groups or select.counts_rows):
        raise OtherShape("the statement groups nothing")
    select.require_plain(with_distinct=distinct)
    if select.query.distinct_fields:
        raise Refused("the statement is DISTINCT ON some columns")
    joins = select.joins
    many = [join.meta.db_table for join in joins.values() if join.many]
    if by_keys and not many:
        raise OtherShape("no table is joined to many rows")
    if many and not by_keys:
        raise Refused(f"{', '.join(many)} is joined to many rows")
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    if looked_up:
        raise Refused(f"columns of {', '.join(looked_up)} are grouped or aggregated")
    for each in select.selected:
        if type(each) is Value:
            constant(each)
    query = select.query
    is_grouped = distinct or query.group_by is not None
    keys = group_expressions(select) if is_grouped else None
    if distinct and not keys:
        raise Refused("constants alone are DISTINCT")
    grouping = Grouping(
        tuple(select.selected),
        keys,
        select.compiler.having or None,
        tuple(ordering for ordering, _ in select.order_by),
        query.low_mark,
        query.high_mark,
    )
    scan = build_scan(
        select.store,
        select.meta,
        [select.meta.pk],
        conditions,
        semi_joins,
        grouping=grouping,
    )
    return GroupPlan(scan)


def group_expressions(select: Select) -> tuple[Any, ...]:
    """Return the expressions that GROUP BY, SELECT and ORDER BY group by."""
    group_by = select.query.group_by
    found = [] if group_by is True else [source(each) for each in group_by or ()]
    found += [
        each
        for each in select.selected
        if not each.contains_aggregate and type(each) is not Value
    ]
    found += [
        source(ordering.expression)
        for ordering, _ in select.order_by
        if not ordering.contains_aggregate
    ]
    unique: list[Any] = []
    for each in found:
        if each not in unique:
            unique.append(each)
    return tuple(unique)
