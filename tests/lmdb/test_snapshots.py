"""What a block of atomic() reads before its first write, and what that then meets."""

import os
import threading

import pytest
from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.models import F

from nonrel_backend.transactions import TransactionConflict, retry_transaction


def authors():
    from tests.library.models import Author

    return Author.objects.using("own")


def genres():
    from tests.library.models import Genre

    return Genre.objects.using("own")


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


def elsewhere(work):
    """Run `work()` in another thread, with a connection of its own."""
    errors = []

    def run():
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections["own"].close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def readers(store):
    """Return how many read transactions of the store are open."""
    lines = store.environment.lmdb.readers().splitlines()[1:]
    return sum(not line.split()[-1] == "-" for line in lines)


@pytest.fixture
def counter(store):
    return counters().create(name="a", value=0)


def value():
    return counters().get(name="a").value


def test_repeated_reads_of_a_block_agree(counter):
    with transaction.atomic(using="own"):
        assert value() == 0
        elsewhere(lambda: counters().update(value=7))
        assert value() == 0
        assert counters().filter(value__gt=0).count() == 0
        assert list(counters().values_list("value", flat=True)) == [0]
    assert value() == 7


def test_a_write_after_what_was_read_has_changed_is_a_conflict(counter):
    with pytest.raises(TransactionConflict, match="Rows of library_counter that"):
        with transaction.atomic(using="own"):
            read = value()
            elsewhere(lambda: counters().update(value=7))
            counters().update(value=read + 1)
    assert value() == 7
    counters().update(value=8)


def test_a_conflict_does_not_end_with_its_savepoint(counter):
    with transaction.atomic(using="own"):
        value()
        elsewhere(lambda: counters().update(value=7))
        for _ in range(2):
            with pytest.raises(TransactionConflict), transaction.atomic(using="own"):
                authors().create(name="a")
        with pytest.raises(TransactionConflict), transaction.atomic(using="own"):
            value()
    assert not authors().exists()


def test_retry_transaction_repeats_a_conflict(counter):
    runs = []

    @retry_transaction(using="own")
    def add():
        runs.append(value())
        if len(runs) == 1:
            elsewhere(lambda: counters().update(value=7))
        counters().update(value=runs[-1] + 1)

    add()
    assert (runs, value()) == ([0, 7], 8)


def test_changes_of_what_the_block_did_not_read_are_no_conflict(counter):
    a, b = authors().create(name="a"), authors().create(name="b")
    with transaction.atomic(using="own"):
        assert authors().get(pk=a.pk).email is None
        assert [each.pk for each in authors().filter(name__gte="a", name__lt="b")]
        assert not authors().filter(pk=99).exists()
        elsewhere(lambda: authors().filter(pk=b.pk).update(email="b@x"))
        elsewhere(lambda: genres().create(name="new"))
        elsewhere(lambda: authors().create(name="c"))
        authors().filter(pk=a.pk).update(email="a@x")
        assert sorted(authors().values_list("name", flat=True)) == ["a", "b", "c"]
    assert authors().get(pk=a.pk).email == "a@x"


@pytest.mark.parametrize(
    "read",
    [
        lambda: authors().filter(pk=99).exists(),
        lambda: authors().get(pk=1),
        lambda: authors().get(email="1@x"),
        lambda: list(authors().filter(pk__in=[1, 2, 99])),
        lambda: list(authors().filter(name__in=["a1", "a2", "a?"])),
        lambda: list(authors().all()),
        lambda: list(authors().filter(name__startswith="a1")),
        lambda: authors().count(),
        lambda: authors().filter(name__gte="a5").count(),
        lambda: list(authors().order_by("-name")[:3]),
    ],
)
@pytest.mark.parametrize("rows", [10, 2000])
def test_every_way_of_reading_is_noticed(store, read, rows):
    model = authors().model
    authors().bulk_create(
        [model(pk=n, name=f"a{n}", email=f"{n}@x") for n in range(1, rows)]
    )

    def change():
        authors().all().delete()
        model(pk=99, name="b").save(using="own")

    with pytest.raises(TransactionConflict), transaction.atomic(using="own"):
        try:
            read()
        except model.DoesNotExist:
            pass
        elsewhere(change)
        counters().create(name="b")
    assert not counters().exists()


def test_a_change_of_the_tables_is_noticed(store):
    def change():
        with connections["own"].schema_editor() as editor:
            editor.delete_model(genres().model)

    with pytest.raises(TransactionConflict, match="^Tables that"):
        with transaction.atomic(using="own"):
            store.introspection.table_names()
            elsewhere(change)
            counters().create(name="b")


def test_a_block_that_writes_first_reads_the_newest_state(counter):
    with transaction.atomic(using="own"):
        genres().create(name="g")
        assert value() == 0
        counters().update(value=F("value") + 1)
        assert value() == 1


def test_select_for_update_reads_the_newest_state(counter):
    with transaction.atomic(using="own"):
        assert counters().select_for_update().get().value == 0
        with pytest.raises(OperationalError, match="database is locked"):
            elsewhere(lambda: counters().update(value=7))
        counters().update(value=1)
    assert value() == 1


def test_select_for_update_after_a_change_of_what_was_read_is_a_conflict(counter):
    with pytest.raises(TransactionConflict), transaction.atomic(using="own"):
        value()
        elsewhere(lambda: counters().update(value=7))
        counters().select_for_update().get()


def test_threads_that_create_the_same_row_by_update_or_create_do_not_fail(store):
    store.settings_dict["OPTIONS"]["timeout"] = 30
    errors = []

    def work():
        try:
            for step in range(20):
                counters().update_or_create(name=f"n{step}", defaults={"value": step})
        except Exception as error:
            errors.append(error)
        finally:
            connections["own"].close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert counters().count() == 20


def test_rows_that_are_being_read_stay_as_they_were(store):
    authors().bulk_create([authors().model(name=f"a{n}") for n in range(300)])
    with transaction.atomic(using="own"):
        rows = authors().order_by("name").iterator(chunk_size=10)
        names = [next(rows).name]
        authors().update(name="changed")
        assert authors().filter(name="changed").count() == 300
        names += [row.name for row in rows]
    assert names == sorted(f"a{n}" for n in range(300))
    assert readers(store) == 0


def test_a_snapshot_ends_with_its_block(counter, store):
    def leave(how):
        with transaction.atomic(using="own"):
            value()
            assert readers(store) == 1
            how()

    leave(lambda: None)
    assert readers(store) == 0
    with pytest.raises(ZeroDivisionError):
        leave(lambda: 1 / 0)
    assert readers(store) == 0
    leave(lambda: counters().update(value=1))
    assert readers(store) == 0
    with pytest.raises(TransactionConflict):
        elsewhere(lambda: leave(conflicting))
    assert readers(store) == 0
    elsewhere(lambda: (connections["own"].set_autocommit(False), value()))
    assert readers(store) == 0
    with pytest.raises(DatabaseError):
        elsewhere(lambda: leave(lambda: list(authors().extra(where=["1 = nothing"]))))
    assert readers(store) == 0


def conflicting():
    elsewhere(lambda: counters().update(value=F("value") + 1))
    counters().update(value=0)


def test_a_savepoint_keeps_the_snapshot(counter):
    with transaction.atomic(using="own"):
        with transaction.atomic(using="own"):
            assert value() == 0
        elsewhere(lambda: counters().update(value=7))
        with pytest.raises(ZeroDivisionError), transaction.atomic(using="own"):
            assert value() == 0
            raise ZeroDivisionError
        assert value() == 0


def test_the_state_stays_after_a_first_write_that_was_rolled_back(counter):
    with transaction.atomic(using="own"):
        assert value() == 0
        with pytest.raises(ZeroDivisionError), transaction.atomic(using="own"):
            counters().update(value=1)
            raise ZeroDivisionError
        assert value() == 0
        counters().update(value=2)
    assert value() == 2


def test_after_waiting_in_vain_for_a_writer_reads_still_agree(counter):
    def hold(say, hear):
        with transaction.atomic(using="own"):
            counters().update(value=7)
            say("written")
            hear.readline()
        say("committed")
        hear.readline()

    from .test_processes import child

    with child(hold) as (say, hear, _):
        hear.readline()
        with transaction.atomic(using="own"):
            assert value() == 0
            with pytest.raises(OperationalError, match="database is locked"):
                with transaction.atomic(using="own"):
                    counters().update(value=1)
            assert value() == 0
            say("go on")
            hear.readline()
            assert value() == 0
            with pytest.raises(TransactionConflict):
                with transaction.atomic(using="own"):
                    counters().update(value=1)
        say("end")
    assert value() == 7


def test_a_fork_in_a_block_that_has_read_is_not_in_it(counter, store):
    with transaction.atomic(using="own"):
        assert value() == 0
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                counters().update(value=F("value") + 7)
                status = value() - 7
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert value() == 0
    assert value() == 7
    assert readers(store) == 0


def test_the_map_grows_in_a_block_that_has_read(store, open_store):
    from .test_store import reopened

    reopened(open_store, map_size=1 << 20)
    counters().create(name="a")
    with transaction.atomic(using="own"):
        assert value() == 0
        authors().bulk_create([authors().model(name=f"a{n}") for n in range(20_000)])
    assert authors().count() == 20_000


def test_migrations_see_one_catalog(store):
    """A schema change computed from the catalog does not undo another's."""
    with pytest.raises(TransactionConflict), transaction.atomic(using="own"):
        entry = store.tables.entry("library_genre")
        changed = {**entry, "checks": [{"name": "new", "columns": [], "sql": "1"}]}
        elsewhere(lambda: connections["own"].tables.save("library_genre", changed))
        store.tables.save("library_genre", entry)
    assert store.stored_checks("library_genre")
