"""The template's queries without locks, and compare-and-set."""

from typing import Any

from backend_template import compiler
from nonrel_backend.query import MISSING, safe_call


class BackendQuery(compiler.BackendQuery):
    def lock(self) -> None:
        """Do nothing: the store has no locks."""

    writer_lock = lock

    @safe_call
    def update_rows_if(self, rows: list[Any]) -> list[Any]:
        changed = []
        with self.connection.db_connection.writing(self.table) as documents:
            for key, old, new in rows:
                row = documents.get(key)
                if row is None or any(
                    row.get(name, MISSING) != value for name, value in old.items()
                ):
                    changed.append(key)
                    continue
                after = {**row, **new}
                documents[key] = {k: v for k, v in after.items() if v is not MISSING}
        return changed


class SQLCompiler(compiler.SQLCompiler):
    query_class = BackendQuery


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    pass
