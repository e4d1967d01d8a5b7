"""Rows and keys that are too large are a DataError with the sizes; nothing is written.

Large rows in large commits have no room for an intent, and are written all the same.
"""

import pytest
from django.apps import apps
from django.db import DataError, OperationalError, connection, connections, transaction
from django.db.models import F

from nonrel_backend.transactions import TransactionConflict

from .test_kills import Killed, calls, end_time
from .things import aliased, other, things  # noqa: F401

# DynamoDB's limit for an item is 409,600 bytes.
TOO_LARGE = "x" * 410_000
HALF = 250_000


def refused(things, work, match="DynamoDB holds 409,600"):  # noqa: F811
    """Verify that work() is a DataError that writes nothing, in a block and outside."""
    before = sorted(things.values_list("pk", "name", "number"))
    for block in (False, True):
        with pytest.raises(DataError, match=match):
            if block:
                with transaction.atomic():
                    things.create(name="in the block")
                    work()
            else:
                work()
        assert sorted(things.values_list("pk", "name", "number")) == before
    assert connection.check_store() == []


def test_rows_that_are_too_large(things):  # noqa: F811
    model = things.model
    one = things.create(name="one", text="old", number=1)
    one.text = TOO_LARGE
    refused(things, lambda: things.create(name="two", text=TOO_LARGE))
    refused(things, one.save)
    refused(things, lambda: things.update(text=TOO_LARGE))
    refused(things, lambda: things.filter(pk=one.pk).update(text=TOO_LARGE))
    refused(
        things, lambda: things.filter(pk=one.pk).update(text=TOO_LARGE, number=F("pk"))
    )
    some = [model(name=f"n{n}") for n in range(60)]
    refused(things, lambda: things.bulk_create([*some[:5], one_of(things)]))
    refused(things, lambda: things.bulk_create([*some, one_of(things)]))
    assert things.get(pk=one.pk).text == "old"


def one_of(things):  # noqa: F811
    return things.model(name="large", text=TOO_LARGE)


def test_texts_of_several_bytes_count_as_such(things):  # noqa: F811
    refused(things, lambda: things.create(text="é" * 205_000), "410,0.. bytes")


def test_keys_that_are_too_long(databases):
    sessions = apps.get_model("sessions.Session").objects
    key = "k" * 2_049

    def create():
        sessions.create(session_key=key, expire_date="2026-01-01 00:00Z")

    for _ in range(2):
        with pytest.raises(DataError, match="2,?049 bytes"):
            create()
    with pytest.raises(DataError, match="2,?049 bytes"), transaction.atomic():
        create()
    assert not sessions.filter(session_key=key).exists()


def large(things):  # noqa: F811
    """Make a row of half of the limit, and return it with another text of that."""
    row = things.create(name="large", text="a" * HALF, number=1)
    row.text, row.number = "b" * HALF, 2
    return row


def change(things, row, count=60, arm=lambda: None):  # noqa: F811
    """Save a row in a large commit."""
    with transaction.atomic():
        things.bulk_create(things.model(name=f"n{n}") for n in range(count))
        row.save()
        arm()


def test_a_large_row_in_a_large_commit(things, other):  # noqa: F811
    row = large(things)
    change(things, row)
    found = other.get(pk=row.pk)
    assert (found.text, found.number) == ("b" * HALF, 2)
    assert other.get(number=2) == row
    assert other.count() == 61
    assert connection.check_store() == []


def test_a_kill_at_any_request_of_a_commit_with_a_large_row(things, other):  # noqa: F811
    row = large(things)
    operations = []

    def count():
        operations.append(calls(connection.connection, lambda number: None))

    change(things, row, arm=count)
    (operations,) = operations
    connection.close()
    for place in range(len(operations)):
        things.filter(name__startswith="n").delete()
        things.filter(pk=row.pk).update(text="a" * HALF, number=1)
        row.refresh_from_db()
        row.text, row.number = "b" * HALF, 2

        def kill(place=place):
            def end(number):
                if number >= place:
                    raise Killed

            calls(connection.connection, end)

        with pytest.raises(Killed):
            change(things, row, arm=kill)
        connection.close()
        other.exists()
        end_time(connection_of(other).records)
        found = other.get(pk=row.pk)
        is_done = found.number == 2
        assert found.text == ("b" if is_done else "a") * HALF
        assert other.count() == 1 + 60 * is_done
        assert other.filter(number=1 + is_done).get() == row
        connection_of(other).check_store(fix=True)


def connection_of(manager):
    return connections[manager.db]


def test_a_large_row_that_others_have_changed(things, other):  # noqa: F811
    row = large(things)
    with pytest.raises(TransactionConflict), transaction.atomic():
        things.bulk_create(things.model(name=f"n{n}") for n in range(60))
        row.save()
        other.filter(pk=row.pk).update(text="c")
    assert (other.get().text, other.get().number) == ("c", 1)
    assert connection.check_store() == []


def test_too_many_large_rows_in_a_large_commit(things):  # noqa: F811
    rows = [large_row(things, n) for n in range(10)]
    for each in rows:
        each.text = "b" * HALF

    def save():
        with transaction.atomic():
            things.bulk_create(things.model(name=f"n{n}") for n in range(60))
            for each in rows:
                each.save()

    refused(things, save, "changes 10 rows that are too large to be held twice")
    assert {each.text[0] for each in things.all()} == {"a"}


def large_row(things, number):  # noqa: F811
    return things.create(name=f"large {number}", text="a" * HALF)


def test_a_buffer_has_a_limit_that_the_error_names(things):  # noqa: F811
    with aliased("small", transaction_bytes=100_000):
        small = things.using("small")
        with pytest.raises(OperationalError, match="transaction_bytes"):
            small.bulk_create(small.model(text="x" * 1000) for _ in range(200))
    assert things.count() == 0


def test_large_commits_can_be_refused(things):  # noqa: F811
    with aliased("strict", oversize="refuse"):
        strict = things.using("strict")
        with pytest.raises(Exception, match=r"OPTIONS\[\"oversize\"\] is \"refuse\""):
            strict.bulk_create(strict.model() for _ in range(60))
        strict.bulk_create(strict.model() for _ in range(20))
    assert things.count() == 20


def test_batches_leave_what_was_stored_before(things):  # noqa: F811
    with aliased("batches", bulk="batches"):
        batches = things.using("batches")
        rows = [things.model(name=f"n{n}") for n in range(60)]
        rows[50].text = TOO_LARGE
        with pytest.raises(DataError, match=r"50 rows of this bulk_create\(\)"):
            batches.bulk_create(rows)
    assert things.count() == 50
    assert connection.check_store() == []
