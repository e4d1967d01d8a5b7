"""Aggregates over one to-many relation: rows, then one GROUP BY of what is theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import NotSupportedError
from django.db.models.aggregates import Aggregate, Count
from django.db.models.expressions import Col, OrderBy, Value
from django.db.models.functions import Coalesce
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join

from ..conditions import Column, Condition, Leaf
from ..query import Grouping
from .basescan import NotNative
from .plan import Mistaken
from .pushdown import NativePlanner, columns_in, constant, flat, source
from .scans import key_batches, new_query, push, python_rows
from .tables import model_of_join


@dataclass
class RelatedGroups:
    """The related table, grouped by its key to the base."""

    store: Any
    model: Any
    key: Any
    alias: str
    aggregates: list = field(default_factory=list)
    # What each aggregate is where nothing is related.
    defaults: list = field(default_factory=list)

    def column(self) -> Column:
        return Column(self.key.column, self.key.db_type(self.store))

    def key_col(self) -> Col:
        return self.key.get_col(self.alias)

    def query(self, conditions: list[Condition], ordering=(), limit=None):
        """The scan that answers it; NotNative where the store cannot."""
        query = new_query(self.store, self.model, [self.key])
        select = (self.key_col(), *self.aggregates)
        try:
            if push(query, conditions):
                raise NotNative
            query.group(Grouping(select, select[:1], None, ordering, 0, limit))
        except NotSupportedError:
            raise NotNative from None
        return query

    def of(self, keys: list, steps: list[str]) -> dict[Any, list]:
        """{key: values of the aggregates} of those keys that have related rows."""
        found = {}
        for condition in key_batches(Leaf(self.column(), "in", keys)):
            query = self.query([condition])
            steps.append(query.describe())
            found.update({key: values for key, *values in query.groups()})
        return found


@dataclass
class RelatedGroupsPlan:
    """Rows of the base beside the aggregates of what is related to them."""

    groups: RelatedGroups
    scan: Any
    fields: list
    key_index: int
    # For each value of a row: its index among the base's, then the aggregates.
    output: list
    low: int
    high: int | None
    steps: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[list]:
        query = self.scan.open(self.steps)
        if query is None:
            return
        self.steps.append(query.describe())
        for chunk in python_rows(query, self.fields, self.low, self.high):
            found = self.groups.of([row[self.key_index] for row in chunk], self.steps)
            yield [
                self.row([*row, *found.get(row[self.key_index], self.groups.defaults)])
                for row in chunk
            ]

    def row(self, values: list) -> list:
        return [
            values[item] if type(item) is int else item.value for item in self.output
        ]

    def text(self) -> str:
        return "; ".join(self.steps)

    def explain(self) -> list[str]:
        query = self.scan.open(self.steps)
        if query is None:
            return [*self.steps, "native: nothing can match"]
        query.limits = (self.low, self.high)
        return [
            *self.steps,
            f"native: {query.explain()} rows {self.low} to {self.high or 'end'}",
            f"then: {self.groups.model._meta.db_table} grouped by "
            f"{self.groups.key.column}",
        ]


@dataclass
class RankedGroupsPlan(RelatedGroupsPlan):
    """The same, ordered by an aggregate and limited: the groups come first."""

    ordering: tuple = ()

    def chunks(self) -> Iterator[list]:
        query = self.ranking()
        self.steps.append(query.describe())
        ranked = [(key, values) for key, *values in query.groups() if key is not None]
        ranked = ranked[: self.high]
        last = ranked[-1][1][0] if len(ranked) == self.high else None
        default = self.groups.defaults[0]
        if last is None or (default is not None and last <= default):
            raise Mistaken  # rows with nothing related come in too
        ranked = ranked[self.low :]
        rows = self.base_rows([key for key, _ in ranked])
        if any(key not in rows for key, _ in ranked):
            raise Mistaken  # a key that leads nowhere took a place
        yield [self.row([*rows[key], *values]) for key, values in ranked]

    def ranking(self):
        """The first groups, with one more where that of NULL may be among them."""
        assert self.high is not None
        limit = self.high + bool(self.groups.key.null)
        return self.groups.query([], self.ordering, limit)

    def base_rows(self, keys: list) -> dict[Any, list]:
        key = self.fields[self.key_index]
        column = Column(key.column, key.db_type(self.groups.store))
        found = {}
        for condition in key_batches(Leaf(column, "in", keys)):
            query = new_query(self.groups.store, key.model, self.fields)
            push(query, [condition])
            self.steps.append(query.describe())
            for chunk in python_rows(query, self.fields, 0, None):
                found.update({row[self.key_index]: row for row in chunk})
        return found

    def explain(self) -> list[str]:
        return [
            f"native grouping: {self.ranking().explain()}",
            f"then: {self.fields[self.key_index].model._meta.db_table} by its key",
        ]


class RelatedPlanner(NativePlanner):
    """Plans `Base.objects.annotate(n=Count("related"))`, or raises NotNative."""

    def to_one_joins(self) -> dict:
        aliases = [
            alias
            for alias, count in self.query.alias_refcount.items()
            if count and alias != self.base
        ]
        join = self.query.alias_map[aliases[0]] if len(aliases) == 1 else None
        if (
            not isinstance(join, Join)
            or join.filtered_relation is not None
            or join.join_type != LOUTER
            or join.parent_alias != self.base
            or len(join.join_fields or ()) != 1
            or join.join_field.get_extra_restriction(aliases[0], self.base)
        ):
            raise NotNative
        ((left, right),) = join.join_fields
        model = model_of_join(join)
        if left is not self.meta.pk or model is None:
            raise NotNative
        self.groups = RelatedGroups(self.store, model, right, aliases[0])
        return {}

    def plain(self):
        raise NotNative

    def grouped(self):
        query = self.query
        if query.group_by is None or self.compiler.having or query.select_for_update:
            raise NotNative
        if not any(
            type(each) is Col
            and each.target is self.meta.pk
            and each.alias == self.base
            for each in self.group_expressions()
        ):
            raise NotNative
        conditions = self.translated()
        fields: list = []
        key_index = self.field_index(self.base, self.meta.pk.column, fields)
        ranked = self.ranks(conditions)
        if ranked:
            self.aggregate(source(self.order_by[0][0].expression))
        output = [self.place(each, fields) for each in flat(self.selected)]
        output = [
            len(fields) + place[0] if isinstance(place, tuple) else place
            for place in output
        ]
        if not self.groups.aggregates:
            raise NotNative
        self.groups.query([Leaf(self.groups.column(), "in", [])])
        scan = self.scan(fields, conditions, [])
        plan = (
            self.groups,
            scan,
            fields,
            key_index,
            output,
            self.query.low_mark,
            self.query.high_mark,
        )
        if ranked:
            found = RankedGroupsPlan(*plan, ordering=self.ranking())
            found.ranking()
            return found
        scan.order(self.ordering())
        scan.check()
        return RelatedGroupsPlan(*plan)

    def place(self, expression, fields: list) -> Any:
        """Where a selected value comes from; (n,) for the n-th aggregate."""
        if type(expression) is Col:
            return self.field_index(expression.alias, expression.target.column, fields)
        if type(expression) is Value:
            return constant(expression)
        return (self.aggregate(expression),)

    def aggregate(self, expression) -> int:
        if expression in self.groups.aggregates:
            return self.groups.aggregates.index(expression)
        inner, default = expression, None
        if type(expression) is Coalesce:
            inner, *rest = expression.get_source_expressions()
            if len(rest) != 1 or type(rest[0]) is not Value:
                raise NotNative
            default = constant(rest[0]).value
        if not isinstance(inner, Aggregate):
            raise NotNative
        # Of a column alone: it is NULL where nothing is related.
        if type(inner.get_source_expressions()[0]) is not Col or any(
            part.alias != self.groups.alias for part in columns_of(inner)
        ):
            raise NotNative
        self.groups.aggregates.append(expression)
        self.groups.defaults.append(0 if type(inner) is Count else default)
        return len(self.groups.aggregates) - 1

    def ranks(self, conditions: list) -> bool:
        """Whether the rows wanted are the first by an aggregate, from the top."""
        if not self.order_by or self.query.high_mark is None or conditions:
            return False
        first = self.order_by[0][0]
        return (
            type(first) is OrderBy
            and first.descending
            and not (first.nulls_first or first.nulls_last)
            and bool(source(first.expression).contains_aggregate)
        )

    def ranking(self) -> tuple:
        """The ordering, with the related table's key in the place of the base's."""
        (first, _), *rest = self.order_by
        found = [OrderBy(source(first.expression), descending=True)]
        for ordering, _ in rest:
            column = source(ordering.expression)
            if type(column) is not Col or column.target is not self.meta.pk:
                raise NotNative
            found.append(OrderBy(self.groups.key_col(), descending=ordering.descending))
        if not rest:
            found.append(OrderBy(self.groups.key_col()))
        return tuple(found)


def columns_of(aggregate) -> Iterator[Col]:
    for part in aggregate.get_source_expressions():
        if part is not None:
            yield from columns_in(part)
