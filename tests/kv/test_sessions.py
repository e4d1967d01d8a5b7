"""A session undoes statements, savepoints and transactions, on any ordered store."""

from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.kv.sessions import Session


class Failure(Exception):
    """What a failing statement raises."""


class Memory:
    """A store in memory, whose transactions see a copy of what is committed."""

    def __init__(self, has_transactions=True):
        self.features = SimpleNamespace(supports_transactions=has_transactions)
        self.committed = {}
        self.now = self.committed
        self.begun = []

    @contextmanager
    def transaction(self, write):
        self.begun.append(write)
        if not self.features.supports_transactions:
            yield
            return
        self.now = self.committed.copy()
        try:
            yield
            if write:
                self.committed = self.now
        finally:
            self.now = self.committed

    def value(self, key):
        return self.now.get(key)

    def put(self, key, value):
        self.now[key] = value

    def remove(self, key):
        self.now.pop(key, None)


def put(session, key, value):
    """Write a key as an Access does; None removes it."""
    session.logged(key)
    if value is None:
        session.store.remove(key)
    else:
        session.store.put(key, value)


def statement(session, writes, fails=False):
    """Run one statement that writes [(key, value)], and perhaps fails then."""
    with suppress(Failure), session.writing():
        for key, value in writes:
            put(session, key, value)
        if fails:
            raise Failure


WRITES = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"1", b"2", None])),
    max_size=3,
)
NAMES = st.sampled_from(["one", "two"])
STEPS = st.one_of(
    st.tuples(st.just("statement"), WRITES, st.booleans()),
    st.tuples(st.just("within"), WRITES, WRITES, st.booleans()),
    st.tuples(st.just("savepoint"), NAMES),
    st.tuples(st.just("rollback_to"), NAMES),
    st.tuples(st.just("release"), NAMES),
)


def written(values, writes):
    """Return a copy of values after writes."""
    new = {**values, **dict(writes)}
    return {key: value for key, value in new.items() if value is not None}


@given(st.lists(STEPS, max_size=12), st.booleans())
def test_a_transaction_holds_what_was_not_undone(steps, commits):
    store = Memory()
    session = Session(store)
    statement(session, [(b"a", b"0"), (b"b", b"0")])
    before = expected = store.committed.copy()
    session.set_autocommit(False)
    savepoints = []
    for kind, *arguments in steps:
        if kind == "statement":
            writes, fails = arguments
            statement(session, writes, fails)
            expected = expected if fails else written(expected, writes)
        elif kind == "within":
            outer, inner, fails = arguments
            with session.writing():
                for write in outer:
                    put(session, *write)
                statement(session, inner, fails)
            expected = written(expected, outer)
            expected = expected if fails else written(expected, inner)
        elif kind == "savepoint":
            session.savepoint(arguments[0])
            savepoints.append((arguments[0], expected))
        elif any(name == arguments[0] for name, _ in savepoints):
            names = [name for name, _ in savepoints]
            at = len(names) - 1 - names[::-1].index(arguments[0])
            if kind == "rollback_to":
                session.rollback_to(arguments[0])
                expected = savepoints[at][1]
                del savepoints[at + 1 :]
            else:
                session.release(arguments[0])
                del savepoints[at:]
        assert store.now == expected
    if commits:
        session.commit()
        assert store.committed == expected
    else:
        session.rollback()
        assert store.committed == before
    assert not session.log and not session.savepoints


@pytest.mark.parametrize("has_transactions", [True, False])
def test_a_failing_statement_leaves_nothing(has_transactions):
    store = Memory(has_transactions)
    session = Session(store)
    statement(session, [(b"a", b"1"), (b"b", b"1")])
    statement(session, [(b"a", b"2"), (b"b", None), (b"c", b"2")], fails=True)
    assert store.committed == {b"a": b"1", b"b": b"1"}
    assert not session.log


@pytest.mark.parametrize("has_transactions", [True, False])
def test_a_failing_statement_inside_another_is_undone_alone(has_transactions):
    store = Memory(has_transactions)
    session = Session(store)
    with session.writing():
        statement(session, [(b"a", b"1")])
        statement(session, [(b"a", b"2"), (b"b", b"2")], fails=True)
    assert store.committed == {b"a": b"1"}
    assert store.begun == [True]


def test_a_statement_that_reads_sees_what_is_committed_when_it_begins():
    store = Memory()
    session = Session(store)
    with session.reading():
        session.read()
        store.committed = {b"a": b"1"}
        session.read()
        assert store.value(b"a") is None
        with session.reading():
            session.read()
            assert store.value(b"a") == b"1"
    assert session.transaction is None


def test_rows_that_come_in_batches_go_on_after_a_write():
    store = Memory()
    session = Session(store)
    with session.reading():
        session.read()
        statement(session, [(b"a", b"1")])
        assert session.transaction is None
        session.read()
        assert store.value(b"a") == b"1"
    assert store.begun == [False, True, False]


def test_a_transaction_of_django_writes_from_its_first_write_or_lock_on():
    store = Memory()
    session = Session(store)
    session.set_autocommit(False)
    with session.reading():
        session.read()
    assert store.begun == [False]
    session.lock()
    statement(session, [(b"a", b"1")])
    with session.reading():
        session.read()
        assert store.value(b"a") == b"1"
    assert store.begun == [False, True]
    session.rollback()
    assert store.committed == {}


def test_a_lock_outside_a_transaction_is_none():
    store = Memory()
    Session(store).lock()
    assert store.begun == []


def test_a_closed_session_reads_no_more():
    session = Session(Memory())
    with session.reading():
        session.read()
        session.close()
        with pytest.raises(OperationalError, match="has been closed"):
            session.read()


def test_the_log_of_a_long_transaction_without_savepoints_is_emptied():
    session = Session(Memory())
    session.set_autocommit(False)
    for number in range(10):
        statement(session, [(b"a", b"%d" % number)])
        assert not session.log


def test_a_savepoint_that_does_not_exist_is_an_error():
    with pytest.raises(OperationalError, match="no such savepoint: x"):
        Session(Memory()).rollback_to("x")
