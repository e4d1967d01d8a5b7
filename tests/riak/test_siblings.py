"""Siblings of allow_mult: resolvers, and agreement of concurrent writers."""

import json
import os
import threading
import time

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models import F

from nonrel_backend.kv import retrying
from nonrel_backend.riak import changing
from nonrel_backend.riak import versions as versions_of
from nonrel_backend.riak.client.client import content
from nonrel_backend.testing.conformance.threads import together

from .conftest import create_tables
from .test_backend import counter, counters

UNION = "nonrel_backend.riak.resolving.union"


@pytest.fixture
def mult(open_database):
    store = open_database(bucket_type="mult")
    create_tables(store)
    return store


def versions(store, table, key):
    """Return the live versions of an object in the store."""
    reply = store.db_connection.get(store.bucket(table), str(key), type=b"mult")
    return [each for each in reply.content if not each.deleted]


def put_beside(store, table, row, **options):
    """Write as another client does that has not read the object."""
    bucket, key = store.bucket(table), str(row["id"])
    value = json.dumps(row).encode()
    store.db_connection.put(bucket, key, content(value), type=b"mult", **options)


# --- resolving ---


def test_a_resolved_row_is_written_back_with_the_context_of_all(mult):
    row = counter("c", 1)
    for value in (2, 3):
        put_beside(mult, "library_counter", {"id": row.pk, "name": "c", "value": value})
    assert counters().get().value == 3
    (left,) = versions(mult, "library_counter", row.pk)
    assert json.loads(left.value)["value"] == 3
    # It has its index entries, and no other row's.
    table = mult.catalog.table("library_counter")
    resolved = {"id": row.pk, "name": "c", "value": 3}
    expected = table.terms(table.entries_of(resolved))
    assert {(pair.key, pair.value) for pair in left.indexes} == set(expected)
    assert counters().filter(name="c").count() == 1


def test_every_kind_of_read_resolves(mult):
    for read in (
        lambda: counters().get(name="c").value,
        lambda: counters().filter(value__gte=0)[0].value,
        lambda: next(iter(counters().all())).value,
        lambda: counters().in_bulk([7])[7].value,
    ):
        counters()._raw_delete("own")
        counters().create(pk=7, name="c", value=1)
        put_beside(mult, "library_counter", {"id": 7, "name": "c", "value": 9})
        assert read() == 9


def test_union_keeps_the_members_of_lists_and_sets(open_database, databases):
    from tests.documents.models import City

    table = City._meta.db_table
    store = open_database(bucket_type="mult", resolvers={table: UNION})
    with store.schema_editor() as editor:
        editor.create_model(City)
    manager = City.objects.using("own")
    city = manager.create(name="a", tags=["x"], kinds={"k"})
    (known,) = versions(store, table, city.pk)
    row = json.loads(known.value)
    assert (row["tags"], row["kinds"]) == (["x"], ["k"])
    put_beside(store, table, {**row, "tags": ["x", "y"], "kinds": ["l"]})
    found = manager.get()
    assert sorted(found.tags) == ["x", "y"] and found.kinds == {"k", "l"}
    (left,) = versions(store, table, city.pk)
    assert json.loads(left.value)["kinds"] == ["l", "k"]


def test_a_resolver_that_raises_is_not_hidden(open_database):
    store = open_database(bucket_type="mult", resolvers={"library_counter": broken})
    create_tables(store)
    row = counter("c", 1)
    put_beside(store, "library_counter", {"id": row.pk, "name": "c", "value": 2})
    with pytest.raises(ZeroDivisionError):
        counters().get()


def broken(versions):
    raise ZeroDivisionError


# --- writers that meet ---


def test_save_of_a_row_read_before_wins(mult):
    row = counter("c", 1)
    mine, other = counters().get(), counters().get()
    other.value = 5
    other.save()
    mine.value = 9
    mine.save()
    assert counters().get().value == 9
    assert len(versions(mult, "library_counter", row.pk)) == 1


def test_threads_that_save_add_and_read_lose_no_addition(mult):
    row = counter("c")
    stop = threading.Event()

    def read():
        while not stop.is_set():
            assert len(counters().all()) == 1

    reader = threading.Thread(target=read)
    reader.start()

    def add():
        for _ in range(10):
            assert counters().filter(name="c").update(value=F("value") + 1) == 1

    try:
        assert together(add, 4, "own") == []
    finally:
        stop.set()
        reader.join()
    row.refresh_from_db()
    assert row.value == 40
    assert len(versions(mult, "library_counter", row.pk)) == 1


def test_an_addition_counts_even_if_both_pass_the_condition(server, mult, processes):
    row = counter("c", 10)

    def meet(request):
        if type(request).__name__ == "RpbPutReq" and request.if_not_modified:
            # As where Riak's check, a read before the write, lets both through.
            server.before = None
            counters().filter(pk=row.pk).update(value=F("value") + 1)
            request.ClearField("if_not_modified")

    server.before = meet
    counters().filter(pk=row.pk).update(value=F("value") + 1)
    assert counters().get().value == 12
    assert len(versions(mult, "library_counter", row.pk)) == 1


def test_an_update_that_always_conflicts_is_an_operational_error(
    server, mult, monkeypatch, processes
):
    monkeypatch.setattr(retrying, "ATTEMPTS", 5)
    monkeypatch.setattr(changing, "ATTEMPTS", 5)
    row = counter("c")

    def other(request):
        if type(request).__name__ == "RpbPutReq" and request.if_not_modified:
            server.before = None
            counters().filter(pk=row.pk).update(value=F("value") + 1)
            server.before = other

    server.before = other
    for work in (
        lambda: counters().filter(pk=row.pk).update(value=F("value") + 1),
        lambda: counters().filter(pk=row.pk).update(value=0),
    ):
        with pytest.raises(OperationalError, match="changed by others"):
            work()


def test_many_writers_of_one_row_lose_no_addition(server, mult, processes):
    row = counter("c")
    server.answers.pause = 0.005

    def add():
        for _ in range(10):
            assert counters().filter(pk=row.pk).update(value=F("value") + 1) == 1

    assert together(add, 6, "own") == []
    assert counters().get().value == 60


def put_and_crash(store, row):
    """Put a version as a writer does that has not seen the others and crashes then."""
    crashed = content(b'{"id":%d,"name":"c","value":7}' % row.pk)
    writes = versions_of.Writes(1, (versions_of.made_id(),))
    crashed.usermeta.add(key=versions_of.NAME, value=str(writes).encode())
    bucket = store.bucket("library_counter")
    store.db_connection.put(bucket, str(row.pk), crashed, type=b"mult")


def test_readers_wait_for_a_writer_that_crashed_after_seeing_others(mult, monkeypatch):
    monkeypatch.setattr(versions_of, "PATIENCE", 0.5)
    row = counter("c")
    assert counters().filter(pk=row.pk).update(value=F("value") + 1) == 1
    (known,) = versions(mult, "library_counter", row.pk)
    (base,) = versions_of.writes_of(known).last
    put_and_crash(mult, row)
    started = time.monotonic()
    assert counters().filter(pk=row.pk).update(value=F("value") + 1) == 1
    assert time.monotonic() - started > 0.3
    (left,) = versions(mult, "library_counter", row.pk)
    assert base in versions_of.writes_of(left).last
    assert counters().get().value == 2


def test_a_slow_writer_that_resolves_siblings_does_not_replace_newer_writes(
    server, mult, processes, monkeypatch
):
    monkeypatch.setattr(versions_of, "PATIENCE", 0)
    row = counter("c")
    add = counters().filter(pk=row.pk).update
    assert add(value=F("value") + 1) == 1
    put_and_crash(mult, row)

    def overtake(request):
        if type(request).__name__ == "RpbPutReq":
            # Others resolve the same siblings, and write, before this one does.
            server.before = None
            for _ in range(3):
                assert add(value=F("value") + 1) == 1

    server.before = overtake
    assert add(value=F("value") + 1) == 1
    assert counters().get().value == 5
    assert len(versions(mult, "library_counter", row.pk)) == 1


def test_notes_of_a_deleted_row_are_cleared(mult):
    row = counter("c")
    client, bucket = mult.db_connection, mult.bucket("library_counter")
    key = str(row.pk).encode()
    note = mult.objects("library_counter").note_request(key, ["agDOmlFb3dc"])
    client.tell(note)
    assert counters().get(name="c").pk == row.pk
    assert [each.pk for each in counters().all()] == [row.pk]
    assert counters()._raw_delete("own") == 1
    client.tell(note)
    assert mult.check_store() == []
    assert counters().count() == 0 and not counters().filter(pk=row.pk).exists()
    assert not client.get(bucket, key, type=b"mult").content
    assert counters().create(pk=row.pk, name="d") in counters().all()


@pytest.mark.parametrize("unique_type", ["mult1", "sc"])
def test_concurrent_get_or_create_makes_one_row(open_database, unique_type):
    from tests.library.models import Counter

    strong = "strong" if unique_type == "sc" else "markers"
    options = {"bucket_type": "mult", "unique_type": unique_type, "unique": strong}
    create_tables(open_database(**options))
    made = []

    def work():
        row, created = Counter.objects.using("own").get_or_create(name="one")
        made.append((row.pk, created))

    assert together(work, 8, "own") == []
    assert len({key for key, _ in made}) == 1
    assert [created for _, created in made].count(True) == 1


# --- what is deleted ---


@pytest.mark.parametrize("bucket_type", ["", "mult"])
def test_an_update_does_not_restore_a_deleted_row(server, open_database, bucket_type):
    create_tables(open_database(bucket_type=bucket_type))
    counters().create(pk=7, name="c")

    def delete(request):
        if type(request).__name__ == "RpbPutReq":
            server.before = None
            counters()._raw_delete("own")

    for work in (
        lambda: counters().filter(pk=7).update(value=F("value") + 1),
        lambda: counters().filter(pk=7).update(value=5),
    ):
        server.before = delete
        work()
        assert counters().count() == 0 == len(counters().all())
        assert not counters().filter(name="c").exists()
        counters().create(pk=7, name="c")


def test_a_tombstone_beside_a_row_is_ignored(mult):
    row = counter("c", 1)
    client, bucket = mult.db_connection, mult.bucket("library_counter")
    before = client.get(bucket, str(row.pk), type=b"mult").vclock
    counters().filter(pk=row.pk).update(value=2)
    client.delete(bucket, str(row.pk), vclock=before, type=b"mult")
    assert [each.value for each in counters().all()] == [2]
    counters()._raw_delete("own")
    assert counters().count() == 0 == len(counters().all())
    counters().create(pk=row.pk, name="c", value=3)
    assert [each.value for each in counters().filter(name="c")] == [3]
    assert mult.check_store() == []


def test_a_deleted_row_does_not_return_when_its_key_is_reused(mult):
    for value in range(3):
        counters().create(pk=7, name=f"n{value}", value=value)
        assert [each.value for each in counters().all()] == [value]
        assert counters()._raw_delete("own") == 1
    for name in ("n0", "n1", "n2"):
        assert not counters().filter(name=name).exists()
    assert counters().count() == 0 == len(counters().all())


# --- processes ---


def test_a_forked_child_has_its_own_connections(mult):
    row = counter("c")
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            for _ in range(20):
                counters().filter(pk=row.pk).update(value=F("value") + 1)
            os.write(write, b"ok")
        finally:
            os._exit(0)
    for _ in range(20):
        counters().filter(pk=row.pk).update(value=F("value") + 1)
    assert os.waitpid(child, 0)[1] == 0
    os.close(write)
    assert os.read(read, 10) == b"ok"
    assert counters().get().value == 40


def test_parent_and_child_make_different_keys(mult):
    counter("before")
    child = os.fork()
    if not child:
        try:
            for number in range(50):
                counter(f"child {number}")
        finally:
            os._exit(0)
    for number in range(50):
        counter(f"parent {number}")
    os.waitpid(child, 0)
    assert counters().count() == 101


def test_on_commit_runs_at_the_end_of_atomic(mult):
    done = []
    with transaction.atomic("own"):
        transaction.on_commit(lambda: done.append(1), using="own")
        counter("c")
        assert done == []
    assert done == [1] and connections["own"].get_autocommit()
