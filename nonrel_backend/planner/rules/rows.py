"""Rows of the base table that the store finds, orders and limits, with joins by key."""

from typing import Any

from django.db.models.expressions import Col, Value

from ..expressions import flat
from ..plans.base import Plan
from ..plans.native import LookupJoinPlan, NativePlan
from ..refusal import OtherShape, Refused
from ..select import Select, constant
from ..table_scan import LookupJoin, build_scan
from ..tables import field_of


def plan(select: Select) -> Plan:
    """Return the plan of rows that the store answers; related rows are looked up."""
    if select.groups:
        raise OtherShape("the statement groups rows")
    select.require_plain()
    return rows_plan(select, Columns)


def rows_plan(
    select: Select, columns_of: type["Columns"]
) -> NativePlan | LookupJoinPlan:
    """Return the plan of rows of a statement that a store could answer."""
    joins = select.joins
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    columns = columns_of(select, looked_up)
    output = columns.output()
    ordering = select.ordering()
    columns.add_keys()
    if not columns.fields:
        columns.fields.append(select.meta.pk_fields[0])
    scan = build_scan(
        select.store,
        select.meta,
        columns.fields,
        conditions,
        semi_joins,
        columns.names,
        ordering,
        lock=select.compiler.locks(),
    )
    low, high = select.query.low_mark, select.query.high_mark
    if looked_up:
        joined = list(looked_up.values())
        return LookupJoinPlan(
            scan, select.store, select.base, joined, output, low, high
        )
    return NativePlan(scan, columns.positions(output), low, high)


class Columns:
    """The columns to fetch of the base and of each join, and computed ones by name."""

    def __init__(self, select: Select, joins: dict[str, LookupJoin]):
        self.select = select
        self.joins = joins
        self.fields: list[Any] = []
        self.names: dict[str, Any] = {}

    def output(self) -> list[Any]:
        """Return where each selected value comes from: (alias, index), name, Value."""
        shape = self.select.compiler.shape
        if shape is not None:
            self.fields += shape.fields
            return [(self.select.base, index) for index in range(len(self.fields))]
        return [self.place(expression) for expression in flat(self.select.selected)]

    def add_keys(self) -> None:
        """Have the columns fetched by which rows are joined."""
        for join in self.joins.values():
            self.index(join.alias, join.column.name)
            self.index(join.parent_alias, join.parent_column)

    def place(self, expression: Any) -> Any:
        """Return where one selected value comes from."""
        if type(expression) is Col:
            alias = expression.alias
            return alias, self.index(alias, expression.target.column)
        if type(expression) is Value:
            return constant(expression)
        if self.joins:
            raise Refused("an expression is computed beside joined rows")
        name = f"computed_{len(self.names)}"
        self.names[name] = expression
        return name

    def index(self, alias: str, column: str) -> int:
        """Return the index of a column among those fetched of an alias, adding it."""
        if alias == self.select.base:
            chosen, meta = self.fields, self.select.meta
        elif alias in self.joins:
            chosen, meta = self.joins[alias].fields, self.joins[alias].meta
        else:
            raise Refused(f"{alias}.{column} is a column of no joined table")
        for index, each in enumerate(chosen):
            if each.column == column:
                return index
        chosen.append(field_of(meta, column))
        return len(chosen) - 1

    def positions(self, output: list[Any]) -> list[Any]:
        """Return the output of rows without joins: indexes in a row, and constants."""
        names = list(self.names)
        found: list[Any] = []
        for item in output:
            if isinstance(item, tuple):
                found.append(item[1])
            elif isinstance(item, str):
                found.append(len(self.fields) + names.index(item))
            else:
                found.append(item)
        return found
