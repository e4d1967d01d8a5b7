"""Groups of one table, which the local engine joins with others and groups again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from django.db import models
from django.utils.functional import cached_property

from ...conditions import Condition
from ...local.engine import LocalTable
from ...local.load import SAME_LOCALLY
from ...query import CHUNK, NonrelQuery
from ...values.columns import stored_field
from ...values.local import to_local
from ..partial_aggregates import PartialGroups
from ..refusal import FallbackRequired
from ..table_refs import TableRef
from .base import Row
from .local import LocalPlan


@dataclass
class PartialGroupsPlan(LocalPlan):
    """The statement over partial aggregates, finished in the local engine."""

    groups: PartialGroups = field(kw_only=True)
    name = "partial groups, finished locally"
    needs_fallback = True

    @cached_property
    def groups_table(self) -> LocalTable:
        """The table of the groups, under the name of the table that they are of."""
        meta = self.groups.ref.meta
        return LocalTable(self.store.local_engine, meta, self.groups.fields)

    def table(self, ref: TableRef) -> Any:
        return self.groups_table if ref is self.groups.ref else super().table(ref)

    def is_kept(self, ref: TableRef) -> bool:
        return ref is not self.groups.ref

    def scan(
        self, ref: TableRef, fields: list[Any], conditions: Iterable[Condition]
    ) -> tuple[NonrelQuery, Iterator[list[Row]]]:
        if ref is not self.groups.ref:
            return super().scan(ref, fields, conditions)
        query = self.groups.query(conditions)
        return query, self.rows(query, fields)

    def rows(self, query: NonrelQuery, fields: list[Any]) -> Iterator[list[Row]]:
        """Yield chunks of the groups' `fields`, as SQLite holds them."""
        columns = [each.column for each in self.groups.fields]
        order = [columns.index(each.column) for each in fields]
        converting = [
            (index, self.converter(each))
            for index, each in enumerate(fields)
            if not self.is_plain(each)
        ]
        groups = query.groups()
        while chunk := list(islice(groups, CHUNK)):
            if order != list(range(len(columns))):
                chunk = [[row[index] for index in order] for row in chunk]
            for index, convert in converting:
                for row in chunk:
                    row[index] = convert(row[index])
            yield chunk

    def is_plain(self, held: Any) -> bool:
        """Return whether SQLite holds a column's values just as they are."""
        return held.column in self.groups.columns and isinstance(
            stored_field(held), SAME_LOCALLY
        )

    def converter(self, held: Any) -> Callable[[Any], Any]:
        """Return the function from a column's values to SQLite's."""
        if isinstance(held, models.BigIntegerField):
            return whole
        return partial(to_local, zone=self.store.timezone)

    def planned(self, ref: TableRef) -> tuple[NonrelQuery, str]:
        if ref is not self.groups.ref:
            return super().planned(ref)
        return self.groups.query(ref.conditions), ""


def whole(value: Any) -> Any:
    """Return a sum of integers; raise FallbackRequired if it has passed 64 bits."""
    if isinstance(value, float):
        raise FallbackRequired("a sum of integers passes 64 bits")
    return value
