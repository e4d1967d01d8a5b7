"""Blocks whose savepoints cannot be rolled back end with an error."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction


@pytest.fixture
def counters(library, monkeypatch):
    """Counters; no savepoint can be rolled back."""
    if not connection.features.uses_savepoints:
        pytest.skip(f"{connection.display_name} has no savepoints")

    def fail(sid):
        raise OperationalError("the transaction is lost")

    monkeypatch.setattr(connection, "undo_savepoint", fail)
    return library.Counter.objects


def fail_in_a_savepoint(counters):
    """Suppress an error of a savepoint after a write before it."""
    counters.create(name="a")
    with suppress(IntegrityError), transaction.atomic():
        counters.create(name="a")


def test_a_block_that_is_rolled_back_as_a_whole_raises(counters):
    with pytest.raises(OperationalError, match="the transaction is lost"):
        with transaction.atomic():
            fail_in_a_savepoint(counters)
    assert not counters.exists()
    with transaction.atomic():
        counters.create(name="b")
    assert counters.get().name == "b"


def test_it_raises_while_an_error_before_it_is_handled(counters):
    with pytest.raises(OperationalError, match="the transaction is lost"):
        try:
            raise KeyError("before")
        except KeyError:
            with transaction.atomic():
                fail_in_a_savepoint(counters)


def test_an_exception_that_leaves_the_block_is_not_replaced(counters):
    with pytest.raises(KeyError), transaction.atomic():
        fail_in_a_savepoint(counters)
        raise KeyError("own")
    assert not counters.exists()


def test_a_rollback_that_was_asked_for_is_no_error(counters):
    with transaction.atomic():
        fail_in_a_savepoint(counters)
        transaction.set_rollback(True)
    assert not counters.exists()
    connection.close()
    assert not counters.exists()
