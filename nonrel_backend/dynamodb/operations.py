"""Flushing of tables: rows, entries and last keys are deleted in batches."""

from ..catalog.tables import SEQUENCES
from ..operations import NonrelDatabaseOperations
from ..query import translated_errors
from .flushing import delete_all, delete_names


class DatabaseOperations(NonrelDatabaseOperations):
    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        store = self.connection
        with translated_errors(store):
            # The others were not migrated.
            known = store.catalog.existing(tables)
            delete_all(store, [store.catalog.table(name) for name in known])
            if reset_sequences and store.option("keys", "time") == "sequence":
                delete_names(store, store.physical(SEQUENCES), tables)
                store.catalog.forget_keys(tables)
