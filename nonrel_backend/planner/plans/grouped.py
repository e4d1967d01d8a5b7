"""Groups that the store aggregates."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from ...query import CHUNK
from ..table_scan import Steps
from .base import Row, ScanPlan, joined


@dataclass
class GroupPlan(ScanPlan):
    """The groups of one scan, with their aggregates."""

    steps: Steps = field(default_factory=list)

    def chunks(self) -> Iterator[list[Row]]:
        query = self.scan.open(self.steps)
        if query is None:
            query = self.scan.nothing()
        self.steps.append(query.describe)
        groups = query.groups()
        return iter(lambda: list(islice(groups, CHUNK)), [])

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze)
        return [*first, f"native grouping: {found}"]
