"""The first rows of partitions, over which the statement runs in the local engine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...conditions import Column, Condition
from ...local.load import local_rows
from ...query import NonrelQuery, ask
from ..scans import new_query, require_filters
from ..table_refs import TableRef
from ..table_scan import order, require
from .base import Row
from .local import LocalPlan


@dataclass
class FirstOfEachPlan(LocalPlan):
    """The statement, over the first row of each partition of its one table."""

    # The expressions of PARTITION BY, and the order in which a partition is numbered.
    keys: tuple[Any, ...] = field(kw_only=True)
    numbered_by: list[tuple[str, bool]] = field(kw_only=True)
    # The order of the statement, and how many rows it begins with, if the store is to
    # find no more than these.
    ordering: list[tuple[Column, bool]] = field(kw_only=True, default_factory=list)
    high: int | None = field(kw_only=True, default=None)
    needs_fallback = True
    name = "first rows of partitions, finished locally"

    def first_rows(
        self, fields: list[Any], conditions: Iterable[Condition]
    ) -> NonrelQuery:
        """Return the scan of the first rows; raise Refused if the store has none."""
        (ref,) = self.refs
        query = new_query(self.store, ref.meta.model, fields)
        require_filters(query, conditions)
        answer = ask(query.first_of_each, self.keys, self.numbered_by)
        require(query, answer, "find first rows")
        if self.ordering:
            order(query, self.ordering)
        return query

    def scan(
        self, ref: TableRef, fields: list[Any], conditions: Iterable[Condition]
    ) -> tuple[NonrelQuery, Iterator[list[Row]]]:
        query = self.first_rows(fields, conditions)
        return query, local_rows(query, fields, self.store.timezone, self.high)

    def is_kept(self, ref: TableRef) -> bool:
        return False

    def planned(self, ref: TableRef) -> tuple[NonrelQuery, str]:
        return self.first_rows(ref.meta.pk_fields, ref.conditions), ""
