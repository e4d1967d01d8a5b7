"""Unique values on Riak: each is claimed before its row is written."""

import json
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, OperationalError, connections, models

from nonrel_backend.kv.claims import Claims, parts_of
from nonrel_backend.riak.client import Refused
from nonrel_backend.riak.client.client import content
from nonrel_backend.testing.riak.server import Dropped

from .conftest import create_tables, sent
from .test_backend import books, counter, counters


def claims(store):
    """Return {(table, index): the row named} of all claims."""
    return {
        parts_of(each.key): json.loads(each.object.content[0].value)["key"]
        for each in store.db_connection.fold(
            store.bucket("nonrel_unique"), 10, **store.claims().options
        )
        if not each.object.content[0].deleted
    }


@contextmanager
def losing_rows(server):
    """Let the block's claims be stored, and its first row end the connection."""

    def lose(request):
        if type(request).__name__ == "RpbPutReq" and b"counter" in request.bucket:
            raise Dropped

    server.before = lose
    with pytest.raises(OperationalError, match="Riak"):
        yield
    server.before = None


def test_a_row_has_a_claim_for_each_unique_value(store):
    row = counter("x")
    ((key, holder),) = claims(store).items()
    assert key[0] == "library_counter" and holder == str(row.pk)
    row.delete()
    assert claims(store) == {}


def test_a_batch_with_a_taken_value_stores_nothing(store):
    manager = counters()
    counter("x")
    made = [manager.model(name=name) for name in ("a", "b", "x", "c")]
    with pytest.raises(IntegrityError, match="library_counter.name"):
        manager.bulk_create(made)
    assert [row.name for row in manager.all()] == ["x"]
    manager.bulk_create([manager.model(name=name) for name in ("a", "b", "c")])
    assert manager.count() == 4 and store.check_store() == []


def test_a_value_without_a_claim_is_taken_too(store):
    counter("x")
    bucket = store.bucket("nonrel_unique")
    for key in list(store.db_connection.keys(bucket)):
        store.db_connection.delete(bucket, key)
    with pytest.raises(IntegrityError):
        counter("x")
    assert claims(store) == {}


def test_values_are_compared_with_rows_whose_entries_are_of_an_older_version(store):
    row = counter("x")
    bucket, key = store.bucket("library_counter"), str(row.pk)
    found = store.db_connection.get(bucket, key)
    del found.content[0].indexes[:]
    store.db_connection.put(bucket, key, found.content[0], vclock=found.vclock)
    claim = next(iter(store.db_connection.keys(store.bucket("nonrel_unique"))))
    store.db_connection.delete(store.bucket("nonrel_unique"), claim)
    entry = store.catalog.copy("library_counter")
    del entry["entries"]
    store.catalog.save("library_counter", entry)
    with pytest.raises(IntegrityError):
        counter("x")
    other = counter("y")
    with pytest.raises(IntegrityError):
        counters().filter(pk=other.pk).update(name="x")
    assert store.check_store(fix=True) != [] and store.check_store() == []
    assert len(claims(store)) == 1 and counters().count() == 2
    with pytest.raises(IntegrityError):
        counter("x")


def test_a_value_is_claimed_while_its_index_is_built(server, store):
    from tests.library.models import Book

    manager = books(600)
    index = models.UniqueConstraint(fields=["pages"], name="each_pages")
    refused = []

    def insert(request):
        if type(request).__name__ == "RpbPutReq" and request.bucket.endswith(b"_book"):
            server.before = None
            for pages in (7, 10_000):
                try:
                    manager.create(
                        title="t", author=manager.first().author, pages=pages
                    )
                except IntegrityError:
                    refused.append(pages)

    server.before = insert
    with store.schema_editor() as editor:
        editor.add_constraint(Book, index)
    assert refused == [7]
    assert manager.count() == 601 and store.check_store() == []


def test_a_claim_is_left_over_by_a_lost_answer_and_taken_over(
    server, store, monkeypatch
):
    monkeypatch.setattr("nonrel_backend.kv.claims.GRACE", 0.1)

    with losing_rows(server):
        counter("x")
    assert len(claims(store)) == 1
    counter("x")
    assert store.check_store() == []


def test_claims_that_are_left_over_are_waited_for_at_once(server, store, monkeypatch):
    monkeypatch.setattr("nonrel_backend.kv.claims.GRACE", 0.5)
    names = ["a", "b", "c", "d"]

    with losing_rows(server):
        counters().bulk_create([counters().model(name=name) for name in names])
    assert len(holders(store)) == 4
    begun = time.monotonic()
    counters().bulk_create([counters().model(name=name) for name in names])
    assert time.monotonic() - begun < 1.5
    assert store.check_store() == []


def test_claims_are_kept_while_their_writer_waits_for_others(
    server, store, monkeypatch
):
    """A writer waits for a left claim, then for its rows; another wants its claim."""
    monkeypatch.setattr("nonrel_backend.kv.claims.GRACE", 8.0)

    with losing_rows(server):
        counter("left")
    claim = Claims.claim

    def slow_after_waiting(self, changes):
        claimed = claim(self, changes)
        if len(changes) == 2:
            time.sleep(3)
        return claimed

    monkeypatch.setattr(Claims, "claim", slow_after_waiting)
    errors = []

    def create_both():
        try:
            counters().bulk_create([counters().model(name=n) for n in ("left", "own")])
        except IntegrityError as error:
            errors.append(error)
        finally:
            connections.close_all()

    writer = threading.Thread(target=create_both)
    writer.start()
    while len(holders(store)) < 2:
        time.sleep(0.01)
    with pytest.raises(IntegrityError):
        counter("own")
    writer.join()
    assert errors == []
    assert sorted(counters().values_list("name", flat=True)) == ["left", "own"]
    assert store.check_store() == []


def test_an_update_of_other_columns_makes_no_request_for_claims(server, store):
    row = counter("x")
    requests = sent(server, lambda: counters().filter(pk=row.pk).update(value=5))
    assert requests["RpbPutReq"] == 1 and "RpbDelReq" not in requests


def test_a_row_that_another_client_put_under_a_claim_keeps_it(store):
    row = counter("x")
    bucket, key = store.bucket("library_counter"), str(row.pk)
    found = store.db_connection.get(bucket, key)
    changed = content(found.content[0].value.replace(b'"x"', b'"z"'))
    store.db_connection.put(bucket, key, changed, vclock=found.vclock)
    problems = "\n".join(store.check_store(fix=True))
    assert "does not have the index entries" in problems
    assert "does not have the claim" in problems
    assert store.check_store() == []
    with pytest.raises(IntegrityError):
        counter("z")
    assert counter("x").pk


def test_rows_keep_their_claims_if_values_cannot_move(store):
    """One value moves from row to row; the other one only its claim says is taken."""
    first, second, taken = counter("x"), counter("y"), counter("z")
    bucket, key = store.bucket("library_counter"), str(taken.pk)
    found = store.db_connection.get(bucket, key)
    del found.content[0].indexes[:]
    store.db_connection.put(bucket, key, found.content[0], vclock=found.vclock)
    first.name, second.name = "y", "z"
    with pytest.raises(IntegrityError):
        counters().bulk_update([first, second], ["name"])
    assert holders(store) == {"x": first.pk, "y": second.pk, "z": taken.pk}
    first.name, second.name = "y", "x"
    assert counters().bulk_update([first, second], ["name"]) == 2
    assert holders(store) == {"y": first.pk, "x": second.pk, "z": taken.pk}


# --- writes whose outcome is unknown ---


def holders(store):
    """Return {first letter of a counter's name: the row that its claim names}."""
    return {
        json.loads(each.key)[2].strip("\x00\x01\x02")[0]: int(
            json.loads(each.object.content[0].value)["key"]
        )
        for each in store.db_connection.fold(
            store.bucket("nonrel_unique"), 10, **store.claims().options
        )
        if not each.object.content[0].deleted
    }


@pytest.fixture(params=["", "mult"])
def timing_out(request, server, open_database, monkeypatch):
    """Return a function that runs a write which is carried out and answered "timeout".

    It returns what nonrel_check says of rows that lack their claims.
    """
    monkeypatch.setattr("nonrel_backend.kv.claims.GRACE", 0.1)
    store = open_database(bucket_type=request.param, unique_type=request.param)
    create_tables(store)

    def run(work, kind="RpbPutReq", table=b"counter"):
        def refuse(request):
            if type(request).__name__ == kind and table in request.bucket:
                raise Refused("timeout")

        server.after = refuse
        with pytest.raises(OperationalError, match="carried out is unknown"):
            work()
        server.after = None
        return [each for each in store.check_store() if "does not have" in each]

    return run


def test_a_create_whose_outcome_is_unknown_keeps_its_claim(timing_out):
    assert timing_out(lambda: counter("x")) == []
    assert counters().get().name == "x"
    with pytest.raises(IntegrityError):
        counter("x")
    assert connections["own"].check_store() == []


def test_a_bulk_create_whose_outcome_is_unknown_keeps_its_claims(timing_out):
    made = [counters().model(name=name) for name in "abc"]
    assert timing_out(lambda: counters().bulk_create(made)) == []
    assert counters().count() == 3
    for name in "abc":
        with pytest.raises(IntegrityError):
            counter(name)


@pytest.mark.parametrize("way", ["save", "update", "bulk_update", "update_or_create"])
def test_an_update_whose_outcome_is_unknown_keeps_both_claims(timing_out, way):
    row = counter("x")
    row.name = "y"
    update = {
        "save": row.save,
        "update": lambda: counters().filter(pk=row.pk).update(name="y"),
        "bulk_update": lambda: counters().bulk_update([row], ["name"]),
        "update_or_create": lambda: counters().update_or_create(
            {"name": "y"}, pk=row.pk
        ),
    }[way]
    assert timing_out(update) == []
    assert counters().get().name == "y"
    with pytest.raises(IntegrityError):
        counter("y")
    assert holders(connections["own"]) == {"x": row.pk, "y": row.pk}


def test_a_conditional_update_whose_outcome_is_unknown_keeps_both_claims(timing_out):
    row = counter("x", 1)
    rows = counters().filter(pk=row.pk, value=1)
    assert timing_out(lambda: rows.update(name="y", value=2)) == []
    assert counters().get().name == "y"
    assert holders(connections["own"]) == {"x": row.pk, "y": row.pk}


def test_a_delete_whose_outcome_is_unknown_keeps_its_claim(timing_out):
    row = counter("x")
    assert timing_out(row.delete, "RpbDelReq") == []
    assert counters().count() == 0 and len(claims(connections["own"])) == 1
    counter("x")


def test_a_claim_whose_outcome_is_unknown_stores_no_row(timing_out):
    assert timing_out(lambda: counter("x"), table=b"nonrel_unique") == []
    assert counters().count() == 0 and len(claims(connections["own"])) == 1
    counter("x")
    assert connections["own"].check_store() == []
