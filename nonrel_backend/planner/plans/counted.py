"""One number: rows that the store counts, or those of another plan."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from ...query import NonrelQuery
from ..refusal import Refused
from ..table_scan import Steps, TableScan
from .base import Plan, Row, ScanPlan, joined
from .native import NativePlan


@dataclass
class CountPlan(ScanPlan):
    """The number of rows of one scan."""

    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        return iter([[[counted(self.scan, self.steps)]]])

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze)
        return [*first, f"native count: {found}"]


@dataclass
class DifferencePlan(CountPlan):
    """The number of rows but for those of `scan`, which are among them."""

    every: TableScan = field(kw_only=True)

    def chunks(self) -> Iterator[list[Row]]:
        number = counted(self.scan, self.steps)
        return iter([[[counted(self.every, self.steps) - number]]])

    def explain(self, analyze: bool) -> list[str]:
        _, every = self.every.explain(analyze)
        return [
            f"native count: {every}",
            *map("less {}".format, super().explain(analyze)),
        ]


@dataclass
class CountedRowsPlan(Plan):
    """The number of rows of another plan."""

    inner: Plan
    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        rows = self.native_rows()
        if rows is not None:
            # The inner plan has another to take its place.
            with suppress(Refused):
                return iter([[[counted(rows.scan, self.steps)]]])
        return iter([[[sum(map(len, self.inner.chunks()))]]])

    def native_rows(self) -> NativePlan | None:
        """Return the inner plan if the store can count its rows."""
        found = getattr(self.inner, "plan", self.inner)
        if isinstance(found, NativePlan) and (found.low, found.high) == (0, None):
            return found
        return None

    def text(self) -> str:
        return joined(self.steps) if self.steps else f"count of {self.inner.text()}"

    def explain(self, analyze: bool) -> list[str]:
        return [*self.inner.explain(analyze), "count: the rows of these"]


def counted(scan: TableScan, steps: Steps) -> int:
    """Return the number of rows of a scan."""
    number = 0
    for query in scan.opened(steps):
        steps.append(partial(count_text, query))
        number += scan.count(query)
    return number


def count_text(query: NonrelQuery) -> str:
    """Return a count for the query log."""
    return f"count of {query.describe()}"
