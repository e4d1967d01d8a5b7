"""The scan of a native plan, whose filters may be other tables' values."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.db import NotSupportedError

from ..conditions import FALSE, TRUE, Column, Condition, Leaf, Node
from ..query import PREFILTER
from .plan import MAX_KEYS, Mistaken, Stitch
from .scans import new_query, push, python_rows
from .translate import combine

# One command takes no more values: what comes of more is joined locally.
MAX_VALUES = 200_000


class NotNative(Exception):
    """The store cannot answer this query on its own."""


class Pending:
    """The values of a subquery, fetched when the query that holds it runs."""

    def __init__(self, compiler, plan):
        self.compiler, self.plan = compiler, plan

    def fetch(self, steps: list[str]) -> list:
        if self.plan is None:
            return []
        rows = self.compiler.python_results(self.plan)
        steps.append(self.plan.text())
        (expression, *_), *_ = self.compiler.select
        field_ = expression.output_field
        store = self.compiler.store
        field_ = getattr(field_, "target_field", None) or field_
        values = dict.fromkeys(
            None if row[0] is None else field_.get_db_prep_value(row[0], store)
            for row in rows
        )
        if len(values) > MAX_VALUES:
            raise Mistaken
        return list(values)


def resolved(condition: Condition, steps: list[str]) -> Condition:
    """The condition with the values of its subqueries fetched."""
    if isinstance(condition, Node):
        return combine(
            condition.connector, [resolved(each, steps) for each in condition.children]
        )
    if not isinstance(condition.value, Pending):
        return condition
    values = condition.value.fetch(steps)
    if condition.negated and None in values:
        return FALSE  # x NOT IN (..., NULL) is never true
    values = [value for value in values if value is not None]
    if not values:
        return TRUE if condition.negated else FALSE
    return Leaf(condition.column, "in", values, condition.negated)


@dataclass
class Reduction:
    """A filtered relation: its keys become a condition on the parent's column."""

    store: Any
    stitch: Stitch
    column: Column
    before: list["Reduction"]

    def query(self, conditions):
        fields = [
            each
            for each in self.stitch.meta.local_concrete_fields
            if each.column == self.stitch.column.name
        ]
        query = new_query(self.store, self.stitch.meta.model, fields)
        if push(query, conditions):
            raise NotNative
        return query, fields

    def check(self) -> None:
        """Raise NotNative where the store cannot filter the relation exactly."""
        self.query([stand_in(each) for each in self.stitch.conditions])
        for other in self.before:
            other.check()

    def condition(self, steps: list[str]) -> Condition:
        conditions = [resolved(each, steps) for each in self.stitch.conditions]
        conditions += [each.condition(steps) for each in self.before]
        if FALSE in conditions:
            return FALSE
        query, fields = self.query(conditions)
        rows = chain.from_iterable(python_rows(query, fields, 0, None))
        keys: dict[Any, None] = {}
        for number, (key,) in enumerate(row for row in rows if row[0] is not None):
            keys[key] = None
            if self.stitch.many and (len(keys) <= number or number > MAX_KEYS):
                raise Mistaken  # its join would repeat the base's row
            if number >= MAX_VALUES:
                raise Mistaken
        steps.append(query.describe())
        return Leaf(self.column, "in", list(keys)) if keys else FALSE


def pends(condition: Condition) -> bool:
    if isinstance(condition, Node):
        return any(map(pends, condition.children))
    return isinstance(condition.value, Pending)


def stand_in(condition: Condition) -> Condition:
    """The condition, to be tried before the values of its subqueries are known."""
    if isinstance(condition, Node):
        return Node(condition.connector, tuple(map(stand_in, condition.children)))
    if isinstance(condition.value, Pending):
        return Leaf(condition.column, "isnull", False)
    return condition


@dataclass
class BaseScan:
    """The scan of the base table, opened when the plan runs: what it is filtered by
    may have to be fetched first.
    """

    compiler: Any
    fields: list
    conditions: list[Condition]
    reductions: list[Reduction]
    names: dict[str, Any] = field(default_factory=dict)
    ordering: list[tuple[str, bool]] = field(default_factory=list)
    # The ordering where there are paths in it.
    paths_ordered: list[tuple[Column, bool]] = field(default_factory=list)
    lock: bool = False
    grouping: Any = None
    # The scan itself, where all that filters it is known before it runs.
    ready: Any = None

    def order(self, ordering: list[tuple[Column, bool]]) -> None:
        if any(column.path for column, _ in ordering):
            self.paths_ordered = ordering
        else:
            self.ordering = [(column.name, up) for column, up in ordering]

    def check(self) -> "BaseScan":
        """Raise NotNative where the store would have to be helped."""
        for reduction in self.reductions:
            reduction.check()
        query = self.query([stand_in(each) for each in self.conditions])
        if not self.reductions and not any(map(pends, self.conditions)):
            self.ready = query
        return self

    def query(self, conditions: list[Condition]):
        query = self.compiler.query_class(self.compiler, self.fields)
        try:
            for condition in conditions:
                if query.add_filters(condition) is PREFILTER:
                    raise NotNative
            if self.names:
                query.compute(self.names)
            # Its order is that of its text, which no store keeps.
            if any(query.db_type(name) == "json" for name, _ in self.ordering):
                raise NotNative
            if self.paths_ordered:
                query.order_by_columns(self.paths_ordered)
            elif self.ordering and query.order_by(self.ordering) is PREFILTER:
                raise NotNative
            if self.grouping is not None:
                query.group(self.grouping)
        except NotSupportedError:
            raise NotNative from None
        return query

    def nothing(self):
        """The scan of no rows, where groups are wanted all the same."""
        return self.query([FALSE])

    def open(self, steps: list[str]):
        """The scan, ready to be fetched; None when nothing can match."""
        ready = self.ready
        if ready is None:
            conditions = [resolved(each, steps) for each in self.conditions]
            conditions += [each.condition(steps) for each in self.reductions]
            if FALSE in conditions:
                return None
            try:
                ready = self.query(conditions)
            except NotNative:
                raise NotSupportedError(
                    "A filter by the values of another table could not be answered."
                ) from None
        if self.lock:
            ready.lock()
        return ready
