"""Flushing of tables: one pipeline finds those that are empty already."""

from ..operations import NonrelDatabaseOperations
from ..query import translated_errors
from .access import RiakAccess


class DatabaseOperations(NonrelDatabaseOperations):
    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        store = self.connection
        # The others were not migrated.
        known = [name for name in tables if store.catalog.find(name) is not None]
        with translated_errors(store):
            empty = RiakAccess(store).empty(known)
        super().flush([table for table in known if table not in empty], False)
        if reset_sequences:
            for table in tables:
                store.catalog.reset(table)
