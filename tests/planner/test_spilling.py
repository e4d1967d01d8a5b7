"""What the local engine does with more rows than memory, or its file, should hold."""

import logging
import os
import sys

import pytest
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection, connections
from django.db.models import F

from nonrel_backend.local import load, wrapper


@pytest.fixture
def engine(monkeypatch):
    """Make a new local engine for the test, and another one after it."""
    own = vars(connections[DEFAULT_DB_ALIAS])
    yield lambda: own.pop("local_engine", None)
    monkeypatch.undo()
    own.pop("local_engine", None)


@pytest.fixture
def books(library):
    author = library.Author.objects.create(name="a", email="a@x")
    library.Book.objects.bulk_create(
        library.Book(title=f"{number % 7} {'t' * 150}", author=author, pages=number)
        for number in range(1, 1_001)
    )
    return library.Book.objects


def longest(books):
    """Return the pages of the first books in an order that no store computes."""
    order = (F("pages") * -7 % 11).desc()
    rows = books.annotate(length=F("pages") * 2).order_by(order, "title", "-pages")
    return list(rows.values_list("pages", "title", "author__name"))


def temporary_files():
    """Return the files that SQLite has open in the folder for temporary ones."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    names = [os.readlink(link) for link in links if os.path.islink(link)]
    return [name for name in names if "etilqs_" in name]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists open files in /proc.")
def test_rows_past_the_cache_go_to_a_file_without_a_name(books, engine, monkeypatch):
    engine()
    expected = longest(books)
    assert len(expected) == 1_000 and temporary_files() == []
    monkeypatch.setattr(wrapper, "CACHE_KIBIBYTES", 20)
    engine()
    assert longest(books) == expected
    (name,) = temporary_files()
    assert name.endswith(" (deleted)")


def test_rows_past_the_file_are_an_error_that_says_what_helps(
    books, engine, monkeypatch
):
    expected = longest(books)
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "local_bytes", 100_000)
    engine()
    for _ in range(2):
        with pytest.raises(NotSupportedError, match="local_bytes.* = 100000 bytes"):
            longest(books)
        few = books.filter(pages__lte=20)
        wanted = [row for row in expected if row[0] <= 20]
        assert longest(few) == wanted


def test_a_query_that_loads_many_rows_is_logged(books, monkeypatch, caplog):
    monkeypatch.setattr(load, "ROWS_TOLD", 500)
    with caplog.at_level(logging.INFO, logger="nonrel_backend.planner"):
        longest(books.filter(pages__lte=300))
        assert caplog.messages == []
        longest(books)
        (message,) = caplog.messages
        assert message.startswith("1001 rows loaded in 0.")
        assert "library_book" in message and "because" in message
        with connection.cursor() as cursor:
            cursor.execute("SELECT SUM(pages) - 496000 FROM library_book")
            assert cursor.fetchone() == (4_500,)
        assert "FROM library_book" in caplog.messages[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="The system has no fork().")
def test_a_forked_child_leaves_the_file_of_its_parent_alone(books, engine, monkeypatch):
    monkeypatch.setattr(wrapper, "CACHE_KIBIBYTES", 20)
    engine()
    local = connection.local_engine

    def numbers(count):
        """Return what a statement finds in a table of so many rows."""
        table = local.table(books.model._meta)
        rows = [[number, "t" * 100] for number in range(count)]

        def load(reads, insert):
            insert(table.name, ["pages", "title"], rows)

        sql = f'SELECT SUM(pages), MIN(LENGTH(title)) FROM "{table.name}"'
        return local.run(sql, (), {table.name: table}, load)

    assert numbers(3_000) == [(4_498_500, 100)]
    parents = local.wrapper.connection
    child = os.fork()
    if not child:
        right = numbers(2_000) == [(1_999_000, 100)]
        os._exit(0 if right and local.wrapper.connection is not parents else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert local.wrapper.connection is parents
    assert numbers(3_000) == [(4_498_500, 100)]
