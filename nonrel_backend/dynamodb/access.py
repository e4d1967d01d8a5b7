"""What a statement reads of DynamoDB and writes, through the core's transactions."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..kv.access import Change
from ..kv.commits import resolved
from ..kv.conditional import Stored
from ..kv.encoding import EVERYTHING, KeyRange
from ..kv.optimistic_access import OptimisticAccess
from ..kv.tables import Index, Table


class DynamoAccess(OptimisticAccess):
    """The rows and entries of a database."""

    # Whether rows that are a little old will do: they are no part of the transaction.
    is_eventual = False

    def read_eventually(self) -> None:
        self.is_eventual, self.records = True, self.store.eventual_records

    def table(self, name: str) -> Table:
        found: Any = super().table(name)
        return found.eventual if self.is_eventual else found

    def resolved(self, table: Table, index: Index, found: list[Stored]) -> list[Stored]:
        if self.is_eventual:
            return resolved(self.store.records, table, index, found)
        return super().resolved(table, index, found)

    def count(
        self,
        table: Any,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int:
        if index is table.primary and table.counted is not None:
            # Its entries are smaller than the rows.
            index, ranges = table.counted, [EVERYTHING]
        return super().count(table, index, ranges, limit)

    def insert_rows(self, table: Any, rows: list[Any]) -> list[Change]:
        if table.parts:
            for row in rows:
                table.require_own(row)
        return super().insert_rows(table, rows)

    def apply(self, table: Any, changes: Iterable[Change]) -> list[Change]:
        if table.parts:
            changes = list(changes)
            for change in changes:
                for row in (change.record.value, change.row):
                    if row is not None:
                        table.require_own(row)
        return super().apply(table, changes)
