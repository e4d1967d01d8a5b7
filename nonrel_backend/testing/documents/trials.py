"""Run random queries and changes of documents on a database and on the oracle."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Q

from .maker import ORDERED, Maker
from .models import City
from .oracle import path_key, satisfies

ROWS, QUERIES, CHANGES = 25, 100, 5
# (the query or change, what the database gave or the type of its error, what is right)
Trial = tuple[str, Any, Any]


def trials(alias: str, count: int, seed: int, plain: bool = False) -> Iterator[Trial]:
    """Run `count` random queries on a database, and some changes. Yield the trials.

    `plain` leaves out letters that a database which ignores case cannot distinguish.
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


def changed(maker: Maker, rows: Any, cities: list[City]) -> Iterator[Trial]:
    """Change some rows of the database and of the oracle."""
    change, query = maker.change(), maker.query() & Q(address__isnull=False)
    chosen = [city for city in cities if satisfies(city, query)]
    for city in chosen:
        change.apply(city)
    text = f"filter({query}).update({change.column}={change.value!r})"
    values = {change.column: change.value}
    yield text, *both(lambda: rows.filter(query).update(**values), len(chosen))
    yield f"{text}: the rows", *both(lambda: list(rows.order_by("name")), cities)


def asked(maker: Maker, rows: Any, cities: list[City]) -> Iterator[Trial]:
    """Run a query for rows, for their number, and in the order of a field path."""
    query = maker.query()
    path, down = maker.random.choice(ORDERED), maker.random.choice(["", "-"])
    wanted = [city for city in cities if satisfies(city, query)]
    by_path = sorted(  # Equal ones stay in the order of their names.
        wanted, key=lambda city: path_key(city, path), reverse=bool(down)
    )
    found = rows.filter(query)

    def answers() -> list[Any]:
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
    """Return what the database gives, or the type of its error, and what is right."""
    try:
        found = work()
    except Exception as error:
        return type(error), plain_values(wanted)
    return plain_values(found), plain_values(wanted)


def plain_values(value: Any) -> Any:
    """Return a value with cities as lists of JSON texts, in which True is not 1."""
    if isinstance(value, list):
        return [plain_values(each) for each in value]
    if isinstance(value, City):
        fields = [field for field in City._meta.fields if not field.primary_key]
        return [sorted_keys(field.value_to_string(value)) for field in fields]
    return value


def sorted_keys(text: str | None) -> str | None:
    """Return a JSON text with its keys sorted, and any other text as it is."""
    try:
        return text and json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
