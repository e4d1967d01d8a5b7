"""Transactions: conflicts, savepoints, duplicates, and what is never committed."""

import threading
from contextlib import suppress

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import F
from pymongo.errors import OperationFailure

from nonrel_backend.mongodb.errors import translate
from nonrel_backend.transactions import TransactionConflict, retry_transaction


def elsewhere(work):
    """Run work() as another client: in a thread, with its own connection."""
    found = []

    def run():
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@pytest.fixture
def counters(library):
    library.Counter.objects.create(name="c")
    return library.Counter.objects


def test_nobody_outside_sees_an_open_block(counters):
    with transaction.atomic():
        counters.update(value=1)
        counters.create(name="d")
        assert elsewhere(lambda: [each.value for each in counters.all()]) == [0]
    assert elsewhere(lambda: len(counters.all())) == 2


def test_count_does_not_see_an_open_block(counters):
    with transaction.atomic():
        counters.create(name="d")
        assert elsewhere(counters.count) == 1


def test_a_block_reads_one_snapshot(counters):
    with transaction.atomic():
        assert counters.count() == 1
        elsewhere(lambda: counters.create(name="d"))
        assert counters.count() == 1
    assert counters.count() == 2


def test_a_transaction_begins_at_its_first_statement(counters):
    with transaction.atomic():
        elsewhere(lambda: counters.create(name="d"))
        assert counters.count() == 2


def test_a_later_conflict_is_an_operational_error_and_undoes_the_block(counters):
    with pytest.raises(TransactionConflict), transaction.atomic():
        counters.create(name="mine")
        elsewhere(lambda: counters.filter(name="c").update(value=5))
        counters.filter(name="c").update(value=F("value") + 1)
    assert counters.get().value == 5


def test_the_decorator_runs_a_conflicting_block_again(counters):
    runs = []

    @retry_transaction
    def add():
        """Add one."""
        runs.append(1)
        counters.create(name="mine")
        if len(runs) == 1:
            elsewhere(lambda: counters.filter(name="c").update(value=5))
        counters.filter(name="c").update(value=F("value") + 1)
        return "done"

    assert add() == "done"
    assert add.__doc__ == "Add one."
    assert len(runs) == 2
    assert counters.get(name="c").value == 6
    assert counters.count() == 2


def test_the_decorator_retries_once_however_long_the_first_run_took(counters):
    runs = []

    @retry_transaction(seconds=0)
    def add():
        runs.append(1)
        if len(runs) == 1:
            raise TransactionConflict

    add()
    assert len(runs) == 2


def test_the_decorator_stops_when_its_time_is_over(counters):
    runs = []

    @retry_transaction(seconds=0.2)
    def add():
        runs.append(1)
        raise TransactionConflict

    with pytest.raises(TransactionConflict):
        add()
    assert len(runs) > 2


@pytest.mark.parametrize("kind", [OperationalError, IntegrityError])
def test_the_decorator_retries_nothing_but_conflicts(counters, kind):
    runs = []

    @retry_transaction
    def add():
        runs.append(1)
        raise kind

    with pytest.raises(kind):
        add()
    assert len(runs) == 1


def test_a_block_broken_by_a_conflict_that_was_caught_is_run_again(counters):
    runs = []

    @retry_transaction
    def add():
        runs.append(1)
        counters.create(name="mine")
        if len(runs) == 1:
            elsewhere(lambda: counters.filter(name="c").update(value=5))
        with suppress(OperationalError):
            counters.filter(name="c").update(value=F("value") + 1)
        counters.create(name="yours")

    add()
    assert len(runs) == 2
    assert counters.get(name="c").value == 6


def test_the_decorator_leaves_an_outer_block_to_its_owner(counters):
    runs = []

    @retry_transaction
    def add():
        runs.append(1)
        elsewhere(lambda: counters.filter(name="c").update(value=5))
        counters.filter(name="c").update(value=F("value") + 1)

    with pytest.raises(OperationalError), transaction.atomic():
        counters.create(name="mine")
        add()
    assert len(runs) == 1
    assert counters.get().value == 5


def test_a_conflict_on_the_first_statement_waits_for_the_other_block(counters):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with transaction.atomic():
            counters.update(value=F("value") + 1)
            entered.set()
            leave.wait(10)
        connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    threading.Timer(0.3, leave.set).start()
    with transaction.atomic():
        counters.update(value=F("value") + 1)
    thread.join()
    assert counters.get().value == 2


def test_a_duplicate_only_the_server_sees_spoils_a_block_that_wrote(counters):
    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        counters.create(name="mine")
        elsewhere(lambda: counters.create(name="d"))
        # The snapshot does not hold "d": only the server can refuse this one.
        with pytest.raises((IntegrityError, OperationalError)):
            with transaction.atomic():
                counters.create(name="d")
        counters.create(name="e")
    names = counters.order_by("name").values_list("name", flat=True)
    assert list(names) == ["c", "d"]


def suppressed_outside(counters):
    with suppress(DatabaseError), transaction.atomic():
        counters.create(name="d")


def suppressed_within(counters):
    with transaction.atomic(), suppress(DatabaseError):
        counters.create(name="d")


def suppressed_two_savepoints_deep(counters):
    with transaction.atomic():
        suppressed_outside(counters)


@pytest.mark.parametrize(
    "duplicate", [suppressed_outside, suppressed_within, suppressed_two_savepoints_deep]
)
def test_a_duplicate_that_is_suppressed_loses_no_earlier_write(counters, duplicate):
    made = []

    def write():
        counters.create(name="mine")
        if not made:
            made.append(elsewhere(lambda: counters.create(name="d")))
        duplicate(counters)

    with pytest.raises(TransactionConflict, match="the whole transaction"):
        with transaction.atomic():
            write()
    assert not counters.filter(name="mine").exists()
    # Repeated, the block sees the other row: the savepoint alone is rolled back.
    counters.filter(name="d").delete()
    made.clear()
    retry_transaction(write)()
    assert counters.filter(name="mine").exists()


def test_get_or_create_in_a_block_finds_what_another_made_when_it_is_repeated(counters):
    made = []

    @retry_transaction
    def get_or_create():
        number = counters.count()
        if not made:
            made.append(elsewhere(lambda: counters.create(name="d")))
        return number, counters.get_or_create(name="d")

    assert get_or_create() == (2, (made[0], False))


def test_a_block_that_has_read_sees_no_newer_state_after_a_conflict(counters):
    with pytest.raises(transaction.TransactionManagementError) as caught:
        with transaction.atomic():
            assert counters.get().value == 0
            elsewhere(lambda: counters.update(value=7))
            with suppress(OperationalError), transaction.atomic():
                counters.update(value=F("value") + 1)
            counters.get()
    assert type(caught.value.__cause__) is TransactionConflict


def test_what_a_block_computes_from_its_read_overwrites_no_other(counters):
    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        value = counters.get().value
        elsewhere(lambda: counters.update(value=7))
        with suppress(OperationalError), transaction.atomic():
            counters.update(value=value + 1)
        counters.update(value=value + 1)
    assert counters.get().value == 7


def test_a_block_that_has_read_is_repeated_as_a_whole(counters):
    seen = []

    @retry_transaction
    def add():
        seen.append(counters.get().value)
        if len(seen) == 1:
            elsewhere(lambda: counters.update(value=7))
        counters.update(value=seen[-1] + 1)

    add()
    assert seen == [0, 7]
    assert counters.get().value == 8


def test_a_block_that_has_read_ends_with_a_statement_that_the_server_refuses(counters):
    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        assert counters.get().value == 0
        elsewhere(lambda: counters.update(value=7))
        with pytest.raises(OperationFailure), transaction.atomic():
            connection.statement(
                lambda session: connection.database["library_counter"].find_one(
                    {"$no_such": 1}, session=session
                )
            )
        counters.get()


def test_a_savepoint_whose_statement_was_the_first_can_be_rolled_back(counters):
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            counters.create(name="c")
        counters.create(name="d")
    assert counters.count() == 2


def test_a_savepoint_before_any_statement_is_undone_by_an_abort(counters, commands):
    with transaction.atomic():
        with transaction.atomic():
            commands.clear()
            counters.update(value=1)
            transaction.set_rollback(True)
        assert commands == ["update", "abortTransaction"]
        assert counters.get().value == 0
        counters.create(name="d")
    assert counters.count() == 2


def test_a_savepoint_after_a_read_keeps_the_state_that_was_read(counters):
    with transaction.atomic():
        assert counters.get().value == 0
        elsewhere(lambda: counters.create(name="e"))
        with transaction.atomic():
            counters.update(value=1)
            transaction.set_rollback(True)
        assert counters.get().value == 0


def test_a_session_that_is_handed_out_counts_as_a_statement(counters):
    rows = connection.database["library_counter"]
    with transaction.atomic():
        rows.insert_one({"_id": 1_000, "name": "d"}, session=connection.session)
        with transaction.atomic():
            counters.update(value=1)
            transaction.set_rollback(True)
    assert {*counters.values_list("name", "value")} == {("c", 0), ("d", None)}


def test_a_savepoints_rollback_is_a_command_of_each_kind_of_write(library, commands):
    with transaction.atomic():
        library.Author.objects.count()
        with transaction.atomic():
            for number in range(5):
                author = library.Author.objects.create(name=f"a{number}")
                library.Genre.objects.create(name=f"g{number}")
            author.delete()
            commands.clear()
            transaction.set_rollback(True)
        assert commands == ["update", "delete", "delete"]
        assert library.Author.objects.count() == library.Genre.objects.count() == 0


@pytest.mark.parametrize(
    "step",
    [lambda counters: counters.get(), lambda counters: counters.create(name="d")],
    ids=["read", "wrote"],
)
def test_no_table_is_changed_in_a_block_that_has_begun(counters, step):
    with pytest.raises(transaction.TransactionManagementError, match="collections"):
        with transaction.atomic():
            step(counters)
            with connection.schema_editor() as editor:
                editor.alter_db_table(counters.model, "library_counter", "other")


def test_duplicates_in_a_block_leave_it_alive(counters):
    with transaction.atomic():
        counters.create(name="d")
        with pytest.raises(IntegrityError), transaction.atomic():
            counters.bulk_create(counters.model(name=name) for name in "xyd")
        with pytest.raises(IntegrityError), transaction.atomic():
            counters.filter(name="d").update(name="c")
        with pytest.raises(IntegrityError), transaction.atomic():
            counters.update(name="same")
        counters.create(name="e")
    names = counters.order_by("name").values_list("name", flat=True)
    assert list(names) == ["c", "d", "e"]


def test_savepoints_nest(counters):
    with transaction.atomic():
        counters.update(value=1)
        outer = transaction.savepoint()
        counters.update(value=2)
        inner = transaction.savepoint()
        counters.update(value=3)
        counters.create(name="d")
        transaction.savepoint_rollback(inner)
        assert counters.get().value == 2
        kept = transaction.savepoint()
        counters.update(value=4)
        transaction.savepoint_commit(kept)
        transaction.savepoint_rollback(outer)
        assert counters.get().value == 1
    assert counters.get().value == 1


def test_an_autocommit_update_that_meets_a_duplicate_changes_nothing(counters):
    counters.create(name="d")
    with pytest.raises(IntegrityError):
        counters.update(name="same")
    assert set(counters.values_list("name", flat=True)) == {"c", "d"}


def test_a_lock_leaves_no_trace(counters):
    with transaction.atomic():
        counters.select_for_update().get()
    (document,) = connection.database["library_counter"].find()
    assert set(document) == {"_id", "name", "value", "other"}


def test_a_block_that_only_read_is_not_committed(counters, monkeypatch):
    with transaction.atomic():
        counters.get()
        session = connection.session

        def refuse():
            raise AssertionError("committed")

        monkeypatch.setattr(session, "commit_transaction", refuse)
    assert not session.in_transaction


def test_a_block_too_large_for_the_servers_cache_is_told_what_to_do(databases):
    error = translate(OperationFailure("too large", code=388), connection)
    assert type(error) is OperationalError
    assert "in batches" in str(error)


def test_rows_put_back_by_a_savepoint_stay_where_they_were(counters, library):
    manager = library.Counter.objects
    manager.bulk_create([library.Counter(name=name) for name in "xyz"])
    before = list(manager.values_list("pk", flat=True))
    with transaction.atomic():
        sid = transaction.savepoint()
        for pk in before[:2]:
            manager.filter(pk=pk).update(value=7)
        transaction.savepoint_rollback(sid)
        assert list(manager.values_list("pk", flat=True)) == before
