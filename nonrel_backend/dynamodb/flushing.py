"""Deletion of all rows of tables and of their entries, in batches."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.db import OperationalError

from ..batching import batches
from ..kv.parallel import each
from ..kv.tables import Index
from .errors import code_of
from .expressions import ENTRY, PARTITION
from .items import Item
from .native_tables import NOT_FOUND
from .tables import INDEX_TABLE, DynamoTable

# Items of one BatchWriteItem (Amazon's documentation).
BATCH = 25


def keys_in(
    store: Any,
    operation: str,
    name: str,
    attributes: Iterable[str],
    limit: int | None = None,
    **options: Any,
) -> Iterator[list[Item]]:
    """Yield the keys of the items of a scan or query, page by page.

    `attributes` are those of the key; the first page has at most `limit` items.
    """
    names = {f"#{number}": each for number, each in enumerate(attributes)}
    options |= {
        "TableName": name,
        "ProjectionExpression": ", ".join(names),
        "ExpressionAttributeNames": names,
    }
    store.ensure_connection()
    items, start = store.records.page(operation, options, limit)
    yield items
    if start:
        yield from store.records.pages(operation, options, start=start)


def delete_items(store: Any, name: str, keys: Iterable[Item]) -> None:
    """Delete the items with these keys of one of DynamoDB's tables."""

    def delete(batch: list[Item]) -> None:
        left = {name: [{"DeleteRequest": {"Key": key}} for key in batch]}
        for _ in chain([0.0], store.db_connection.pauses()):
            reply = store.db_connection.call(
                "batch_write_item", RequestItems=left, repeatable=True
            )
            left = reply.get("UnprocessedItems")
            if not left:
                return
        raise OperationalError(
            f"DynamoDB did not delete all items of {name} before the deadline. Retry, "
            "or set a longer OPTIONS['deadline']."
        )

    for _ in each(delete, batches(keys, BATCH)):
        pass


def delete_rows(store: Any, table: DynamoTable) -> bool:
    """Delete all rows of a table; return whether there was one."""
    key = [part["AttributeName"] for part in table.key_schema()["KeySchema"]]
    found = keys_in(store, "scan", table.physical, key, BATCH)
    first = next(found)
    delete_items(store, table.physical, chain(first, chain.from_iterable(found)))
    return bool(first)


def delete_partitions(store: Any, table: DynamoTable, indexes: Iterable[Index]) -> None:
    """Delete all entries of indexes of a table."""
    name = store.physical(INDEX_TABLE)

    def delete(partition: str) -> None:
        found = keys_in(
            store,
            "query",
            name,
            (PARTITION, ENTRY),
            KeyConditionExpression="#0 = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
        )
        delete_items(store, name, chain.from_iterable(found))

    for index in indexes:
        for partition in table.partitions(index):
            delete(partition)


def delete_all(store: Any, tables: list[DynamoTable]) -> None:
    """Delete all rows and entries of tables."""
    written = list(each(lambda table: delete_rows(store, table), tables))
    if not any(written):
        return
    name = store.physical(INDEX_TABLE)
    pages = keys_in(store, "scan", name, (PARTITION, ENTRY))
    page = next(pages)
    if next(pages, None) is None:
        # There are few entries, also of other tables.
        partitions = {part for table in tables for part in partitions_of(table)}
        wanted = (item for item in page if item[PARTITION]["S"] in partitions)
        delete_items(store, name, wanted)
        return
    for table, was_written in zip(tables, written, strict=True):
        if was_written:
            delete_partitions(store, table, kept(table))


def kept(table: DynamoTable) -> list[Index]:
    """Return the indexes of a table whose entries are items of ours."""
    return [index for index in table.indexes if "kind" not in index.entry]


def partitions_of(table: DynamoTable) -> Iterator[str]:
    for index in kept(table):
        yield from table.partitions(index)


def delete_names(store: Any, name: str, wanted: Iterable[str]) -> None:
    """Delete those items of a table with the key "name" that have one of the names."""
    names = set(wanted)
    try:
        found = list(chain.from_iterable(keys_in(store, "scan", name, ("name",))))
    except Exception as error:
        if code_of(error) == NOT_FOUND:
            return
        raise
    delete_items(store, name, [item for item in found if item["name"]["S"] in names])
