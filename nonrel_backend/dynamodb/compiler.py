"""DynamoDB's compilers: the core's, whose scans are BackendQueries."""

from typing import Any

from ..kv.bulk import OptimisticInsertCompiler
from ..kv.compiler import SQLCompiler as KeyValueCompiler
from ..kv.conditional_writes import (
    ConditionalDeleteCompiler,
    ConditionalUpdateCompiler,
)
from .query import BackendQuery


class SQLCompiler(KeyValueCompiler):
    query_class = BackendQuery

    def execute_sql(self, *arguments: Any, **options: Any) -> Any:
        """Run a query; what is read eventually consistently is so from here on."""
        store = self.store
        before, store.reads_eventually = (
            store.reads_eventually,
            store.is_eventual(self.query),
        )
        try:
            return super().execute_sql(*arguments, **options)
        finally:
            store.reads_eventually = before


class SQLUpdateCompiler(ConditionalUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    pass


class SQLDeleteCompiler(ConditionalDeleteCompiler, SQLCompiler):  # type: ignore[misc]
    pass


class SQLInsertCompiler(OptimisticInsertCompiler, SQLCompiler):  # type: ignore[misc]
    pass
