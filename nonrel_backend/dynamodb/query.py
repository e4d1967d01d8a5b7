"""BackendQuery: one scan of one table of DynamoDB."""

from typing import Any

from ..catalog.tables import OWN_TABLES
from ..kv.access import ReadAccess
from ..kv.access_paths import Ordering
from ..kv.optimistic_query import OptimisticQuery
from ..kv.scan import Scan
from ..kv.tables import Table
from .access import DynamoAccess
from .costs import estimated, is_whole_table, warn_of_scan
from .errors import code_of
from .options import refuse_for_own_tables
from .tables import DynamoTable


class BackendQuery(OptimisticQuery):
    """One scan of one table: by keys, by an index, or of all its items."""

    is_explained = False

    def __init__(self, compiler: Any, fields: list[Any]) -> None:
        super().__init__(compiler, fields)
        if self.table not in OWN_TABLES:
            table = self.connection.catalog.table(self.table)
            self.predicates += table.parts
            if table.has_versions and hasattr(self.meta.model, "DynamoMeta"):
                refuse_for_own_tables(self.meta.model)
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
        found = super().scan(access, limit, ordered, columns)
        table, scan, ordering = found
        assert isinstance(table, DynamoTable)
        if not self.is_explained and is_whole_table(table, scan.choice):
            warn_of_scan(table, self, ordering, limit)
        return found

    def explain(self) -> str:
        self.is_explained = True
        return super().explain()

    def costs(self, scan: Scan) -> list[str]:
        table: Any = scan.table
        try:
            described = self.connection.catalog.native.describe(table.physical)
        except Exception as error:
            if code_of(error) != "AccessDeniedException":
                raise
            return []
        return [estimated(table, described, self, scan.choice)] if described else []

    def describe(self) -> str:
        found = super().describe()
        return f"{found}, eventually consistent" if self.is_eventual else found
