"""What a statement reads of DynamoDB and writes, through the core's transactions."""

from typing import Any

from ..kv.commits import resolved
from ..kv.conditional import Stored
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
