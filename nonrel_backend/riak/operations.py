"""Flushing of tables: one pipeline finds those that are empty already."""

from ..operations import NonrelDatabaseOperations
from ..query import translated_errors
from .access_paths import whole_index
from .client import Refused


class DatabaseOperations(NonrelDatabaseOperations):
    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        store = self.connection
        requests = {}
        for table in tables:
            if store.catalog.find(table) is None:
                continue  # the model was not migrated
            objects = store.objects(store.catalog.model(table)._meta)
            path = whole_index(objects.table, objects.table.key[0][0])
            if path is not None:
                query = objects.index_request(path.queries[0], max_results=1)
                requests[table] = query
        with translated_errors(store):
            replies = store.db_connection.ask_many(list(requests.values()))
        empty = {
            table
            for table, reply in zip(requests, replies, strict=True)
            if not isinstance(reply, Refused) and not reply.keys
        }
        super().flush([table for table in tables if table not in empty], False)
        if reset_sequences:
            for table in tables:
                store.catalog.reset(table)
