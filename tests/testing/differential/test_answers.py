"""What is compared of an answer."""

from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Subquery

from nonrel_backend.testing.differential.answers import difference, plain
from nonrel_backend.testing.differential.compare import is_late
from nonrel_backend.testing.differential.data import Data


def test_subqueries_left_on_an_object_do_not_differ(library: Any) -> None:
    book = library.Book
    first, second = (plain(book(pages=Subquery(book.objects.all()))) for _ in range(2))
    assert difference(first, second) is None
    assert difference(plain(book(pages=1)), second)


def test_only_an_update_that_leaves_valid_rows_may_do_more_than_sqlite(
    library: Any,
) -> None:
    data = Data(library, 1, ("oracle",))
    data.store()
    rows = data.contents("oracle")
    twice = {**rows, "library_author": [*rows["library_author"][:1]] * 2}
    null = {**rows, "library_genre": [(1, None)]}
    assert is_late((2, rows), (IntegrityError, None), data)
    for ours in [(2, twice), (2, null), ([], rows), (DataError, None)]:
        assert not is_late(ours, (IntegrityError, None), data)
    assert not is_late((2, rows), (2, rows), data)
