"""A process that is killed in a large commit leaves all of it or nothing.

KILLED_ROWS is how many rows the commit changes (40), KILLS how often a process is ended
at a time by chance (10).
"""

import os
import random
import threading
import time
from functools import partial

import pytest
from django.db import connections, transaction

from nonrel_backend.kv import optimistic_checking
from nonrel_backend.kv.conditional import State

from .things import OTHER, other, things  # noqa: F401

ROWS = int(os.environ.get("KILLED_ROWS") or 40)
KILLS = int(os.environ.get("KILLS") or 10)
# How many of the rows are new in each commit, and deleted in the next one.
NEW = ROWS // 4
# At how many requests a commit is killed.
MOST_PLACES = 14


class Killed(BaseException):
    """The process ends: nothing that it would do afterwards happens."""


def made(model, generation):
    """Return the rows that there are in one generation only."""
    return [
        model(name=f"{generation}-{number}", number=generation) for number in range(NEW)
    ]


@pytest.fixture
def first(things):  # noqa: F811
    """Put the rows of the first generation."""
    model = things.model
    kept = [model(name=f"kept-{n}", number=0) for n in range(ROWS - 2 * NEW)]
    things.bulk_create(kept + made(model, 0))


def advance(things, generation, arm=lambda: None):  # noqa: F811
    """Make the next generation of all rows, in one block."""
    with transaction.atomic(things.db):
        things.filter(name__startswith=f"{generation - 1}-").delete()
        things.update(number=generation)
        things.bulk_create(made(things.model, generation))
        arm()


def seen(things):  # noqa: F811
    """Return the generation of all rows, which are read in each way."""
    rows = {each.name: each.number for each in things.all()}
    (generation,) = {*rows.values()}
    names = {each.name for each in made(things.model, generation)}
    assert {name for name in rows if not name.startswith("kept-")} == names
    assert len(rows) == ROWS - NEW == things.count()
    assert things.filter(number=generation).count() == ROWS - NEW
    by_number = things.filter(number__gte=0).order_by("number", "pk")
    assert {each.name: each.number for each in by_number} == rows
    name = f"{generation}-{NEW - 1}"
    assert things.get(name=name).number == generation
    assert not things.filter(name=f"{generation - 1}-0").exists()
    assert not things.filter(name=f"{generation + 1}-0").exists()
    return generation


def calls(client, before, after=lambda number: None):
    """Call functions with the number of each request, from 0 on."""
    call, numbers, lock = client.call, iter(range(10**9)), threading.Lock()
    operations = []

    def counted(operation, **parameters):
        # A commit that takes long puts off its end by the same operation.
        values = parameters.get("ExpressionAttributeValues", {}).values()
        is_decision = {"S": State.COMMITTED.value} in values
        with lock:
            number = next(numbers)
            operations.append("decide" if is_decision else operation)
        before(number)
        reply = call(operation, **parameters)
        after(number)
        return reply

    client.call = counted
    return operations


def kill_at(place, is_sent, sent):
    """Let the process end before or after the request with this number.

    `sent` gets the list of the operations that it has sent.
    """
    dead = threading.Event()

    def end_before(number):
        if number == place and not is_sent:
            dead.set()
        if dead.is_set():
            operations.pop()
            raise Killed

    def end_after(number):
        if number == place:
            dead.set()
            raise Killed

    operations = calls(connections["default"].connection, end_before, end_after)
    sent.append(operations)


def places(operations):
    """Return the numbers of requests: of many the first and the last of each kind that
    come one after another, and some others.
    """
    numbers = range(len(operations))
    ends = [
        number
        for number in numbers
        if len({*operations[max(number - 1, 0) : number + 2]}) > 1
    ]
    others = random.Random(1).sample(numbers, min(len(numbers), MOST_PLACES))
    return sorted([*ends, *others][:MOST_PLACES])


def end_time(store):
    """Let the time of all pending commits be over."""
    for commit, state, _ in store.commits():
        if state is State.PENDING:
            store.extend(commit, 0.0)


def left(store, table):
    """Return how many intents and records there are."""
    client, found = store.database.connection, len(store.commits())
    for physical in (table.physical, store.index_table):
        items = client.call("scan", TableName=physical, ConsistentRead=True)["Items"]
        found += sum("_i" in item for item in items)
    return found


def test_a_kill_at_any_request_of_a_large_commit(
    things,  # noqa: F811
    other,  # noqa: F811
    first,
    monkeypatch,
):
    monkeypatch.setattr(optimistic_checking, "KEPT", -(10**6))
    operations = []

    def count():
        client = connections["default"].connection
        operations.append(calls(client, lambda number: None))

    advance(things, 1, count)
    connections["default"].close()
    (operations,) = operations
    decides = operations.index("decide")
    generation, outcomes = seen(other), set()
    assert generation == 1
    store = connections[OTHER].records
    table = connections[OTHER].catalog.table(things.model._meta.db_table)
    kills = {(place, number % 2 > 0) for number, place in enumerate(places(operations))}
    for place, is_sent in sorted(kills | {(decides, False), (decides, True)}):
        sent = []
        with pytest.raises(Killed):
            advance(things, generation + 1, partial(kill_at, place, is_sent, sent))
        connections["default"].close()
        is_done = "decide" in sent[0]
        assert seen(other) == generation + is_done, (place, is_sent)
        outcomes.add(is_done)
        end_time(store)
        assert seen(other) == generation + is_done, (place, is_sent)
        connections[OTHER].check_store(fix=True)
        assert left(store, table) == 0, (place, is_sent)
        generation += is_done
    assert connections[OTHER].check_store() == []
    assert outcomes == {True, False}
    advance(things, generation + 1)
    assert seen(other) == generation + 1


def test_readers_beside_a_large_commit(things, other, first):  # noqa: F811
    """They see nothing of it until the record is written, and then all."""
    found = []

    def watch():
        def look(number):
            if operations[-1] == "decide" and len(found) < 2:
                found.append(seen(other))

        client = connections["default"].connection
        operations = calls(client, look, look)

    advance(things, 1, watch)
    assert found == [0, 1]


def test_processes_that_end_at_any_time(
    things,  # noqa: F811
    other,  # noqa: F811
    first,
    monkeypatch,
):
    monkeypatch.setattr(optimistic_checking, "KEPT", -(10**6))
    chance = random.Random(5)
    store = connections[OTHER].records
    generation, ends = 1, set()
    began = time.monotonic()
    advance(things, 1)
    seconds = time.monotonic() - began
    for _ in range(KILLS):
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            try:
                things.exists()
                delay = seconds * chance.random()
                threading.Timer(delay, lambda: os._exit(7)).start()
                advance(things, generation + 1)
                os._exit(0)
            finally:
                os._exit(1)
        ends.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        now = seen(other)
        end_time(store)
        assert seen(other) == now
        assert now in (generation, generation + 1)
        generation = now
    assert 7 in ends <= {0, 7}
    found = connections[OTHER].check_store(fix=True)
    assert all("has ended without its writer" in each for each in found)
    assert connections[OTHER].check_store() == []
