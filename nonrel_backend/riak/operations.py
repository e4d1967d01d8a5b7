"""Flushing of tables: deletion of rows and claims, on several connections."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..kv import claims
from ..operations import NonrelDatabaseOperations
from ..query import translated_errors
from .access import RiakAccess
from .client import Client
from .client.client import delete_request
from .objects import PAGE, answers, pages

# Riak carries out the requests of one connection one after another.
CONNECTIONS = 4


class DatabaseOperations(NonrelDatabaseOperations):
    def flush(self, tables: list[str], reset_sequences: bool) -> None:
        store = self.connection
        with translated_errors(store):
            # The others were not migrated.
            known = store.catalog.existing(tables)
            empty = RiakAccess(store).empty(known)
            written = [table for table in known if table not in empty]
            if store.unique == "strong":  # strongly consistent buckets have no fold
                super().flush(written, False)
            else:
                clear(store, written)
                clear_claims(store, known)
        if reset_sequences:
            for table in tables:
                store.catalog.reset(table)


def clear(store: Any, tables: Iterable[str]) -> None:
    """Delete all rows of tables, with their counters and sets."""
    buckets: list[tuple[bytes, dict[str, bytes]]] = []
    for objects in map(store.objects, tables):
        buckets.append((objects.table.bucket, objects.options))
        for column in objects.table.data.values():
            buckets.append((column.bucket, {"type": column.type}))
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(partial(clear_bucket, store.db_connection), buckets))


def clear_bucket(client: Client, place: tuple[bytes, dict[str, bytes]]) -> None:
    """Delete all objects of (bucket, options that name its type)."""
    bucket, options = place
    for page in pages(client.fold(bucket, PAGE, **options)):
        delete(client, place, page)


def delete(client: Client, place: tuple[bytes, dict[str, bytes]], found: list) -> None:
    """Delete objects that a fold has returned."""
    bucket, options = place
    requests = [
        delete_request(bucket, each.key, vclock=each.object.vclock, **options)
        for each in found
        if not all(content.deleted for content in each.object.content)
    ]
    answers(client.tell_many(requests))


def clear_claims(store: Any, tables: Iterable[str]) -> None:
    """Delete the claims of tables, also those that belong to no row."""
    objects = store.claims()
    place = objects.table.bucket, objects.options
    client = store.db_connection
    beginnings = tuple(map(claims.beginning, tables))
    found = [
        each
        for each in client.fold(place[0], PAGE, **place[1])
        if each.key.startswith(beginnings)
    ]
    size = max(1, -(-len(found) // CONNECTIONS))
    parts = [found[at : at + size] for at in range(0, len(found), size)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(partial(delete, client, place), parts))
