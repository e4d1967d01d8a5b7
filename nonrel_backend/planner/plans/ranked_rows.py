"""The first rows by an aggregate, of which the store finds the keys."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...conditions import Column, Leaf
from ...query import NonrelQuery
from ..refusal import FallbackRequired
from ..scans import key_batches, new_query, push, python_rows
from .base import Row
from .local import LocalPlan


@dataclass
class FirstKeysPlan(LocalPlan):
    """The statement, run in the local engine over the rows of some keys of the base.

    `ranking` yields the keys, each with a value, in the statement's order: `wanted` are
    the rows to be found, `more` is how many are read beyond them.
    """

    ranking: NonrelQuery = field(kw_only=True)
    wanted: int = field(kw_only=True)
    more: int = field(kw_only=True)
    needs_fallback = True


@dataclass
class RankedRowsPlan(FirstKeysPlan):
    """The rows of the first groups, by an aggregate: the greatest come first."""

    name = "rows of the first groups, finished locally"

    def chunks(self) -> Iterator[list[Row]]:
        base = self.refs[0]
        pk = base.meta.pk
        column = Column(pk.column, self.store.type_of(pk))
        self.steps.append(self.ranking.describe)
        ranked = [(key, value) for key, value in self.ranking.groups()]
        keys = [key for key, value in ranked if None not in (key, value)]
        known: set[Any] = set()
        for condition in key_batches(Leaf(column, "in", keys)):
            query = new_query(self.store, base.meta.model, [pk])
            push(query, [condition])
            for chunk in python_rows(query, [pk], 0, None):
                known.update(key for (key,) in chunk)
        found = [(key, value) for key, value in ranked if key in known]
        if len(found) < self.wanted:
            raise FallbackRequired("rows with nothing related are among the first")
        last = found[self.wanted - 1][1]
        if len(ranked) == self.wanted + self.more and ranked[-1][1] == last:
            raise FallbackRequired(f"more than {self.more} groups are equal")
        # The order of those that are equal to the last is by other columns.
        first = found[: self.wanted]
        first += [each for each in found[self.wanted :] if each[1] == last]
        base.conditions = [Leaf(column, "in", [key for key, _ in first])]
        return super().chunks()

    def explain(self, analyze: bool) -> list[str]:
        self.ranking.analyze = analyze
        first = f"first: {self.ranking.explain()}"
        name, *lines = super().explain(analyze)
        return [name, first, *lines]
