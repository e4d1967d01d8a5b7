"""The rows, and which of them an operation asks for, without Django."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

AUTHORS, BOOKS = 100, 3_000
COUNTRIES, SHELVES = 20, 10
MANY, PAGE = 1_000, 20
FIRST_DAY, DAYS = date(1950, 1, 1), 25_000
# The keys of books that an operation creates begin here, and so do those it deletes.
CREATED, DELETED, MANY_CREATED = 10_000_000, 20_000_000, 30_000_000
# The shelf of the books that an operation creates and deletes.
PASSING_SHELF = 99


def author_row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Author {number:05d}",
        "country": country(number),
    }


def book_row(number: int, shelf: int | None = None) -> dict[str, Any]:
    """Return a book; 30 are by one author, and 300 stand on a shelf."""
    return {
        "id": number,
        "title": f"Title {number:06d} of the shop",
        "author_id": 1 + number // SHELVES % AUTHORS,
        "shelf": number % SHELVES if shelf is None else shelf,
        "pages": 50 + number * 37 % 900,
        "price": Decimal(100 + number * 7919 % 9_900) / 100,
        "published": FIRST_DAY + timedelta(days=number * 7919 % DAYS),
        "stock": 0,
    }


def passing_row(number: int) -> dict[str, Any]:
    return book_row(number, PASSING_SHELF)


def authors() -> Iterator[dict[str, Any]]:
    return map(author_row, range(1, AUTHORS + 1))


def books() -> Iterator[dict[str, Any]]:
    return map(book_row, range(1, BOOKS + 1))


def many_rows(turn: int) -> list[dict[str, Any]]:
    """Return the rows that a bulk_create writes."""
    first = MANY_CREATED + turn * MANY
    return [passing_row(number) for number in range(first, first + MANY)]


def book_number(turn: int) -> int:
    """Return the key of a book that looks random."""
    return 1 + turn * 7919 % BOOKS


def shelf_of(turn: int) -> int:
    return turn % SHELVES


def country(turn: int) -> str:
    return f"Country {turn % COUNTRIES:03d}"
