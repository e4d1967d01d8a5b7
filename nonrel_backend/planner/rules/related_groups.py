"""Aggregates over one to-many relation: `Base.objects.annotate(n=Count("related"))`.

The base's rows are read, then one GROUP BY of the related table adds the aggregates of
each. Where the order is by an aggregate, with a limit, the groups are read first. They
are filtered by HAVING, if no row without related ones satisfies it.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models.aggregates import Aggregate, Count
from django.db.models.expressions import Col, OrderBy, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Lookup
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join
from django.db.models.sql.where import AND, OR, WhereNode

from ...conditions import Condition, Leaf
from ...values.comparisons import COMPARISONS
from ..expressions import columns_in, expression_text, flat, source
from ..plans.base import Plan
from ..plans.related_groups import (
    RankedGroupsPlan,
    RelatedAggregates,
    RelatedGroups,
    RelatedGroupsPlan,
)
from ..refusal import OtherShape, Refused
from ..select import Select, constant
from ..table_scan import build_scan
from ..tables import field_of, model_of_join
from .groups import group_expressions


def plan(select: Select) -> Plan:
    """Return the plan of rows beside aggregates over one to-many relation."""
    if not select.groups or select.query.group_by is None:
        raise OtherShape("the statement groups nothing by a key")
    select.require_plain()
    if select.query.select_for_update:
        raise Refused("grouped rows are to be locked")
    groups = related_groups(select)
    meta = select.meta
    require_groups_by_key(select)
    conditions = select.conditions({})
    columns = GroupedColumns(select, groups)
    key_index = columns.index(meta.pk.column)
    having = select.compiler.having or None
    only_related = having is not None and not holds(having, columns)
    ranked = ranks(select, conditions, only_related)
    if having is not None and not (ranked and only_related):
        raise Refused("the groups of a relation are filtered by HAVING")
    if ranked:
        columns.aggregate(source(select.order_by[0][0].expression))
    places = [columns.place(each) for each in flat(select.selected)]
    if not groups.aggregates:
        raise Refused("nothing is aggregated")
    output = [
        len(columns.fields) + place[0] if isinstance(place, tuple) else place
        for place in places
    ]
    groups.query([Leaf(groups.column(), "in", [])])
    low, high = select.query.low_mark, select.query.high_mark
    if ranked:
        # One group more where that of NULL may be among them.
        limit = high + bool(groups.key.null)
        ranking = groups.query([], ranking_order(select, groups), limit, having)
        return RankedGroupsPlan(
            groups, ranking, columns.fields, key_index, output, low, high, only_related
        )
    scan = build_scan(
        select.store, meta, columns.fields, conditions, ordering=select.ordering()
    )
    of_all = not conditions and (low, high) == (0, None)
    return RelatedGroupsPlan(scan, groups, key_index, output, low, high, of_all)


def require_groups_by_key(select: Select) -> None:
    """Raise Refused if each row of the base is no group of its own."""
    pk = select.meta.pk
    if not any(
        type(each) is Col and each.target is pk and each.alias == select.base
        for each in group_expressions(select)
    ):
        raise Refused("the groups are not by the primary key")


def related_groups(select: Select) -> RelatedGroups:
    """Return the one to-many relation of the statement; raise Refused for others."""
    query = select.query
    aliases = [
        alias
        for alias, count in query.alias_refcount.items()
        if count and alias != select.base
    ]
    if len(aliases) != 1:
        raise Refused("the aggregates are not over one relation")
    return relation(select, aliases[0])


def relation(select: Select, alias: str) -> RelatedGroups:
    """Return the to-many relation of an alias; raise Refused if it is none."""
    join = select.query.alias_map[alias]
    if not isinstance(join, Join):
        raise Refused("the aggregates are not over one relation")
    if join.join_type != LOUTER or join.parent_alias != select.base:
        raise Refused(f"{join.table_name} is not joined by one LEFT OUTER JOIN")
    left, right = select.join_columns(join, alias)
    model = model_of_join(join)
    if left is not select.meta.pk or model is None:
        raise Refused(f"{join.table_name} does not refer to the primary key")
    return RelatedGroups(select.store, model, right, alias)


class GroupedColumns:
    """The base's columns to fetch, and the aggregates of the related table."""

    def __init__(self, select: Select, groups: RelatedAggregates):
        self.select = select
        self.groups = groups
        self.fields: list[Any] = []

    def index(self, column: str) -> int:
        """Return the index of a column of the base, adding it."""
        for index, each in enumerate(self.fields):
            if each.column == column:
                return index
        self.fields.append(field_of(self.select.meta, column))
        return len(self.fields) - 1

    def place(self, expression: Any) -> Any:
        """Return where a selected value comes from; (n,) for the n-th aggregate."""
        if type(expression) is Col:
            if expression.alias != self.select.base:
                raise Refused(f"{expression_text(expression)} is not aggregated")
            return self.index(expression.target.column)
        if type(expression) is Value:
            return constant(expression)
        return (self.aggregate(expression),)

    def aggregate(self, expression: Any) -> int:
        """Return the number of an aggregate, adding it; raise Refused for others."""
        groups = self.groups
        if expression in groups.aggregates:
            return int(groups.aggregates.index(expression))
        text = expression_text(expression)
        inner, default = expression, None
        if type(expression) is Coalesce:
            inner, *rest = expression.get_source_expressions()
            if len(rest) != 1 or type(rest[0]) is not Value:
                raise Refused(f"{text} has a default that is computed")
            default = constant(rest[0]).value
        if not isinstance(inner, Aggregate):
            raise Refused(f"{text} is no aggregate")
        # Of a column alone: it is NULL where nothing is related.
        if type(inner.get_source_expressions()[0]) is not Col or any(
            part.alias != groups.alias for part in columns_of(inner)
        ):
            raise Refused(f"{text} is not of one related column")
        groups.aggregates.append(expression)
        groups.defaults.append(0 if type(inner) is Count else default)
        return len(groups.aggregates) - 1


def holds(having: Any, columns: GroupedColumns) -> bool | None:
    """Return whether HAVING is true of a row that has no related ones, None for NULL.

    Raise Refused where it is more than comparisons of aggregates with constants.
    """
    if isinstance(having, WhereNode):
        found = [holds(child, columns) for child in having.children]
        decisive = having.connector == OR
        if having.connector not in (AND, OR):
            raise Refused(f"HAVING is an {having.connector}")
        truth = (
            decisive if decisive in found else None if None in found else not decisive
        )
        return not truth if having.negated and truth is not None else truth
    aggregate = source(having.lhs) if isinstance(having, Lookup) else None
    if not isinstance(aggregate, Aggregate | Coalesce):
        raise Refused("HAVING compares no aggregate with a constant")
    default = columns.groups.defaults[columns.aggregate(aggregate)]
    if having.lookup_name == "isnull":
        return (default is None) is having.rhs
    compare = COMPARISONS.get(having.lookup_name)
    if compare is None or hasattr(having.rhs, "resolve_expression"):
        raise Refused(f"HAVING compares by {having.lookup_name}")
    return None if default is None else bool(compare(default, having.rhs))


def ranks(select: Select, conditions: list[Condition], only_related: bool) -> bool:
    """Return whether the rows wanted are the first by an aggregate, from the top.

    With `only_related`, rows without related ones are not wanted: from either end.
    """
    if not select.order_by or select.query.high_mark is None or conditions:
        return False
    first = select.order_by[0][0]
    return (
        type(first) is OrderBy
        and (first.descending or only_related)
        and not (first.nulls_first or first.nulls_last)
        and bool(source(first.expression).contains_aggregate)
    )


def ranking_order(select: Select, groups: RelatedGroups) -> tuple[OrderBy, ...]:
    """Return the order, with the related table's key in the place of the base's."""
    (first, _), *rest = select.order_by
    found = [OrderBy(source(first.expression), descending=first.descending)]
    for ordering, _ in rest:
        column = source(ordering.expression)
        if type(column) is not Col or column.target is not select.meta.pk:
            raise Refused("the order is by an aggregate and another column")
        found.append(OrderBy(groups.key_col(), descending=ordering.descending))
    if not rest:
        found.append(OrderBy(groups.key_col()))
    return tuple(found)


def columns_of(aggregate: Aggregate) -> Iterator[Col]:
    """Yield the columns that an aggregate names."""
    for part in aggregate.get_source_expressions():
        if part is not None:
            yield from columns_in(part)
