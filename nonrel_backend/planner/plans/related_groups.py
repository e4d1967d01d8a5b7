"""Rows beside partial aggregates: the related table, grouped by its key to them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models.expressions import Col
from django.db.models.sql.query import Query

from ...conditions import Column, Condition, Leaf
from ...query import CHUNK, Grouping, NonrelQuery, ask
from ..local_rows import rows_of_keys
from ..refusal import FallbackRequired, Refused
from ..scans import key_batches, new_query, push, python_rows, require_filters
from ..table_scan import Steps, require
from .base import Plan, Row, ScanPlan, joined
from .native import pick, range_text


@dataclass
class RelatedAggregates:
    """Aggregates of rows that are related by a key to the base's rows."""

    store: Any
    # The table with the key to the base.
    model: Any
    key: Any
    # Of the table whose columns are aggregated.
    alias: str
    aggregates: list[Any] = field(default_factory=list)
    # What each aggregate is where nothing is related.
    defaults: list[Any] = field(default_factory=list)


@dataclass
class RelatedGroups(RelatedAggregates):
    """The partial aggregates of the related table, grouped by its key to the base."""

    def column(self) -> Column:
        """Return the related table's column of the base's key."""
        return Column(self.key.column, self.store.type_of(self.key))

    def key_col(self) -> Col:
        """Return the same as Django's expression."""
        return self.key.get_col(self.alias)

    def query(
        self,
        conditions: list[Condition],
        ordering: tuple[Any, ...] = (),
        limit: int | None = None,
        having: Any = None,
    ) -> NonrelQuery:
        """Return the scan that groups; raise Refused if the store does not."""
        query = new_query(self.store, self.model, [self.key])
        require_filters(query, conditions)
        select = (self.key_col(), *self.aggregates)
        grouping = Grouping(select, select[:1], having, ordering, 0, limit)
        require(query, ask(query.group, grouping), "group")
        return query

    def of(self, keys: list[Any] | None, steps: Steps) -> dict[Any, Row]:
        """Return {key: values of the aggregates} of the keys that have related rows.

        Without `keys`, those of all.
        """
        found: dict[Any, Row] = {}
        for batch in [[]] if keys is None else self.batches(keys):
            query = self.query(batch)
            steps.append(query.describe)
            found.update({key: values for key, *values in query.groups()})
        return found

    def locally(self, keys: list[Any]) -> dict[Any, Row]:
        """Return what of() does, as the local engine finds it."""
        query = Query(self.model)
        alias = query.get_initial_alias()
        key = self.key.get_col(alias)
        query.group_by = (key,)
        values = [each.relabeled_clone({self.alias: alias}) for each in self.aggregates]
        rows = rows_of_keys(self.store, query, key, keys, values)
        return {key: values for key, *values in rows}

    def batches(self, keys: list[Any]) -> list[list[Condition]]:
        """Return the conditions of the scans that find the related rows of keys."""
        return [[each] for each in key_batches(Leaf(self.column(), "in", keys))]


@dataclass
class RelatedGroupsPlan(ScanPlan):
    """The base's rows, each beside the aggregates of what is related to it."""

    groups: Any
    key_index: int
    # For each value of a row: its index among the base's, then the aggregates.
    output: list[Any]
    low: int
    high: int | None
    # Whether the base's rows are neither filtered nor limited.
    of_all: bool
    steps: Steps = field(default_factory=list)
    needs_fallback = True

    def chunks(self) -> Iterator[list[Row]]:
        query = self.scan.open(self.steps)
        if query is None:
            return
        self.steps.append(query.describe)
        chunks = python_rows(query, self.scan.fields, self.low, self.high)
        for number, chunk in enumerate(chunks):
            # Keys of all rows only make the store's work more.
            all_rows = self.of_all and number == 0 and len(chunk) < CHUNK
            keys = None if all_rows else [row[self.key_index] for row in chunk]
            try:
                found = self.groups.of(keys, self.steps)
            except Refused:
                if number == 0:
                    raise  # all of the statement is finished locally
                found = self.groups.locally([row[self.key_index] for row in chunk])
            yield self.beside(chunk, found)

    def beside(self, rows: list[Row], found: dict[Any, Row]) -> list[Row]:
        """Return the rows of the answer: the base's beside their aggregates."""
        return [
            pick(
                self.output,
                [*row, *found.get(row[self.key_index], self.groups.defaults)],
            )
            for row in rows
        ]

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze, (self.low, self.high))
        return [
            *first,
            f"native: {found}{range_text(self.low, self.high)}",
            f"then: {self.groups.model._meta.db_table} grouped by "
            f"{self.groups.key.column}",
        ]


@dataclass
class RankedGroupsPlan(Plan):
    """The same, ordered by an aggregate and limited: the groups come first."""

    groups: RelatedGroups
    ranking: NonrelQuery
    fields: list[Any]
    key_index: int
    output: list[Any]
    low: int
    high: int
    # Whether HAVING leaves no row without related ones.
    only_related: bool = False
    steps: Steps = field(default_factory=list)

    @property
    def needs_fallback(self) -> bool:
        return True

    def chunks(self) -> Iterator[list[Row]]:
        self.steps.append(self.ranking.describe)
        groups = self.ranking.groups()
        ranked = [(key, values) for key, *values in groups if key is not None]
        ranked = ranked[: self.high]
        last = ranked[-1][1][0] if len(ranked) == self.high else None
        default = self.groups.defaults[0]
        if not self.only_related and (
            last is None or (default is not None and last <= default)
        ):
            raise FallbackRequired("rows with nothing related are among the first")
        # Those before the slice, too: it would begin elsewhere without one of them.
        rows = self.base_rows([key for key, _ in ranked])
        if any(key not in rows for key, _ in ranked):
            raise FallbackRequired("a group's key leads to no row")
        yield [
            pick(self.output, [*rows[key], *values])
            for key, values in ranked[self.low :]
        ]

    def base_rows(self, keys: list[Any]) -> dict[Any, Row]:
        """Return {key: row} of the base."""
        key = self.fields[self.key_index]
        column = Column(key.column, key.db_type(self.groups.store))
        found: dict[Any, Row] = {}
        for condition in key_batches(Leaf(column, "in", keys)):
            query = new_query(self.groups.store, key.model, self.fields)
            push(query, [condition])
            self.steps.append(query.describe)
            for chunk in python_rows(query, self.fields, 0, None):
                found.update({row[self.key_index]: row for row in chunk})
        return found

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        self.ranking.analyze = analyze
        return [
            f"native grouping: {self.ranking.explain()}",
            f"then: {self.fields[self.key_index].model._meta.db_table} by its key",
        ]
