"""One number: rows that the store counts, or those of another plan."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..table_scan import Steps
from .base import Plan, Row, ScanPlan, joined


@dataclass
class CountPlan(ScanPlan):
    """The number of rows of one scan."""

    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        query = self.scan.open(self.steps)
        if query is None:
            return iter([[[0]]])
        self.steps.append(lambda: f"count of {query.describe()}")
        return iter([[[query.count()]]])

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze)
        return [*first, f"native count: {found}"]


@dataclass
class CountedRowsPlan(Plan):
    """The number of rows of another plan."""

    inner: Plan

    def chunks(self) -> Iterator[list[Row]]:
        return iter([[[sum(map(len, self.inner.chunks()))]]])

    def text(self) -> str:
        return f"count of {self.inner.text()}"

    def explain(self, analyze: bool) -> list[str]:
        return [*self.inner.explain(analyze), "count: the rows of these"]
