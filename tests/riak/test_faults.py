"""Faults, on three stand-ins: dead, slow and unreachable nodes, killed writers."""

import os
import signal
import threading
import time

import pytest
from django.db import IntegrityError, OperationalError, connections
from django.db.models import F

from nonrel_backend.kv import claims
from nonrel_backend.rest.riakstore import RiakStore
from nonrel_backend.riak import versions
from nonrel_backend.riak.client import Client, Pool, Refused
from nonrel_backend.testing.conformance.threads import together
from nonrel_backend.testing.riak.cluster import StandInCluster
from nonrel_backend.testing.riak.server import Dropped

from .conftest import create_tables
from .test_backend import author, books, counter, counters


@pytest.fixture
def cluster():
    with StandInCluster() as cluster:
        yield cluster


@pytest.fixture
def on_cluster(cluster, open_database):
    """Return a function that opens database "own" on three nodes, with its tables."""

    def opened(**options):
        create_tables(open_database(host=cluster.host, **options))
        return open_database(host=cluster.host, **options)

    return opened


def on_node(cluster, open_database, number, **options):
    """Return the same database as a client of one node sees it."""
    return open_database(host=f"127.0.0.1:{cluster.nodes[number].port}", **options)


def each_node(cluster, hook):
    for node in cluster.nodes:
        node.before = hook


def name_of(request):
    return type(request).__name__


# --- nodes that die ---


@pytest.mark.parametrize("bucket_type", ["", "mult"])
def test_a_node_that_dies_during_writes_loses_nothing_acknowledged(
    cluster, on_cluster, bucket_type
):
    on_cluster(bucket_type=bucket_type)
    acknowledged, failed = [], []

    def die(request):
        if name_of(request) == "RpbPutReq" and len(acknowledged) >= 5:
            cluster.nodes[1].after = None
            cluster.nodes[1].close()
            raise Dropped

    cluster.nodes[1].after = die
    for number in range(40):
        try:
            acknowledged.append(author(name=f"n{number}").pk)
        except OperationalError as error:
            assert "closed the connection" in str(error)
            failed.append(number)
    assert len(failed) == 1 and len(acknowledged) == 39
    from tests.library.models import Author

    found = list(Author.objects.using("own").values_list("pk", flat=True))
    assert len(found) == len(set(found)) and set(found) >= set(acknowledged)


def test_a_node_that_dies_in_a_pipeline_of_writes_loses_nothing(cluster, on_cluster):
    on_cluster()
    manager = books(300)
    count = 0

    def die(request):
        nonlocal count
        count += name_of(request) == "RpbPutReq"
        if count == 150:
            for node in cluster.nodes[:2]:
                node.before = None
            raise Dropped

    each_node(cluster, die)
    with pytest.raises(OperationalError):
        manager.update(rating=5.0)
    each_node(cluster, None)
    # What was written is there, no row is doubled, and the update can be run again.
    assert manager.count() == 300 == len(manager.all())
    assert manager.filter(rating=5.0).count() == 149
    assert manager.update(rating=5.0) == 300 == manager.filter(rating=5.0).count()


def test_a_node_that_dies_during_a_fold_returns_each_row_once(cluster, on_cluster):
    on_cluster()
    manager = books(1_700)
    for number in range(2):
        folds = 0

        def die(request, number=number):
            nonlocal folds
            folds += name_of(request) == "RpbCSBucketReq"
            if folds == 2:
                cluster.nodes[number].close()
                raise Dropped

        each_node(cluster, die)
        keys = list(manager.values_list("pk", flat=True))
        each_node(cluster, None)
        assert len(keys) == 1_700 == len(set(keys))


def test_the_error_is_clear_if_all_nodes_are_dead(cluster, on_cluster):
    on_cluster()
    for node in cluster.nodes:
        node.close()
    with pytest.raises(OperationalError, match="127.0.0.1"):
        counters().count()


# --- nodes that are slow, or answer with errors ---


def test_a_read_moves_from_a_slow_node_to_another(cluster, on_cluster, open_database):
    on_cluster()
    row = counter()
    open_database(host=cluster.host, timeout=0.5)
    cluster.nodes[0].before = lambda request: time.sleep(10)
    started = time.monotonic()
    assert [counters().get(pk=row.pk).value for _ in range(6)] == [0] * 6
    assert time.monotonic() - started < 9


def test_a_write_to_a_slow_node_is_a_clear_error_and_not_repeated(
    cluster, on_cluster, open_database
):
    on_cluster()
    row = counter()
    open_database(host=cluster.host, timeout=1)
    for node in cluster.nodes:
        node.requests.clear()
    carried_out = threading.Event()

    def slow(request):
        if name_of(request) == "RpbPutReq":
            time.sleep(2)

    def done(request):
        if name_of(request) == "RpbPutReq":
            carried_out.set()

    each_node(cluster, slow)
    for node in cluster.nodes:
        node.after = done
    with pytest.raises(OperationalError, match="timed out"):
        counters().filter(pk=row.pk).update(value=F("value") + 1)
    each_node(cluster, None)
    assert carried_out.wait(10)
    assert sum(node.requests["RpbPutReq"] for node in cluster.nodes) == 1
    assert counters().get().value == 1


def test_a_request_moves_from_an_overloaded_node_to_another(cluster, on_cluster):
    on_cluster()
    row = counter()

    def overload(request):
        raise Refused("overload")

    cluster.nodes[2].before = overload
    assert [counters().get(pk=row.pk).value for _ in range(6)] == [0] * 6


# --- nodes that are cut off ---


def test_a_node_that_is_cut_off_reads_its_own_copy(cluster, on_cluster, open_database):
    on_cluster()
    row = counter(value=1)
    cluster.cut_off(2)
    on_node(cluster, open_database, 0)
    counters().filter(pk=row.pk).update(value=2)
    on_node(cluster, open_database, 2)
    assert counters().get().value == 1
    assert counters().filter(value=2).count() == 0
    cluster.heal()
    assert counters().get().value == 2


def test_versions_of_both_sides_are_resolved_after_a_partition(
    cluster, on_cluster, open_database, monkeypatch
):
    monkeypatch.setattr(versions, "PATIENCE", 0)
    options = {"bucket_type": "mult", "resolvers": {"library_counter": largest}}
    on_cluster(**options)
    row = counter(value=1)
    cluster.cut_off(2)
    on_node(cluster, open_database, 0, **options)
    counters().filter(pk=row.pk).update(value=9)
    on_node(cluster, open_database, 2, **options)
    counters().filter(pk=row.pk).update(value=5)
    cluster.heal()
    for number in range(3):
        store = on_node(cluster, open_database, number, **options)
        assert [each.value for each in counters().all()] == [9]
    reply = store.db_connection.get(
        store.bucket("library_counter"), str(row.pk), type=b"mult"
    )
    assert len(reply.content) == 1


def largest(found):
    return max((row for row, _ in found), key=lambda row: row["value"])


def test_a_row_deleted_on_one_side_and_changed_on_the_other_stays(
    cluster, on_cluster, open_database
):
    options = {"bucket_type": "mult"}
    on_cluster(**options)
    kept, gone = counter("kept", 1), counter("gone", 1)
    cluster.cut_off(2)
    on_node(cluster, open_database, 0, **options)
    counters()._raw_delete("own")
    assert counters().count() == 0
    on_node(cluster, open_database, 2, **options)
    counters().filter(pk=kept.pk).update(value=5)
    cluster.heal()
    for number in range(3):
        on_node(cluster, open_database, number, **options)
        assert [(each.pk, each.value) for each in counters().all()] == [(kept.pk, 5)]
        assert not counters().filter(pk=gone.pk).exists()
        assert counters().filter(name="kept").count() == 1


def test_a_row_made_anew_replaces_the_copy_of_a_node_that_missed_its_deletion(
    cluster, on_cluster, open_database
):
    on_cluster()
    counters().create(pk=7, name="old")
    cluster.cut_off(2)
    on_node(cluster, open_database, 0)
    counters()._raw_delete("own")
    for replica in cluster.replicas[:2]:
        replica.objects.reap(float("inf"))
    counters().create(pk=7, name="new")
    cluster.heal()
    for number in range(3):
        on_node(cluster, open_database, number)
        assert counters().get(pk=7).name == "new"


def test_both_sides_of_a_partition_make_different_keys(
    cluster, on_cluster, open_database
):
    on_cluster()
    cluster.cut_off(2)
    for number in (0, 2):
        on_node(cluster, open_database, number)
        for _ in range(10):
            author()
    cluster.heal()
    from tests.library.models import Author

    assert Author.objects.using("own").count() == 20


# --- rows that only some replicas have, after a crash ---


def leave_on_one_node(cluster, bucket, key, type=b""):
    """Remove an object from all nodes but the last, as a crash may leave it."""
    for replica in cluster.replicas[:-1]:
        replica.objects.remove(replica.objects.bucket(type, bucket), key)


@pytest.fixture
def on_one_replica(cluster, on_cluster, open_database, monkeypatch):
    """Return the database as a node sees it that lacks a row, and the row: "x"."""
    monkeypatch.setattr(claims, "GRACE", 0.1)
    on_cluster()
    row = counter("x")
    store = on_node(cluster, open_database, 0)
    leave_on_one_node(cluster, store.bucket("library_counter"), str(row.pk).encode())
    return store, row


def test_nonrel_check_keeps_the_claim_of_a_row_on_one_replica(on_one_replica):
    store, row = on_one_replica
    assert counters().count() == 0 and not counters().filter(name="x").exists()
    assert store.check_store(fix=True) == []
    # Looking for it on all replicas has repaired the row.
    assert counters().get(pk=row.pk).name == "x"
    with pytest.raises(IntegrityError):
        counter("x")


def test_nonrel_check_releases_no_claim_while_a_replica_is_away(
    cluster, on_one_replica
):
    store, _ = on_one_replica
    cluster.cut_off(2)
    (problem,) = store.check_store(fix=True)
    assert "a replica does not answer" in problem and "all nodes are up" in problem
    cluster.heal()
    assert store.check_store(fix=True) == [] and counters().count() == 1


def test_nonrel_check_looks_twice_for_the_row_of_a_claim(
    cluster, on_cluster, open_database, monkeypatch
):
    monkeypatch.setattr(claims, "GRACE", 0.5)
    on_cluster()
    row = counter("x")
    store = on_node(cluster, open_database, 0)
    bucket, key = store.bucket("library_counter"), str(row.pk).encode()
    kept = cluster.replicas[2].objects.bucket(b"", bucket).objects[key]
    for replica in cluster.replicas:
        replica.objects.remove(replica.objects.bucket(b"", bucket), key)

    def late():
        with cluster.lock:
            for replica in cluster.replicas:
                replica.objects.merge(
                    replica.objects.bucket(b"", bucket), key, kept, False
                )

    timer = threading.Timer(0.25, late)
    timer.start()
    assert store.check_store(fix=True) == []
    timer.join()
    assert counters().get(name="x").pk == row.pk


def test_nonrel_check_keeps_the_counter_of_a_row_on_one_replica(
    cluster, open_database, monkeypatch
):
    from .models import Page

    monkeypatch.setattr(claims, "GRACE", 0.1)
    options = {"counter_type": "cnt", "set_type": "sets"}
    store = open_database(host=cluster.host, **options)
    with store.schema_editor() as editor:
        editor.create_model(Page)
    page = Page.objects.using("own").create(name="a", visits=3)
    store = on_node(cluster, open_database, 0, **options)
    leave_on_one_node(cluster, store.bucket("riak_page"), str(page.pk).encode())
    assert store.check_store(fix=True) == []
    assert Page.objects.using("own").get(pk=page.pk).visits == 3


# --- writers ---


@pytest.mark.parametrize("bucket_type", ["", "mult"])
def test_two_writers_on_one_row_by_two_nodes(cluster, on_cluster, bucket_type):
    on_cluster(bucket_type=bucket_type)
    row = counter()

    def add():
        for _ in range(10):
            counters().filter(pk=row.pk).update(value=F("value") + 1)

    assert together(add, 4, "own") == []
    assert counters().get().value == 40


@pytest.fixture
def lagging(open_database, processes):
    """Return three nodes with tables, which replicate with delays."""
    with StandInCluster(lag=0.005) as cluster:
        options = {"host": cluster.host, "bucket_type": "mult", "unique_type": "mult"}
        create_tables(open_database(**options))
        open_database(**options)
        yield cluster


@pytest.mark.parametrize("many", [2, 4, 8])
def test_concurrent_writers_on_three_nodes_lose_no_addition(lagging, many):
    row = counter()

    def add():
        for _ in range(12):
            assert counters().filter(pk=row.pk).update(value=F("value") + 1) == 1

    assert together(add, many, "own") == []
    assert counters().get(pk=row.pk).value == 12 * many


def test_concurrent_writers_of_many_rows_lose_no_addition(lagging):
    from tests.library.models import Counter

    rows = [Counter(pk=number, name=str(number)) for number in range(1, 31)]
    counters().bulk_create(rows)

    def add():
        for _ in range(4):
            assert counters().filter(pk__lte=30).update(value=F("value") + 1) == 30

    assert together(add, 4, "own") == []
    found = counters().in_bulk(range(1, 31))
    assert [row.value for row in found.values()] == [16] * 30


def test_one_of_concurrent_writers_of_a_version_succeeds(lagging):
    """They use UPDATE ... WHERE, as optimistic locking does."""
    row = counter()
    won = []

    def work():
        for version in range(12):
            found = counters().filter(pk=row.pk, value=version)
            won.extend([version] * found.update(value=version + 1))
            while counters().get(pk=row.pk).value <= version:
                pass

    assert together(work, 4, "own") == []
    assert sorted(won) == list(range(12))


def test_one_of_concurrent_writers_gets_a_unique_value(lagging):
    made = []

    def work():
        for number in range(8):
            try:
                counter(f"n{number}")
            except IntegrityError:
                continue
            made.append(number)

    assert together(work, 4, "own") == []
    assert sorted(made) == list(range(8))


def test_one_of_concurrent_writers_of_a_document_succeeds(lagging):
    store = RiakStore(Client(Pool(lagging.host)), "documents", "mult")
    assert store.insert("x", {"n": 0}) == "x"
    won = []

    def work():
        for number in range(8):
            if store.replace("x", {"n": number + 1}, {"n": number}):
                won.append(number)
            while store.get("x")["n"] <= number:
                pass

    assert together(work, 3, "own") == []
    assert sorted(won) == list(range(8))
    assert store.delete("x") and store.get("x") is None and list(store.pairs()) == []


def test_one_of_concurrent_get_or_create_creates_the_row(cluster, on_cluster):
    from tests.library.models import Counter

    on_cluster(unique="strong", unique_type="sc")
    made = []

    def get_or_create():
        found, created = Counter.objects.using("own").get_or_create(name="one")
        made.append((found.pk, created))

    assert together(get_or_create, 6, "own") == []
    assert len({key for key, _ in made}) == 1
    assert [created for _, created in made].count(True) == 1
    assert counters().count() == 1


def test_a_writer_that_is_killed_between_claim_and_row(
    cluster, on_cluster, monkeypatch
):
    monkeypatch.setattr(claims, "GRACE", 0.5)
    on_cluster()
    counter("a")
    killed = threading.Event()
    child = os.fork()
    if not child:
        time.sleep(0.2)
        counter("b")
        os._exit(1)

    def kill(request):
        if name_of(request) == "RpbPutReq" and b"counter" in request.bucket:
            os.kill(child, signal.SIGKILL)
            killed.set()
            raise Dropped

    each_node(cluster, kill)
    assert killed.wait(10)
    each_node(cluster, None)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert [row.name for row in counters().all()] == ["a"]
    (problem,) = connections["own"].check_store()
    assert "belongs to no row" in problem
    counter("b")
    with pytest.raises(IntegrityError):
        counter("b")
    assert connections["own"].check_store() == []
