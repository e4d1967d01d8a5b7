"""The first rows by an aggregate of one relation, beside aggregates of others."""

import pytest
from django.db import connection
from django.db.models import Count, Max

from nonrel_backend.planner.rules import ranked_rows

from .test_rules import answer, rule_of


@pytest.fixture
def authors(library):
    library.Author.objects.bulk_create(
        library.Author(name=f"a{n}", email=f"{n}@x") for n in range(8)
    )
    library.Genre.objects.bulk_create(library.Genre(name=f"g{n}") for n in range(3))
    authors = list(library.Author.objects.order_by("name"))
    genres = list(library.Genre.objects.order_by("name"))
    for n in range(20):
        book = library.Book.objects.create(
            title=f"t{n:02}", author=authors[n % 7 % (n % 5 + 1)], pages=n
        )
        book.genres.set(genres[: n % 4])
    return library.Author.objects


def most(authors):
    return authors.annotate(
        n=Count("books", distinct=True), kinds=Count("books__genres", distinct=True)
    ).order_by("-n", "-kinds", "pk")


def latest(authors):
    return authors.annotate(n=Max("books__pages"), kinds=Count("books__genres"))


@pytest.mark.parametrize(
    "rows",
    [most, lambda authors: latest(authors).order_by("-n", "name")],
    ids=["count", "greatest"],
)
def test_the_first_rows_are_those_of_all(authors, rows):
    wanted = rows(authors).values_list("name", "n", "kinds")
    expected = answer(wanted, "local")
    assert len(expected) == 8 and expected[0][1] > expected[3][1]
    for low, high in ((0, 2), (1, 3), (0, 7), (6, 9)):
        assert list(wanted[low:high]) == expected[low:high]
        assert len(rows(authors)[low:high]) == len(expected[low:high])


def test_the_rows_of_others_are_not_loaded(authors):
    decision = rule_of(most(authors)[:2]).decision()
    if connection.vendor == "mongodb":
        assert decision.startswith("rule: ranked_rows")
        assert "loaded" in most(authors)[:2].explain(analyze=True)
    else:
        assert decision.startswith("rule: local")


def test_equal_groups_beyond_those_read_are_found(authors, monkeypatch):
    monkeypatch.setattr(ranked_rows, "MORE", 0)
    wanted = most(authors).values_list("name", "n", "kinds")
    expected = answer(wanted, "local")
    assert [list(wanted[:n]) for n in range(1, 7)] == [
        expected[:n] for n in range(1, 7)
    ]


@pytest.mark.parametrize(
    "rows",
    [
        lambda authors: most(authors).filter(n__gt=1),
        lambda authors: most(authors).filter(books__pages__gt=3),
        lambda authors: latest(authors).order_by("-kinds", "pk"),
        lambda authors: latest(authors).order_by("n", "pk"),
    ],
    ids=["having", "filtered", "repeated", "least"],
)
def test_other_rows_are_not_found_so(authors, rows):
    wanted = rows(authors).values_list("name", "n", "kinds")
    assert "ranked_rows" not in rule_of(wanted[:2]).decision().partition(";")[0]
    assert list(wanted[:2]) == answer(wanted, "local")[:2]
