"""DynamoDB's compilers: the core's, whose scans are BackendQueries."""

from ..kv.compiler import SQLCompiler as KeyValueCompiler
from ..kv.compiler import SQLInsertCompiler as KeyValueInsertCompiler
from .query import BackendQuery


class SQLCompiler(KeyValueCompiler):
    query_class = BackendQuery


class SQLInsertCompiler(KeyValueInsertCompiler, SQLCompiler):  # type: ignore[misc]
    pass
