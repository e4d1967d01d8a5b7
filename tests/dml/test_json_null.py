"""JSON's null, as Value(None, JSONField()), is not NULL, however it is written."""

import pytest
from django.db.models import JSONField, Value

NULL = Value(None, JSONField())


@pytest.fixture
def books(library):
    author = library.Author.objects.create(name="a")
    library.Book.objects.create(title="a", pages=1, author=author, notes=NULL)
    library.Book.objects.create(title="b", pages=1, author=author, notes=None)
    return library.Book.objects


def titles(queryset):
    return sorted(book.title for book in queryset)


def test_a_row_is_created_with_it(books):
    assert titles(books.filter(notes__isnull=True)) == ["b"]
    assert titles(books.filter(notes=NULL)) == ["a"]
    assert [book.notes for book in books.all()] == [None, None]


def test_rows_are_updated_to_it_and_from_it(books):
    assert books.filter(title="b").update(notes=NULL) == 1
    assert titles(books.filter(notes__isnull=True)) == []
    assert books.filter(title="a").update(notes=None) == 1
    assert titles(books.filter(notes__isnull=True)) == ["a"]


def test_a_row_is_saved_with_it_and_several_at_once(books):
    book = books.get(title="b")
    book.notes = NULL
    book.save()
    assert titles(books.filter(notes__isnull=True)) == []
    books.bulk_create(
        [
            books.model(title=title, pages=1, author=book.author, notes=NULL)
            for title in "cd"
        ]
    )
    book.notes = None
    books.bulk_update([book], ["notes"])
    assert titles(books.filter(notes__isnull=True)) == ["b"]
