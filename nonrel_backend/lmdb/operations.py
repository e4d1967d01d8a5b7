"""Limits of names, and flushing of tables."""

from ..operations import NonrelDatabaseOperations
from .catalog import NAME_SIZE, clear_tree, counters, set_counters, table_key
from .entries import Txn


class DatabaseOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.lmdb.compiler"

    def max_name_length(self) -> int:
        return NAME_SIZE // 4  # a character of UTF-8 has up to four bytes

    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        connection = self.connection

        def work(txn: Txn) -> None:
            for name in tables:
                if txn.get(table_key(name)) is None:
                    continue  # the model was not migrated
                table = connection.table(txn, name)
                sequence, _ = counters(txn, table)
                for index in (table.primary, *table.indexes):
                    clear_tree(txn, index.prefix)
                set_counters(txn, table, 0 if reset_sequences else sequence, 0)

        connection.write(work)
