"""The first rows by an aggregate of one of several relations: their keys come first.

The five authors who have the most books and, of as many, the most genres are found
among those who have the most books.
"""

from typing import Any

from django.db.models.aggregates import Count, Max, Min
from django.db.models.expressions import Col, OrderBy
from django.db.models.sql.constants import LOUTER

from ..expressions import columns_in, source
from ..plans.base import Plan
from ..plans.ranked_rows import RankedRowsPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_refs import table_refs_of
from ..tables import queries_within
from .groups import group_expressions
from .related_groups import relation

# How many more groups are read than rows are wanted: those that are equal to the last.
MORE = 200


def plan(select: Select) -> Plan:
    """Return the plan that finds the keys of the first rows, and loads no others."""
    query = select.query
    if not select.groups or query.group_by is None or query.high_mark is None:
        raise OtherShape("the statement is not for the first groups")
    select.require_plain()
    if query.select_for_update:
        raise Refused("grouped rows are to be locked")
    if select.compiler.where or select.compiler.having:
        raise Refused("the groups are filtered")
    if len(list(queries_within(query))) > 1 or select.has_own_sql:
        raise Refused("the statement has a subquery")
    refs, edges = table_refs_of(select.store, query)
    for ref in refs:
        if ref.alias != select.base and (
            query.alias_map[ref.alias].join_type != LOUTER
            or ref.table == select.meta.db_table
        ):
            raise Refused(f"{ref.alias} is not joined by a LEFT OUTER JOIN alone")
    pk = select.meta.pk
    if not any(
        type(each) is Col and each.target is pk and each.alias == select.base
        for each in group_expressions(select)
    ):
        raise Refused("the groups are not by the primary key")
    aggregate = first_aggregate(select)
    (column, *_) = columns_in(aggregate)
    groups = relation(select, column.alias)
    groups.aggregates.append(aggregate)
    ordering = (OrderBy(aggregate, descending=True),)
    ranking = groups.query([], ordering, query.high_mark + MORE)
    sql, params = select.compiler.local_sql()
    return RankedRowsPlan(
        select.store,
        sql,
        params,
        refs,
        edges,
        ranking=ranking,
        wanted=query.high_mark,
        more=MORE,
    )


def first_aggregate(select: Select) -> Any:
    """Return the aggregate that the order begins with, as it is of its table alone.

    Rows that another join repeats must not change it.
    """
    first: Any = select.order_by[0][0] if select.order_by else None
    if type(first) is not OrderBy or not first.descending or first.nulls_first:
        raise Refused("the order does not begin with the most of an aggregate")
    found = source(first.expression)
    if type(found) not in (Count, Min, Max) or found.filter is not None:
        raise Refused("the order begins with no plain aggregate")
    argument = found.get_source_expressions()[0]
    if type(argument) is not Col or argument.alias == select.base:
        raise Refused("the order begins with no aggregate of a related column")
    if type(found) is not Count:
        return found
    if not (found.distinct and argument.target.primary_key):
        raise Refused("other joins change what is counted")
    return Count(argument)
