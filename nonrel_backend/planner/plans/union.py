"""The first rows of several statements, merged in their order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .base import Plan, Row

# A compiler, and what its plan() returned.
Part = tuple[Any, tuple[Plan, Any]]


@dataclass
class UnionPlan(Plan):
    """The first rows of all parts, of which each has its first rows."""

    parts: list[Part]
    # (index in a row, whether it ascends).
    ordering: list[tuple[int, bool]]
    # UNION ALL: rows may be equal.
    every: bool
    low: int
    high: int

    def chunks(self) -> Iterator[list[Row]]:
        rows = [
            tuple(row)
            for compiler, planned in self.parts
            for row in compiler.python_iter(*planned)
        ]
        if not self.every:
            rows = list(dict.fromkeys(rows))
        sort_rows(rows, self.ordering)
        found = [list(row) for row in rows[self.low : self.high]]
        return iter([found] if found else [])

    def text(self) -> str:
        return "; ".join(plan.text() for _, (plan, _) in self.parts)

    def explain(self, analyze: bool) -> list[str]:
        lines = [
            f"part: {line}"
            for _, (plan, _) in self.parts
            for line in plan.explain(analyze)
        ]
        return [*lines, f"merged: rows {self.low} to {self.high}"]


def sort_rows(rows: list[Any], ordering: list[tuple[int, bool]]) -> None:
    """Sort rows of Python values by [(index in a row, whether it ascends)]."""
    for index, ascending in reversed(ordering):
        rows.sort(key=partial(sort_key, index), reverse=not ascending)


def sort_key(index: int, row: Sequence[Any]) -> tuple[bool, Any]:
    """Return what a row is sorted by: NULL is less than any other value."""
    value = row[index]
    return value is not None, value
