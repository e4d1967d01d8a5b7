"""The first rows of unions, from the first rows of their parts."""

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext


@pytest.fixture
def books(library):
    authors = [
        library.Author.objects.create(name=name, email=f"{name}@x") for name in "ab"
    ]
    for number in range(8):
        library.Book.objects.create(
            title=f"t{number % 4}",
            author=authors[number % 2],
            pages=number,
            rating=None if number % 3 else number / 2,
        )
    return library.Book.objects


def rule_of(queryset):
    return queryset.explain().splitlines()[-1]


def test_a_page_of_a_union_is_merged_from_pages_of_its_parts(books):
    columns = ("title", "pages")
    low = books.filter(pages__lt=5).values_list(*columns)
    high = books.filter(pages__gt=2).values_list(*columns)
    found = low.union(high).order_by("-title", "pages")
    expected = [("t3", 3), ("t3", 7), ("t2", 2), ("t2", 6), ("t1", 1), ("t1", 5)]
    assert list(found[:3]) == expected[:3]
    assert list(found[2:6]) == expected[2:]
    every = low.union(high, all=True).order_by("-title", "pages")
    assert list(every[:3]) == [("t3", 3), ("t3", 3), ("t3", 7)]
    rule = rule_of(every[:3])
    assert rule.startswith("rule: union") or connection.display_name in rule


def test_equal_rows_of_a_part_are_one(books):
    first = books.filter(pages__lt=4).values_list("title")
    second = books.filter(pages__gt=3).values_list("title")
    assert list(first.union(second).order_by("title")[:3]) == [
        ("t0",),
        ("t1",),
        ("t2",),
    ]


def test_null_is_less_than_any_value(books):
    first = books.filter(pages__lt=4).values_list("rating", "pages")
    second = books.filter(pages__gt=3).values_list("rating", "pages")
    found = first.union(second)
    assert list(found.order_by("rating", "pages")[:2]) == [(None, 1), (None, 2)]
    assert list(found.order_by("-rating", "pages")[2:5]) == [
        (0.0, 0),
        (None, 1),
        (None, 2),
    ]


def test_objects_and_parts_in_which_nothing_matches(books, library):
    found = books.filter(pages=1).union(books.filter(pk__in=[]), books.filter(pages=3))
    assert [book.pages for book in found.order_by("-pages")[:5]] == [3, 1]
    nothing = books.filter(pk__in=[]).union(books.filter(pk__in=[]))
    with CaptureQueriesContext(connection) as queries:
        assert list(nothing.order_by("pk")[:5]) == []
    assert len(queries) == 0
    names = library.Author.objects.values_list("name")
    found = names.union(books.values_list("title")).order_by("name")
    assert list(found[1:4]) == [("b",), ("t0",), ("t1",)]


def test_a_sliced_part_is_refused_as_on_sqlite(books):
    with pytest.raises(DatabaseError, match="LIMIT/OFFSET not allowed"):
        list(books.all()[:2].union(books.filter(pages=3)).order_by("pk")[:5])


def test_parts_of_one_table_are_found_together(books, library):
    low, high = books.filter(pages__lt=3), books.exclude(pages__lt=2)
    for found in (
        low.union(high, books.filter(title="t1")),
        low.values_list("pages", "pk").union(high.values_list("pages", "pk")),
        low.only("pages").union(high.only("pages")),
    ):
        page = found.order_by("-pages")[1:7]
        pages = [getattr(each, "pages", None) or each[0] for each in page]
        assert pages == [6, 5, 4, 3, 2, 1]
        assert page.explain().count("part: ") == 1 or "local" in page.explain()
    others = [
        low.union(high, all=True),
        low.values_list("pages").union(high.values_list("pages")),
        low.union(high.filter(author__name="a")),
        low.union(books.all()),
    ]
    for found in others:
        page = found.order_by("-pages")[:2]
        assert page.explain().count("part: ") == 2 or "local" in page.explain()
        first = page[0]
        assert (first[0] if isinstance(first, tuple) else first.pages) in (6, 7)
