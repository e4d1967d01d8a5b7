"""The names of compilers and columns, and flushing, on MongoDB."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ..batching import batches
from ..operations import NonrelDatabaseOperations
from .stored import RoundedDecimal
from .writes import delete_documents

# How many tables one command asks for documents.
TABLES = 100


def one_document(table: str) -> list[dict[str, Any]]:
    """Return the stages that give the table's name if it has a document."""
    return [{"$limit": 1}, {"$project": {"_id": 0, "table": {"$literal": table}}}]


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

    def with_documents(self, tables: list[str]) -> list[str]:
        """Return the tables that have documents: a command asks for many at once."""
        found: list[str] = []
        for first, *others in batches(tables, TABLES):
            pipeline = one_document(first)
            for table in others:
                union = {"coll": table, "pipeline": one_document(table)}
                pipeline.append({"$unionWith": union})
            answers = self.connection.collection(first).aggregate(pipeline)
            found += [each["table"] for each in answers]
        return found

    def flush(self, tables: Iterable[str], reset_sequences: bool) -> None:
        connection = self.connection
        connection.ensure_connection()
        tables = list(tables)
        if connection.transaction.is_open:
            for table in tables:
                delete_documents(connection, table, {})
        else:
            for table in self.with_documents(tables):
                connection.collection(table).delete_many({})
        if reset_sequences:
            connection.sequences.reset(tables)
