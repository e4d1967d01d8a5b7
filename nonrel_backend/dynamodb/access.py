"""What a statement reads of DynamoDB and writes, through the core's transactions."""

from typing import Any

from ..kv.optimistic_access import OptimisticAccess
from ..kv.tables import Index, Table


class DynamoAccess(OptimisticAccess):
    """The rows and entries of a database."""

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
