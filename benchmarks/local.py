"""Measure the time of local plans, and the memory of iterator()."""

import resource
import time
from collections.abc import Iterator
from typing import Any

from . import data

COLUMNS = ("title", "price", "pages", "rating", "shelf", "created")
BATCH = 10_000


def plan(shop: Any) -> dict[str, Any]:
    """Run a query that is finished locally, over six columns of all books."""
    work = raw_columns if hasattr(shop, "client") else local_query
    start = time.perf_counter()
    count, explained = work(shop)
    return {"seconds": time.perf_counter() - start, "rows": count, "plan": explained}


def raw_columns(shop: Any) -> tuple[int, str]:
    """Read the same columns into tuples with pymongo: the lower bound."""
    found = shop.books.find({}, {"_id": 0, **dict.fromkeys(COLUMNS, 1)})
    rows = [tuple([each[name] for name in COLUMNS]) for each in found]
    return len(rows), ""


def local_query(shop: Any) -> tuple[int, str]:
    """Run a query with a window function."""
    from django.db.models import F, Window
    from django.db.models.functions import Rank

    from .shop.models import Book

    rank = Window(Rank(), [F("shelf"), F("rating")], [F("price").desc(), F("created")])
    books = Book.objects.annotate(rank=rank).filter(rank=1)
    rows = list(books.order_by("title").values_list("title", "pages", "rank"))
    if not rows:
        raise ValueError("The local plan found nothing.")
    return len(rows), ""


def resident_megabytes() -> float:
    """Return the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load_million(shop: Any, count: int) -> dict[str, Any]:
    """Create `count` readings."""
    from .shop.models import Reading

    batch: list[Any] = []
    for number, row in data.readings(count):
        batch.append(Reading(pk=number, **row))
        if len(batch) == BATCH or number == count:
            Reading.objects.bulk_create(batch)
            batch.clear()
    return {}


def million(shop: Any) -> dict[str, Any]:
    """Iterate over all readings. The process must have done nothing else."""
    from .shop.models import Reading

    before = resident_megabytes()
    start = time.perf_counter()
    count = iterate(Reading.objects.iterator())
    return {
        "seconds": time.perf_counter() - start,
        "rows": count,
        "megabytes": resident_megabytes(),
        "growth": resident_megabytes() - before,
    }


def iterate(rows: Iterator[Any]) -> int:
    count = 0
    for _ in rows:
        count += 1
    return count
