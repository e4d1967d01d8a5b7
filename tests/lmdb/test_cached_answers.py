"""Statements whose scans read many rows are answered from a cached table."""

import pytest
from django.db import transaction
from django.db.models import Q

from nonrel_backend.local.table_source import TableSource
from nonrel_backend.planner import table_scan

ROWS = 200


def books():
    from tests.library.models import Book

    return Book.objects.using("own")


@pytest.fixture
def filled(store, monkeypatch):
    monkeypatch.setattr(table_scan, "MANY_ROWS", 100)
    from tests.library.models import Author

    author = Author.objects.using("own").create(name="Ann", email="a@example.com")
    books().bulk_create(
        books().model(title=f"Title {n:03d} É", author=author, pages=n)
        for n in range(ROWS)
    )
    return store


STATEMENTS = {
    "count": lambda: books().filter(title__endswith="9 É").count(),
    "some columns": lambda: list(
        books().filter(title__contains="7").values_list("pages", "title")[:50]
    ),
    "rows": lambda: list(books().filter(title__icontains="17 é").order_by("-pages")),
    "an or": lambda: list(
        books().filter(Q(title__contains="44") | Q(title__contains="45"))
    ),
    "the first": lambda: books().filter(title__contains="150").first(),
    "related": lambda: [
        (book, book.author.name)
        for book in books().select_related("author").filter(title__contains="33")
    ],
    "none": lambda: list(books().filter(title__contains="none")),
}


@pytest.mark.parametrize("kind", STATEMENTS)
def test_the_third_run_reads_no_more_than_the_rows_found(filled, monkeypatch, kind):
    ask = STATEMENTS[kind]
    first = ask()
    answers = [ask() for _ in range(3)]
    assert answers == [first] * 3
    read: list[int] = []
    note = table_scan.TableScan.note

    def noting(self, query, wanted=0):
        read.append(query.rows_read)
        note(self, query, wanted)

    monkeypatch.setattr(table_scan.TableScan, "note", noting)
    monkeypatch.setattr(TableSource, "rows", None)
    assert ask() == first
    assert sum(read) < ROWS / 4


@pytest.mark.parametrize("kind", STATEMENTS)
def test_writes_are_seen_also_those_of_an_open_transaction(filled, kind):
    ask = STATEMENTS[kind]
    for _ in range(3):
        first = ask()
    with pytest.raises(KeyError), transaction.atomic(using="own"):
        books().filter(pages__lt=ROWS - 5).update(title="other")
        books().filter(pages=3).update(title="Title 117 É 150 33 44 7 none 9 É")
        inside = ask()
        assert inside != first
        raise KeyError
    assert ask() == first


def test_explain_tells_of_the_cached_table(filled):
    rows = books().filter(title__contains="none")
    for _ in range(3):
        assert list(rows.all()) == []
    assert "first: the keys in the cached table" in rows.explain()
    page = rows.values_list("pages")[:5]
    for _ in range(3):
        assert list(page.all()) == []
    assert "rule: cached" in page.explain()


def test_scans_that_read_few_rows_stay_in_the_store(filled):
    for _ in range(2):
        list(books().filter(title__contains="none"))
    book = books().filter(pk=books().first().pk)
    assert "cached" not in book.explain()
    assert len(book) == 1
    assert "cached" not in book.all().explain()


def test_many_keys_are_not_looked_up(filled, monkeypatch):
    from nonrel_backend.planner import cached

    monkeypatch.setattr(cached, "MOST_KEYS", 50)
    for _ in range(4):
        assert len(books().filter(title__contains="0")) > 50


def test_locked_rows_are_read_in_the_store(filled):
    rows = books().filter(title__contains="150")
    for _ in range(3):
        list(rows.all())
    with transaction.atomic(using="own"):
        assert "cached" not in rows.select_for_update().explain()


def test_rows_in_the_order_of_their_keys_are_read_as_far_as_needed(filled):
    keys = list(books().order_by("pk").values_list("pk", flat=True))
    rows = books().filter(pk__in=keys[::-2])
    assert list(rows.order_by("pk").values_list("pk", flat=True)[2:5]) == keys[5:10:2]
    assert list(rows.order_by("-pk").values_list("pk", flat=True)[:2]) == keys[:-4:-2]
    assert "5 entries and 5 rows read" in rows.order_by("pk")[:5].explain(analyze=True)
    books().filter(pk__in=keys[:150])._raw_delete("own")
    assert list(rows.order_by("pk").values_list("pk", flat=True)[:2]) == keys[151:154:2]


def test_a_scan_that_reads_only_what_it_returns_is_not_cached(filled):
    rows = books().order_by("pk").values_list("pk", "pages")[:ROWS]
    for _ in range(4):
        assert len(list(rows.all())) == ROWS
    assert "rule: rows" in rows.explain()
