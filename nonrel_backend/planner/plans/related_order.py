"""Rows in the order of a related table, which is walked until there are enough."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ...conditions import Column, Condition, Leaf
from ..refusal import FallbackRequired
from ..scans import python_rows
from ..table_scan import LookupJoin, TableScan, resolved
from .base import Row, joined
from .native import LookupJoinPlan

# So many more related rows than base rows wanted are read at first.
MORE = 100
# Base rows are fetched by few keys at first, then by more each time.
FIRST_KEYS, GROWTH, MOST_KEYS = 4, 4, 4_096
# Of more rows, those of fewer keys are fetched.
MOST_ROWS = 2_000
# So few rows of the base are sorted locally.
FEW_ROWS = 1_000

# Related rows that are equal in the order.
Group = list[Row]


@dataclass(kw_only=True)
class RelatedOrderPlan(LookupJoinPlan):
    """The first rows of `scan`, which orders equal ones, in the order of `walk`."""

    first: LookupJoin
    walk: TableScan
    # The indexes of the ordering columns in a row of `walk`.
    places: list[int]
    # The base's column of the related key.
    key: Column
    ascending: bool
    # The condition of the rows that have only NULLs to order by, where there are any.
    of_none: Condition | None
    is_filtered: bool
    known: dict[Any, Row] = field(default_factory=dict)

    @property
    def needs_fallback(self) -> bool:
        return True

    def chunks(self) -> Iterator[list[Row]]:
        assert self.high is not None
        if self.is_filtered and self.has_few():
            raise FallbackRequired(f"at most {FEW_ROWS} rows are to be ordered")
        found = self.found(self.high + MORE)
        if found is None:
            found = self.found(None)
        assert found is not None
        if rows := found[self.low : self.high]:
            yield rows

    def has_few(self) -> bool:
        """Return whether the filter leaves few rows, in whatever order."""
        number = 0
        for query in self.scan.opened(self.steps):
            number += query.count(FEW_ROWS + 1)
        return number <= FEW_ROWS

    def found(self, most: int | None) -> list[Row] | None:
        """Return the first rows; None if `most` related rows do not show them all."""
        assert self.high is not None
        found: list[Row] = []
        if self.of_none is not None and self.ascending:
            found += self.without_values()
        for groups in self.batches(most):
            if groups is None:
                return found if len(found) >= self.high else None
            for rows in self.rows_of(groups):
                found += self.joined(rows)
                if len(found) >= self.high:
                    return found
        if self.of_none is not None and not self.ascending:
            found += self.without_values()
        return found

    def without_values(self) -> list[Row]:
        """Return the rows that have only NULLs to order by."""
        assert self.of_none is not None
        return self.joined(self.base_rows(resolved(self.of_none, self.steps)))

    def batches(self, most: int | None) -> Iterator[list[Group] | None]:
        """Yield lists of groups; None if there are more than `most` rows of them."""
        batch: list[Group] = []
        size, number = FIRST_KEYS, 0
        for group in self.groups(most):
            number += len(group)
            if most is not None and number >= most:  # it may have more
                if batch:
                    yield batch
                yield None
                return
            values = [group[0][place] for place in self.places]
            if self.of_none is not None and values == [None] * len(values):
                continue
            batch.append(group)
            if sum(map(len, batch)) >= size:
                yield batch
                size, batch = min(GROWTH * size, MOST_KEYS), []
        if batch:
            yield batch

    def groups(self, most: int | None) -> Iterator[Group]:
        """Yield the related rows in order, those together that are equal in it."""

        def rows() -> Iterator[Row]:
            query = self.walk.open(self.steps)
            if query is None:
                return
            self.steps.append(query.describe)
            for chunk in python_rows(query, self.walk.fields, 0, most):
                yield from chunk

        def values(row: Row) -> list[Any]:
            return [row[place] for place in self.places]

        return (list(same) for _, same in groupby(rows(), values))

    def rows_of(self, groups: list[Group]) -> Iterator[list[Row]]:
        """Yield the base's rows of related ones, by group."""
        index = [each.column for each in self.walk.fields].index(self.first.column.name)
        numbers = {
            row[index]: number for number, group in enumerate(groups) for row in group
        }
        self.known = {row[index]: row for group in groups for row in group}
        wanted = Leaf(self.key, "in", list(numbers))
        if len(groups) == 1:
            yield self.base_rows(wanted)
            return
        rows = self.base_rows(wanted, MOST_ROWS)
        if len(rows) < MOST_ROWS:
            place = [each.column for each in self.scan.fields].index(self.key.name)
            yield sorted(rows, key=lambda row: numbers[row[place]])
            return
        half = len(groups) // 2
        yield from self.rows_of(groups[:half])
        yield from self.rows_of(groups[half:])

    def base_rows(self, condition: Condition, most: int | None = None) -> list[Row]:
        """Return rows of the base, in its own order: no more than are wanted."""
        others = [each for each in self.joins if each is not self.first]
        if most is None and not any(each.required for each in others):
            most = self.high
        found: list[Row] = []
        queries = list(self.scan.opened(self.steps, condition))
        if len(queries) > 1:
            raise FallbackRequired("many keys of related rows are equal in the order")
        for query in queries:
            self.steps.append(query.describe)
            for chunk in python_rows(query, self.scan.fields, 0, most):
                found += chunk
        return found

    def related(self, join: LookupJoin, keys: list[Any]) -> dict[Any, Row]:
        if join is not self.first:
            return super().related(join, keys)
        found = {key: self.known[key] for key in keys if key in self.known}
        missing = [key for key in keys if key not in found]
        return found | super().related(join, missing)

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        before, walk = self.walk.explain(analyze)
        first, found = self.scan.explain(analyze)
        others = [each for each in self.joins if each is not self.first]
        return [
            *before,
            f"walk: {walk}",
            *first,
            f"by its keys: {found} rows {self.low} to {self.high}",
            *(f"then: {join}" for join in others),
        ]
