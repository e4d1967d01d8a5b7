"""Flushing of tables: deletion of rows and claims, on several connections."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
                delete(store.db_connection, deletes_of_rows(store, written))
                delete(store.db_connection, deletes_of_claims(store, known))
        if reset_sequences:
            for table in tables:
                store.catalog.reset(table)


def delete(client: Client, requests: Iterable[Any]) -> None:
    """Send deletes, page by page, each page on several connections at a time."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for page in pages(requests):
            parts = [page[first::CONNECTIONS] for first in range(CONNECTIONS)]
            for replies in threads.map(client.tell_many, parts):
                answers(replies)


def deletes_of_rows(store: Any, tables: Iterable[str]) -> Iterator[Any]:
    """Yield the deletes of all rows of tables, with their counters and sets."""
    for objects in map(store.objects, tables):
        client, table = objects.client, objects.table
        yield from deletes(client, table.bucket, b"", objects.options)
        for column in table.data.values():
            yield from deletes(client, column.bucket, b"", {"type": column.type})


def deletes_of_claims(store: Any, tables: Iterable[str]) -> Iterator[Any]:
    """Yield the deletes of all claims of tables, also of those that have no row."""
    objects = store.claims()
    beginnings = tuple(map(claims.beginning, tables))
    return deletes(objects.client, objects.table.bucket, beginnings, objects.options)


def deletes(
    client: Client,
    bucket: bytes,
    beginnings: bytes | tuple[bytes, ...],
    options: dict[str, bytes],
) -> Iterator[Any]:
    """Yield the deletes of the objects of a bucket whose keys begin with one of these.

    `options` name the bucket's type.
    """
    for each in client.fold(bucket, PAGE, **options):
        is_there = not all(content.deleted for content in each.object.content)
        if is_there and each.key.startswith(beginnings):
            vclock = each.object.vclock
            yield delete_request(bucket, each.key, vclock=vclock, **options)
