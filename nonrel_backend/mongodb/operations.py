"""The names of compilers and columns, and flushing, on MongoDB."""

from collections.abc import Iterable
from decimal import Decimal

from ..operations import NonrelDatabaseOperations
from .stored import RoundedDecimal
from .writes import delete_documents


class DatabaseOperations(NonrelDatabaseOperations):
    compiler_module = "nonrel_backend.mongodb.compiler"

    def max_name_length(self) -> int:
        # "database.collection" may have 255 bytes, a database's name 63 of them. What
        # is left is more than names of Django's other databases have.
        return 120

    def adapt_decimalfield_value(
        self,
        value: Decimal | None,
        max_digits: int | None = None,
        decimal_places: int | None = None,
    ) -> Decimal | None:
        found = super().adapt_decimalfield_value(value, max_digits, decimal_places)
        if found is None or value is None or found == value or value != value:
            return found
        rounded = RoundedDecimal(found)
        rounded.given = value
        return rounded

    def flush(self, tables: Iterable[str], reset_sequences: bool) -> None:
        connection = self.connection
        connection.ensure_connection()
        for table in tables:
            if connection.transaction.is_open:
                delete_documents(connection, table, {})
            else:
                connection.database[table].delete_many({})
        if reset_sequences:
            connection.sequences.reset(tables)
