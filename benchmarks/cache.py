"""What a row costs to read from LMDB, beside scanning it in a cached table.

`python -m benchmarks.cache` prints the ratio that CACHED_ROWS_PER_READ comes from
(nonrel_backend/local/table_cache.py).
"""

import tempfile
import time
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import django
from django.conf import settings

ROWS, ROUNDS = 50_000, 7


def main() -> None:
    """Print the medians of a table of six columns."""
    with tempfile.TemporaryDirectory() as folder:
        store = {"ENGINE": "nonrel_backend.lmdb", "NAME": str(Path(folder) / "cache")}
        settings.configure(DATABASES={"default": store}, INSTALLED_APPS=[])
        django.setup()
        model = filled_table()
        found = [measured(model) for _ in range(ROUNDS)]
    loads, scans = zip(*found, strict=True)
    ratio = median(load / scan for load, scan in found)
    print(
        f"read {median(loads) / ROWS * 1e6:.2f} us a row, "
        f"scan {median(scans) / ROWS * 1e6:.2f} us a row, ratio {ratio:.0f}"
    )


def filled_table() -> Any:
    """Return the model of a table with ROWS rows."""
    from django.db import connection, models

    class Row(models.Model):
        a = models.IntegerField()
        b = models.CharField(max_length=30)
        c = models.FloatField()
        d = models.IntegerField()
        e = models.CharField(max_length=20)

        class Meta:
            app_label = "benchmark"

    with connection.schema_editor() as editor:
        editor.create_model(Row)
    Row.objects.bulk_create(
        Row(a=n % 100, b=f"name {n}", c=n / 3, d=n, e="x") for n in range(ROWS)
    )
    return Row


def measured(model: Any) -> tuple[float, float]:
    """Return the seconds of loading the table and of one scan of what is loaded."""
    from django.db import connection

    from nonrel_backend.local.load import local_rows
    from nonrel_backend.planner.scans import new_query

    engine = connection.local_engine
    engine.wrapper.ensure_connection()
    sqlite = engine.wrapper.connection
    fields = list(model._meta.concrete_fields)
    columns = [field.column for field in fields]
    sqlite.execute(f"CREATE TABLE cached ({', '.join(columns)})")
    start = time.perf_counter()
    rows = local_rows(new_query(connection, model, fields), fields, connection.timezone)
    values = chain.from_iterable(rows)
    engine.insert(sqlite, "cached", columns, values, indexes=False)
    loaded = time.perf_counter()
    sqlite.execute("SELECT SUM(d) FROM cached WHERE a % 7 = 3").fetchall()
    scanned = time.perf_counter()
    sqlite.execute("DROP TABLE cached")
    return loaded - start, scanned - loaded


if __name__ == "__main__":
    main()
