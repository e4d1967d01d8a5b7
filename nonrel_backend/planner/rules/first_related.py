"""Rows beside values of subqueries: `Subquery(….order_by("-day").values("title")[:1])`.

The rows that are wanted are found first, then the first related row of each, by key.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import (
    Col,
    Exists,
    NegatedExpression,
    Subquery,
    Value,
)

from ..exists import decorrelated, uncorrelated
from ..expressions import columns_in
from ..plans.base import Plan
from ..plans.first_related import FirstRelated, FirstRelatedPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import LookupJoin, build_scan
from ..tables import field_of
from .rows import Columns, rows_plan

KINDS = (Subquery, Exists, NegatedExpression)


def plan(select: Select) -> Plan:
    """Return the plan of rows with the first related row of each."""
    if select.groups or not any(type(each) in KINDS for each in select.selected):
        raise OtherShape("the statement selects no value of a subquery")
    select.require_plain()
    found: list[FirstRelated] = []

    class WithKeys(Columns):
        """Columns with None for each subquery; the keys that they refer to are last."""

        def output(self) -> list[Any]:
            output = super().output()
            for index, each in enumerate(select.selected):
                if type(each) in KINDS:
                    related, outer = first_related(select, each)
                    related.place, related.key = index, len(output)
                    output.append(self.place(outer))
                    found.append(related)
            if any(type(each).__name__ == "ColPairs" for each in select.selected):
                raise Refused("a composite key is selected beside a subquery")
            return output

        def place(self, expression: Any) -> Any:
            if type(expression) in KINDS:
                return Value(None)
            return super().place(expression)

    return FirstRelatedPlan(rows_plan(select, WithKeys), found)


def first_related(select: Select, expression: Any) -> tuple[FirstRelated, Col]:
    """Return what finds the values of a subquery, and the outer column."""
    negated = type(expression) is NegatedExpression
    if negated:
        expression = expression.expression
    exists = type(expression) is Exists
    if not exists and (negated or type(expression) is not Subquery):
        raise Refused("an expression of a subquery is selected")
    if exists:
        outer, query = uncorrelated(select.store, expression.query)
        (inner,) = query.select
    else:
        if expression.query.high_mark != 1 or expression.query.distinct:
            raise Refused("a subquery is not limited to its first row")
        inner, outer, query = decorrelated(select.store, expression.query)
    if outer.alias != select.base:
        raise Refused("a subquery refers to a joined table")
    compiler = query.get_compiler(connection=select.store)
    compiler.using, compiler.ignores_repeats = select.compiler.using, True
    try:
        found = Select(compiler)
        scan = related_scan(found, inner, exists)
    except EmptyResultSet:
        raise Refused("nothing can match in a subquery") from None
    columns = [inner] if exists else [inner, found.selected[0]]
    return FirstRelated(scan, query, columns, exists, negated), outer


def related_scan(select: Select, inner: Col, exists: bool) -> Any:
    """Return the scan of the keys, with the values in order unless of an EXISTS."""
    if select.groups:
        raise Refused("a subquery groups rows")
    select.require_plain()
    if inner.alias != select.base:
        raise Refused("a subquery is correlated by a column of a joined table")
    joins: dict[str, LookupJoin] = select.joins
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    if looked_up:
        raise Refused(f"rows of {', '.join(looked_up)} are to be looked up")
    fields = [field_of(select.meta, inner.target.column)]
    if exists:
        return build_scan(select.store, select.meta, fields, conditions, semi_joins)
    selected = select.selected
    if len(selected) != 1 or type(selected[0]) is not Col:
        raise Refused("a subquery selects more than a column")
    if not select.order_by:
        raise Refused("a subquery has no order")
    if any(each.alias != select.base for each in columns_in(selected[0])):
        raise Refused("a subquery selects a column of a joined table")
    fields.append(field_of(select.meta, selected[0].target.column))
    if select.store.type_of(fields[1]) in ("json", "document"):
        raise Refused("a subquery selects documents")
    return build_scan(
        select.store,
        select.meta,
        fields,
        conditions,
        semi_joins,
        ordering=select.ordering(),
    )
