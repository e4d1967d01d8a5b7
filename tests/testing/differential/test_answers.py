"""What is compared of an answer."""

from typing import Any

from django.db.models import Subquery

from nonrel_backend.testing.differential.answers import difference, plain


def test_subqueries_left_on_an_object_do_not_differ(library: Any) -> None:
    book = library.Book
    first, second = (plain(book(pages=Subquery(book.objects.all()))) for _ in range(2))
    assert difference(first, second) is None
    assert difference(plain(book(pages=1)), second)
