"""One number, counted by the store."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..table_scan import Steps
from .base import Row, ScanPlan, joined


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
