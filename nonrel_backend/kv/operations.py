"""Flushing of tables, and the limit of names."""

from typing import Any

from ..operations import NonrelDatabaseOperations
from .trees import NAME_SIZE


class KeyValueOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.kv.compiler"

    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        def work(access: Any) -> None:
            for name in tables:
                if access.has_table(name):  # otherwise the model was not migrated
                    access.flush(access.table(name), reset_sequences)

        self.connection.write(work)


class TreesOperations(KeyValueOperations):
    """For stores whose catalog is in the space of bytes: see trees.py."""

    def max_name_length(self) -> int:
        return NAME_SIZE // 4  # a character of UTF-8 has up to four bytes
