"""Random documents in a database: what it gives, and what the oracle says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Q

from .maker import ORDERED, Maker
from .models import City
from .oracle import path_key, satisfies

ROWS, QUERIES, CHANGES = 25, 100, 5
# What was asked, what the database gave (of an error its type), and what is right.
Trial = tuple[str, Any, Any]


def trials(alias: str, count: int, seed: int, plain: bool = False) -> Iterator[Trial]:
    """`count` random queries, with some changes of documents among them.

    `plain` leaves out what a database cannot tell that knows the case of ASCII only.
    """
    rows = City.objects.using(alias)
    for start in range(0, count, QUERIES):
        maker = Maker(seed + start // QUERIES, plain)
        rows.all().delete()
        cities = [maker.city(f"city {number:02}") for number in range(ROWS)]
        rows.bulk_create(cities)
        yield "bulk_create()", *both(lambda: list(rows.order_by("name")), cities)
        for _ in range(CHANGES):
            yield from changed(maker, rows, cities)
        for _ in range(min(QUERIES, count - start)):
            yield from asked(maker, rows, cities)


def changed(maker: Maker, rows, cities: list[City]) -> Iterator[Trial]:
    """A change of some of the rows, of the database's and of the oracle's."""
    change, query = maker.change(), maker.query() & Q(address__isnull=False)
    chosen = [city for city in cities if satisfies(city, query)]
    for city in chosen:
        change.apply(city)
    text = f"filter({query}).update({change.column}={change.value!r})"
    values = {change.column: change.value}
    yield text, *both(lambda: rows.filter(query).update(**values), len(chosen))
    yield f"{text}: the rows", *both(lambda: list(rows.order_by("name")), cities)


def asked(maker: Maker, rows, cities: list[City]) -> Iterator[Trial]:
    """The rows of a query, in the order of a path, and what the path leads to."""
    query = maker.query()
    path, down = maker.random.choice(ORDERED), maker.random.choice(["", "-"])
    wanted = [city for city in cities if satisfies(city, query)]
    by_path = sorted(  # what is equal stays in the order of names
        wanted, key=lambda city: path_key(city, path), reverse=bool(down)
    )
    found = rows.filter(query)

    def answers():
        ordered = found.order_by(f"{down}{path}", "name")[1:6]
        return [
            list(found.order_by("name").values_list("name", path)),
            found.count(),
            list(ordered.values_list("name", flat=True)),
        ]

    yield (
        f"filter({query}), order_by({down}{path!r})",
        *both(
            answers,
            [
                [(city.name, path_key(city, path)[1]) for city in wanted],
                len(wanted),
                [city.name for city in by_path[1:6]],
            ],
        ),
    )


def both(work: Callable[[], Any], wanted: Any) -> tuple[Any, Any]:
    """What the database gives and what is right, to be compared."""
    try:
        found = work()
    except Exception as error:
        return type(error), plain_values(wanted)
    return plain_values(found), plain_values(wanted)


def plain_values(value: Any) -> Any:
    """Cities as lists of JSON texts, in which True is not 1."""
    if isinstance(value, list):
        return [plain_values(each) for each in value]
    if isinstance(value, City):
        fields = [field for field in City._meta.fields if not field.primary_key]
        return [sorted_keys(field.value_to_string(value)) for field in fields]
    return value


def sorted_keys(text: str | None) -> str | None:
    """A document's text with its keys in one order; any other text as it is."""
    try:
        return text and json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
