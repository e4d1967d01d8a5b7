"""A filter that the store refuses is asked for once in a statement."""

import pytest
from django.db import NotSupportedError
from django.db.models import Sum

from backend_template.compiler import BackendQuery

REFUSED = {("library_book", "pages"), ("library_author", "name")}


@pytest.fixture
def asked(library, monkeypatch):
    """Return a list of the filters by REFUSED columns."""
    found = []
    take = BackendQuery.add_filter

    def add_filter(self, column, lookup_type, *arguments):
        if (self.table, column) not in REFUSED:
            return take(self, column, lookup_type, *arguments)
        found.append((column, lookup_type))
        raise NotSupportedError("not this one")

    authors = [library.Author.objects.create(name=f"n{number}") for number in range(4)]
    library.Book.objects.bulk_create(
        library.Book(title=f"t{number}", pages=number, author=authors[number])
        for number in range(4)
    )
    monkeypatch.setattr(BackendQuery, "add_filter", add_filter)
    return found


@pytest.mark.parametrize(
    ("statement", "filters"),
    [
        (lambda books: len(books.filter(pages__gt=2)), 1),
        (lambda books: len(list(books.filter(pages__gt=2).iterator())), 1),
        (lambda books: books.filter(pages__gt=2).count(), 1),
        (lambda books: books.filter(pages=3).exists(), 1),
        (lambda books: len(books.exclude(pages__lt=3).order_by("title")[:2]), 1),
        (lambda books: len(books.filter(pages__gt=2).values("title").distinct()), 1),
        (lambda books: books.filter(pages=1).aggregate(n=Sum("pages"))["n"], 1),
        (lambda books: len(books.filter(author__name="n1")), 1),
        (lambda books: len(books.filter(author__name="n1", pages__lt=3)), 2),
        (lambda books: books.filter(pages__gt=2).update(title="x"), 1),
        (lambda books: books.filter(pages=3).delete()[0], 1),
    ],
)
def test_a_refused_filter_is_asked_for_once(library, asked, statement, filters):
    assert statement(library.Book.objects) == 1
    assert len(asked) == len(set(asked)) == filters


def test_the_next_statement_asks_again(library, asked, monkeypatch):
    assert library.Book.objects.filter(pages=3).count() == 1
    monkeypatch.undo()
    assert "native" in library.Book.objects.filter(pages=3).explain()
