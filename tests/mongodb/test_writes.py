"""Upserts: NULLs, several threads, savepoints around them; keys never change."""

import threading
from contextlib import nullcontext

import pytest
from django.db import IntegrityError, NotSupportedError, connection, transaction
from django.db.models import F


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


@pytest.mark.parametrize("in_transaction", [True, False])
def test_keys_taken_by_another_client_are_passed_by(library, in_transaction):
    library.Counter.objects.create(name="first")
    first = library.Counter.objects.get().pk
    documents = connection.database["library_counter"]
    documents.insert_many(
        [{"_id": first + n, "name": f"other {n}", "value": 0} for n in range(1, 200)]
    )
    block = transaction.atomic() if in_transaction else nullcontext()
    with block:
        library.Counter.objects.create(name="second")
        library.Counter.objects.bulk_create(
            [library.Counter(name=f"more {n}") for n in range(3)]
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            library.Counter.objects.create(name="second")
    mine = library.Counter.objects.exclude(name__startswith="other").order_by("pk")
    assert [counter.name for counter in mine] == [
        "first",
        "second",
        "more 0",
        "more 1",
        "more 2",
    ]
    assert library.Counter.objects.count() == 204


def test_an_existing_row_is_ignored_by_a_transactions_first_statement(library):
    library.Genre.objects.create(pk=1, name="old")
    with transaction.atomic():
        library.Genre.objects.bulk_create(
            [library.Genre(pk=1, name="new"), library.Genre(pk=2, name="two")],
            ignore_conflicts=True,
        )
    names = library.Genre.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["old", "two"]


def test_of_two_updates_of_one_row_in_bulk_the_first_counts(library):
    library.Counter.objects.create(pk=1, name="a")
    rows = [library.Counter(pk=1, value=1), library.Counter(pk=1, value=2)]
    library.Counter.objects.bulk_update(rows, ["value"])
    assert library.Counter.objects.get().value == 1


def test_an_update_across_a_join_to_many_counts_each_row_once(library):
    author = library.Author.objects.create(name="Ann")
    library.Book.objects.create(title="a", author=author, pages=1)
    library.Book.objects.create(title="b", author=author, pages=2)
    assert library.Author.objects.filter(books__pages__gt=0).update(name="Bo") == 1


def test_a_part_of_a_composite_key_does_not_change(library):
    places = library.Place.objects
    places.create(room="a", number=1, note="here")
    for change in ({"number": 2}, {"number": F("number") + 1, "note": "there"}):
        with pytest.raises(NotSupportedError, match="_id never changes"):
            places.update(**change)
    assert places.get(pk=("a", 1)).note == "here"
    places.update(note="there")
    assert places.get(pk=("a", 1)).note == "there"


@pytest.fixture
def authors(library):
    return [
        library.Author.objects.create(name=name, email=f"{name}@x") for name in "ab"
    ]


def update(author):
    author.save()


def update_in_bulk(author):
    type(author).objects.bulk_update([author], ["name", "email"])


@pytest.mark.parametrize("write", [update, update_in_bulk])
def test_the_server_looks_for_duplicates_of_a_blocks_first_update(
    library, authors, commands, write
):
    first, second = authors
    with transaction.atomic():
        commands.clear()
        write(first)
        assert commands == ["update"]
    with transaction.atomic():
        first.email = second.email
        with pytest.raises(IntegrityError), transaction.atomic():
            write(first)
        library.Genre.objects.create(name="after")
    assert library.Genre.objects.count() == 1
    first.refresh_from_db()
    assert first.email == "a@x"


@pytest.mark.parametrize("write", [update, update_in_bulk])
def test_an_update_in_a_block_that_changes_no_unique_value_is_two_commands(
    library, authors, commands, write
):
    first, second = authors
    with transaction.atomic():
        library.Genre.objects.create(name="before")
        commands.clear()
        first.name = "c"
        write(first)
        assert commands == ["find", "update"]
        first.email = second.email
        with pytest.raises(IntegrityError), transaction.atomic():
            write(first)
    first.refresh_from_db()
    assert (first.name, first.email) == ("c", "a@x")
    assert library.Genre.objects.count() == 1


def test_rows_are_locked_by_one_command(library, authors, commands):
    with transaction.atomic():
        commands.clear()
        locked = library.Author.objects.select_for_update().order_by("name")
        assert [author.name for author in locked] == ["a", "b"]
        assert commands == ["update", "find"]
    assert not connection.database["library_author"].count_documents({"_lock": 1})


def test_a_positive_column_grows_by_one_command(library, commands):
    found = library.Specimen.objects.create(positive_small=1, positive=1)
    chosen = library.Specimen.objects.filter(pk=found.pk)
    commands.clear()
    assert chosen.update(positive_small=F("positive_small") + 1) == 1
    assert commands == ["update"]
    found.delete()
