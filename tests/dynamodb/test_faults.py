"""Requests that are throttled or lost: nothing is done twice, and errors are right."""

import time

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import F

from .front import ANSWERED, CUT, LOST, THROTTLED, Front
from .things import aliased, things  # noqa: F401

DEADLINE = 1.0
NOT_DONE, UNKNOWN = "It was not carried out", "Whether it was carried out is unknown"
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


@pytest.fixture
def front(databases):
    endpoint = databases["default"].settings_dict["OPTIONS"]["endpoint_url"]
    front = Front(endpoint)
    with aliased("front", endpoint_url=front.url, deadline=DEADLINE, keys="time"):
        yield front
    front.close()


@pytest.fixture
def slow(things, front):  # noqa: F811
    """Return the manager of things whose requests go through the front."""
    things.create(pk=1, name="one", number=1)
    slow = things.using("front")
    slow.get(name="one")
    return slow


def first(number, fate, operations=WRITES):
    """Return the function that gives this fate to the first so many of operations."""
    left = [number]

    def found(operation):
        if operation not in operations or not left[0]:
            return ANSWERED
        left[0] -= 1
        return fate

    return found


def within_deadline(work, match, requests=1):
    began = time.monotonic()
    with pytest.raises(OperationalError, match=match):
        work()
    assert time.monotonic() - began < requests * DEADLINE + 1


@pytest.mark.parametrize("fate", [THROTTLED, LOST, CUT])
def test_a_create_whose_first_requests_fail_is_done_once(front, slow, fate):
    front.fate = first(2, fate)
    made = slow.create(name="new", number=7)
    assert front.operations.count("TransactWriteItems") == 3
    assert slow.get(number=7) == slow.get(name="new") == made
    assert slow.count() == 2


@pytest.mark.parametrize("fate", [THROTTLED, LOST, CUT])
def test_a_block_whose_first_requests_fail_is_done_once(front, slow, fate):
    front.fate = first(2, fate)
    with transaction.atomic("front"):
        slow.filter(name="one").update(number=F("number") + 1)
        slow.bulk_create(slow.model(name=f"n{n}") for n in range(60))
    assert slow.get(number=2).name == "one"
    assert slow.count() == 61
    assert connections["front"].check_store() == []


@pytest.mark.parametrize("fate", [THROTTLED, CUT])
def test_an_addition_whose_reply_is_lost_is_done_once(front, slow, fate):
    slow.filter(pk=1).update(text="a")
    before = len(front.operations)
    front.fate = first(1, fate)
    assert slow.filter(pk=1).update(text="b") == 1
    assert front.operations[before] == "UpdateItem"
    assert slow.get(pk=1).text == "b"


@pytest.mark.parametrize(
    ("fate", "match"), [(THROTTLED, NOT_DONE), (LOST, UNKNOWN), (CUT, UNKNOWN)]
)
def test_requests_that_fail_for_too_long(front, slow, fate, match):
    row = slow.get(pk=1)
    row.number = 5
    works = [
        lambda: slow.create(pk=2, name="new"),
        lambda: slow.filter(pk=1).update(number=F("number") + 1),
        row.save,
        lambda: slow.bulk_create([slow.model(pk=3), slow.model(pk=4)]),
        slow.filter(pk=1).delete,
    ]
    for work in works:
        front.fate = lambda operation: fate if operation in WRITES else ANSWERED
        within_deadline(work, match, requests=2)
        front.fate = lambda operation: ANSWERED
    is_done = fate == CUT
    assert slow.filter(pk__gt=1).count() == 3 * is_done
    assert slow.filter(pk=1).exists() is not is_done
    assert connections["front"].check_store() == []


def test_a_repetition_after_an_unknown_outcome_does_no_harm(front, slow):
    front.fate = lambda operation: CUT if operation in WRITES else ANSWERED
    within_deadline(lambda: slow.create(pk=2, name="new"), UNKNOWN)
    front.fate = lambda operation: ANSWERED
    with pytest.raises(IntegrityError):
        slow.create(pk=2, name="new")
    assert slow.get_or_create(name="new")[1] is False
    assert slow.count() == 2


@pytest.mark.parametrize("fate", [THROTTLED, LOST, CUT])
def test_reads_that_fail_for_too_long(front, slow, fate):
    front.fate = lambda operation: fate
    for read in (slow.count, slow.first, lambda: slow.get(pk=1), lambda: list(slow)):
        within_deadline(read, "on DynamoDB. Last error")


def test_a_large_commit_that_is_cut_off_says_what_came_of_it(front, slow):
    """The record's reply is lost, and nobody answers any more."""
    decided = []

    def fate(operation):
        if decided:
            return LOST
        if operation == "UpdateItem":
            decided.append(operation)
            return CUT
        return ANSWERED

    front.fate = fate
    rows = [slow.model(name=f"n{n}") for n in range(60)]
    within_deadline(lambda: slow.bulk_create(rows), UNKNOWN, requests=3)
    front.fate = lambda operation: ANSWERED
    assert slow.count() == 61
    assert connections["front"].check_store() == []


def test_a_server_that_is_started_again(things, tmp_path):  # noqa: F811
    """A dynoxide that ends, and is there again with its file."""
    dynamodb = pytest.importorskip("nonrel_backend.testing.services.dynamodb")
    if dynamodb.dynoxide_binary() is None:
        pytest.skip("only dynoxide keeps its data")
    server = dynamodb.DynamoServer(tmp_path / "data.sqlite3").start()
    model = things.model
    with aliased("again", endpoint_url=server.url, deadline=DEADLINE):
        with connections["again"].schema_editor() as editor:
            editor.create_model(model)
        rows = things.using("again")
        rows.create(name="before")
        server.kill()
        within_deadline(lambda: rows.create(name="lost"), NOT_DONE, requests=2)
        within_deadline(rows.count, "on DynamoDB. Last error", requests=2)
        server.start()
        rows.create(name="after")
        names = sorted(rows.values_list("name", flat=True))
        assert names == ["after", "before"]
        server.stop()
