"""Measure what microseconds cost on MongoDB: `python -m benchmarks.microseconds`.

The same rows are in two collections: one keeps them, one holds milliseconds, as those
of other programs do. Each operation is done on both in turn.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
from django.conf import settings

from benchmarks.report import as_table
from nonrel_backend.testing.services.mongodb import mongodb_uri

ROWS, BATCH, ROUNDS = 50_000, 5_000, 9
START = datetime(2020, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """Return a datetime with microseconds, in random order."""
    return START + timedelta(
        seconds=number * 7919 % 100_000, microseconds=123_456 + number
    )


def made_models() -> tuple[Any, Any]:
    """Return a model whose table keeps microseconds, and one whose does not."""
    from django.db import connection, models

    def made(name: str) -> Any:
        class Meta:
            app_label = "microseconds"
            db_table = name

        fields = {
            "name": models.CharField(max_length=20),
            "number": models.IntegerField(),
            "at": models.DateTimeField(db_index=True),
        }
        names = {"__module__": __name__, "Meta": Meta, **fields}
        return type(name.title(), (models.Model,), names)

    kept, cut = made("kept"), made("cut")
    with connection.schema_editor() as editor:
        editor.create_model(kept)
        editor.create_model(cut)
    database = connection.database
    database.nonrel_schema.update_one({"_id": "cut"}, {"$unset": {"microseconds": ""}})
    connection.known_entries.clear()
    database.cut.drop_indexes()
    database.cut.create_index([("at", 1)])
    return kept, cut


def rows(model: Any, number: int) -> list[Any]:
    return [
        model(name=f"row {each}", number=each, at=moment(each))
        for each in range(number)
    ]


def operations() -> dict[str, Callable[[Any], Any]]:
    from django.db.models import Count, Max

    low, high = START + timedelta(hours=2), START + timedelta(hours=4)

    def created(model: Any) -> None:
        for number in range(50):
            model.objects.create(name="x", number=1, at=high + number * MICROSECOND)

    def saved(model: Any) -> None:
        for each in model.objects.filter(pk__lte=50):
            each.at += timedelta(milliseconds=1)
            each.save()

    return {
        "create x 50": created,
        "bulk_create of 2,000": lambda m: m.objects.bulk_create(rows(m, 2_000)),
        "save x 50": saved,
        "get x 50": lambda m: [m.objects.get(pk=key) for key in range(1, 51)],
        "list of 5,000": lambda m: list(m.objects.order_by("pk")[:5_000]),
        "filter(at=) x 50": lambda m: [
            m.objects.filter(at=moment(number)).first() for number in range(50)
        ],
        "filter(at__gte=), 50 in order": lambda m: list(
            m.objects.filter(at__gte=low + MICROSECOND).order_by("at")[:50]
        ),
        "order_by('-at')[:50]": lambda m: list(m.objects.order_by("-at")[:50]),
        "count of a range": lambda m: m.objects.filter(at__gt=low, at__lt=high).count(),
        "Max('at')": lambda m: m.objects.aggregate(last=Max("at")),
        "group by at": lambda m: list(
            m.objects.values("at").annotate(n=Count("pk")).order_by("at")[:10]
        ),
    }


def main() -> None:
    with mongodb_uri() as uri:
        settings.configure(
            DATABASES={
                "default": {
                    "ENGINE": "nonrel_backend.mongodb",
                    "HOST": uri,
                    "NAME": "bench_microseconds",
                }
            },
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        from django.db import connection

        kept, cut = made_models()
        for model in (kept, cut):
            model.objects.bulk_create(rows(model, ROWS), batch_size=BATCH)
            name = model._meta.db_table
            sizes = connection.database.command("collstats", name)
            of_index = sum(
                size for key, size in sizes["indexSizes"].items() if key != "_id_"
            )
            print(
                f"{name}: {sizes['avgObjSize']} bytes a document, "
                f"{of_index / ROWS:.0f} an entry of the index of `at`"
            )
        table: list[tuple[str, ...]] = []
        for name, work in operations().items():
            seconds: dict[Any, list[float]] = {kept: [], cut: []}
            for number in range(ROUNDS):
                for model in (kept, cut) if number % 2 else (cut, kept):
                    start = time.perf_counter()
                    work(model)
                    seconds[model].append(time.perf_counter() - start)
            ours, others = (statistics.median(each) for each in seconds.values())
            table.append((name, f"{ours * 1e3:.1f}", f"{ours / others:.2f}"))
        print(as_table(("operation", "ms", "with / without microseconds"), table))
        connection.connection.drop_database("bench_microseconds")


if __name__ == "__main__":
    main()
