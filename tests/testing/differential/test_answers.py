"""What is compared of an answer."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError
from django.db.models import Exists, OuterRef, Subquery

from nonrel_backend.testing.differential.answers import difference, plain
from nonrel_backend.testing.differential.compare import moves
from nonrel_backend.testing.differential.data import BOOKS, Data


def test_subqueries_left_on_an_object_do_not_differ(library: Any) -> None:
    book = library.Book
    first, second = (plain(book(pages=Subquery(book.objects.all()))) for _ in range(2))
    assert difference(first, second) is None
    assert difference(plain(book(pages=1)), second)


def test_only_an_update_that_moves_unique_values_may_differ(library: Any) -> None:
    data = Data(library, 1, ("oracle",))
    data.store()
    rows, refused = data.contents("oracle"), (IntegrityError, None)
    (one, name), (two, other) = rows["library_genre"][:2]
    moved = {**rows, "library_genre": [(one, other), (two, name)]}
    twice = {**rows, "library_genre": [(one, other), (two, other)]}
    null = {**moved, "library_author": [(1, None, None, None, None)]}
    assert moves((2, moved), refused, data)
    for done in [(2, rows), (2, twice), (2, null), ([], moved), (DataError, None)]:
        assert not moves(done, refused, data)
    assert not moves((2, moved), (2, rows), data)


@pytest.mark.parametrize("alias", ["default", "oracle"])
def test_an_update_finds_all_its_rows_before_it_changes_one(
    library: Any, alias: str
) -> None:
    data = Data(library, 2, (alias,))
    data.store()
    assert 0 < max(data.novels) < BOOKS
    books = library.Book.objects.using(alias)
    assert books.update(pages=7) == BOOKS
    like_novels = Exists(library.Novel.objects.filter(pages=OuterRef("pages")))
    assert books.filter(like_novels).update(pages=0) == BOOKS
