"""The operations in the Django ORM, the same text for our backend and for SQLite."""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import F

from . import rows
from .models import Author, Book


class Orm:
    """Django on the database of an alias; on `batches`, where that is another one, what
    is not to be all or nothing.
    """

    def __init__(self, alias: str, batches: str | None = None) -> None:
        self.alias = alias
        self.books = Book.objects.using(alias)
        self.batches = Book.objects.using(batches or alias)
        self.connections = [connections[each] for each in {alias, batches or alias}]

    def load(self) -> None:
        with connections[self.alias].schema_editor() as editor:
            for model in (Author, Book):
                editor.create_model(model)
        self.authors = Author.objects.using(self.alias)
        self.authors.bulk_create(Author(**row) for row in rows.authors())
        self.put(list(rows.books()))

    # --- the operations ---

    def get(self, turn: int) -> Any:
        return self.books.get(pk=rows.book_number(turn))

    def query_300(self, turn: int) -> Any:
        return list(self.books.filter(shelf=rows.shelf_of(turn)))

    def first_20(self, turn: int) -> Any:
        books = self.books.filter(shelf=rows.shelf_of(turn))
        return list(books.order_by("published")[: rows.PAGE])

    def count(self, turn: int) -> Any:
        return self.books.filter(shelf=rows.shelf_of(turn)).count()

    def join(self, turn: int) -> Any:
        books = self.books.filter(author__country=rows.country(turn))
        return list(books.values_list("title", "author__name"))

    def select_related(self, turn: int) -> Any:
        books = self.books.filter(shelf=rows.shelf_of(turn)).order_by("published")
        found = books.select_related("author")[: rows.PAGE]
        return [(book.title, book.author.name) for book in found]

    def create(self, turn: int) -> Any:
        return self.books.create(**rows.passing_row(rows.CREATED + turn))

    def bulk_create_1000(self, turn: int) -> Any:
        self.books.bulk_create([Book(**row) for row in rows.many_rows(turn)])

    def bulk_batches_1000(self, turn: int) -> Any:
        self.batches.bulk_create([Book(**row) for row in rows.many_rows(turn)])

    def update_add(self, turn: int) -> Any:
        self.books.filter(pk=rows.book_number(turn)).update(stock=F("stock") + 1)

    def delete(self, turn: int) -> Any:
        self.books.filter(pk=rows.DELETED + turn).delete()

    # --- before and after the operations ---

    def put(self, found: Sequence[dict[str, Any]]) -> None:
        self.batches.bulk_create([Book(**row) for row in found])

    def remove(self, found: Sequence[dict[str, Any]]) -> None:
        self.books.filter(pk__in=[row["id"] for row in found]).delete()
