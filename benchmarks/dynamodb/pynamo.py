"""The operations with PynamoDB, on tables like those by hand.

As there, `Pynamo` gives the guarantee of our backend by entries in the same
transaction, and `PynamoGlobal` has global indexes.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.constants import NUMBER, STRING
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from . import rows
from .hand import TRANSACTION, portions

Row = dict[str, Any]
REGION = "us-east-1"


class DecimalAttribute(Attribute[Decimal]):
    """PynamoDB's own attribute of numbers gives floats."""

    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return str(value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class DateAttribute(Attribute[date]):
    attr_type = STRING

    def serialize(self, value: date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


def meta(name: str) -> type:
    """Return the class Meta of a table; its host is set later."""
    members = {"table_name": name, "region": REGION, "billing_mode": "PAY_PER_REQUEST"}
    return type("Meta", (), members)


class Author(Model):
    Meta = meta("pynamo_author")
    id = NumberAttribute(hash_key=True)
    name = UnicodeAttribute()
    country = UnicodeAttribute()


class Book(Model):
    Meta = meta("pynamo_book")
    id = NumberAttribute(hash_key=True)
    title = UnicodeAttribute()
    author_id = NumberAttribute()
    shelf = NumberAttribute()
    pages = NumberAttribute()
    price = DecimalAttribute()
    published = DateAttribute()
    stock = NumberAttribute()


class Entry(Model):
    """An entry of an index."""

    Meta = meta("pynamo_index")
    index = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    id = NumberAttribute()


class ByCountry(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_country"
        projection = AllProjection()

    country = UnicodeAttribute(hash_key=True)


class ByAuthor(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_author"
        projection = AllProjection()

    author_id = NumberAttribute(hash_key=True)


class ByShelf(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_shelf"
        projection = AllProjection()

    shelf = NumberAttribute(hash_key=True)
    published = DateAttribute(range_key=True)


class GlobalAuthor(Author):
    Meta = meta("pynamo_global_author")
    by_country = ByCountry()


class GlobalBook(Book):
    Meta = meta("pynamo_global_book")
    by_author = ByAuthor()
    by_shelf = ByShelf()


class Pynamo:
    """Rows in a table each, and entries of the indexes in a third."""

    author: Any = Author
    book: Any = Book
    entry: Any = Entry
    models: tuple[Any, ...] = (Author, Book, Entry)

    def __init__(self, url: str) -> None:
        for model in self.models:
            model.Meta.host = url
        self.connection = Connection(region=REGION, host=url)

    @property
    def clients(self) -> list[Any]:
        """Return botocore's clients that this uses."""
        connections = [each._get_connection().connection for each in self.models]
        return [each.client for each in (self.connection, *connections)]

    # --- the tables ---

    def load(self) -> None:
        for model in self.models:
            model.create_table(wait=True)
        self.put_all(self.author(**row) for row in rows.authors())
        self.put(list(rows.books()))

    def put_all(self, found: Iterable[Model]) -> None:
        """Put rows with their entries, without a transaction."""
        by_model: dict[type, list[Model]] = {}
        for each in found:
            for item in (each, *self.entries(each)):
                by_model.setdefault(type(item), []).append(item)
        for model, items in by_model.items():
            with model.batch_write() as batch:  # type: ignore[attr-defined]
                for item in items:
                    batch.save(item)

    def entries(self, row: Any) -> list[Model]:
        if isinstance(row, self.author):
            places = [(f"author.country#{row.country}", f"{row.id:012d}")]
        else:
            places = [
                (f"book.author#{row.author_id}", f"{row.id:012d}"),
                (f"book.shelf#{row.shelf}", f"{row.published}#{row.id:012d}"),
            ]
        return [self.entry(index, entry, id=row.id) for index, entry in places]

    def ids(self, index: str, limit: int | None = None) -> list[int]:
        entries = self.entry.query(index, consistent_read=True, limit=limit)
        return [entry.id for entry in entries]

    def by_keys(self, model: type[Model], keys: Iterable[int]) -> Iterator[Any]:
        keys = list(keys)
        found = {row.id: row for row in model.batch_get(keys, consistent_read=True)}
        return (found[key] for key in keys if key in found)

    def shelf(self, shelf: int, limit: int | None = None) -> list[Any]:
        return list(self.by_keys(self.book, self.ids(f"book.shelf#{shelf}", limit)))

    # --- the operations ---

    def get(self, turn: int) -> Any:
        return self.book.get(rows.book_number(turn), consistent_read=True)

    def query_300(self, turn: int) -> Any:
        return self.shelf(rows.shelf_of(turn))

    def first_20(self, turn: int) -> Any:
        return self.shelf(rows.shelf_of(turn), rows.PAGE)

    def count(self, turn: int) -> Any:
        index = f"book.shelf#{rows.shelf_of(turn)}"
        return self.entry.count(index, consistent_read=True)

    def join(self, turn: int) -> Any:
        keys = self.ids(f"author.country#{rows.country(turn)}")
        names = {row.id: row.name for row in self.by_keys(self.author, keys)}
        found = [key for author in names for key in self.ids(f"book.author#{author}")]
        books = self.by_keys(self.book, found)
        return [(book.title, names[book.author_id]) for book in books]

    def select_related(self, turn: int) -> Any:
        books = self.shelf(rows.shelf_of(turn), rows.PAGE)
        authors = self.by_keys(self.author, {book.author_id for book in books})
        names = {author.id: author.name for author in authors}
        return [(book.title, names[book.author_id]) for book in books]

    def create(self, turn: int) -> Any:
        book = self.book(**rows.passing_row(rows.CREATED + turn))
        self.create_rows([book])
        return book

    def create_rows(self, books: Iterable[Any]) -> None:
        with TransactWrite(connection=self.connection) as transaction:
            for book in books:
                transaction.save(book, condition=self.book.id.does_not_exist())
                for entry in self.entries(book):
                    transaction.save(entry)

    def bulk_create_1000(self, turn: int) -> Any:
        for portion in portions(rows.many_rows(turn), TRANSACTION // 3):
            self.create_rows(self.book(**row) for row in portion)

    bulk_batches_1000 = bulk_create_1000

    def update_add(self, turn: int) -> Any:
        book = self.book(rows.book_number(turn))
        actions = [self.book.stock.add(1)]
        book.update(actions=actions, condition=self.book.id.exists())

    def delete(self, turn: int) -> Any:
        book = self.book.get(rows.DELETED + turn, consistent_read=True)
        same = (
            (self.book.author_id == book.author_id)
            & (self.book.shelf == book.shelf)
            & (self.book.published == book.published)
        )
        with TransactWrite(connection=self.connection) as transaction:
            transaction.delete(book, condition=same)
            for entry in self.entries(book):
                transaction.delete(entry)

    # --- before and after the operations ---

    def put(self, found: Sequence[Row]) -> None:
        self.put_all(self.book(**row) for row in found)

    def remove(self, found: Sequence[Row]) -> None:
        books = [self.book(**row) for row in found]
        with self.book.batch_write() as batch:
            for book in books:
                batch.delete(book)
        with self.entry.batch_write() as batch:
            for book in books:
                for entry in self.entries(book):
                    batch.delete(entry)


class PynamoGlobal(Pynamo):
    """Rows in a table each, with global indexes that hold all columns."""

    author, book = GlobalAuthor, GlobalBook
    models = (GlobalAuthor, GlobalBook)

    def entries(self, row: Any) -> list[Model]:
        return []

    def shelf(self, shelf: int, limit: int | None = None) -> list[Any]:
        return list(self.book.by_shelf.query(shelf, limit=limit))

    def count(self, turn: int) -> Any:
        return self.book.by_shelf.count(rows.shelf_of(turn))

    def join(self, turn: int) -> Any:
        return [
            (book.title, author.name)
            for author in self.author.by_country.query(rows.country(turn))
            for book in self.book.by_author.query(author.id)
        ]

    def create(self, turn: int) -> Any:
        book = self.book(**rows.passing_row(rows.CREATED + turn))
        book.save(condition=self.book.id.does_not_exist())
        return book

    def bulk_create_1000(self, turn: int) -> Any:
        self.put(rows.many_rows(turn))

    bulk_batches_1000 = bulk_create_1000

    def delete(self, turn: int) -> Any:
        self.book(rows.DELETED + turn).delete()
