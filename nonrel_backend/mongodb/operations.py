"""Names, limits and flushing on MongoDB."""

from ..operations import NonrelDatabaseOperations
from .writes import delete_documents


class DatabaseOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.mongodb.compiler"

    def max_name_length(self):
        return 120

    def flush(self, tables, reset_sequences):
        connection = self.connection
        connection.before_ddl()
        for table in tables:
            delete_documents(connection, table, {})
        if reset_sequences:
            connection.sequences.reset(tables)
