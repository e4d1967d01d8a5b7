"""Every operation ends at its deadline, whatever has become of the server."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models import F, Sum
from django.db.transaction import TransactionManagementError
from django.db.utils import Error
from pymongo.errors import PyMongoError

from nonrel_backend.mongodb import keys, query
from nonrel_backend.mongodb.deadlines import DEFAULTS, TRANSIENT, defaults, retried
from nonrel_backend.rest.documents.stores.mongodb import MongoStore
from nonrel_backend.testing.services.mongodb import MongoServer
from nonrel_backend.transactions import TransactionConflict

from .faulty import ALIAS, connect, fail_commands, forget

# Seconds that an operation may take beyond its deadline, to roll back among others.
MORE = 2


def block(*steps: Callable[[Any], Any]) -> Callable[[Any], Iterator[None]]:
    """Return an operation: a block whose first steps run before the server stops."""

    def operation(counters: Any) -> Iterator[None]:
        with transaction.atomic(using=ALIAS):
            for step in steps[:-1]:
                step(counters)
            yield
            steps[-1](counters)

    return operation


def alone(step: Callable[[Any], Any]) -> Callable[[Any], Iterator[None]]:
    """Return an operation of one step."""

    def operation(counters: Any) -> Iterator[None]:
        step(counters)
        yield
        step(counters)

    return operation


def save(counters: Any) -> Iterator[None]:
    counter = counters.get(name="b")
    yield
    counter.name = "renamed"
    counter.save()


def iterate(counters: Any) -> Iterator[None]:
    rows = counters.iterator(chunk_size=10)
    next(rows)
    yield
    list(rows)


def savepoint(counters: Any) -> Iterator[None]:
    with transaction.atomic(using=ALIAS):
        counters.create(name="outer")
        with transaction.atomic(using=ALIAS):
            counters.create(name="inner")
            yield
            counters.create(name="inner too")


def rename_table(counters: Any) -> Iterator[None]:
    yield
    with connections[ALIAS].schema_editor() as editor:
        editor.alter_db_table(counters.model, "library_counter", "other")


def rest(counters: Any) -> Iterator[None]:
    connections[ALIAS].ensure_connection()
    store = MongoStore(connections[ALIAS].database["notes"])
    store.insert("a", {"text": "x"})
    yield
    with store.transaction():
        store.replace("a", {"text": "y"}, None)


def many(counters: Any) -> list[Any]:
    return [counters.model(name=uuid4().hex[:20]) for _ in range(200)]


def create(counters: Any) -> Any:
    return counters.create(name=uuid4().hex[:20])


OPERATIONS: dict[str, Callable[[Any], Iterator[None]]] = {
    "get": alone(lambda counters: counters.get(name="a")),
    "filter": alone(lambda counters: list(counters.filter(value__gt=3))),
    "ordered": alone(lambda counters: list(counters.order_by("-value")[:3])),
    "count": alone(lambda counters: counters.filter(value=0).count()),
    "aggregate": alone(lambda counters: counters.aggregate(total=Sum("value"))),
    "iterator": iterate,
    "save": save,
    "create": alone(create),
    "bulk_create": alone(lambda counters: counters.bulk_create(many(counters))),
    "update of one": alone(lambda counters: counters.filter(pk=1).update(name="a")),
    "update": alone(lambda counters: counters.update(value=F("value") + 1)),
    "bulk_update": alone(
        lambda counters: counters.bulk_update(counters.all()[:10], ["value"])
    ),
    "delete": alone(lambda counters: counters.filter(value=-1).delete()),
    "delete of one": alone(lambda counters: counters.filter(pk=-1).delete()),
    "get_or_create": alone(lambda counters: counters.get_or_create(name="new")),
    "first statement": block(create),
    "first read": block(lambda counters: counters.first()),
    "later statement": block(create, create),
    "later read": block(create, lambda counters: counters.first()),
    "commit": block(create, lambda counters: None),
    "lock": block(lambda counters: counters.select_for_update().get(name="a")),
    "savepoint": savepoint,
    "schema": rename_table,
    "REST": rest,
    **{f"keys in thread {number}": alone(create) for number in range(4)},
}


def times_of(counters: Any, fault: Callable[[], Any]) -> dict[str, tuple[float, Any]]:
    """Run all operations at once, each in a thread, with `fault()` in the middle.

    Return {name: (seconds that it took after the fault, its error)}.
    """
    ready = threading.Barrier(len(OPERATIONS) + 1)
    found: dict[str, tuple[float, Any]] = {}

    def run(name: str, operation: Callable[[Any], Iterator[None]]) -> None:
        error: Any = None
        begun = time.monotonic()
        try:
            steps = operation(counters)
            next(steps)
            ready.wait()
            ready.wait()
            # Not the time of the fault: on a busy machine threads wait for their turn.
            begun = time.monotonic()
            next(steps, None)
        except Exception as caught:
            error = caught
        finally:
            found[name] = time.monotonic() - begun, error
            connections[ALIAS].close()

    threads = [
        threading.Thread(target=run, args=each, daemon=True)
        for each in OPERATIONS.items()
    ]
    for thread in threads:
        thread.start()
    ready.wait(30)
    fault()
    ready.wait(30)
    for thread in threads:
        thread.join(40)
    return found


@pytest.fixture
def server(databases):
    with MongoServer() as server:
        yield server
        if server.process is not None:
            server.resume()
        forget()


@pytest.fixture
def counters(library):
    return library.Counter.objects.using(ALIAS)


def fill(counters: Any) -> None:
    counters.bulk_create(counters.model(name=name) for name in "abcdef")
    counters.bulk_create(many(counters))


@pytest.mark.parametrize("how", ["pause", "kill"])
@pytest.mark.parametrize(
    ("options", "seconds"), [({"timeoutMS": 3000}, 3), ({}, 10)], ids=["3s", "default"]
)
def test_no_operation_outlives_its_deadline(
    server, library, counters, monkeypatch, options, seconds, how
):
    for name in ("BATCH_SIZE", "CHUNK"):
        monkeypatch.setattr(query, name, 20)
    connect(server.uri, library, maxPoolSize=200, **options)
    fill(counters)
    found = times_of(counters, getattr(server, how))
    assert found.keys() == OPERATIONS.keys()
    late = {name: each for name, each in found.items() if each[0] > seconds + MORE}
    assert not late
    wrong = {
        name: error
        for name, (_, error) in found.items()
        if not isinstance(error, OperationalError)
    }
    assert not wrong


def create_another(counters: Any) -> Callable[[], Any]:
    return lambda: create(counters)


def read_on(counters: Any) -> Callable[[], Any]:
    rows = counters.iterator(chunk_size=10)
    next(rows)
    return lambda: list(rows)


def look_at_the_table(counters: Any) -> Callable[[], Any]:
    connections[ALIAS].known_unique_indexes.clear()
    return lambda: counters.filter(name="a").update(name="z")


@pytest.mark.parametrize("step", [create_another, read_on, look_at_the_table])
def test_rolling_back_waits_for_no_second_deadline(
    server, library, counters, monkeypatch, step
):
    for name in ("BATCH_SIZE", "CHUNK"):
        monkeypatch.setattr(query, name, 20)
    # Each row asks the server for its key, outside of the transaction.
    monkeypatch.setattr(keys, "LARGEST_BLOCK", 1)
    connect(server.uri, library, timeoutMS=2000)
    fill(counters)
    with pytest.raises(TransactionManagementError), transaction.atomic(using=ALIAS):
        create(counters)
        with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
            create(counters)
            last = step(counters)
            server.pause()
            begun = time.monotonic()
            last()
        seconds = time.monotonic() - begun
        server.resume()
        create(counters)  # the block can do nothing but roll back
    assert 1 < seconds < 3
    assert counters.count() == 206


STATEMENTS = {
    "query": lambda counters: len(counters.all()),
    "update": lambda counters: counters.filter(name__in="ab").update(value=7),
    "bulk_create": lambda counters: counters.bulk_create(many(counters)),
    "two scans": lambda counters: len(
        counters.values("name").union(counters.filter(value=3).values("name"))
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_of_several_commands_has_one_deadline(
    server, library, counters, monkeypatch, name
):
    monkeypatch.setattr(query, "BATCH_SIZE", 80)
    connect(server.uri, library, timeoutMS=1500)
    fill(counters)
    # Each command is in time, and the first two are not in time together.
    commands = ["find", "getMore", "findAndModify", "insert", "update"]
    commands.append("commitTransaction")
    fail_commands(server, 2, *commands, blockConnection=True, blockTimeMS=1000)
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        STATEMENTS[name](counters)
    assert time.monotonic() - begun < 1.5 + MORE


def test_no_retry_begins_after_the_deadline():
    options = SimpleNamespace(timeout=None, server_selection_timeout=0.1)
    runs = []

    def work() -> None:
        runs.append(1)
        time.sleep(0.15)
        raise PyMongoError("a conflict", error_labels=[TRANSIENT])

    with pytest.raises(PyMongoError):
        retried(SimpleNamespace(options=options), work)
    assert len(runs) == 1


def test_the_first_insert_of_a_process_has_one_deadline(server, library, counters):
    connect(server.uri, library, serverSelectionTimeoutMS=3000)
    fill(counters)
    connection = connections[ALIAS]
    connection.known_entries.clear()
    connection.known_unique_indexes.clear()
    connection.__dict__.pop("has_transactions")
    # What is stored of the table, the server's kind, its indexes, and the row.
    commands = ["find", "hello", "listIndexes", "insert"]
    fail_commands(server, 9, *commands, blockConnection=True, blockTimeMS=2500)
    begun = time.monotonic()
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        create(counters)
    assert time.monotonic() - begun < 4.5


def test_a_commit_that_is_cut_off_is_not_said_to_be_undone(server, library, counters):
    connect(server.uri, library, timeoutMS=1000)
    with pytest.raises(OperationalError, match="not told whether"):
        with transaction.atomic(using=ALIAS):
            create(counters)
            commit = ["commitTransaction"]
            fail_commands(server, 99, *commit, errorCode=50, closeConnection=False)


def hold(server: MongoServer, name: str) -> Any:
    """Return the session of a transaction that has changed a row, and stays open."""
    client = server.client()
    session = client.start_session()
    session.start_transaction()
    rows = client["faults"]["library_counter"]
    rows.update_one({"name": name}, {"$set": {"value": 99}}, session=session)
    return session


HELD = {
    "update": lambda counters: counters.update(value=F("value") + 1),
    "update of one": lambda counters: counters.filter(name="a").update(value=1),
    "save": lambda counters: counters.model(pk=1, name="a", value=4).save(using=ALIAS),
    "delete": lambda counters: counters.filter(name__in=["a", "b"]).delete(),
    "delete by key": lambda counters: counters.filter(pk=1).delete(),
    "bulk_update": lambda counters: counters.bulk_update(
        [counters.model(pk=1, value=3), counters.model(pk=2, value=3)], ["value"]
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_rows_that_a_dead_worker_holds_are_waited_for_until_the_deadline(
    server, library, counters, name
):
    connect(server.uri, library, serverSelectionTimeoutMS=1500)
    fill(counters)
    hold(server, "a")
    begun = time.monotonic()
    with pytest.raises(OperationalError, match="nother transaction"):
        HELD[name](counters)
    assert time.monotonic() - begun < 1.5 + MORE
    assert counters.filter(name__in="bcdef", value=0).count() == 5


def test_a_server_that_dies_during_a_conflict_is_waited_for_until_the_deadline(
    server, library, counters
):
    connect(server.uri, library, serverSelectionTimeoutMS=4000)
    fill(counters)
    hold(server, "a")
    threading.Timer(3, server.kill).start()
    begun = time.monotonic()
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        counters.filter(name="a").update(value=1)
    assert time.monotonic() - begun < 4 + MORE


def test_an_update_of_rows_that_another_holds_for_a_while_succeeds(
    server, library, counters
):
    connect(server.uri, library)
    fill(counters)
    session = hold(server, "a")
    threading.Timer(0.3, session.commit_transaction).start()
    assert counters.filter(name__in="ab").update(value=F("value") + 1) == 2
    assert counters.get(name="a").value == 100


def test_what_a_healthy_server_takes_long_for_is_not_cut(server, library, counters):
    connect(server.uri, library, serverSelectionTimeoutMS=1000)
    fill(counters)
    fail_commands(server, 1, "find", blockConnection=True, blockTimeMS=2000)
    assert len(counters.filter(name__in="ab")) == 2
    fail_commands(server, 1, "update", blockConnection=True, blockTimeMS=2000)
    assert counters.filter(name__in="ab").update(value=5) == 2
    fail_commands(server, 1, "aggregate", blockConnection=True, blockTimeMS=2000)
    assert counters.aggregate(total=Sum("value"))["total"] == 10


def test_an_update_of_several_rows_is_all_or_nothing(server, library, counters):
    connect(server.uri, library)
    fill(counters)
    fail_commands(server, 1, "commitTransaction", errorCode=2, closeConnection=False)
    with pytest.raises(Error):
        counters.update(value=7)
    assert not counters.filter(value=7).exists()


def test_a_conflict_tells_what_to_do(server, library, counters):
    connect(server.uri, library)
    fill(counters)
    with pytest.raises(TransactionConflict, match="retry_transaction"):
        with transaction.atomic(using=ALIAS):
            counters.first()
            hold(server, "a")
            counters.filter(name="a").update(value=1)


def test_settings_of_the_uri_stand():
    assert defaults("localhost") == DEFAULTS
    found = defaults("mongodb://a,b/?replicaSet=rs0&SERVERSELECTIONTIMEOUTMS=3000")
    assert found.keys() == DEFAULTS.keys() - {"serverSelectionTimeoutMS"}


def test_a_transaction_that_is_open_too_long_names_the_servers_limit(library, counters):
    limit = {"transactionLifetimeLimitSeconds": "1"}
    with MongoServer(parameters=limit) as server:
        connect(server.uri, library)
        with pytest.raises(OperationalError, match="transactionLifetimeLimitSeconds"):
            with transaction.atomic(using=ALIAS):
                create(counters)
                time.sleep(3)
                create(counters)
        forget()


def test_a_test_database_changes_no_setting_of_the_server(library):
    limit = {"transactionLifetimeLimitSeconds": "61"}
    with MongoServer(parameters=limit) as server:
        connect(server.uri, library)
        connections[ALIAS].creation._create_test_db(0, autoclobber=True)
        with server.client() as client:
            found = client.admin.command(
                "getParameter", 1, transactionLifetimeLimitSeconds=1
            )
        assert found["transactionLifetimeLimitSeconds"] == 61
        forget()
