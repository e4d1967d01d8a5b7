"""Consumed capacity is counted by connection, block and table."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.dynamodb import capacity
from nonrel_backend.dynamodb.capacity import Consumed, measure_capacity


def test_reads_and_writes_are_counted(client, table):
    item = {"h": {"S": "a"}}
    client.call("put_item", TableName=table, Item=item)
    before = client.consumed.snapshot()
    key = {"TableName": table, "Key": {"h": {"S": "a"}}}
    client.call("get_item", ConsistentRead=True, **key)
    client.call("get_item", **key)
    found = client.consumed.since(before)
    assert (found.read, found.written, found.requests) == (1.5, 0.0, 2)
    assert client.consumed.tables == {table: [1.5, 1.0]}
    assert found.tables == {table: [1.5, 0.0]}
    assert str(found) == "1.5 units read and 0 written in 2 requests"


def test_each_table_of_a_transaction_is_counted(client, table):
    put = {"Put": {"TableName": table, "Item": {"h": {"S": "a"}}}}
    client.call("transact_write_items", TransactItems=[put])
    # A transaction writes twice.
    assert client.consumed.tables == {table: [0.0, 2.0]}
    assert client.consumed.total == 2.0


def test_a_transaction_that_is_repeated_reads():
    consumed = Consumed()
    repeated = {"TableName": "books", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    consumed.add("transact_write_items", [repeated])
    assert (consumed.read, consumed.written) == (2.0, 0.0)


def test_requests_that_consume_nothing_are_requests(client):
    client.call("list_tables")
    assert client.consumed.requests == 1
    assert client.consumed.total == 0.0


def test_each_request_is_logged(caplog):
    with caplog.at_level(logging.DEBUG, "nonrel_backend.dynamodb.capacity"):
        Consumed().add("query", {"TableName": "books", "CapacityUnits": 1.5})
    assert caplog.messages == ["query of books: 1.5 units"]


def test_a_block_is_measured_and_so_is_one_within_it(monkeypatch):
    consumed = Consumed()
    known = {"default": SimpleNamespace(consumed=consumed)}
    monkeypatch.setattr(capacity, "connections", known)
    one = {"TableName": "books", "CapacityUnits": 1.0}
    with measure_capacity() as outer:
        consumed.add("query", one)
        with measure_capacity() as inner:
            consumed.add("put_item", one)
        assert (inner.read, inner.written) == (0.0, 1.0)
    consumed.add("query", one)
    assert (outer.read, outer.written) == (1.0, 1.0)
    assert (consumed.read, consumed.written) == (2.0, 1.0)


def test_other_databases_have_no_capacity(monkeypatch):
    monkeypatch.setattr(capacity, "connections", {"old": SimpleNamespace()})
    with (
        pytest.raises(ImproperlyConfigured, match="'old' is another database"),
        measure_capacity("old"),
    ):
        pass


def test_threads_add_to_what_was_consumed():
    consumed = Consumed()

    def add(thread):
        for number in range(200):
            part = {"TableName": f"{thread}.{number}", "CapacityUnits": 0.5}
            consumed.add("query", part)
            consumed.since(consumed.snapshot())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert (consumed.requests, consumed.read) == (800, 400.0)
