"""The first rows in the order of an expression, of which the store finds the keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...conditions import Column, Leaf
from ..refusal import FallbackRequired
from .base import Row
from .ranked_rows import FirstKeysPlan

# The store's values and SQLite's differ by less than this part of them.
NEAR = 1e-12


@dataclass
class ComputedOrderPlan(FirstKeysPlan):
    """The first rows by values that are nearly those of the statement's order."""

    name = "rows of the first keys, finished locally"

    def chunks(self) -> Iterator[list[Row]]:
        (ref,) = self.refs
        pk = ref.meta.pk
        self.steps.append(self.ranking.describe)
        ranked = list(self.ranking.ranked(self.wanted + self.more))
        if len(ranked) >= self.wanted:
            last = ranked[self.wanted - 1][1]
            found = ranked[: self.wanted]
            found += [each for each in ranked[self.wanted :] if is_near(each[1], last)]
            if len(found) == self.wanted + self.more:
                raise FallbackRequired(f"more than {self.more} rows are nearly equal")
            ranked = found
        column = Column(pk.column, self.store.type_of(pk))
        (convert,) = self.ranking.converters([pk])
        keys = [key if convert is None else convert(key) for key, _ in ranked]
        ref.conditions = [Leaf(column, "in", keys)]
        return super().chunks()

    def is_kept(self, ref: Any) -> bool:
        return False

    def explain(self, analyze: bool) -> list[str]:
        first = f"first: {self.ranking.describe()}"
        name, *lines = super().explain(analyze)
        return [name, first, *lines]


def is_near(value: Any, last: Any) -> bool:
    """Return whether SQLite may hold a value for equal to another, or for less."""
    if value == last or not isinstance(value, (int, float)) or last is None:
        return bool(value == last)
    return bool(abs(value - last) <= NEAR * max(abs(value), abs(last)))
