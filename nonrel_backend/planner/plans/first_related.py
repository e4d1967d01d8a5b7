"""Rows beside the first related row of each, found by the keys of the rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models.expressions import Col
from django.db.models.sql.query import Query

from ...conditions import Column, Leaf
from ...query import NonrelQuery, ask
from ..local_rows import rows_of_keys
from ..refusal import Refused
from ..scans import python_rows
from ..table_scan import Steps, TableScan
from .base import Plan, Row, joined
from .native import LookupJoinPlan, NativePlan

# Related rows of all keys are read at once if they are no more for each than this, and
# than so many for all; else each key's first row alone.
ROWS_FOR_A_KEY, ROWS_FOR_ALL = 100, 1_000


@dataclass
class FirstRelated:
    """The first row of a scan for each key, its first column."""

    scan: TableScan
    # The query of all related rows: the column of their key, and that of the value.
    query: Query
    columns: list[Col]
    # Whether it is only asked if there is a row, or if there is none.
    exists: bool
    negated: bool
    # Where a row has the value, and the key.
    place: int = 0
    key: int = 0

    def fill(self, rows: list[Row], steps: Steps, first: bool) -> None:
        """Set the value of each row; raise Refused if the store refuses the `first`."""
        keys = dict.fromkeys(row[self.key] for row in rows)
        keys.pop(None, None)
        try:
            found = self.values(list(keys), steps) if keys else {}
        except Refused:
            if first:
                raise  # all of the statement is finished locally
            found = self.locally(list(keys))
        for row in rows:
            value = found.get(row[self.key])
            row[self.place] = (value is None) is self.negated if self.exists else value

    def values(self, keys: list[Any], steps: Steps) -> dict[Any, Any]:
        """Return {key: the value in its first row}, True of an EXISTS."""
        most = max(ROWS_FOR_ALL, ROWS_FOR_A_KEY * len(keys))
        queries = list(self.scan.opened(steps, self.condition(keys)))
        number = sum(query.count(most + 1) for query in queries)
        found: dict[Any, Any] = {}
        if number <= most or len(keys) == 1:
            limit = 1 if len(keys) == 1 else None
            for query in queries:
                if limit is None:
                    self.limit(query)
                steps.append(query.describe)
                for chunk in python_rows(query, self.scan.fields, 0, limit):
                    for row in chunk:
                        found.setdefault(row[0], row[-1])
            return found
        for key in keys:
            found |= self.values([key], steps)
        return found

    def locally(self, keys: list[Any]) -> dict[Any, Any]:
        """Return what values() does, as the local engine finds it."""
        key, *values = self.columns
        store = self.scan.query.connection
        found: dict[Any, Any] = {}
        for row in rows_of_keys(store, self.query.clone(), key, keys, values):
            found.setdefault(row[0], row[-1])
        return found

    def limit(self, query: NonrelQuery) -> None:
        """Have a scan find the first row of each key only, if the store does."""
        (key, *_), ordering = self.scan.fields, self.scan.ordering
        names = {column.name for column, _ in ordering if not column.path}
        if names.issuperset(each.column for each in query.meta.pk_fields):
            keys = (key.get_col(query.table),)
            order = [(column.name, ascending) for column, ascending in ordering]
            ask(query.first_of_each, keys, order)

    def condition(self, keys: list[Any]) -> Leaf:
        """Return the condition of the rows that have one of the keys."""
        (name, *_) = [each.column for each in self.scan.fields]
        column = Column(name, self.scan.fields[0].db_type(self.scan.query.connection))
        return Leaf(column, "in", keys)


@dataclass
class FirstRelatedPlan(Plan):
    """The rows of another plan, beside what is found for each of them."""

    rows: NativePlan | LookupJoinPlan
    related: list[FirstRelated]
    steps: Steps = field(default_factory=list)

    @property
    def needs_fallback(self) -> bool:
        return True

    def chunks(self) -> Iterator[list[Row]]:
        width = len(self.rows.output) - len(self.related)
        for number, rows in enumerate(self.rows.chunks()):
            for each in self.related:
                each.fill(rows, self.steps, number == 0)
            yield [row[:width] for row in rows]

    def text(self) -> str:
        return "; ".join([self.rows.text(), joined(self.steps)])

    def explain(self, analyze: bool) -> list[str]:
        lines = self.rows.explain(analyze)
        for each in self.related:
            first, found = each.scan.explain(analyze)
            (key, *_) = each.scan.fields
            what = "a row" if each.exists else "the first row"
            lines += [*first, f"then: {what} for each {key.column}: {found}"]
        return lines
