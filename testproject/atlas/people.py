"""Invented travellers and visits, the same in every run."""

import datetime
import random
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Model

from .models import City, Tag, Traveller, Visit

SEED = 1884
TRAVELLERS = 1_000
VISITS = 20_000
TAGS = "climber cyclist diver gourmet hiker night-owl pilgrim sailor skier".split()
FIRST = (
    "Ada Amir Ana Björn Chidi Dario Élise Fatima Goran Hana Ibrahim Ines Jun Kofi "
    "Lena Mateo Mei Nadia Olu Priya Quentin Rosa Sven Tariq Uma Vera Wei Yara Zoë"
).split()
LAST = (
    "Abe Banerjee Cruz Dubois Eriksson Ferrari García Haddad Ito Jansen Kowalski Lund "
    "Mbeki Nowak Okafor Petrov Quispe Rossi Silva Tanaka Usman Vargas Weber Yıldız"
).split()
FIRST_DAY = datetime.datetime(2015, 1, 1, 12, tzinfo=datetime.UTC)


def tags() -> list[Tag]:
    """Return all tags."""
    return [Tag(id=number, name=name) for number, name in enumerate(TAGS, 1)]


def travellers(cities: list[City]) -> Iterator[Traveller]:
    """Yield travellers. One in ten has no home, another one in ten no birthday."""
    chance = random.Random(SEED)
    for number in range(1, TRAVELLERS + 1):
        born = datetime.date(1940, 1, 1) + datetime.timedelta(chance.randrange(25_000))
        home = chance.choice(cities)
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)} {number}"
        yield Traveller(
            id=number,
            name=name,
            home=None if number % 10 == 0 else home,
            born=None if number % 10 == 5 else born,
        )


def tag_links() -> Iterator[Model]:
    """Yield up to three tags for each traveller, as rows of the many-to-many table."""
    chance = random.Random(SEED + 1)
    number = 0
    for traveller in range(1, TRAVELLERS + 1):
        for tag in chance.sample(range(1, len(TAGS) + 1), chance.randrange(4)):
            number += 1
            yield Traveller.tags.through(id=number, traveller_id=traveller, tag_id=tag)


def visits(cities: list[City]) -> Iterator[Visit]:
    """Yield a visit for every four hours, so that nobody is in two places at once."""
    chance = random.Random(SEED + 2)
    for number in range(1, VISITS + 1):
        arrived = FIRST_DAY + datetime.timedelta(hours=4 * number)
        yield Visit(
            id=number,
            traveller_id=chance.randint(1, TRAVELLERS),
            city=chance.choice(cities),
            arrived=arrived,
            nights=chance.randint(1, 14),
            spent=None
            if number % 20 == 0
            else Decimal(chance.randrange(2_000, 500_000)) / 100,
        )
