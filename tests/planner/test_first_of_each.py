"""The first row of each partition: a filter by the number of a window function."""

import datetime

import pytest
from django.db import connection
from django.db.models import Count, F, Q, Window
from django.db.models.functions import DenseRank, Rank, RowNumber

from .test_rules import answer, rule_of

DAYS = [datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in (3, 1, 2)]


@pytest.fixture
def books(library):
    authors = [
        library.Author.objects.create(name=f"a{n}", email=f"{n}@x") for n in range(4)
    ]
    for n in range(14):
        library.Book.objects.create(
            title=f"t{n:02}",
            author=authors[n % 5 % 3],
            editor_id=[None, authors[2].pk, authors[0].pk][n % 3],
            published=[*DAYS, None][n % 4],
            pages=n % 3,
        )
    return library.Book.objects


def numbered(books, by=("published", "pk"), of="author", function=RowNumber):
    return books.annotate(number=Window(function(), partition_by=of, order_by=by))


def is_by_the_store(rows):
    return rule_of(rows).decision().startswith("rule: first_of_each")


FIRST = {
    "least": lambda books: numbered(books).filter(number=1),
    "greatest": lambda books: numbered(books, ("-published", "-pk")).filter(number=1),
    "of nobody": lambda books: numbered(books, of="editor").filter(number=1),
    "filtered": lambda books: numbered(books.filter(pages__gt=0)).filter(number=1),
    "rank": lambda books: numbered(books, function=Rank).filter(number__lte=1),
    "dense": lambda books: numbered(books, function=DenseRank).filter(number__lt=2),
    "of two": lambda books: numbered(books, of=["editor", "pages"]).filter(number=1),
    "of all": lambda books: numbered(books, of=None).filter(number=1),
    "and": lambda books: numbered(books).filter(number=1, number__gt=F("pages")),
}


@pytest.mark.parametrize("name", FIRST)
def test_first_rows_are_those_of_all_rows(books, name):
    rows = FIRST[name](books).order_by("-title")
    assert is_by_the_store(rows) == (connection.vendor == "mongodb")
    shown = rows.values_list("title", "number", "author_id")
    expected = answer(shown, "local")
    assert expected and list(shown) == expected
    for low, high in ((0, 1), (1, 3), (2, 9)):
        assert list(shown[low:high]) == expected[low:high]
        assert [each.title for each in rows[low:high]] == [
            title for title, *_ in expected[low:high]
        ]


def test_only_first_rows_are_loaded(books):
    rows = numbered(books).filter(number=1).order_by("pages", "pk")
    if connection.vendor == "mongodb":
        assert "scan: 3 rows loaded" in rows.explain(analyze=True)
        assert "scan: 2 rows loaded" in rows[:2].explain(analyze=True)
        assert "first rows of partitions" in rows.explain().splitlines()[0]


OTHERS = {
    "second": lambda books: numbered(books).filter(number=2),
    "either": lambda books: numbered(books).filter(Q(number=1) | Q(number=3)),
    "both ways": lambda books: numbered(books, ("published", "-pk")).filter(number=1),
    "equal": lambda books: numbered(books, ("pages",), function=Rank).filter(number=1),
    "joined": lambda books: numbered(books.filter(author__name="a1")).filter(number=1),
    "another": lambda books: (
        numbered(books)
        .annotate(n=Window(Count("pk"), partition_by="author"))
        .filter(number=1)
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_rows_are_numbered_locally(books, name):
    rows = OTHERS[name](books)
    assert not is_by_the_store(rows)
    found = rows.values_list("title", "number").order_by("title")
    assert found and list(found) == answer(found, "local")
