"""Subqueries in which nothing can match: no query for them, as on SQLite."""

from django.db import connections
from django.test.utils import CaptureQueriesContext


def queries_of(library, alias):
    """Return the number of queries and the keys found, of each queryset."""
    authors = library.Author.objects.using(alias)
    none = authors.filter(pk__in=[])
    books = library.Book.objects.using(alias).order_by("pk")
    author = authors.create(pk=1, name="a")
    books.create(pk=1, title="t", pages=1, author=author)
    for query in (
        books.filter(author__in=none),
        books.filter(author__in=none, pages=1),
        books.exclude(author__in=none),
        books.exclude(editor__in=none),
        books.filter(title__in=none.values("name")),
        books.filter(author__in=authors.none()) | books.filter(pages=1),
    ):
        with CaptureQueriesContext(connections[alias]) as captured:
            keys = [book.pk for book in query]
        assert all(each["sql"] for each in captured.captured_queries)
        yield len(captured), keys


def test_nothing_is_asked_for_where_nothing_can_match(library):
    found, expected = (
        list(queries_of(library, alias)) for alias in ("default", "oracle")
    )
    assert found == expected
