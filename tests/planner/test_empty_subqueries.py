"""Subqueries in which nothing can match: no query for them, as on SQLite."""

from django.db import connections
from django.db.models import Case, Count, OuterRef, Q, Subquery, Sum, Value, When
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


def aggregates_over_slices(library, alias):
    """Yield aggregates of nothing, over a subquery which has no valid type, too."""
    genres = library.Genre.objects.using(alias)
    genres.create(name="g")
    key = library.Novel.objects.filter(pk=OuterRef("pk")).values("pk")
    wrong = genres.annotate(x=Value(5) + Subquery(key[:1]))
    nothing = {"filter": Q(name__in=[])}
    for rows in (genres.all()[:1], wrong[:1], wrong.distinct()):
        yield rows.aggregate(x=Count("pk", **nothing))
        yield rows.aggregate(x=Sum("pk", **nothing))
        yield rows.aggregate(x=Count(Case(When(name__in=[], then=1))))


def test_aggregates_of_nothing_are_known_before_their_subquery(library):
    found, expected = (
        [*aggregates_over_slices(library, alias)] for alias in ("default", "oracle")
    )
    assert found == expected == [{"x": 0}, {"x": None}, {"x": 0}] * 3
