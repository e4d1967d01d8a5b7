"""Few rows, joined to related ones and sorted in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..refusal import FallbackRequired
from .base import Row
from .native import LookupJoinPlan
from .union import sort_rows

# More rows are sorted by the local engine.
FEW_ROWS = 200


@dataclass(kw_only=True)
class RelatedSortPlan(LookupJoinPlan):
    """The rows of the scan and the joins, of which few are sorted.

    The values that they are sorted by are the last ones of `output`.
    """

    # (index in a row of the output, whether it ascends).
    ordering: list[tuple[int, bool]]

    @property
    def needs_fallback(self) -> bool:
        return True

    def chunks(self) -> Iterator[list[Row]]:
        rows = self.joined(self.few_rows())
        try:
            sort_rows(rows, self.ordering)
        except TypeError as error:
            raise FallbackRequired(
                "values of several types are to be sorted"
            ) from error
        width = len(self.output) - len(self.ordering)
        found = [row[:width] for row in rows[self.low : self.high]]
        return iter([found] if found else [])

    def few_rows(self) -> list[Row]:
        """Return the rows of the scan; raise FallbackRequired if they are many."""
        query = self.scan.open(self.steps)
        if query is None:
            return []
        self.steps.append(query.describe)
        rows = [
            row for chunk in self.scan.rows(query, 0, FEW_ROWS + 1) for row in chunk
        ]
        if len(rows) > FEW_ROWS:
            raise FallbackRequired(f"more than {FEW_ROWS} rows are to be sorted")
        return rows

    def explain(self, analyze: bool) -> list[str]:
        return [*super().explain(analyze), "then: sorted, if they are few"]
