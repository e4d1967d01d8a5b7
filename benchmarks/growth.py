"""Measure how operations slow down as a table grows."""

import time
from statistics import median
from typing import Any

from . import data

BATCH = 10_000
TIMES = 300
PRIME = 7919


def grow(shop: Any, start: int, rows: int) -> dict[str, Any]:
    """Add books from `start` to `rows`. Return the seconds of each operation."""
    from .shop.models import Author, Book

    if not start:
        Author.objects.bulk_create(
            [Author(**data.author_row(number)) for number in range(1, 1001)]
        )
    for first in range(start + 1, rows + 1, BATCH):
        last = min(first + BATCH, rows + 1)
        Book.objects.bulk_create(
            [
                shop.book(number, data.book_row(number, 1 + number % 1000))
                for number in range(first, last)
            ]
        )
    return {
        name: median(timed(operation, rows, turn) for turn in range(TIMES))
        for name, operation in (
            ("get by key", get_by_key),
            ("indexed filter with LIMIT", filter_with_limit),
            ("create", create),
        )
    }


def timed(operation: Any, rows: int, turn: int) -> float:
    """Return the seconds that an operation on one of the rows takes."""
    number = 1 + turn * PRIME % rows
    start = time.perf_counter()
    operation(number)
    return time.perf_counter() - start


def get_by_key(number: int) -> Any:
    from .shop.models import Book

    return Book.objects.get(pk=number)


def filter_with_limit(number: int) -> Any:
    from .shop.models import Book

    moment = data.moment(number)
    return list(Book.objects.filter(created__gte=moment).order_by("created")[:20])


def create(number: int) -> Any:
    from .shop.models import Book

    row = data.book_row(number, 1 + number % 1000, data.PASSING_SHELF)
    return Book.objects.create(**row)
