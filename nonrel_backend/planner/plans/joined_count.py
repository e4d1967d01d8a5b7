"""The number of rows of a join with one to-many relation."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...conditions import Leaf
from ..refusal import FallbackRequired
from ..scans import python_rows
from ..table_scan import SemiJoin, Steps, in_order
from .base import Row, ScanPlan, joined


@dataclass
class JoinedCountPlan(ScanPlan):
    """The number of rows of `scan`, each as often as related rows have its key."""

    related: SemiJoin
    # Whether anything but the relation filters the base's rows.
    is_filtered: bool
    steps: Steps = field(default_factory=list)

    @property
    def needs_fallback(self) -> bool:
        return True

    def chunks(self) -> Iterator[list[Row]]:
        return iter([[[self.number()]]])

    def number(self) -> int:
        """Return the number, found from the side that has fewer rows."""
        related = list(self.related.scan.opened(self.steps))
        if self.is_filtered:
            rows = list(self.scan.opened(self.steps))
            most = sum(query.count() for query in rows)
            found = 0
            for query in related:
                found += query.count(most + 1 - found)
                if found > most:
                    return self.related_to(self.scan.keys_of(rows, self.steps))
        return self.joined_to(self.related.scan.keys_of(related, self.steps))

    def related_to(self, keys: Counter[Any]) -> int:
        """Return the number of the related rows that have the base's keys."""
        if len(keys) < keys.total():
            raise FallbackRequired("the relation is to a column that is not unique")
        if not keys:
            return 0
        wanted = Leaf(self.related.join.column, "in", in_order(keys))
        found = self.related.scan.opened(self.steps, wanted)
        return sum(query.count() for query in found)

    def joined_to(self, keys: Counter[Any]) -> int:
        """Return the number of the base's rows of these keys, each so often."""
        if not keys:
            return 0
        queries = self.scan.opened(
            self.steps, Leaf(self.related.column, "in", in_order(keys))
        )
        if len(keys) == keys.total():
            return sum(query.count() for query in queries)
        number = 0
        for query in queries:
            for chunk in python_rows(query, self.scan.fields, 0, None):
                number += sum(keys[key] for (key,) in chunk)
        return number

    def text(self) -> str:
        return joined(self.steps)

    def explain(self, analyze: bool) -> list[str]:
        first, found = self.scan.explain(analyze)
        return [*first, *self.related.explain(), f"native count: {found}"]
