"""Flushing between tests: pipelines, on several connections, where rows are."""

import pytest
from django.core.management.color import no_style

from nonrel_backend.kv.claims import claim_key

from .conftest import create_tables, sent
from .test_backend import author, books, counter, counters
from .test_datatypes import TYPES
from .test_requests import waits  # noqa: F401 (a fixture)

TABLES = ["library_author", "library_book", "library_counter", "library_genre"]


def flush(store, tables=TABLES):
    statements = store.ops.sql_flush(no_style(), tables)
    store.ops.execute_sql_flush(statements)


def test_a_flush_waits_once_for_each_page_and_bucket(store, server, waits):  # noqa: F811
    books(300)
    counters().bulk_create(counters().model(name=f"n{n}") for n in range(200))
    store.catalog_cache.entries.clear()
    waits.clear()
    requests = sent(server, lambda: flush(store))
    # The catalog's entries; which tables have rows; a fold of each of these and of the
    # claims; a page of deletes for each 500, on four connections at a time.
    assert requests == {
        "RpbGetReq": 4,
        "RpbIndexReq": 4,
        "RpbCSBucketReq": 4,
        "RpbDelReq": 300 + 1 + 200 + 200,
    }
    assert len(waits) <= 2 + 4 + 4 * 3
    assert counters().count() == 0 and store.check_store() == []


def test_a_flush_of_empty_tables_deletes_nothing(store, server, waits):  # noqa: F811
    counter("x")
    flush(store)
    waits.clear()
    requests = sent(server, lambda: flush(store))
    assert requests == {"RpbIndexReq": 4, "RpbCSBucketReq": 1}
    assert len(waits) == 2


def test_a_flush_leaves_no_claim_of_a_row_that_was_never_written(store):
    counter("x")
    objects = store.claims()
    table = store.catalog.table("library_counter")
    (index,) = (each for each in table.indexes if each.unique)
    key = claim_key(table, (index, b"left", True))
    client = store.db_connection
    client.put(objects.table.bucket, key, objects.table.content({"key": "1"}))
    flush(store)
    assert [
        each.key
        for each in client.fold(objects.table.bucket, 10)
        if not each.object.content[0].deleted
    ] == []


def test_a_flush_keeps_other_tables_and_their_claims(store):
    counter("x")
    author(email="a@example.org")
    flush(store, ["library_author"])
    assert counters().count() == 1 and store.check_store() == []


@pytest.mark.parametrize("unique", ["markers", "strong"])
def test_a_flush_deletes_rows_with_siblings_and_their_claims(open_database, unique):
    unique_type = {"markers": "mult", "strong": "sc"}[unique]
    store = open_database(bucket_type="mult", unique=unique, unique_type=unique_type)
    create_tables(store)
    row = counter("x")
    table = store.catalog.table("library_counter")
    other = table.content({"id": row.pk, "name": "x", "value": 7})
    store.db_connection.put(table.bucket, str(row.pk), other, type=b"mult")
    flush(store)
    assert counters().count() == 0 and store.check_store() == []
    assert counter("x").pk


def test_a_flush_deletes_counters_and_sets(open_database):
    from .models import Page

    store = open_database(**TYPES)
    with store.schema_editor() as editor:
        editor.create_model(Page)
    page = Page.objects.using("own").create(name="a", visits=3, tags=["x"])
    flush(store, ["riak_page"])
    for column, type in (("visits", "cnt"), ("tags", "sets")):
        found = store.db_connection.fetch(
            store.bucket(f"riak_page.{column}"), str(page.pk), type
        )
        assert not found.HasField("value")
