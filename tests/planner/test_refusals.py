"""What a store refuses, the toolkit finishes: whichever of its answers that is."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Count, Exists, F, Max, OuterRef, Subquery, Sum, Window
from django.db.models.functions import RowNumber

from nonrel_backend.query import Pushdown
from nonrel_backend.testing.refusing import refusing

KINDS = (Pushdown.INEXACT, Pushdown.UNSUPPORTED)


class Refusing:
    """Refuses one of the calls, or all from that one on."""

    def __init__(self, number, kind, once):
        self.number, self.kind, self.once = number, kind, once
        self.calls = 0

    def __call__(self, method):
        self.calls += 1
        left = self.calls - self.number
        refused = left == 0 if self.once else left >= 0
        return self.kind if refused else Pushdown.EXACT


def each_refused():
    """Yield what refuses the first call, then the second, as long as there is one."""
    for kind in KINDS:
        for once in (True, False):
            for number in count(1):
                decide = Refusing(number, kind, once)
                yield decide
                if decide.calls < number:
                    break


@pytest.fixture
def models(library):
    for n in range(12):
        author = library.Author.objects.create(name=f"a{n % 7}", email=f"{n}@x")
        genre = library.Genre.objects.create(name=f"g{n}")
        for m in range(n % 3):
            book = library.Book.objects.create(
                title=f"t{n % 5}", author=author, pages=n * m % 5, rating=m
            )
            book.genres.add(genre)
            library.Copy.objects.create(
                token=UUID(int=book.pk), book=book, lent_for=timedelta(days=n)
            )
    library.Novel.objects.create(title="n", author=author, pages=1, series="s")
    library.Novel.objects.create(title="", author=author, pages=1, series=None)
    return library


def titles(models, name):
    found = models.Book.objects.filter(author=OuterRef("pk")).order_by("title", "pk")
    return found if name is None else found.values(name)[:1]


READS = {
    "two filters on two tables": lambda m: m.Novel.objects.filter(
        title__gt="", series__isnull=False
    ),
    "EXISTS of few rows": lambda m: m.Author.objects.filter(
        Exists(titles(m, None)), name__gt="a1"
    ),
    "first related rows": lambda m: m.Author.objects.annotate(
        x=Subquery(titles(m, "title"))
    ),
    "EXISTS beside rows": lambda m: m.Author.objects.annotate(
        x=Exists(titles(m, None))
    ),
    "first related durations": lambda m: m.Book.objects.annotate(
        x=Subquery(
            m.Copy.objects.filter(book=OuterRef("pk"))
            .order_by("pk")
            .values("lent_for")[:1]
        )
    ),
    "durations beside rows": lambda m: m.Book.objects.annotate(
        most=Max("copies__lent_for"), n=Sum("copies__lent_for")
    ),
    "aggregates beside rows": lambda m: m.Author.objects.annotate(
        n=Count("books"), most=Max("books__rating")
    ),
    "the first groups": lambda m: m.Author.objects.annotate(n=Count("books")).order_by(
        "-n", "pk"
    )[:3],
    "extremes across links": lambda m: m.Genre.objects.annotate(
        n=Max("book__pages", default=-1)
    ),
    "the first of each": lambda m: m.Book.objects.annotate(
        n=Window(RowNumber(), partition_by="title", order_by=["pages", "pk"])
    ).filter(n=1),
    "an order by a computed value": lambda m: m.Book.objects.order_by(
        F("pages") + F("pk"), "pk"
    )[:3],
    "an order by a related column": lambda m: m.Book.objects.order_by(
        "author__name", "pk"
    )[:3],
    "groups of joined rows": lambda m: m.Book.objects.values("author__name").annotate(
        n=Sum("pages")
    ),
    "groups of rows of many keys": lambda m: (
        m.Book.objects.filter(author__name__gt="a0")
        .values("author__name")
        .annotate(n=Sum("pages"))
    ),
    "groups of no rows": lambda m: (
        m.Book.objects.filter(genres__pk__in=[])
        .values("pk")
        .annotate(n=Count("title", distinct=True))
    ),
    "a union": lambda m: (
        m.Book.objects.filter(pages=1)
        .union(m.Book.objects.filter(title="t1"))
        .order_by("pk")[:4]
    ),
    "a related object": lambda m: m.Book.objects.filter(
        author__name="a1", pages__lt=9
    ).select_related("author"),
}


@pytest.mark.parametrize("name", READS)
def test_rows_are_the_same_whichever_answer_is_refused(models, name):
    rows = READS[name](models)
    expected = sorted(map(str, rows.values_list()))
    for decide in each_refused():
        with refusing(connection, decide):
            assert sorted(map(str, rows.values_list())) == expected
            assert rows.all().explain() or not expected


def test_numbers_are_the_same_whichever_answer_is_refused(models):
    joined = models.Book.objects.filter(genres__name__gt="g2", pages__gte=0)
    grouped = models.Book.objects.values("title").annotate(n=Count("pk"))
    expected = joined.count(), grouped.count(), grouped.aggregate(Sum("n"))
    for decide in each_refused():
        with refusing(connection, decide):
            found = joined.count(), grouped.count(), grouped.aggregate(Sum("n"))
        assert found == expected


def updated(models):
    books = models.Book.objects
    books.update(rating=0)
    yield books.filter(pages=0, title__gt="t1").update(rating=1)
    yield books.filter(author__name="a2").update(rating=F("rating") + 2)
    yield sorted(books.values_list("pk", "rating"))


def test_updates_are_the_same_whichever_answer_is_refused(models):
    expected = list(updated(models))
    assert all(expected)
    for decide in each_refused():
        with refusing(connection, decide):
            assert list(updated(models)) == expected


def test_deletes_are_the_same_whichever_answer_is_refused(models):
    for decide in each_refused():
        keys = [models.Genre.objects.create(name=f"x{n}").pk for n in range(3)]
        with refusing(connection, decide):
            found = models.Genre.objects.filter(name__gt="x", pk__in=keys[:2]).delete()
        assert found == (2, {"library.Genre": 2})
        assert models.Genre.objects.filter(name__gte="x").delete()[0] == 1
