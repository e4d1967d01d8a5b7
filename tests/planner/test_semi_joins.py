"""Filters by related rows: semi-joins, ORs across relations, EXISTS, and counts."""

from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from nonrel_backend.planner import table_scan, value_batches

NOWHERE = 999


@pytest.fixture
def books(library):
    """Six books of three authors, one of an author who is not there."""
    names = ["Ann", "ann", "Bob"]
    authors = [
        library.Author.objects.create(name=name, email=f"{number}@x")
        for number, name in enumerate(names)
    ]
    genres = [library.Genre.objects.create(name=name) for name in "xyz"]
    keys = [*(author.pk for author in authors), authors[0].pk, authors[1].pk, NOWHERE]
    editors = [None, authors[0].pk, authors[2].pk, NOWHERE, None, authors[0].pk]
    for number, (author, editor) in enumerate(zip(keys, editors, strict=True)):
        book = library.Book.objects.create(
            title=f"t{number}", author_id=author, editor_id=editor, pages=number
        )
        book.genres.add(*genres[: number % 3])
    return library.Book.objects


def titles(queryset):
    return sorted(queryset.values_list("title", flat=True))


def is_native(queryset):
    """Whether the plan is a native one, or the store refuses a part of it."""
    first = queryset.explain().splitlines()[0]
    refused = f"because {connection.display_name} does not"
    return not first.startswith("local") or refused in first


def test_an_or_across_a_relation_drops_rows_whose_required_relation_is_missing(books):
    found = books.filter(Q(author__name="Ann") | Q(pages__gte=4)).order_by("pages")
    assert is_native(found)
    assert titles(found) == ["t0", "t3", "t4"]
    assert [each.title for each in found[:2]] == ["t0", "t3"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Q(editor__name="Ann") | Q(pages=2), ["t1", "t2", "t5"]),
        (~Q(editor__name="Ann"), ["t0", "t2", "t3", "t4"]),
        (~Q(editor__name="Ann") & Q(pages__gt=2), ["t3", "t4"]),
        (Q(editor__name=None) | Q(pages=1), ["t0", "t1", "t3", "t4"]),
        (Q(editor__name="Bob") | Q(author__name="ann"), ["t1", "t2", "t4"]),
        (~(Q(editor__name="Ann") | Q(pages=0)), ["t2", "t3", "t4"]),
    ],
)
def test_an_outer_join_compares_a_missing_row_as_nulls(books, condition, expected):
    found = books.filter(condition)
    assert titles(found) == expected and found.count() == len(expected)
    assert is_native(found)


def test_exists_is_a_semi_join(books, library):
    authors = library.Author.objects
    inner = books.filter(author=OuterRef("pk"), pages__gt=1)
    assert is_native(authors.filter(Exists(inner)))
    assert authors.filter(Exists(inner)).count() == 3
    inner = books.filter(author=OuterRef("pk"), pages__gt=2)
    assert authors.filter(Exists(inner)).count() == 2
    assert [each.name for each in authors.filter(~Exists(inner))] == ["Bob"]
    assert authors.filter(~Exists(inner)).count() == 1


def test_a_part_of_a_union_within_exists_may_be_of_the_outer_row(books, library):
    authors = library.Author.objects.order_by()
    same = authors.filter(pk=OuterRef("author_id")).intersection(
        authors.filter(pk=OuterRef(OuterRef("author_id")))
    )
    inner = library.Book.objects.filter(Exists(same), editor_id=OuterRef("author_id"))
    assert titles(books.filter(Exists(inner))) == ["t2"]


def test_exists_of_few_rows_reads_the_related_rows_of_each(books, library, monkeypatch):
    written = Exists(library.Book.objects.filter(author=OuterRef("pk")))
    few = library.Author.objects.filter(written, name__in=["Ann", "Bob"])
    assert sorted(few.values_list("name", flat=True)) == ["Ann", "Bob"]
    assert few.count() == 2
    monkeypatch.setattr(table_scan, "FEW_ROWS", 1)
    assert sorted(few.values_list("name", flat=True)) == ["Ann", "Bob"]


def test_not_exists_holds_of_null(books, library):
    authors = library.Author.objects.filter(pk=OuterRef("editor"), name="Ann")
    found = books.filter(~Exists(authors))
    assert titles(found) == ["t0", "t2", "t3", "t4"] and found.count() == 4
    assert is_native(found)


def test_not_exists_of_an_outer_join_holds_where_nothing_is_joined(books, library):
    x = library.Genre.objects.get(name="x")
    authors = library.Author.objects.exclude(edited__genres=x)
    assert sorted(each.name for each in authors) == ["ann"]
    copies = library.Copy.objects
    for number, title in enumerate(["t0", "t1", None]):
        book = books.get(title=title) if title else None
        copies.create(token=UUID(int=number), book=book)
    found = copies.exclude(book__genres=x).order_by("token")
    assert [each.token.int for each in found] == [0, 2]


def test_a_subquery_that_a_condition_holds_twice_is_asked_once(books, library):
    genres = library.Genre.objects
    x = genres.get(name="x")
    found = genres.exclude(Q(pk=x.pk) ^ Q(book__title="t2")).order_by("name")
    assert [each.name for each in found] == ["x", "z"]


def test_keys_that_lead_to_no_row_do_not_count(books, library):
    through = library.Book.genres.through.objects
    x = library.Genre.objects.get(name="x").pk
    through.create(book_id=NOWHERE, genre_id=x)
    assert books.filter(genres__name="x").count() == 4
    assert books.exclude(genres__name="x").count() == 2
    assert titles(books.exclude(genres__name="x")) == ["t0", "t3"]
    assert books.filter(genres__name="x", author__name="ann").count() == 2


def test_rows_count_as_often_as_they_are_joined(books, library):
    authors = library.Author.objects
    assert authors.filter(books__pages__gte=0).count() == 5
    assert authors.filter(books__pages__gte=0, name="Ann").count() == 2
    assert authors.filter(books__pages__gte=0).distinct().count() == 3
    found = authors.filter(books__genres__name="x").distinct()
    assert is_native(found)
    assert {each.name for each in found} == {"ann", "Bob"} and found.count() == 2


def test_more_keys_than_one_command_takes_are_several(books, monkeypatch):
    monkeypatch.setattr(value_batches, "MAX_VALUES", 1)
    assert books.filter(author__name__in=["Ann", "Bob"]).count() == 3
    assert titles(books.filter(author__name__in=["Ann", "Bob"])) == ["t0", "t2", "t3"]
    first = books.filter(author__name__in=["Ann", "Bob"]).order_by("-pages")[0]
    assert first.title == "t3"
    assert books.filter(genres__name__in=["x", "y"]).count() == 6
