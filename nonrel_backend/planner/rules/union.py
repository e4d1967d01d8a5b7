"""The first rows of a union: `first.union(second).order_by("pk")[:20]`.

They are among the first rows of each part, which is ordered and limited by itself.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import Col, OrderBy
from django.db.models.sql.query import Query
from django.db.models.sql.where import OR, WhereNode

from ...values.columns import collated, stored_field
from ..expressions import expression_text, source
from ..plans.base import Plan
from ..plans.union import Part, UnionPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..tables import queries_within, writes_own_sql

# The end of a slice whose rows are merged in memory.
MOST_ROWS = 10_000
# Columns whose values Python orders otherwise than the local engine, or not at all.
UNORDERED = ("json", "document", "raw", "binary")


def plan(select: Select) -> Plan:
    """Return the plan of the first rows of all parts, merged."""
    query, compiler = select.query, select.compiler
    if query.combinator != "union":
        raise OtherShape("the statement is no union")
    if writes_own_sql(query) or query.extra or query.extra_tables:
        raise Refused("the union has SQL of its own")
    if query.high_mark is None or query.high_mark > MOST_ROWS:
        raise Refused(f"not only the first rows are asked for, {MOST_ROWS} at most")
    # Only then all that it orders by is selected.
    if select.setup.extra_select or query.select_for_update or query.distinct:
        raise Refused("the union is DISTINCT or locked")
    kinds = [kind_of(select, each) for each in select.selected]
    if compiler.python_converters(select.selected):
        raise Refused("the union has columns with converters of their own")
    ordering = [place(select, each) for each, _ in select.order_by]
    parts = [
        part
        for each in merged(select)
        if (part := part_of(select, each, kinds, ordering)) is not None
    ]
    if not parts:
        raise EmptyResultSet
    return UnionPlan(
        parts, ordering, query.combinator_all, query.low_mark, query.high_mark
    )


def merged(select: Select) -> tuple[Query, ...]:
    """Return the parts; one for all where each selects the same rows of one table.

    Their key is selected, so UNION drops only what several parts find.
    """
    parts: tuple[Query, ...] = select.query.combined_queries
    first = parts[0]
    keys = {each.target for each in select.selected if type(each) is Col}
    if select.query.combinator_all or not keys.issuperset(first.get_meta().pk_fields):
        return parts
    for each in parts:
        if (
            not each.where
            or each.model is not first.model
            or each.select != first.select
            or each.default_cols != first.default_cols
            or each.deferred_loading != first.deferred_loading
            or each.select_related
            or used_aliases(each) != {first.get_meta().db_table}
            or each.annotation_select
            or each.group_by is not None
            or each.distinct
            or each.is_sliced
            or each.extra
            or len(list(queries_within(each))) > 1
        ):
            return parts
    found = first.clone()
    found.where = WhereNode([each.where for each in parts], OR)
    return (found,)


def used_aliases(query: Query) -> set[str]:
    """Return the aliases of the tables that a query reads."""
    return {alias for alias, count in query.alias_refcount.items() if count}


def kind_of(select: Select, expression: Any) -> tuple[str, str]:
    """Return the kind of a column's values; raise Refused for others."""
    if type(expression) is not Col:
        raise Refused(f"the union selects {expression_text(expression)}")
    field = stored_field(expression.target)
    db_type = select.store.type_of(field)
    if db_type in UNORDERED or collated(field):
        raise Refused(f"the union selects {expression_text(expression)}")
    return field.get_internal_type(), str(db_type)


def place(select: Select, ordering: Any) -> tuple[int, bool]:
    """Return (index among the selected columns, whether it ascends) of an ORDER BY."""
    if type(ordering) is not OrderBy or ordering.nulls_first or ordering.nulls_last:
        raise Refused("the order of the union is no plain one")
    expression = source(ordering.expression)
    if expression not in select.selected:
        raise Refused("the union is ordered by what it does not select")
    return select.selected.index(expression), not ordering.descending


def part_of(
    select: Select,
    query: Query,
    kinds: list[tuple[str, str]],
    ordering: list[tuple[int, bool]],
) -> Part | None:
    """Return what finds the first rows of a part; None if nothing can match in it."""
    if query.is_sliced or query.order_by or query.combinator or query.extra:
        raise Refused("a part of the union is sliced, ordered or combined")
    if query.get_meta().ordering and query.default_ordering:
        raise Refused("a part of the union is ordered")
    compiler = query.clone().get_compiler(connection=select.store)
    try:
        columns = Select(compiler).selected
        if [kind_of(select, each) for each in columns] != kinds:
            raise Refused("the parts of the union have columns of different types")
        first = query.clone()
        first.distinct = first.distinct or not select.query.combinator_all
        for index, ascending in ordering:
            first.add_ordering(OrderBy(columns[index], descending=not ascending))
        first.set_limits(high=select.query.high_mark)
        compiler = first.get_compiler(connection=select.store)
        compiler.using = select.compiler.using
        planned = compiler.plan()
    except EmptyResultSet:
        return None
    if not planned[0].yields_python:
        raise Refused("a part of the union is finished locally")
    return compiler, planned
