"""Aggregates of rows that a to-many relation filters: their keys are found first."""

import pytest
from django.db import connection
from django.db.models import Avg, Count, Max, Sum

from .test_rules import answer, rule_of

NOWHERE = 999


@pytest.fixture
def books(library):
    authors = [
        library.Author.objects.create(name=f"a{n}", email=f"{n}@x") for n in range(4)
    ]
    genres = [library.Genre.objects.create(name=name) for name in "xyz"]
    editors = [None, authors[1].pk, NOWHERE]
    for n in range(9):
        book = library.Book.objects.create(
            title=f"t{n}", author=authors[n % 3], editor_id=editors[n % 3], pages=n
        )
        book.genres.add(*genres[: n % 4])
    return library.Book.objects


def totals(rows, column="pages"):
    return rows.values("author_id").annotate(
        n=Count("pk"), total=Sum(column), mean=Avg(column), most=Max(column)
    )


def is_by_keys(rows):
    return rule_of(rows).decision().startswith("rule: keyed_groups")


@pytest.mark.parametrize("genre", ["x", "z", "none"])
def test_groups_of_rows_with_a_related_one_are_those_of_a_join(books, genre):
    rows = totals(books.filter(genres__name=genre)).order_by("author_id")
    names = ("author_id", "n", "total", "mean", "most")
    assert is_by_keys(rows) == (connection.vendor == "mongodb")
    assert list(rows.values_list(*names)) == answer(rows.values_list(*names), "local")


def test_an_aggregate_of_all_such_rows_is_one_of_the_store(books):
    found = books.filter(genres__name="y").aggregate(
        n=Count("pk"), mean=Avg("pages"), most=Max("pages")
    )
    assert found == {"n": 4, "mean": 4.5, "most": 7}
    found = books.filter(genres__name="none").aggregate(Avg("pages"), Count("pk"))
    assert found == {"pages__avg": None, "pk__count": 0}


def test_a_row_that_the_join_repeats_is_aggregated_as_often(books):
    found = books.filter(genres__name__in=["x", "y"]).aggregate(Sum("pages"))
    each = [books.filter(genres__name=name).aggregate(n=Sum("pages")) for name in "xy"]
    assert found == {"pages__sum": sum(one["n"] for one in each)}


def test_related_rows_of_no_row_repeat_nothing(library, books):
    authors = library.Author.objects.filter(edited__pages__in=[0, 3, 4])
    assert authors.aggregate(n=Count("pk"), last=Max("name")) == {"n": 1, "last": "a1"}
    authors = library.Author.objects.filter(edited__pages__in=[1, 4])
    assert authors.aggregate(n=Count("pk")) == {"n": 2}
