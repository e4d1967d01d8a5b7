"""explain(analyze=True) shows index scans that read no more than necessary."""

import pytest
from django.db import connections, models
from django.db.models import F, Q
from django.db.models.functions import Lower, Reverse
from django.db.transaction import atomic

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


def scanned(queryset, index, entries, rows=None):
    """Return the rows; verify the index and how many entries and rows are read."""
    plan = queryset.explain(analyze=True)
    rows = entries if rows is None else rows
    assert f"index {index}" in plan, plan
    assert f"{entries} entries and {rows} rows read" in plan, plan
    assert "locally" not in plan
    return list(queryset)


def field_index(table, column):
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
    assert len(scanned(books.filter(condition), by_pages, count)) == count


def test_startswith_is_a_range(books, by_title):
    assert len(scanned(books.filter(title__startswith="t00"), by_title, 5)) == 5


def test_isnull_is_a_range(books):
    found = scanned(books.filter(rating__isnull=True), "by_rating", 300)
    assert len(found) == 300
    assert len(scanned(books.filter(rating__isnull=False), "by_rating", 100)) == 100


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_ordered_slice_scans_the_index_in_either_direction(books, by_pages, sign):
    found = scanned(books.order_by(f"{sign}pages")[:5], by_pages, 5)
    wanted = [0, 0, 0, 0, 1] if not sign else [99, 99, 99, 99, 98]
    assert [book.pages for book in found] == wanted


def test_an_offset_reads_entries_and_no_rows(books, by_pages):
    found = scanned(books.order_by("pages")[100:105], by_pages, 105, 5)
    assert [book.pages for book in found] == [25] * 4 + [26]


def test_an_index_serves_a_filter_and_the_order(books, by_pages):
    found = scanned(books.filter(pages__gte=50).order_by("pages")[:3], by_pages, 3)
    assert [book.pages for book in found] == [50] * 3


def test_a_compound_index_serves_equality_and_a_range_or_order_on_the_next(books):
    author = books.first().author_id
    found = scanned(books.filter(author=author).order_by("-pages")[:3], "by_author", 3)
    assert [book.pages for book in found] == [80] * 3
    found = scanned(books.filter(author=author).order_by("pages")[:3], "by_author", 3)
    assert [book.pages for book in found] == [0] * 3
    found = scanned(books.filter(author=author, pages__gt=60), "by_author", 4)
    assert {book.pages for book in found} == {80}


def test_an_index_on_lower_serves_caseless_lookups(books):
    assert len(scanned(books.filter(title__iexact="t001X"), "by_lower", 1)) == 1
    assert len(scanned(books.filter(title__istartswith="t00"), "by_lower", 10)) == 10


def test_an_index_on_reverse_serves_endswith(books):
    assert len(scanned(books.filter(title__endswith="1x"), "by_reverse", 40)) == 40


def test_a_unique_value_reads_one_entry(store, books):
    from tests.library.models import Author

    authors = Author.objects.using("own")
    index = field_index("library_author", "email")
    assert len(scanned(authors.filter(email="3@x"), index, 1)) == 1


def test_two_indexes_are_intersected(books, by_pages):
    library = books.model
    books.bulk_create(
        library(title=f"z{n}", author_id=books.first().author_id, pages=n, rating=n)
        for n in range(1000, 4000)
    )
    both = books.filter(pages__gte=1000, pages__lt=1150, rating__gt=1099.5)
    plan = both.filter(rating__lt=1300).explain(analyze=True)
    assert f"index {by_pages} and index by_rating" in plan
    assert "50 rows read, 50 returned" in plan
    assert both.filter(rating__lt=1300).count() == 50


def test_an_or_is_an_index_union(books, by_pages, by_title):
    either = books.filter(Q(pages=7) | Q(title__startswith="t00"))
    assert len(list(either)) == 9
    plan = either.explain(analyze=True)
    assert f"index {by_pages} or index {by_title}" in plan
    assert "9 rows read" in plan


def test_counting_by_an_index_decodes_no_row(books, monkeypatch):
    from nonrel_backend.lmdb import access

    def refuse(*arguments):
        raise AssertionError("A row was decoded.")

    with monkeypatch.context() as patched:
        patched.setattr(access.LMDBAccess, "unpack", refuse)
        assert books.count() == ROWS
        assert books.filter(pages__lt=10).count() == 40
        assert books.filter(title__startswith="t").count() == 200
        assert books.filter(rating__isnull=True).count() == 300
        with pytest.raises(AssertionError):
            books.filter(in_print=True).count()


def test_large_counts_follow_changes(books, by_pages, monkeypatch):
    from nonrel_backend.lmdb import access

    monkeypatch.setattr(access, "MANY", 10)
    few = books.filter(pages__lt=10)
    assert [few.count(), few.count()] == [40, 40]
    books.filter(pages=3).update(pages=50)
    assert [few.count(), few.count()] == [36, 36]
    with pytest.raises(ZeroDivisionError), atomic("own"):
        assert few.count() == 36
        books.filter(pages=4).update(pages=60)
        assert [few.count(), few.count()] == [32, 32]
        1 / 0  # noqa: B018
    assert [few.count(), few.count()] == [36, 36]


def test_residual_predicates_filter_the_rows_of_an_index_scan(books, by_pages):
    found = scanned(books.filter(pages__lt=10, title__contains="3"), by_pages, 40)
    assert {book.pages for book in found} >= {3}
    assert all("3" in book.title for book in found)
    plan = books.filter(pages__lt=10, title__contains="3").explain(analyze=True)
    assert "filter title contains '3'" in plan


def test_a_scan_compares_two_columns(books):
    plan = books.filter(pages__gt=F("id")).explain(analyze=True)
    assert "locally" not in plan and "filter pages gt id" in plan


def test_explain_without_analyze_decodes_no_row(books, by_pages, monkeypatch):
    from nonrel_backend.lmdb import access

    monkeypatch.setattr(access.LMDBAccess, "unpack", None)
    plan = books.filter(pages__lt=10, title__contains="3").order_by("rating").explain()
    assert f"[index {by_pages}, filter title contains '3', sorted]" in plan
