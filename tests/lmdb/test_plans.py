"""What explain() shows: scans of indexes that read no more than they must."""

import pytest
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Reverse

ROWS = 400


@pytest.fixture
def books(store):
    """Books of 20 authors, 20 of each: pages 0 to 99, titles t000y to T399x."""
    from tests.library.models import Author, Book

    with store.schema_editor() as editor:
        for index in (
            models.Index(fields=["author", "-pages"], name="by_author"),
            models.Index(Lower("title"), name="by_lower"),
            models.Index(Reverse("title"), name="by_reverse"),
            models.Index(fields=["rating"], name="by_rating"),
        ):
            editor.add_index(Book, index)
    authors = [Author(name=f"a{n:02}", email=f"{n}@x") for n in range(20)]
    authors = Author.objects.using("own").bulk_create(authors)
    Book.objects.using("own").bulk_create(
        Book(
            title=f"T{n:03}x" if n % 2 else f"t{n:03}y",
            author=authors[n % 20],
            pages=n % 100,
            rating=n / 10 if n % 4 == 0 else None,
        )
        for n in range(ROWS)
    )
    return Book.objects.using("own")


def checked(queryset, index, keys, documents=None):
    """The rows, found by this index alone, so many entries and rows read."""
    plan = queryset.explain()
    documents = keys if documents is None else documents
    assert f"index {index}" in plan, plan
    assert f"{keys} keys and {documents} documents examined" in plan, plan
    assert "locally" not in plan
    return list(queryset)


def field_index(table, column):
    from django.db import connections

    found = connections["own"].introspection.get_constraints(None, table)
    return next(
        name
        for name, each in found.items()
        if each["columns"] == [column] and each["index"]
    )


@pytest.fixture
def by_pages(books):
    return field_index("library_book", "pages")


@pytest.fixture
def by_title(books):
    return field_index("library_book", "title")


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (Q(pages=7), 4),
        (Q(pages__gt=97), 8),
        (Q(pages__gte=97), 12),
        (Q(pages__lt=2), 8),
        (Q(pages__lte=2), 12),
        (Q(pages__range=(10, 12)), 12),
        (Q(pages__gte=10, pages__lt=12), 8),
        (Q(pages__in=[1, 2, 500]), 8),
        (~Q(pages__gt=1), 8),
    ],
)
def test_ranges_are_index_scans(books, by_pages, condition, count):
    assert len(checked(books.filter(condition), by_pages, count)) == count


def test_startswith_is_a_range(books, by_title):
    assert len(checked(books.filter(title__startswith="t00"), by_title, 5)) == 5


def test_isnull_is_a_range(books):
    found = checked(books.filter(rating__isnull=True), "by_rating", 300)
    assert len(found) == 300
    assert len(checked(books.filter(rating__isnull=False), "by_rating", 100)) == 100


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_ordered_slice_follows_the_index_both_ways(books, by_pages, sign):
    found = checked(books.order_by(f"{sign}pages")[:5], by_pages, 5)
    wanted = [0, 0, 0, 0, 1] if not sign else [99, 99, 99, 99, 98]
    assert [book.pages for book in found] == wanted


def test_an_offset_reads_entries_and_no_rows(books, by_pages):
    found = checked(books.order_by("pages")[100:105], by_pages, 105, 5)
    assert [book.pages for book in found] == [25] * 4 + [26]


def test_an_index_serves_a_filter_and_the_order(books, by_pages):
    found = checked(books.filter(pages__gte=50).order_by("pages")[:3], by_pages, 3)
    assert [book.pages for book in found] == [50] * 3


def test_a_compound_index_serves_equality_and_a_range_or_order_on_the_next(books):
    author = books.first().author_id
    found = checked(books.filter(author=author).order_by("-pages")[:3], "by_author", 3)
    assert [book.pages for book in found] == [80] * 3
    found = checked(books.filter(author=author).order_by("pages")[:3], "by_author", 3)
    assert [book.pages for book in found] == [0] * 3
    found = checked(books.filter(author=author, pages__gt=60), "by_author", 4)
    assert {book.pages for book in found} == {80}


def test_an_index_on_lower_serves_caseless_lookups(books):
    assert len(checked(books.filter(title__iexact="t001X"), "by_lower", 1)) == 1
    assert len(checked(books.filter(title__istartswith="t00"), "by_lower", 10)) == 10


def test_an_index_on_reverse_serves_endswith(books):
    assert len(checked(books.filter(title__endswith="1x"), "by_reverse", 40)) == 40


def test_a_unique_field_is_one_entry(store, books):
    from tests.library.models import Author

    authors = Author.objects.using("own")
    index = field_index("library_author", "email")
    assert len(checked(authors.filter(email="3@x"), index, 1)) == 1


def test_two_indexes_are_intersected(books, by_pages):
    library = books.model
    books.bulk_create(
        library(title=f"z{n}", author_id=books.first().author_id, pages=n, rating=n)
        for n in range(1000, 4000)
    )
    both = books.filter(pages__gte=1000, pages__lt=1150, rating__gt=1099.5)
    plan = both.filter(rating__lt=1300).explain()
    assert f"index {by_pages} and index by_rating" in plan
    assert "50 documents examined, 50 returned" in plan
    assert both.filter(rating__lt=1300).count() == 50


def test_an_or_is_a_union_of_indexes(books, by_pages, by_title):
    either = books.filter(Q(pages=7) | Q(title__startswith="t00"))
    assert len(list(either)) == 9
    plan = either.explain()
    assert f"index {by_pages} or index {by_title}" in plan
    assert "9 documents examined" in plan


def test_counts_over_an_index_decode_no_row(books, monkeypatch):
    from nonrel_backend.lmdb import scan

    def refuse(data, width):
        raise AssertionError("A row was decoded.")

    with monkeypatch.context() as patched:
        patched.setattr(scan, "unpack_rows", refuse)
        assert books.count() == ROWS
        assert books.filter(pages__lt=10).count() == 40
        assert books.filter(title__startswith="t").count() == 200
        assert books.filter(rating__isnull=True).count() == 300
        with pytest.raises(AssertionError):
            books.filter(in_print=True).count()


def test_what_no_index_does_is_tested_on_the_rows_that_one_finds(books, by_pages):
    found = checked(books.filter(pages__lt=10, title__contains="3"), by_pages, 40)
    assert {book.pages for book in found} >= {3}
    assert all("3" in book.title for book in found)
    plan = books.filter(pages__lt=10, title__contains="3").explain()
    assert "tested: title contains '3'" in plan


def test_two_columns_are_compared_in_the_scan(books):
    plan = books.filter(pages__gt=F("id")).explain()
    assert "locally" not in plan and "tested: pages gt id" in plan
