"""The compilers: the core's, whose scans are OptimisticQueries."""

from nonrel_backend.kv.bulk import OptimisticInsertCompiler
from nonrel_backend.kv.compiler import SQLCompiler as KeyValueCompiler
from nonrel_backend.kv.optimistic_query import OptimisticQuery


class SQLCompiler(KeyValueCompiler):
    query_class = OptimisticQuery


class SQLInsertCompiler(OptimisticInsertCompiler, SQLCompiler):
    pass
