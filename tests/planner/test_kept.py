"""Tables that stay in the local engine never answer with rows that have changed."""

import os
from datetime import UTC, datetime

import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import Count, F, Min, Sum
from django.db.models.functions import ExtractHour
from django.test import override_settings

from nonrel_backend.local import table_cache
from nonrel_backend.query import Pushdown
from nonrel_backend.testing.refusing import refusing

only_lmdb = pytest.mark.skipif(
    os.environ.get("NONREL_ENGINE", "lmdb") != "lmdb",
    reason="Tables are kept where the store can tell whether they have changed.",
)


@pytest.fixture(autouse=True)
def no_rows_are_few(monkeypatch):
    monkeypatch.setattr(table_cache, "FEW_ROWS", 0)


@pytest.fixture
def books(library):
    author = library.Author.objects.create(name="a", email="a@x")
    library.Book.objects.bulk_create(
        [library.Book(title=f"t{n}", author=author, pages=n) for n in range(10)]
    )
    assert pages() == {"a": 45}
    return library.Book.objects


def pages():
    """An answer that takes a join and a sum over all rows."""
    from tests.library.models import Author

    rows = Author.objects.values_list("name").annotate(Sum("books__pages"))
    return dict(rows)


def kept():
    return {
        name: table
        for name, table in connection.local_engine.cache.tables.items()
        if name.startswith("library_")
    }


def test_every_write_is_seen(books):
    author = books.first().author
    books.create(title="new", author=author, pages=100)
    assert pages() == {"a": 145}
    books.filter(pages=100).update(pages=F("pages") + 1)
    assert pages() == {"a": 146}
    book = books.get(pages=101)
    book.pages = 5
    book.save()
    assert pages() == {"a": 50}
    books.bulk_update([book], ["pages"])
    book.pages = 1
    books.bulk_update([book], ["pages"])
    assert pages() == {"a": 46}
    book.delete()
    assert pages() == {"a": 45}
    author.name = "b"
    author.save()
    assert pages() == {"b": 45}
    books.all().delete()
    assert pages() == {"b": None}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_version_that_is_not_told_once_costs_only_time(books, number):
    asked = []

    def decide(method):
        asked.append(method)
        is_refused = method == "version" and asked.count(method) == number
        return Pushdown.UNSUPPORTED if is_refused else Pushdown.EXACT

    books.filter(pages=3).update(pages=F("pages") + 1)
    with refusing(connection, decide):
        assert pages() == {"a": 46}
    assert pages() == {"a": 46}


@pytest.mark.parametrize("kind", [Pushdown.INEXACT, Pushdown.UNSUPPORTED])
def test_rows_that_the_store_does_not_find_by_key_are_read_with_all_others(books, kind):
    decide = {"add_filters": kind}.get
    books.filter(pages=3).update(pages=F("pages") + 1)
    with refusing(connection, lambda method: decide(method, Pushdown.EXACT)):
        assert pages() == {"a": 46}
        books.create(title="new", author=books.first().author, pages=100)
        assert pages() == {"a": 146}
    assert pages() == {"a": 146}


@pytest.mark.skipif(
    os.environ.get("NONREL_ENGINE") == "riak", reason="Riak has no transactions."
)
def test_what_is_rolled_back_is_gone(books):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        books.update(pages=1)
        assert pages() == {"a": 10}
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            books.update(pages=2)
            assert pages() == {"a": 20}
            raise ZeroDivisionError
        assert pages() == {"a": 10}
        raise ZeroDivisionError
    assert pages() == {"a": 45}
    books.update(pages=2)
    assert pages() == {"a": 20}


@only_lmdb
def test_what_another_process_writes_is_seen(books):
    for pages_of_each in (1, 2):
        pid = os.fork()
        if pid == 0:
            try:
                books.update(pages=pages_of_each)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert pages() == {"a": 10 * pages_of_each}


def test_a_flush_is_seen(books):
    connection.ops.flush(["library_book"], reset_sequences=True)
    assert pages() == {"a": None}


def test_more_columns_are_read_when_they_are_asked_for(books):
    def titles():
        found = books.values_list("author__name").annotate(
            titles=Count("title", distinct=True), pages=Sum("pages")
        )
        return list(found)

    assert titles() == [("a", 10, 45)]
    assert pages() == {"a": 45}
    books.filter(pages=9).update(title="t8", pages=10)
    assert titles() == [("a", 9, 46)]


def test_moments_are_those_of_the_time_zone(books):
    books.update(published=datetime(2020, 1, 1, 12, tzinfo=UTC))

    def hours():
        hour = Min(ExtractHour("published"))
        rows = books.values_list("author__name").annotate(hour=hour)
        return list(rows)

    for _ in range(2):
        with override_settings(TIME_ZONE="UTC"):
            assert hours() == [("a", 12)]
        with override_settings(TIME_ZONE="Asia/Tokyo"):
            assert hours() == [("a", 21)]


def test_the_guard_counts_what_is_kept(books, monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "local_rows", 1)
    for _ in range(2):
        with pytest.raises(NotSupportedError, match="scan of library_book passed"):
            pages()


@only_lmdb
def test_no_more_rows_are_kept_than_may_be(books, monkeypatch):
    assert kept()["library_book"].rows == 10
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "kept_rows", 9)
    assert pages() == {"a": 45}
    assert sum(table.rows for table in kept().values()) <= 9
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "kept_rows", 0)
    assert pages() == {"a": 45}
    assert kept() == {}


def test_sql_texts_read_the_rows_of_now(books):
    with connection.cursor() as cursor:
        for each in (1, 2):
            books.update(pages=each)
            assert pages() == {"a": 10 * each}
            cursor.execute("SELECT SUM(pages) FROM library_book")
            assert cursor.fetchone() == (10 * each,)
