"""The operations in the Django ORM, the same code for each backend."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bson import ObjectId
from django.db import connection, transaction
from django.db.models import Avg, Count, F, Model, Q

from . import data
from .answers import Bag
from .shop.models import Author, Book, Genre, Reading

MODELS = (Author, Genre, Book, Reading)
BATCH = 5_000


class OrmShop:
    """The operations, a method each.

    A method does its operation once. `turn` is the number of the repetition, from which
    all backends choose the same rows. `before_X` and `after_X` are not timed.
    """

    def __init__(self, scale: data.Scale, backend: str) -> None:
        self.scale = scale
        self.object_ids = backend == "peer"
        self.passing = 0

    def key(self, number: int) -> Any:
        """Return the primary key of row `number`."""
        return ObjectId(f"{number:024x}") if self.object_ids else number

    def some(self, turn: int, of: int) -> int:
        """Return a row number that looks random."""
        return 1 + turn * 7919 % of

    def book_number(self, turn: int) -> int:
        return self.some(turn, self.scale.books)

    def author_number(self, turn: int) -> int:
        return self.some(turn, self.scale.authors)

    def book(self, number: int, row: dict[str, Any], keyed: bool = True) -> Book:
        row = {**row, "author_id": self.key(row["author_id"])}
        return Book(pk=self.key(number), **row) if keyed else Book(**row)

    # --- the data ---

    def migrate(self) -> None:
        with connection.schema_editor() as editor:
            for model in MODELS:
                editor.create_model(model)

    def drop(self) -> None:
        with connection.schema_editor() as editor:
            for model in reversed(MODELS):
                editor.delete_model(model)

    def load(self) -> None:
        self.migrate()
        for model, rows in (
            (Author, data.authors(self.scale)),
            (Genre, data.genres(self.scale)),
        ):
            self.insert(model(pk=self.key(number), **row) for number, row in rows)
        self.insert(self.book(number, row) for number, row in data.books(self.scale))
        through = Book.genres.through
        self.insert(
            through(book_id=self.key(book), genre_id=self.key(genre))
            for book, genre in data.links(self.scale)
        )

    def insert(self, objects: Iterable[Model]) -> None:
        # In batches: if the server's cache is small, 50,000 books are more than a
        # transaction of MongoDB can hold.
        objects = iter(objects)
        while portion := list(islice(objects, BATCH)):
            type(portion[0]).objects.bulk_create(portion)

    def state(self) -> Any:
        """Return what is compared at the end of each round."""
        return [
            model.objects.count() for model in (Author, Book, Book.genres.through)
        ] + [list(Book.objects.order_by("title").values_list("title", "stock"))]

    def passing_books(self, count: int) -> list[Book]:
        """Return new books for an operation that deletes them."""
        first = self.scale.books + 1
        return [
            self.book(number, data.book_row(number, 1, data.PASSING_SHELF), False)
            for number in range(first, first + count)
        ]

    # --- writing ---

    def create(self, turn: int) -> Any:
        row = data.book_row(self.scale.books + turn, 1, data.PASSING_SHELF)
        return self.book(0, row, keyed=False).save(force_insert=True)

    def after_create(self) -> None:
        Book.objects.filter(shelf=data.PASSING_SHELF).delete()

    def bulk_create_10k(self, turn: int) -> Any:
        first = self.scale.authors + 1
        made = Author.objects.bulk_create(
            [
                Author(**data.author_row(number))
                for number in range(first, first + self.scale.fifth)
            ]
        )
        return len(made)

    def after_bulk_create_10k(self) -> None:
        last = data.author_row(self.scale.authors)["name"]
        Author.objects.filter(name__gt=last).delete()

    def update_5k(self, turn: int) -> Any:
        return Book.objects.filter(shelf=3).update(stock=turn + 1)

    def update_F_5k(self, turn: int) -> Any:  # noqa: N802 (the operation's name)
        return Book.objects.filter(shelf=4).update(stock=F("stock") + 1)

    def before_save(self) -> None:
        self.held = Book.objects.get(pk=self.key(7))

    before_save_update_fields = before_save

    def save(self, turn: int) -> Any:
        self.held.stock = turn + 1
        self.held.save()

    def save_update_fields(self, turn: int) -> Any:
        self.held.stock = turn + 1
        self.held.save(update_fields=["stock"])

    def before_delete_x100(self) -> None:
        Book.objects.bulk_create(self.passing_books(self.scale.books // 500))
        self.held_books = list(Book.objects.filter(shelf=data.PASSING_SHELF))

    def delete_x100(self, turn: int) -> Any:
        for book in self.held_books:
            book.delete()
        return len(self.held_books)

    def before_bulk_update_500(self) -> None:
        self.held_books = list(
            Book.objects.filter(shelf=5).order_by("pk")[: self.scale.books // 100]
        )

    def bulk_update_500(self, turn: int) -> Any:
        for number, book in enumerate(self.held_books):
            book.stock = turn + number
        return Book.objects.bulk_update(self.held_books, ["stock"])

    def before_delete_qs_5k(self) -> None:
        Book.objects.bulk_create(self.passing_books(self.scale.tenth))

    def delete_qs_5k(self, turn: int) -> Any:
        return Book.objects.filter(shelf=data.PASSING_SHELF).delete()[0]

    def atomic_2_writes(self, turn: int) -> Any:
        with transaction.atomic():
            Author.objects.create(**data.author_row(self.scale.authors + turn + 1))
            return Author.objects.filter(pk=self.key(1)).update(country=f"No {turn}")

    def after_atomic_2_writes(self) -> None:
        self.after_bulk_create_10k()
        country = data.author_row(1)["country"]
        Author.objects.filter(pk=self.key(1)).update(country=country)

    # --- one row, few rows ---

    def get_pk(self, turn: int) -> Any:
        return Book.objects.get(pk=self.key(self.book_number(turn)))

    def get_indexed_unique(self, turn: int) -> Any:
        row = data.author_row(self.author_number(turn))
        return Author.objects.get(email=row["email"])

    def get_or_create_hit(self, turn: int) -> Any:
        row = data.author_row(self.author_number(turn))
        return Author.objects.get_or_create(email=row["email"], defaults=row)

    def range_order_50(self, turn: int) -> Any:
        number = self.book_number(turn)
        return list(
            Book.objects.filter(
                created__gte=data.moment(number), created__lt=data.moment(number + 100)
            ).order_by("created")[:50]
        )

    def first(self, turn: int) -> Any:
        return Book.objects.order_by("title").first()

    def exists(self, turn: int) -> Any:
        return Book.objects.filter(title=data.title(self.book_number(turn))).exists()

    def q_or(self, turn: int) -> Any:
        return Bag(
            Book.objects.filter(
                Q(author=self.key(self.author_number(turn)))
                | Q(title=data.title(self.book_number(turn)))
            )
        )

    def startswith(self, turn: int) -> Any:
        return Bag(
            Book.objects.filter(
                title__startswith=data.title(self.book_number(turn))[:11]
            )
        )

    def icontains(self, turn: int) -> Any:
        wanted = f"{self.book_number(turn):06d} OF"
        return Bag(Book.objects.filter(title__icontains=wanted))

    def exclude(self, turn: int) -> Any:
        return list(Book.objects.exclude(rating=1 + turn % 5).order_by("pk")[:20])

    def year_lookup(self, turn: int) -> Any:
        year = data.FIRST_YEAR + self.some(turn, data.YEARS) - 1
        return Bag(Book.objects.filter(published__year=year))

    def json_contains_first(self, turn: int) -> Any:
        code = self.scale.books // 2 + turn
        return Book.objects.filter(data__code=code).first()

    def in_bulk_500(self, turn: int) -> Any:
        first = self.book_number(turn) % (self.scale.books // 2)
        keys = [self.key(first + each) for each in range(1, self.scale.books // 100)]
        return Book.objects.in_bulk(keys)

    # --- many rows ---

    def values_list_10k(self, turn: int) -> Any:
        rows = Book.objects.order_by("pk").values_list("pk", "title", "pages")
        return list(rows[: self.scale.fifth])

    def iterate_10k(self, turn: int) -> Any:
        return list(Book.objects.order_by("pk")[: self.scale.fifth].iterator())

    # --- relations ---

    def fk_filter(self, turn: int) -> Any:
        name = data.author_row(self.author_number(turn))["name"]
        return Bag(Book.objects.filter(author__name=name))

    def fk_filter_by_id(self, turn: int) -> Any:
        author = self.key(self.author_number(turn))
        return Bag(Book.objects.filter(author_id=author))

    def fk_filter_count(self, turn: int) -> Any:
        country = data.author_row(self.author_number(turn))["country"]
        return Book.objects.filter(author__country=country).count()

    def reverse_fk_filter(self, turn: int) -> Any:
        wanted = data.title(self.book_number(turn))
        return Bag(Author.objects.filter(books__title=wanted))

    def m2m_filter(self, turn: int) -> Any:
        name = data.genre_row(1 + turn % data.GENRES)["name"]
        return list(Book.objects.filter(genres__name=name).order_by("pk")[:50])

    def before_m2m_manager_all(self) -> None:
        self.held = Book.objects.get(pk=self.key(7))

    def m2m_manager_all(self, turn: int) -> Any:
        return Bag(self.held.genres.all())

    def select_related_1k(self, turn: int) -> Any:
        books = Book.objects.select_related("author").order_by("pk")
        return [(book, book.author) for book in books[: self.scale.books // 50]]

    def prefetch_m2m_200(self, turn: int) -> Any:
        books = Book.objects.order_by("pk").prefetch_related("genres")
        return [
            (book, Bag(book.genres.all())) for book in books[: self.scale.two_hundred]
        ]

    def prefetch_rev_fk_200(self, turn: int) -> Any:
        authors = Author.objects.order_by("pk").prefetch_related("books")
        return [
            (author, Bag(author.books.all()))
            for author in authors[: self.scale.two_hundred]
        ]

    def subquery_in(self, turn: int) -> Any:
        country = data.author_row(self.author_number(turn))["country"]
        return Book.objects.filter(
            author__in=Author.objects.filter(country=country)
        ).count()

    # --- counts and aggregates ---

    def count_filtered(self, turn: int) -> Any:
        return Book.objects.filter(rating=1 + turn % 5).count()

    def count_all(self, turn: int) -> Any:
        return Book.objects.count()

    def isnull_count(self, turn: int) -> Any:
        return Book.objects.filter(subtitle__isnull=True).count()

    def aggregate_avg(self, turn: int) -> Any:
        return Book.objects.aggregate(average=Avg("pages"))

    def aggregate_avg_filtered(self, turn: int) -> Any:
        return Book.objects.filter(rating=1 + turn % 5).aggregate(average=Avg("pages"))

    def group_values_count(self, turn: int) -> Any:
        groups = Book.objects.values("rating").annotate(number=Count("pk"))
        return list(groups.order_by("rating"))

    def annotate_count_top10(self, turn: int) -> Any:
        authors = Author.objects.annotate(number=Count("books"))
        return [
            (author.name, author.number)
            for author in authors.order_by("-number", "pk")[:10]
        ]
