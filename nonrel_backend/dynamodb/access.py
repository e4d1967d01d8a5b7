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

    def truncates(self, table: Table, index: Index) -> None:
        self.store.catalog.truncates(table, index)

    def next_keys(self, table: Table, given: list[Any]) -> list[Any]:
        catalog = self.store.catalog
        numbers = [key for key in given if type(key) is int]
        if numbers:
            catalog.advance(table.name, max(numbers))
        wanted = given.count(None)
        made = list(catalog.next_keys(table.name, wanted)) if wanted else []
        self.made = {table.key_of((key,)) for key in made}
        rest = iter(made)
        return [next(rest) if key is None else key for key in given]
