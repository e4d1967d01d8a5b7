"""The scan of a native plan, which the values of other scans may filter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..conditions import FALSE, TRUE, Column, Condition, Leaf, Node, combine
from ..query import EXACT, INEXACT, Answer, Grouping, NonrelQuery, ask
from .refusal import Refused
from .scans import new_query, python_rows, refusal

# One command takes no more values: what comes of more is joined locally. It bounds a
# command's size: 200,000 integers or ObjectIds are some 4 MB, below MongoDB's 16 MB.
MAX_VALUES = 200_000
# With more keys a join's scan is cheaper without them.
MAX_KEYS = 20_000


# What a plan has done, each told when it is asked for.
Steps = list[Callable[[], str]]


class FallbackRequired(Refused):
    """The rows are not what the plan relies on. None has been handed out yet."""


class DeferredSubquery:
    """The values of a subquery, fetched when the query that holds it runs."""

    def __init__(self, compiler: Any, planned: Any):
        self.compiler = compiler
        # What the compiler's plan() returned; None if nothing can match.
        self.planned = planned

    def fetch(self, steps: Steps) -> list[Any]:
        """Return the distinct values; raise FallbackRequired if they are too many."""
        if self.planned is None:
            return []
        rows = self.compiler.python_results(*self.planned)
        steps.append(self.planned[0].text)
        (expression, *_), *_ = self.compiler.select
        output = expression.output_field
        output = getattr(output, "target_field", None) or output
        store = self.compiler.store
        values = dict.fromkeys(
            None if row[0] is None else output.get_db_prep_value(row[0], store)
            for row in rows
        )
        if len(values) > MAX_VALUES:
            raise FallbackRequired(f"a subquery has more than {MAX_VALUES} values")
        return list(values)

    def explain(self) -> str:
        """Return what fetches the values, in one line."""
        if self.planned is None:
            return "nothing can match"
        return "; ".join(self.planned[0].explain(analyze=False))


def is_deferred(condition: Condition) -> bool:
    """Return whether the values of a subquery are to be fetched for the condition."""
    if isinstance(condition, Node):
        return any(map(is_deferred, condition.children))
    return isinstance(condition.value, DeferredSubquery)


def subqueries(condition: Condition) -> list[DeferredSubquery]:
    """Return the subqueries whose values the condition needs."""
    if isinstance(condition, Node):
        return [found for each in condition.children for found in subqueries(each)]
    found = condition.value
    return [found] if isinstance(found, DeferredSubquery) else []


def resolved(condition: Condition, steps: Steps) -> Condition:
    """Return the condition with the values of its subqueries fetched."""
    if isinstance(condition, Node):
        return combine(
            condition.connector, [resolved(each, steps) for each in condition.children]
        )
    if not isinstance(condition.value, DeferredSubquery):
        return condition
    values = condition.value.fetch(steps)
    if condition.negated and None in values:
        return FALSE  # x NOT IN (..., NULL) is never true
    values = [value for value in values if value is not None]
    if not values:
        return TRUE if condition.negated else FALSE
    return Leaf(condition.column, "in", values, condition.negated)


@dataclass
class LookupJoin:
    """A to-one relation whose rows are fetched by key and joined to the parent's."""

    alias: str
    parent_alias: str
    parent_column: str
    meta: Any
    column: Column
    # An INNER join: a parent's row without a related one is dropped.
    required: bool
    # A to-many relation, which can be filtered by but not joined.
    many: bool = False
    conditions: list[Condition] = field(default_factory=list)
    fields: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.meta.db_table} by {self.column.name} IN "
            f"(keys of {self.parent_alias}.{self.parent_column})"
        )


@dataclass
class SemiJoin:
    """A filtered relation: its keys become a condition on the parent's column."""

    join: LookupJoin
    column: Column
    scan: "TableScan"

    def condition(self, steps: Steps) -> Condition:
        """Return `column IN (keys)`; raise FallbackRequired if it would be wrong."""
        query = self.scan.open(steps)
        if query is None:
            return FALSE
        keys: dict[Any, None] = {}
        number = 0
        for chunk in python_rows(query, self.scan.fields, 0, None):
            found = [key for (key,) in chunk if key is not None]
            keys.update(dict.fromkeys(found))
            number += len(found)
            if self.join.many and (len(keys) < number or number > MAX_KEYS):
                raise FallbackRequired("the join repeats rows")
            if number > MAX_VALUES:
                raise FallbackRequired(f"more than {MAX_VALUES} keys are found first")
        steps.append(query.describe)
        return Leaf(self.column, "in", list(keys)) if keys else FALSE

    def explain(self) -> list[str]:
        """Return the lines of the scans that find the keys."""
        return self.scan.explain_first() + [f"first: {self.scan.describe()}"]


@dataclass
class TableScan:
    """One scan of one table that a native plan runs.

    `build_scan()` makes it when the statement is planned. The conditions whose values
    other scans find are added when it is opened.
    """

    query: NonrelQuery
    fields: list[Any]
    # What `query` computes: {name: expression}.
    names: dict[str, Any]
    # Conditions on values of subqueries, and on keys of related tables.
    deferred: list[Condition]
    semi_joins: list[SemiJoin]
    lock: bool

    @property
    def is_ready(self) -> bool:
        """Whether all that filters the scan is known before it runs."""
        return not (self.deferred or self.semi_joins)

    def open(self, steps: Steps) -> NonrelQuery | None:
        """Return the scan, ready to be fetched; None if nothing can match.

        Fetch first what it is filtered by. Raise FallbackRequired if the store does
        not take that filter.
        """
        if not self.is_ready:
            conditions = []
            for condition in self.deferred:
                conditions.append(resolved(condition, steps))
            for semi_join in self.semi_joins:
                conditions.append(semi_join.condition(steps))
            if FALSE in conditions:
                return None
            self.add([each for each in conditions if each != TRUE])
        if self.lock:
            self.query.lock()
        return self.query

    def add(self, conditions: list[Condition]) -> None:
        """Add conditions to the open scan; raise FallbackRequired if it refuses."""
        for condition in conditions:
            if (reason := refusal(self.query, condition)) is not None:
                raise FallbackRequired(reason)

    def nothing(self) -> NonrelQuery:
        """Return the scan of no rows, for a GROUP BY which answers all the same."""
        self.add([FALSE])
        return self.query

    def describe(self) -> str:
        """Return the scan's command, with what is found first as words."""
        names = [f"{each.column} IN (keys found first)" for each in self.semi_joins]
        names += ["a subquery's values" for _ in self.deferred]
        text = self.query.describe()
        return f"{text} filtered by {' and '.join(names)}" if names else text

    def explain_first(self) -> list[str]:
        """Return the lines of what is fetched before the scan."""
        lines = [
            f"first: {subquery.explain()}"
            for condition in self.deferred
            for subquery in subqueries(condition)
        ]
        return lines + [line for each in self.semi_joins for line in each.explain()]

    def explain(
        self, analyze: bool, limits: tuple[int, int | None] = (0, None)
    ) -> tuple[list[str], str]:
        """Return the lines of what comes first, and the scan with its index."""
        if analyze:
            self.lock = False
            steps: Steps = []
            query = self.open(steps)
            first = [f"first: {step()}" for step in steps]
            if query is None:
                return first, "nothing can match"
        elif not self.is_ready:
            return self.explain_first(), self.describe()
        else:
            first, query = [], self.query
        query.limits, query.analyze = limits, analyze
        return first, query.explain()


def build_scan(
    store: Any,
    meta: Any,
    fields: list[Any],
    conditions: list[Condition],
    semi_joins: list[SemiJoin] | None = None,
    names: dict[str, Any] | None = None,
    ordering: list[tuple[Column, bool]] | None = None,
    grouping: Grouping | None = None,
    lock: bool = False,
) -> TableScan:
    """Return the scan; raise Refused for what the store does not take exactly."""
    query = new_query(store, meta.model, fields)
    deferred: list[Condition] = []
    for condition in conditions:
        if is_deferred(condition):
            deferred.append(condition)
        elif (reason := refusal(query, condition)) is not None:
            raise Refused(reason)
    if names:
        require(query, ask(query.compute, names), "compute")
    if ordering:
        order(query, ordering)
    if grouping is not None:
        require(query, ask(query.group, grouping), "group")
    return TableScan(query, fields, names or {}, deferred, semi_joins or [], lock)


def order(query: NonrelQuery, ordering: list[tuple[Column, bool]]) -> None:
    """Have a scan ordered; raise Refused if the store refuses."""
    if any(column.path for column, _ in ordering):
        require(query, ask(query.order_by_columns, ordering), "order")
        return
    for column, _ in ordering:
        if column.db_type == "json":
            raise Refused(f"the order of the JSON of {column} is that of its text")
    by_name = [(column.name, ascending) for column, ascending in ordering]
    require(query, ask(query.order_by, by_name), "order")


def require(query: NonrelQuery, answer: Answer, task: str) -> None:
    """Raise Refused for any answer but EXACT."""
    if answer is INEXACT:
        raise Refused(query.refusal(f"{task} exactly"))
    if answer is not EXACT:
        raise Refused(answer.reason)
