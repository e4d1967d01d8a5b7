"""BackendQuery: one scan of one table of DynamoDB."""

from typing import Any

from ..catalog.tables import OWN_TABLES
from ..kv.access import ReadAccess
from ..kv.access_paths import Ordering
from ..kv.optimistic_query import OptimisticQuery
from ..kv.scan import Scan
from ..kv.tables import Table
from .access import DynamoAccess


class BackendQuery(OptimisticQuery):
    """One scan of one table: by keys, by an index, or of all its items."""

    def __init__(self, compiler: Any, fields: list[Any]) -> None:
        super().__init__(compiler, fields)
        if self.table not in OWN_TABLES:
            self.predicates += self.connection.catalog.table(self.table).parts
        # Whether rows that are a little old will do.
        self.is_eventual = (
            self.connection.reads_eventually and self.table not in OWN_TABLES
        )

    def lock(self) -> None:
        self.is_eventual = False
        super().lock()

    def scan(
        self,
        access: ReadAccess,
        limit: int | None,
        ordered: bool = True,
        columns: list[str] | None = None,
    ) -> tuple[Table, Scan, Ordering]:
        if self.is_eventual:
            assert isinstance(access, DynamoAccess)
            access.read_eventually()
        return super().scan(access, limit, ordered, columns)

    def describe(self) -> str:
        found = super().describe()
        return f"{found}, eventually consistent" if self.is_eventual else found
