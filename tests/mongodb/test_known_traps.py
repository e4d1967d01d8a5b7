"""What other backends for MongoDB are known to answer wrongly, against SQLite."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import NotSupportedError
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, Subquery
from django.db.models.functions import TruncDay, TruncMonth
from django.test import override_settings


@pytest.fixture
def tables(library):
    """The managers of both databases, with the same few rows."""
    names = ["a.c", "abc", "ABC", "a+b", "x"]
    found = []
    for alias in ("default", "oracle"):
        authors = library.Author.objects.using(alias)
        authors.bulk_create(
            [
                library.Author(pk=n, name=name, born=date(2020, 1, n), email=f"{n}@x")
                for n, name in enumerate(names, 1)
            ]
        )
        books = library.Book.objects.using(alias)
        books.bulk_create(
            [
                library.Book(
                    pk=n,
                    title=f"t{n}",
                    author_id=n % 4 + 1,
                    pages=n * 10,
                    published=datetime(2020, 1 + n % 3, 1, n, tzinfo=UTC),
                )
                for n in range(1, 10)
            ]
        )
        found.append((authors, books))
    return found


def test_an_update_by_a_correlated_subquery(tables):
    for authors, books in tables:
        longest = books.filter(author=OuterRef("pk")).order_by("-pages")
        authors.update(email=Subquery(longest.values("title")[:1]))
    (here, _), (there, _) = tables
    rows = list(here.order_by("pk").values_list("pk", "email"))
    assert rows == list(there.order_by("pk").values_list("pk", "email"))
    assert rows[0] == (1, "t8")


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_parts_of_dates_in_any_time_zone(tables, zone):
    with override_settings(TIME_ZONE=zone):
        answers = [
            [
                authors.filter(born__year=2020, born__month=1, born__day=1).count(),
                list(authors.dates("born", "day")),
                books.filter(published__month=1).count(),
                books.filter(published__date=date(2020, 2, 1)).count(),
                books.filter(published__year=2020).count(),
                list(books.datetimes("published", "month")),
                list(
                    books.values(day=TruncDay("published"))
                    .annotate(n=Count("pk"), m=TruncMonth("day"))
                    .order_by("day")
                ),
            ]
            for authors, books in tables
        ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 1


@pytest.mark.parametrize("text", ["a.c", "A+B", ".*", "abc", "[x]", "x"])
def test_iexact_means_the_text(tables, text):
    answers = [
        set(authors.filter(name__iexact=text).values_list("name", flat=True))
        for authors, _ in tables
    ]
    assert answers[0] == answers[1]


def test_distinct_on_a_field_is_refused_and_not_ignored(tables):
    for _, books in tables:
        with pytest.raises(NotSupportedError):
            list(books.distinct("author"))


def test_a_filtered_relation_keeps_rows_with_nothing_related(tables):
    answers = [
        list(
            authors.annotate(
                late=FilteredRelation("books", condition=Q(books__pages__gt=70))
            )
            .order_by("pk", "late__pk")
            .values_list("name", "late__title")
        )
        for authors, _ in tables
    ]
    assert answers[0] == answers[1]
    assert ("x", None) in answers[0]


def test_patterns_on_numbers(tables):
    answers = [
        set(books.filter(pages__icontains="0", pages__startswith="3"))
        | set(books.filter(pages__regex="^[12]0$"))
        for _, books in tables
    ]
    assert (
        {book.pk for book in answers[0]}
        == {book.pk for book in answers[1]}
        == {1, 2, 3}
    )


def test_an_update_chosen_by_a_subquery(tables):
    for authors, books in tables:
        few = authors.filter(pk__lt=4).values("pk")
        assert books.filter(author__in=few).update(pages=F("pages") + 1) == 7
        first = books.order_by("-pages")[:2]
        assert books.filter(pk__in=first.values("pk")).update(title="first") == 2
    (_, here), (_, there) = tables
    columns = ("pk", "title", "pages")
    rows = list(here.order_by("pk").values_list(*columns))
    assert rows == list(there.order_by("pk").values_list(*columns))


def test_a_unique_field_is_found_by_its_own_index(tables):
    plan = tables[0][0].filter(email="3@x").explain(analyze=True)
    assert "index library_author_email" in plan
    assert "1 keys and 1 documents examined, 1 returned" in plan


def test_a_condition_said_twice_finds_its_rows(tables):
    nobody = Q(published=None) | Q(published=None)
    early = Q(published__lte=datetime(2020, 1, 9, tzinfo=UTC)) | nobody
    late = Q(published__gt=datetime(2020, 1, 9, tzinfo=UTC), title__gt="t5")
    answers = [
        set(books.filter(late | early & (Q(title__lte="t5") | Q(title__isnull=True))))
        for _, books in tables
    ]
    assert {book.pk for book in answers[0]} == {book.pk for book in answers[1]}


def test_xor_negated_counts_null_as_not_true(tables):
    for _, books in tables:
        books.filter(pk__lte=3).update(published=None)
        books.filter(pk__in=[1, 4]).update(title="")
    late = Q(published__gt=datetime(2020, 2, 1, 5, tzinfo=UTC))
    answers = [
        sorted(books.exclude(late ^ Q(title__gt="")).values_list("pk", flat=True))
        for _, books in tables
    ]
    assert answers[0] == answers[1]
    assert 1 in answers[0]


def test_columns_of_different_kinds_are_compared(tables):
    for _, books in tables:
        books.filter(pk=2).update(price=Decimal("9.90"))
        books.filter(pk=3).update(price=Decimal("3.00"), title="3")
    for ask in (
        lambda books: books.filter(pk__in=books.values("price")),
        lambda books: books.filter(title__in=books.values("pages")),
        lambda books: books.filter(pages__in=books.values("title")),
        lambda books: books.exclude(copies__book=F("price")),
        lambda books: books.filter(Exists(books.filter(pk=OuterRef("price")))),
        lambda books: books.filter(pk__in=books.filter(pk=OuterRef("price"))),
    ):
        answers = [{book.pk for book in ask(books)} for _, books in tables]
        assert answers[0] == answers[1]
