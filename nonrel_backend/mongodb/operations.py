"""Names, limits and flushing on MongoDB."""

from decimal import Context

from ..operations import NonrelDatabaseOperations
from .writes import delete_documents

# Rounding to decimal places must not stop at the default 28 digits.
WIDE = Context(prec=100)


class DatabaseOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.mongodb.compiler"

    def max_name_length(self):
        return 120

    def adapt_decimalfield_value(self, value, max_digits=None, decimal_places=None):
        if value is None or decimal_places is None or not value.is_finite():
            return value
        return value.quantize(value.__class__(1).scaleb(-decimal_places), context=WIDE)

    def flush(self, tables, reset_sequences):
        connection = self.connection
        connection.before_ddl()
        for table in tables:
            delete_documents(connection, table, {})
        if reset_sequences:
            connection.sequences.reset(tables)
