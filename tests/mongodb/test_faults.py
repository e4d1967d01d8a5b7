"""A server that dies, resigns or is cut off: Django's errors, and nothing half done."""

import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F, Sum
from pymongo.errors import ConfigurationError

from nonrel_backend.mongodb.deadlines import abort
from nonrel_backend.mongodb.errors import translate
from nonrel_backend.testing.services.mongodb import MongoReplicaSet, MongoServer
from nonrel_backend.transactions import retry_transaction

from .faulty import ALIAS, connect, fail_commands, forget


@pytest.fixture
def server(library):
    with MongoServer() as server:
        connect(server.uri, library, serverSelectionTimeoutMS=3000)
        yield server
        forget()


@pytest.fixture
def replica_set(library):
    with MongoReplicaSet() as replica_set:
        connect(replica_set.uri, library, serverSelectionTimeoutMS=3000)
        yield replica_set
        forget()


@pytest.fixture
def counters(library):
    return library.Counter.objects.using(ALIAS)


def cut_connections(server, command: str, times: int) -> None:
    """Have the server hang up at the next `times` commands of that name."""
    fail_commands(server, times, command, closeConnection=True)


def test_no_acknowledged_write_is_lost_when_the_server_is_killed(server, counters):
    acknowledged, errors = [], []

    def write():
        try:
            for number in range(100_000):
                counters.create(name=str(number))
                acknowledged.append(str(number))
        except Exception as error:
            errors.append(error)
        finally:
            connections[ALIAS].close()

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 50:
        time.sleep(0.01)
    server.kill()
    writer.join()
    assert isinstance(errors[0], OperationalError)
    assert server.address in str(errors[0])
    server.start()
    stored = set(counters.values_list("name", flat=True))
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1


def test_a_block_is_undone_when_the_server_is_killed_in_it(server, counters):
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        counters.create(name="a")
        counters.create(name="b")
        server.kill()
        counters.create(name="c")
    server.start()
    assert not counters.exists()
    counters.create(name="after")
    assert counters.count() == 1


def test_a_server_killed_while_rows_are_read_is_an_error(server, counters):
    counters.bulk_create(counters.model(name=str(number)) for number in range(5000))
    rows = counters.iterator(chunk_size=100)
    next(rows)
    server.kill()
    with pytest.raises(OperationalError):
        list(rows)
    server.start()
    assert counters.count() == 5000


def test_a_write_outside_of_blocks_survives_one_cut(server, counters):
    cut_connections(server, "insert", 1)
    counters.create(name="a")
    assert counters.count() == 1


def test_the_first_statement_of_a_block_survives_cuts(server, counters):
    counters.create(name="a")
    cut_connections(server, "update", 3)
    with transaction.atomic(using=ALIAS):
        counters.update(value=F("value") + 1)
    assert counters.get().value == 1


def test_a_later_statement_cut_off_undoes_the_block(server, counters):
    counters.create(name="a")
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        counters.update(value=1)
        cut_connections(server, "update", 1)
        counters.update(value=2)
    assert counters.get().value == 0


def test_a_commit_is_repeated_until_its_result_is_known(server, counters):
    cut_connections(server, "commitTransaction", 4)
    with transaction.atomic(using=ALIAS):
        counters.create(name="a")
    assert counters.count() == 1


def test_an_error_caught_in_the_block_does_not_save_the_block(server, counters):
    counters.create(name="a")
    with pytest.raises(transaction.TransactionManagementError):
        with transaction.atomic(using=ALIAS):
            counters.update(value=1)
            cut_connections(server, "update", 1)
            with pytest.raises(OperationalError):
                counters.update(value=2)
            counters.update(value=3)
    assert counters.get().value == 0


def test_a_cut_in_a_savepoints_rollback_is_a_conflict_that_is_retried(server, counters):
    counters.create(name="a")
    runs = []

    @retry_transaction(using=ALIAS)
    def work():
        runs.append(1)
        counters.update(value=F("value") + 1)
        with suppress(ZeroDivisionError), transaction.atomic(using=ALIAS):
            counters.update(value=100)
            if len(runs) == 1:
                cut_connections(server, "update", 1)
            raise ZeroDivisionError
        counters.update(value=F("value") + 1)

    work()
    assert len(runs) == 2
    assert counters.get().value == 2


def test_a_resigning_primary_loses_and_halves_nothing(replica_set, counters):
    counters.create(name="from", value=1000)
    counters.create(name="to", value=0)
    done = 0
    stop = time.monotonic() + 6
    resigned = False

    @retry_transaction(using=ALIAS, seconds=20)
    def move():
        counters.filter(name="from").update(value=F("value") - 1)
        counters.filter(name="to").update(value=F("value") + 1)

    unsure = 0
    while time.monotonic() < stop:
        if done >= 20 and not resigned:
            replica_set.step_down()
            resigned = True
        try:
            move()
        except OperationalError:
            unsure += 1
        else:
            done += 1
    assert resigned and done > 20
    moved = counters.get(name="to").value
    assert done <= moved <= done + unsure
    assert counters.aggregate(total=Sum("value"))["total"] == 1000


def test_a_driver_that_knows_of_no_server_to_tell_aborts_without_an_error():
    def refuse():
        raise ConfigurationError(
            "Sessions are not supported by this MongoDB deployment"
        )

    abort(SimpleNamespace(in_transaction=True, abort_transaction=refuse))


def test_a_driver_that_knows_of_no_server_cannot_reach_one(databases):
    error = ConfigurationError("Sessions are not supported by this MongoDB deployment")
    found = translate(error, connection)
    assert isinstance(found, OperationalError) and "cannot be reached" in str(found)
