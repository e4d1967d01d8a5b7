"""`manage.py tour`: run twelve ORM queries, from simple to difficult."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.db.models import (
    Avg,
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Window,
)
from django.db.models.functions import Rank, TruncYear

from atlas.models import City, Country, Traveller, Visit

SHOWN = 3
# A plan names every key that it fetches: they may be thousands.
LONGEST_LINE = 300


@dataclass(frozen=True)
class Stop:
    """One query of the tour."""

    title: str
    queryset: Callable[[], QuerySet[Any]]
    show: Callable[[Any], str] = str


STOPS = [
    Stop(
        "A city by its name, which is indexed",
        lambda: City.objects.filter(name="Reykjavík"),
        lambda city: f"{city.name}, {city.population:,} people",
    ),
    Stop(
        "A city by another of its names: an index has every item of the lists",
        lambda: City.objects.filter(alternate_names__contains="Constantinople"),
        lambda city: f"{city.name}, {len(city.alternate_names)} other names",
    ),
    Stop(
        "The northernmost cities: a path into an embedded model",
        lambda: City.objects.filter(location__latitude__gt=69).order_by(
            "-location__latitude"
        )[:5],
        lambda city: f"{city.name}, {city.location}",
    ),
    Stop(
        "The largest cities of the world: an ordered slice",
        lambda: City.objects.order_by("-population")[:5],
        lambda city: f"{city.name}, {city.population:,} people",
    ),
    Stop(
        "Visits of 2019: a year as a range on an indexed date",
        lambda: Visit.objects.filter(arrived__year=2019).order_by("arrived")[:5],
        lambda visit: f"{visit.arrived:%d %B %Y}, {visit.nights} nights",
    ),
    Stop(
        "The largest cities of one country, across the foreign key",
        lambda: City.objects.filter(country__name="Japan").order_by("-population")[:5],
        lambda city: f"{city.name}, {city.population:,} people",
    ),
    Stop(
        "The last visits, with traveller, city and country at once",
        lambda: Visit.objects.select_related("traveller", "city__country")[:5],
        lambda visit: f"{visit.traveller} in {visit.city}, {visit.city.country}",
    ),
    Stop(
        "Hikers or climbers who are not divers: Q over a many-to-many",
        lambda: (
            Traveller.objects.filter(Q(tags__name="hiker") | Q(tags__name="climber"))
            .exclude(tags__name="diver")
            .distinct()
        ),
    ),
    Stop(
        "Cities and people by continent: grouping across a join",
        lambda: (
            City.objects.values("country__continent")
            .annotate(cities=Count("id"), people=Sum("population"))
            .order_by("-people")
        ),
        lambda row: (
            f"{row['country__continent']}: {row['cities']:,} cities, "
            f"{row['people']:,} people"
        ),
    ),
    Stop(
        "Countries that nobody visited, by a correlated subquery",
        lambda: Country.objects.filter(
            ~Exists(Visit.objects.filter(city__country=OuterRef("pk")))
        ).annotate(
            largest=Subquery(
                City.objects.filter(country=OuterRef("pk"))
                .order_by("-population")
                .values("name")[:1]
            )
        ),
        lambda country: f"{country.name} (largest city: {country.largest})",
    ),
    Stop(
        "The three dearest visits of each year: a window function",
        lambda: (
            Visit.objects.filter(spent__isnull=False)
            .annotate(
                year=TruncYear("arrived"),
                place=Window(
                    Rank(),
                    partition_by=[TruncYear("arrived")],
                    order_by=F("spent").desc(),
                ),
            )
            .filter(place__lte=3)
            .order_by("year", "place")
        ),
        lambda visit: f"{visit.year.year}, number {visit.place}: {visit.spent}",
    ),
    Stop(
        "Who travelled most, with their visits: grouping, HAVING and prefetch",
        lambda: (
            Traveller.objects.annotate(
                nights=Sum("visits__nights"), average=Avg("visits__spent")
            )
            .filter(nights__gt=200)
            .order_by("-nights")
            .prefetch_related(Prefetch("visits", Visit.objects.select_related("city")))[
                :5
            ]
        ),
        lambda traveller: (
            f"{traveller}: {traveller.nights} nights, "
            f"{len({visit.city.country_id for visit in traveller.visits.all()})} "
            f"countries, {traveller.average:.2f} a visit"
        ),
    ),
]


class Command(BaseCommand):
    help = "Run twelve ORM queries and show their plans and times."

    def handle(self, *args: Any, **options: Any) -> None:
        for number, stop in enumerate(STOPS, 1):
            self.stdout.write(self.style.MIGRATE_HEADING(f"\n{number}. {stop.title}"))
            self.visit(stop)

    def visit(self, stop: Stop) -> None:
        """Run a query and show its first rows, plan and time."""
        start = time.perf_counter()
        rows = list(stop.queryset())
        milliseconds = (time.perf_counter() - start) * 1000
        for row in rows[:SHOWN]:
            self.stdout.write(f"   {stop.show(row)}")
        if len(rows) > SHOWN:
            self.stdout.write(f"   … {len(rows)} rows in all")
        for line in plan(stop.queryset()).splitlines():
            self.stdout.write(self.style.HTTP_INFO(f"   | {shortened(line)}"))
        self.stdout.write(self.style.SUCCESS(f"   {milliseconds:.1f} ms"))


def plan(queryset: QuerySet[Any]) -> str:
    """Return what explain() says, or why it fails."""
    try:
        return queryset.explain()
    except DatabaseError as error:
        # Django on SQLite cannot explain a filter on a window function.
        return f"no plan: {error}"


def shortened(line: str) -> str:
    """Return a line's beginning and its end, where the index is named."""
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[: LONGEST_LINE * 2 // 3]} … {line[-LONGEST_LINE // 3 :]}"
