"""Names, limits and flushing on LMDB."""

from ..operations import NonrelDatabaseOperations
from .catalog import NAME_SIZE, clear_tree, counters, set_counters, table_key


class DatabaseOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.lmdb.compiler"

    def max_name_length(self):
        return NAME_SIZE // 4

    def flush(self, tables, reset_sequences):
        connection = self.connection

        def work(txn):
            for name in tables:
                if txn.get(table_key(name)) is None:
                    continue  # of a model that was not migrated
                table = connection.table(txn, name)
                sequence, _ = counters(txn, table)
                for index in (table.primary, *table.indexes):
                    clear_tree(txn, index.prefix)
                set_counters(txn, table, 0 if reset_sequences else sequence, 0)

        connection.write(work)
