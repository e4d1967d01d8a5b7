"""What a query costs in function calls, and how deep the stack is at the store.

`python -m benchmarks.frames` prints both for everyday queries on LMDB. They depend on
the code alone, not on the machine.
"""

import cProfile
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import django
from django.conf import settings

Work = Callable[[], Any]
WARM_UP, ROUNDS = 5, 3


def main() -> None:
    """Print function calls, and frames between execute_sql and LMDB."""
    with tempfile.TemporaryDirectory() as folder:
        store = {"ENGINE": "nonrel_backend.lmdb", "NAME": str(Path(folder) / "frames")}
        settings.configure(DATABASES={"default": store}, USE_TZ=True)
        django.setup()
        for name, work in queries().items():
            print(f"{name:32} {calls(work):5} calls {frames(work):3} frames")


def queries() -> dict[str, Work]:
    """Return the queries by name, over tables with a few rows."""
    from django.db import connection, models
    from django.db.models import F

    class Country(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "frames"

    class City(models.Model):
        name = models.CharField(max_length=50)
        number = models.IntegerField(db_index=True)
        country = models.ForeignKey(Country, models.CASCADE)

        class Meta:
            app_label = "frames"

    with connection.schema_editor() as editor:
        editor.create_model(Country)
        editor.create_model(City)
    country = Country.objects.create(name="x")
    for number in range(5):
        City.objects.create(name=f"c{number}", number=number, country=country)
    cities, city = City.objects, City.objects.get(pk=1)
    return {
        "get(pk=1)": lambda: cities.get(pk=1),
        "filter(number=1)[0]": lambda: cities.filter(number=1)[0],
        "order_by(number)": lambda: list(cities.order_by("number")),
        "filter(country__name)": lambda: list(cities.filter(country__name="x")),
        "select_related(country)": lambda: list(cities.select_related("country")),
        "count()": cities.count,
        "order_by(country__name), local": lambda: list(
            cities.order_by("country__name")
        ),
        "save()": city.save,
        "create()": lambda: cities.create(name="new", number=9, country=country),
        "update(number=F + 1)": lambda: cities.filter(pk=1).update(
            number=F("number") + 1
        ),
    }


def calls(work: Work) -> int:
    """Return the fewest function calls of a few rounds."""
    for _ in range(WARM_UP):
        work()
    found = []
    for _ in range(ROUNDS):
        profile = cProfile.Profile()
        profile.enable()
        work()
        profile.disable()
        found.append(sum(each.callcount for each in profile.getstats()))
    return min(found)


def frames(work: Work) -> int:
    """Return the most frames between execute_sql and a call of LMDB's data.

    Neither execute_sql nor LMDB's own function, which is C, counts.
    """
    deepest = 0

    def note(frame: FrameType, event: str, function: Any) -> None:
        nonlocal deepest
        owner = type(getattr(function, "__self__", None))
        if event != "c_call" or owner.__name__ not in ("Cursor", "Transaction"):
            return
        names = []
        above: FrameType | None = frame
        while above is not None:
            names.append(above.f_code.co_name)
            above = above.f_back
        if "execute_sql" in names:
            deepest = max(deepest, names.index("execute_sql"))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return deepest


if __name__ == "__main__":
    main()
