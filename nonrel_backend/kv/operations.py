"""Flushing of tables."""

from typing import Any

from ..operations import NonrelDatabaseOperations


class KeyValueOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.kv.compiler"

    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        def work(access: Any) -> None:
            for name in tables:
                if access.has_table(name):  # otherwise the model was not migrated
                    access.flush(access.table(name), reset_sequences)

        self.connection.write(work)
