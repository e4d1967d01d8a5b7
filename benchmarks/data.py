"""The rows of the benchmarks, the same for every backend."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

FIRST_YEAR, YEARS = 1525, 500
FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
COUNTRIES = 200
GENRES = 20
SHELVES = 10
# The shelf of the books that an operation creates and deletes.
PASSING_SHELF = 99


@dataclass(frozen=True)
class Scale:
    """The numbers of rows, and the share of the usual repetitions."""

    authors: int
    books: int
    links_per_book: int
    effort: float

    @property
    def tenth(self) -> int:
        return self.books // 10

    @property
    def fifth(self) -> int:
        return self.books // 5

    @property
    def two_hundred(self) -> int:
        return min(200, self.authors // 4)


SCALES = {
    "full": Scale(authors=10_000, books=50_000, links_per_book=2, effort=1.0),
    "small": Scale(authors=400, books=2_000, links_per_book=2, effort=0.1),
}


def moment(number: int) -> datetime:
    """Return when book `number` was created, a different time for each."""
    return FIRST_MOMENT + timedelta(minutes=number)


def title(number: int) -> str:
    return f"Title {number:06d} of the shop"


def author_row(number: int) -> dict[str, Any]:
    return {
        "name": f"Author {number:05d}",
        "email": f"author{number:05d}@example.com",
        "country": f"Country {number % COUNTRIES:03d}",
    }


def book_row(number: int, author: int, shelf: int | None = None) -> dict[str, Any]:
    chance = random.Random(number)
    row = {
        "title": title(number),
        "subtitle": f"Subtitle {number}" if number % 2 else None,
        "author_id": author,
        "price": Decimal(chance.randrange(100, 10_000)) / 100,
        "published": date(
            FIRST_YEAR + number % YEARS, 1 + number % 12, 1 + number % 28
        ),
        "created": moment(number),
        "rating": 1 + number % 5,
        "pages": chance.randrange(50, 1_000),
        "shelf": number // 5 % SHELVES if shelf is None else shelf,
        "stock": 0,
        "data": {
            "code": number,
            "language": chance.choice(["en", "de", "fr", "uk"]),
            "size": {"width": 12.5, "height": 20},
            "tags": ["new", "paper"][: number % 3],
        },
    }
    return row


def genre_row(number: int) -> dict[str, Any]:
    return {"name": f"Genre {number:02d}"}


def authors(scale: Scale) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((number, author_row(number)) for number in range(1, scale.authors + 1))


def genres(scale: Scale) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((number, genre_row(number)) for number in range(1, GENRES + 1))


def books(scale: Scale) -> Iterator[tuple[int, dict[str, Any]]]:
    chance = random.Random(1)
    for number in range(1, scale.books + 1):
        # Some authors wrote more than others.
        author = 1 + int(scale.authors * chance.random() ** 1.2)
        yield number, book_row(number, author)


def links(scale: Scale) -> Iterator[tuple[int, int]]:
    """Yield (book, genre) pairs."""
    chance = random.Random(2)
    for number in range(1, scale.books + 1):
        for genre in chance.sample(range(1, GENRES + 1), scale.links_per_book):
            yield number, genre


def readings(count: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for number in range(1, count + 1):
        yield (
            number,
            {
                "name": f"reading {number}",
                "value": number % 1000,
                "price": Decimal(number % 10_000) / 100,
                "taken": moment(number),
            },
        )
