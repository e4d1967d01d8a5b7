"""The scan of a native plan, which the values of other scans may filter."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..conditions import FALSE, TRUE, Column, Condition, Leaf, Node, combine, leaves
from ..query import EXACT, INEXACT, Answer, Grouping, NonrelQuery, ask
from ..values.saving import of_filter
from .refusal import FallbackRequired, Refused
from .scans import new_query, python_rows, refusal, require_filters
from .value_batches import value_batches

# So many keys found first take some 100 MB. The local engine joins fewer in less time
# where it keeps a store's tables.
MOST_KEYS = 1_000_000
MOST_KEYS_BESIDE_KEPT_TABLES = 50_000
# With more keys a join's scan is cheaper without them.
MAX_KEYS = 20_000
# To find out whether a cached table serves a scan takes as long as to read some hundred
# rows (an estimate).
MANY_ROWS = 1_000
# Of so few rows EXISTS is answered by the related rows of each: what all related rows
# are of is not looked for.
FEW_ROWS = 1_000


# What a plan has done, each told when it is asked for.
Steps = list[Callable[[], str]]


class DeferredSubquery:
    """The values of a subquery, fetched when the query that holds it runs."""

    def __init__(self, compiler: Any, planned: Any, of_exists: bool = False):
        self.compiler = compiler
        # What the compiler's plan() returned; None if nothing can match.
        self.planned = planned
        # Whether they are those that an EXISTS compares with: NULL is none of them.
        self.without_null = of_exists
        # The values, once they are fetched: a condition may hold them twice.
        self.values: list[Any] | None = None

    def fetch(self, steps: Steps) -> list[Any]:
        """Return the distinct values."""
        if self.values is None:
            self.values = self.fetched(steps)
        return self.values

    def fetched(self, steps: Steps) -> list[Any]:
        """Return the values of the plan, which runs once."""
        if self.planned is None:
            return []
        plan, converters = self.planned
        store = self.compiler.store
        (expression, *_), *_ = self.compiler.select
        output = expression.output_field
        output = getattr(output, "target_field", None) or output
        most = MOST_KEYS_BESIDE_KEPT_TABLES
        values: dict[Any, None] = {}
        for value, *_ in self.rows(plan, converters, steps):
            # A whole number is the same in the store.
            if value is not None and type(value) is not int:
                value = of_filter(output, value, store, prepared=False)
            values[value] = None
            if len(values) > most:
                most = most_keys(new_query(store, self.compiler.query.model, []))
            if len(values) > most:
                raise FallbackRequired(f"a subquery has more than {most} values")
        if self.without_null:
            values.pop(None, None)
        return in_order(values)

    def rows(self, plan: Any, converters: Any, steps: Steps) -> Iterable[Any]:
        """Yield the rows of the plan, or of the values that its only scan finds."""
        scan = getattr(getattr(plan, "plan", plan), "only_scan", None)
        has_converters = self.compiler.python_converters([self.compiler.select[0][0]])
        if self.without_null and scan is not None and not has_converters:
            yield from ((key,) for key in scan.distinct_keys(steps))
            return
        yield from self.compiler.python_iter(plan, converters)
        steps.append(plan.text)

    def explain(self) -> str:
        """Return what fetches the values, in one line."""
        if self.planned is None:
            return "nothing can match"
        return "; ".join(self.planned[0].explain(analyze=False))


class DeferredKeys:
    """The keys of related rows, fetched when the query that holds them runs."""

    without_null = True

    def __init__(self, scan: "TableScan"):
        self.scan = scan
        self.keys: list[Any] | None = None

    def fetch(self, steps: Steps) -> list[Any]:
        """Return the distinct keys that are not NULL."""
        if self.keys is None:
            self.keys = in_order(self.scan.distinct_keys(steps))
        return self.keys

    def explain(self) -> str:
        """Return what fetches the keys, in one line."""
        return "; ".join([*self.scan.explain_first(), self.scan.describe()])


Deferred = DeferredSubquery | DeferredKeys


def is_deferred(condition: Condition) -> bool:
    """Return whether the values of a subquery are to be fetched for the condition."""
    if isinstance(condition, Node):
        return any(map(is_deferred, condition.children))
    return isinstance(condition.value, Deferred)


def subqueries(condition: Condition) -> list[Deferred]:
    """Return the subqueries whose values the condition needs."""
    if isinstance(condition, Node):
        return [found for each in condition.children for found in subqueries(each)]
    found = condition.value
    return [found] if isinstance(found, Deferred) else []


def resolved(condition: Condition, steps: Steps) -> Condition:
    """Return the condition with the values of its subqueries fetched."""
    if isinstance(condition, Node):
        return combine(
            condition.connector, [resolved(each, steps) for each in condition.children]
        )
    if not isinstance(condition.value, Deferred):
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
    # Whether rows that the join repeats would be missing from the answer.
    once: bool

    def condition(self, steps: Steps) -> Condition:
        """Return `column IN (keys)`; raise FallbackRequired if it would be wrong."""
        if self.once:
            numbers = self.scan.keys(steps)
            if len(numbers) < numbers.total():
                raise FallbackRequired("the join repeats rows")
            keys = in_order(numbers)
        else:
            keys = in_order(self.scan.distinct_keys(steps))
        return Leaf(self.column, "in", keys) if keys else FALSE

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
    # Returns a new scan, as `query` was before it was opened.
    again: Callable[[], NonrelQuery]
    is_open: bool = False
    # The conditions on values that other scans have found.
    found: list[Condition] | None = None
    # Those that were known when it was made.
    conditions: list[Condition] = field(default_factory=list)
    ordering: list[tuple[Column, bool]] = field(default_factory=list)
    # Whether the plan has a limit.
    is_page: bool = False
    # What finds the keys of its rows in a cached table.
    cached_keys: Any = None

    @property
    def name(self) -> str:
        """What scans are noted under that read as many rows as this one."""
        names = [
            f"{leaf.column} {leaf.lookup_type} {leaf.negated}"
            for condition in self.conditions
            for leaf in leaves(condition)
        ]
        names += [f"{column} {ascending}" for column, ascending in self.ordering]
        return "; ".join(["a page" if self.is_page else "all", *names])

    @property
    def is_ready(self) -> bool:
        """Whether all that filters the scan is known before it runs."""
        return not (self.deferred or self.semi_joins)

    def open(self, steps: Steps) -> NonrelQuery | None:
        """Return the scan, ready to be fetched; None if nothing can match.

        Fetch first what it is filtered by. Raise Refused if the store does not take
        that filter, or if it has more values than one command.
        """
        found = list(self.opened(steps))
        if len(found) > 1:
            raise FallbackRequired("more keys are found first than a command takes")
        return found[0] if found else None

    def opened(self, steps: Steps, *also: Condition) -> Iterator[NonrelQuery]:
        """Yield the scan as open() does, or several where it has too many values.

        No row is found by two of them. Filter it by the conditions in `also`, too.
        """
        if not (also or self.is_open or self.cached_keys) and self.is_ready:
            self.is_open = True  # the same as below, in short
            if self.lock:
                self.query.lock()
            yield self.query
            return
        if self.found is None:
            self.found = self.found_first(steps)
        keys = None if self.cached_keys is None else self.cached_keys.condition(steps)
        conditions = [*also, *self.found]
        if FALSE in (*conditions, keys):
            return
        for batch in value_batches(conditions):
            if self.is_open:
                self.query = self.again()
            self.is_open = True
            self.add([each for each in batch if each != TRUE])
            if keys is not None:
                ask(self.query.add_filters, keys)  # without it more rows are read
            if self.lock:
                self.query.lock()
            yield self.query

    def found_first(self, steps: Steps) -> list[Condition]:
        """Return the conditions on values that other scans find."""
        if self.asks_exists_of_few():
            raise FallbackRequired(f"EXISTS is asked of at most {FEW_ROWS} rows")
        found = [resolved(each, steps) for each in self.deferred]
        return found + [each.condition(steps) for each in self.semi_joins]

    def asks_exists_of_few(self) -> bool:
        """Return whether EXISTS is asked of few rows: other conditions find them."""
        if len(self.deferred) in (0, len(self.conditions)):
            return False
        asked = any(
            isinstance(each, DeferredSubquery) and each.without_null
            for condition in self.deferred
            for each in subqueries(condition)
        )
        return asked and self.again().count(FEW_ROWS + 1) <= FEW_ROWS

    def keys(self, steps: Steps) -> Counter[Any]:
        """Return the values, but NULL, of the only column, with their numbers."""
        return self.keys_of(self.opened(steps), steps)

    def distinct_keys(self, steps: Steps) -> Iterable[Any]:
        """Return the values, but NULL, of the only column, each once."""
        found: dict[Any, None] = {}
        for query in self.opened(steps):
            values = query.distinct_values()
            if values is None:
                found.update(dict.fromkeys(self.keys_of([query], steps)))
                continue
            steps.append(partial("distinct values of {}".format, query.describe()))
            (convert,) = query.converters(self.fields)
            found.update(
                dict.fromkeys(values if convert is None else map(convert, values))
            )
        return found

    def keys_of(self, queries: Iterable[NonrelQuery], steps: Steps) -> Counter[Any]:
        """Return what keys() does, of the open scan."""
        found: Counter[Any] = Counter()
        most = MOST_KEYS_BESIDE_KEPT_TABLES
        for query in queries:
            steps.append(query.describe)
            for chunk in python_rows(query, self.fields, 0, None):
                found.update([key for (key,) in chunk])
                if len(found) > most:
                    most = most_keys(self.query)
                if len(found) > most:
                    raise FallbackRequired(f"more than {most} keys are found first")
        found.pop(None, None)
        return found

    def rows(
        self, query: NonrelQuery, low: int, high: int | None
    ) -> Iterator[list[list[Any]]]:
        """Yield chunks of rows of the open scan; note it if it read many others."""
        wanted = 0
        try:
            for rows in python_rows(query, self.fields, low, high, list(self.names)):
                wanted += len(rows)
                yield rows
        finally:
            self.note(query, wanted)

    def count(self, query: NonrelQuery) -> int:
        """Return the number of rows of the open scan; note it if it read many."""
        count = query.count()
        self.note(query)
        return count

    def note(self, query: NonrelQuery, wanted: int = 0) -> None:
        """Note a scan that read many rows for those wanted: a cached table may serve
        it.
        """
        if query.rows_read - wanted >= MANY_ROWS and self.is_ready:
            cache = query.connection.local_engine.cache
            cache.note_part(self.name, query.table, query.rows_read)
            cache.scanned.add(query.table)

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
        lines += [line for each in self.semi_joins for line in each.explain()]
        if self.cached_keys is not None:
            lines.append("first: the keys in the cached table, if they are few")
        return lines

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
            first, query = self.explain_first(), self.query
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
    deferred = [each for each in conditions if is_deferred(each)]
    known = [each for each in conditions if not is_deferred(each)]

    def scan() -> NonrelQuery:
        query = new_query(store, meta.model, fields)
        require_filters(query, known)
        if names:
            require(query, ask(query.compute, names), "compute")
        if ordering:
            order(query, ordering)
        if grouping is not None:
            require(query, ask(query.group, grouping), "group")
        return query

    return TableScan(
        scan(),
        fields,
        names or {},
        deferred,
        semi_joins or [],
        lock,
        scan,
        conditions=conditions,
        ordering=ordering or [],
    )


def in_order(keys: Iterable[Any]) -> list[Any]:
    """Return keys in their order, if they have one: stores find them faster so."""
    found = list(keys)
    try:
        return sorted(found)
    except TypeError:
        return found


def most_keys(query: NonrelQuery) -> int:
    """Return how many keys may be found first, for other scans of the scan's store."""
    if query.version() is None:
        return MOST_KEYS
    return MOST_KEYS_BESIDE_KEPT_TABLES


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
