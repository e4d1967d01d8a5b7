"""Rows that the store finds, with related rows joined by lookups of their keys."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...conditions import Leaf
from ...query import NonrelQuery
from ..scans import key_batches, new_query, push, python_rows
from ..table_scan import LookupJoin, Steps, TableScan
from .base import Row, ScanPlan, joined


@dataclass
class NativePlan(ScanPlan):
    """The rows of one scan, in the store's order and within its limits."""

    # For each value of a row: its index in the scan's rows, or a constant.
    output: list[Any]
    low: int
    high: int | None
    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        scan = self.scan
        query = scan.open(self.steps)
        if query is None:
            return iter(())
        self.steps.append(partial(rows_text, query, self.low, self.high))
        names = list(scan.names)
        chunks = scan.rows(query, self.low, self.high)
        if self.output == list(range(len(scan.fields) + len(names))):
            return chunks
        return ([pick(self.output, row) for row in chunk] for chunk in chunks)

    @property
    def only_scan(self) -> TableScan | None:
        """The scan, if all its rows are wanted of its only column."""
        is_whole = (self.low, self.high) == (0, None) and not self.scan.names
        return self.scan if is_whole and len(self.scan.fields) == 1 else None

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze, (self.low, self.high))
        return [*first, f"native: {found}{range_text(self.low, self.high)}"]


@dataclass
class LookupJoinPlan(ScanPlan):
    """The rows of one scan, joined to related rows that are fetched by key."""

    store: Any
    base: str
    joins: list[LookupJoin]
    # For each value of a row: (alias, index in its rows), or a constant.
    output: list[Any]
    low: int
    high: int | None
    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        query = self.scan.open(self.steps)
        if query is None:
            return
        low, high = self.low, self.high
        is_limited = high is not None or low
        if is_limited and any(join.required for join in self.joins):
            self.steps.append(partial(rows_text, query, 0, high))
            yield from self.with_required(query)
            return
        self.steps.append(partial(rows_text, query, low, high))
        yield from filter(None, map(self.joined, self.scan.rows(query, low, high)))

    def with_required(self, query: NonrelQuery) -> Iterator[list[Row]]:
        """Yield the rows of the slice; no row without a required relation counts.

        The store applies the limit. If there is such a row, also before the slice, it
        is applied here to all rows instead.
        """
        found: list[list[Row]] = []
        skip, lacking = self.low, 0
        for chunk in self.scan.rows(query, 0, self.high):
            rows = self.joined(chunk)
            lacking += len(chunk) - len(rows)
            found.append(rows[skip:])
            skip = max(skip - len(rows), 0)
        if lacking and self.high is not None:
            every = self.scan.rows(query, 0, None)
            yield from sliced(map(self.joined, every), self.low, self.high)
        else:
            yield from filter(None, found)

    def joined(self, chunk: list[Row]) -> list[Row]:
        """Return the chunk's rows with the related ones, in the order of the output."""
        sides: list[dict[str, Any]] = [{self.base: row} for row in chunk]
        columns = {self.base: [each.column for each in self.scan.fields]}
        for join in self.joins:
            index = columns[join.parent_alias].index(join.parent_column)
            columns[join.alias] = [each.column for each in join.fields]
            keys = {
                side[join.parent_alias][index]: None
                for side in sides
                if side.get(join.parent_alias) is not None
            }
            keys.pop(None, None)
            rows = self.related(join, list(keys))
            matched = []
            for side in sides:
                parent = side.get(join.parent_alias)
                related = None if parent is None else rows.get(parent[index])
                if related is None and join.required:
                    continue
                side[join.alias] = related
                matched.append(side)
            sides = matched
        return [self.row(side) for side in sides]

    def related(self, join: LookupJoin, keys: list[Any]) -> dict[Any, Row]:
        """Return {key: related row} of those keys that lead to one."""
        found: dict[Any, Row] = {}
        if not keys:
            return found
        key_index = [each.column for each in join.fields].index(join.column.name)
        for condition in key_batches(Leaf(join.column, "in", keys)):
            query = new_query(self.store, join.meta.model, join.fields)
            push(query, [condition])  # rows that it lets through meet no parent
            for chunk in python_rows(query, join.fields, 0, None):
                for row in chunk:
                    found[row[key_index]] = row
            self.steps.append(query.describe)
        return found

    def row(self, side: dict[str, Any]) -> Row:
        """Return one row of the output, of the rows of each alias."""
        row: Row = []
        for item in self.output:
            if isinstance(item, tuple):
                alias, index = item
                values = side[alias]
                row.append(None if values is None else values[index])
            else:
                row.append(item.value)
        return row

    def text(self) -> str:
        return "; ".join([joined(self.steps), *(f"then {join}" for join in self.joins)])

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze, (self.low, self.high))
        return [
            *first,
            f"native: {found}{range_text(self.low, self.high)}",
            *(f"then: {join}" for join in self.joins),
        ]


def pick(output: list[Any], row: Row) -> Row:
    """Return a row of the output: values of `row` by index, and constants."""
    return [row[item] if type(item) is int else item.value for item in output]


def range_text(low: int, high: int | None) -> str:
    """Return the rows wanted, for explain()."""
    return f" rows {low} to {high or 'end'}"


def rows_text(query: NonrelQuery, low: int, high: int | None) -> str:
    """Return a scan with the rows wanted of it, for the query log."""
    limits = f" rows {low} to {high}" if high is not None else ""
    return query.describe() + limits


def sliced(
    chunks: Iterator[list[Row]], low: int, high: int | None
) -> Iterator[list[Row]]:
    """Yield the rows from low to high of all chunks; read no chunk beyond them."""
    skip, left = low, None if high is None else high - low
    if left == 0:
        return
    for rows in chunks:
        dropped, rows = min(skip, len(rows)), rows[skip:]
        skip -= dropped
        if left is not None:
            rows = rows[:left]
            left -= len(rows)
        if rows:
            yield rows
        if left == 0:
            return
