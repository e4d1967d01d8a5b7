"""The queries in the Django ORM, the same text for every backend, and their data."""

import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import (
    Avg,
    Count,
    Exists,
    F,
    Max,
    Min,
    Model,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Window,
)
from django.db.models.functions import ExtractYear, RowNumber

from .models import Author, Book, Genre
from .names import NAMES
from .rows import GENRES, author, genre

BATCH = 5_000
FIRST_DAY = date(1950, 1, 1)
DAYS = 25_000

# --- the data ---


def drop() -> None:
    with connection.schema_editor() as editor:
        for model in (Book, Genre, Author):
            editor.delete_model(model)


def load(books: int) -> None:
    """Create the tables and their rows: a tenth as many authors, two genres a book."""
    with connection.schema_editor() as editor:
        for model in (Author, Genre, Book):
            editor.create_model(model)
    chance = random.Random(1)
    authors = books // 10
    insert(Author(pk=number, **author(number)) for number in range(1, authors + 1))
    insert(Genre(pk=number, name=genre(number)) for number in range(1, GENRES + 1))
    insert(
        Book(
            pk=number,
            title=f"Title {number * 7919 % books:07d} of the library",
            author_id=1 + int(authors * chance.random() ** 1.2),
            pages=chance.randrange(50, 1_000),
            price=Decimal(chance.randrange(100, 10_000)) / 100,
            published=FIRST_DAY + timedelta(days=chance.randrange(DAYS)),
        )
        for number in range(1, books + 1)
    )
    link = Book.genres.through
    insert(
        link(book_id=number, genre_id=each)
        for number in range(1, books + 1)
        for each in chance.sample(range(1, GENRES + 1), 2)
    )


def insert(objects: Iterable[Model]) -> None:
    objects = iter(objects)
    while portion := list(islice(objects, BATCH)):
        type(portion[0])._default_manager.bulk_create(portion)


# --- the queries ---


def group_by_related() -> Any:
    rows = Book.objects.values("author__country").annotate(
        number=Count("pk"), total=Sum("pages")
    )
    return list(rows.order_by("-number", "author__country")[:5])


def having_count() -> Any:
    rows = Author.objects.annotate(number=Count("book")).filter(number__gt=9)
    return list(rows.order_by("-number", "pk")[:10].values_list("pk", "number"))


def genres_count() -> Any:
    rows = Genre.objects.annotate(number=Count("book")).order_by("name")
    return list(rows.values_list("name", "number"))


def m2m_avg() -> Any:
    return Book.objects.filter(genres__name=genre(3)).aggregate(mean=Avg("pages"))


def distinct_count() -> Any:
    return Book.objects.values("pages").distinct().count()


def order_by_related() -> Any:
    rows = Book.objects.order_by("author__name", "id")
    return list(rows.values_list("pk", "author__name")[:20])


def or_related() -> Any:
    name = author(77)["name"]
    rows = Book.objects.filter(Q(author__name=name) | Q(pages=77)).order_by("id")
    return list(rows[:20])


def computed_top() -> Any:
    rows = Book.objects.annotate(ratio=F("price") / F("pages"))
    return list(rows.order_by("-ratio", "pk").values_list("pk")[:10])


def exclude_m2m_count() -> Any:
    return Book.objects.exclude(genres__name=genre(3)).count()


def latest_book() -> Any:
    books = Book.objects.filter(author=OuterRef("pk")).order_by("-published", "-pk")
    rows = Author.objects.annotate(latest=Subquery(books.values("title")[:1]))
    return list(rows.order_by("pk").values_list("pk", "latest")[:20])


def two_counts() -> Any:
    rows = Author.objects.annotate(
        books=Count("book", distinct=True), kinds=Count("book__genres", distinct=True)
    ).order_by("-books", "-kinds", "pk")
    return list(rows.values_list("pk", "books", "kinds")[:5])


def window_first() -> Any:
    number = Window(RowNumber(), partition_by="author", order_by=["published", "pk"])
    rows = Book.objects.annotate(number=number).filter(number=1).order_by("pk")
    return list(rows.values_list("pk", "author_id")[:20])


def select_related_page() -> Any:
    rows = Book.objects.select_related("author").order_by("-published", "id")[:50]
    return [(book, book.author) for book in rows]


def admin_first() -> Any:
    return Book.objects.order_by("-published", "id").first()


def related_count() -> Any:
    return Book.objects.filter(author__age__gt=75).count()


def get_by_key() -> Any:
    return Book.objects.get(pk=321)


def range_page() -> Any:
    return list(Book.objects.filter(pages__gt=990, pages__lt=995).order_by("pk")[:20])


def average_price() -> Any:
    return Book.objects.aggregate(mean=Avg("price"), most=Max("pages"))


def filtered_aggregates() -> Any:
    return Book.objects.aggregate(
        cheap=Count("pk", filter=Q(price__lt=10)),
        dear=Count("pk", filter=Q(price__gt=90)),
    )


def group_by_year() -> Any:
    rows = Book.objects.values(year=ExtractYear("published"))
    return list(rows.annotate(number=Count("pk")).order_by("year"))


def group_by_column() -> Any:
    rows = Book.objects.values("pages").annotate(number=Count("pk"), mean=Avg("price"))
    return list(rows.order_by("-number", "pages")[:10])


def icontains_page() -> Any:
    return list(Book.objects.filter(title__icontains="99 OF THE").order_by("pk")[:20])


def exists_count() -> Any:
    dear = Book.objects.filter(author=OuterRef("pk"), pages__gt=990)
    return Author.objects.filter(Exists(dear)).count()


def not_exists_count() -> Any:
    any_book = Book.objects.filter(author=OuterRef("pk"), pages__gt=500)
    return Author.objects.filter(~Exists(any_book)).count()


def subquery_in_sum() -> Any:
    some = Author.objects.filter(country=author(5)["country"])
    return Book.objects.filter(author__in=some).aggregate(total=Sum("pages"))


def years() -> Any:
    return list(Book.objects.dates("published", "year"))


def union_page() -> Any:
    first = Book.objects.filter(pages=77).values_list("pk", "title")
    second = Book.objects.filter(pages=78).values_list("pk", "title")
    return list(first.union(second).order_by("pk")[:20])


def genres_latest() -> Any:
    rows = Genre.objects.annotate(latest=Max("book__published")).order_by("name")
    return list(rows.values_list("name", "latest"))


def prefetch_page() -> Any:
    rows = Book.objects.order_by("pk").prefetch_related("genres")[:50]
    return [(book.pk, sorted(each.name for each in book.genres.all())) for book in rows]


def countries_of_many() -> Any:
    rows = Author.objects.values("country").annotate(number=Count("book"))
    return list(rows.filter(number__gt=100).order_by("-number", "country")[:5])


def m2m_and_related_count() -> Any:
    country = author(5)["country"]
    return Book.objects.filter(genres__name=genre(3), author__country=country).count()


def distinct_authors_of_genre() -> Any:
    rows = Author.objects.filter(book__genres__name=genre(3)).distinct()
    return rows.count()


def deep_page() -> Any:
    half = Book.objects.count() // 2
    return list(Book.objects.order_by("pk")[half : half + 20])


def oldest_by_author() -> Any:
    rows = Author.objects.annotate(first=Min("book__published")).order_by("first", "pk")
    return list(rows.exclude(first=None).values_list("pk", "first")[:10])


QUERIES: dict[str, Callable[[], Any]] = {name: globals()[name] for name in NAMES}
