"""Measure what checksums cost on LMDB: `python -m benchmarks.checksums`.

The same rows are in two stores, one with checksums. Each operation is done on both in
turn, in many short rounds: the ratio of two neighbours is free of what else the machine
does, and the table holds its median.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
from django.conf import settings

from benchmarks.report import as_table

ROWS, BATCH, ROUNDS = 20_000, 2_000, 500
STORES = ("with", "without")


def made_model() -> Any:
    """Return a model of six columns, with tables in both stores."""
    from django.db import connections, models

    class Book(models.Model):
        title = models.CharField(max_length=80, db_index=True)
        pages = models.IntegerField(db_index=True)
        price = models.DecimalField(max_digits=8, decimal_places=2)
        rating = models.FloatField()
        published = models.DateField()

        class Meta:
            app_label = "checksums"

    for store in STORES:
        with connections[store].schema_editor() as editor:
            editor.create_model(Book)
    return Book


def rows(model: Any, number: int) -> list[Any]:
    return [
        model(
            title=f"A book that is called {each}",
            pages=each % 1000,
            price="12.50",
            rating=each / 7,
            published=f"20{each % 90 + 10}-01-01",
        )
        for each in range(number)
    ]


def operations(model: Any) -> dict[str, Callable[[Any], Any]]:
    """Return {name: what is done with a store's query set}."""

    def created(books: Any) -> None:
        books.create(
            title="x", pages=1, price="1.00", rating=1.0, published="2020-01-01"
        ).delete()

    def saved(books: Any) -> None:
        book = books.get(pk=77)
        book.pages += 1
        book.save()

    return {
        "get x 10": lambda books: [books.get(pk=key) for key in range(100, 110)],
        "filter(pages=) of 20 rows": lambda books: list(books.filter(pages=500)),
        "order_by('pages')[:50]": lambda books: list(books.order_by("pages")[:50]),
        "list of 500": lambda books: list(books.order_by("pk")[:500]),
        "count of a range of an index": lambda books: books.filter(
            pages__range=(100, 120)
        ).count(),
        "scan: filter(rating__gt=)": lambda books: list(
            books.filter(pk__lt=1000, rating__gt=1e9)
        ),
        "get and save": saved,
        "create and delete": created,
        "bulk_create of 50": lambda books: books.bulk_create(rows(model, 50)),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(
            DATABASES={
                "default": {},
                **{
                    store: {
                        "ENGINE": "nonrel_backend.lmdb",
                        "NAME": str(Path(folder) / store),
                        "OPTIONS": {"checksums": store == "with", "durability": "none"},
                    }
                    for store in STORES
                },
            },
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        model = made_model()
        for store in STORES:
            model.objects.using(store).bulk_create(rows(model, ROWS), batch_size=BATCH)
        table: list[tuple[str, ...]] = []
        for name, work in operations(model).items():
            seconds: dict[str, list[float]] = {store: [] for store in STORES}
            for number in range(ROUNDS):
                for store in STORES if number % 2 else reversed(STORES):
                    start = time.perf_counter()
                    work(model.objects.using(store))
                    seconds[store].append(time.perf_counter() - start)
            pairs = zip(*seconds.values(), strict=True)
            ratio = statistics.median(ours / other for ours, other in pairs)
            took = statistics.median(seconds["with"])
            table.append((name, f"{took * 1e6:.0f}", f"{ratio:.3f}"))
        print(as_table(("operation", "us", "with / without checksums"), table))


if __name__ == "__main__":
    main()
