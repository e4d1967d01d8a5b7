"""Upserts: NULLs, several threads, and savepoints around them."""

import threading

from django.db import connection, transaction


def upsert(counters, value):
    rows = [counters.model(name=str(number), value=value) for number in range(10)]
    counters.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["value"],
    )


def test_eight_threads_upserting_the_same_rows_make_each_once(library):
    counters, errors = library.Counter.objects, []

    def run():
        try:
            for value in range(5):
                upsert(counters, value)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(counters.values_list("value", flat=True)) == {4}
    assert len(counters.all()) == 10


def test_an_upsert_takes_no_null_for_another(library):
    authors = library.Author.objects
    authors.create(name="a", email=None)
    authors.bulk_create(
        [library.Author(name="b", email=None)],
        update_conflicts=True,
        unique_fields=["email"],
        update_fields=["name"],
    )
    names = authors.order_by("name").values_list("name", flat=True)
    assert list(names) == ["a", "b"]


def test_a_savepoint_takes_back_an_upsert(library):
    counters = library.Counter.objects
    counters.create(name="3", value=7)
    with transaction.atomic():
        counters.create(name="kept")
        sid = transaction.savepoint()
        upsert(counters, 1)
        assert len(counters.filter(value=1)) == 10
        transaction.savepoint_rollback(sid)
    rows = counters.order_by("name").values_list("name", "value")
    assert list(rows) == [("3", 7), ("kept", 0)]
