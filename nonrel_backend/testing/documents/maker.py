"""Random documents, and random queries and changes of them."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q

from ...fields import AddToSet, Increment, Pull, Push, SetKey
from .models import Address, Circle, City, Comment, Place, Square

# SQLite's LIKE ignores case: "B" and "é" are for other databases.
WORDS = ["a", "b", "ab", "%", "$ne", "x.y", "", "0", "10", "c_", "B", "é"]
NUMBERS = [-1, 0, 1, 2, 3, 2**40]
DAYS = [date(2020, 1, 1), date(2020, 12, 31), date(2021, 6, 1)]
MOMENTS = [
    datetime(2020, 1, 1, 0, 0, tzinfo=UTC),
    # Three of one millisecond.
    datetime(2020, 12, 31, 23, 59, 59, 123000, tzinfo=UTC),
    datetime(2020, 12, 31, 23, 59, 59, 123456, tzinfo=UTC),
    datetime(2020, 12, 31, 23, 59, 59, 123457, tzinfo=UTC),
    datetime(2021, 6, 1, 12, tzinfo=UTC),
]
RAW = [*WORDS[:5], *NUMBERS, 1.5, True, False, None, [1, "a"], {"a": 1}, ["a"]]


class Maker:
    """Makes documents, queries and changes at random, from a seed.

    `plain` leaves out letters that a database which ignores case cannot distinguish.
    """

    def __init__(self, seed: int, plain: bool = False) -> None:
        self.random = random.Random(seed)
        self.plain = plain
        self.words = self.fit(WORDS)

    def some(self, values: list[Any], most: int = 3) -> list[Any]:
        """Return up to `most` of the values."""
        values = self.fit(values)
        return [self.random.choice(values) for _ in range(self.random.randint(0, most))]

    def maybe(self, values: list[Any]) -> Any:
        """Return one of the values, or None in a quarter of the cases."""
        return None if self.random.random() < 0.25 else self.random.choice(values)

    def address(self) -> Address | None:
        if self.random.random() < 0.2:
            return None
        place = Place(lat=self.maybe([0.5, 1.0, 2.5]), lng=self.maybe([1.0]))
        return Address(
            street=self.random.choice(self.words),
            city=self.maybe(self.words),
            zip=self.maybe(NUMBERS),
            since=self.maybe(DAYS),
            place=self.random.choice([None, place]),
            phones=self.some(WORDS),
        )

    def comment(self, depth: int = 0) -> Comment:
        return Comment(
            author=self.random.choice(self.words),
            stars=self.maybe(NUMBERS),
            at=self.maybe(MOMENTS),
            labels=self.some(WORDS, 2),
            replies=[self.comment(1) for _ in self.some([1], 2)] if not depth else [],
        )

    def shape(self) -> Circle | Square:
        if self.random.random() < 0.5:
            return Circle(
                name=self.random.choice(self.words), radius=self.random.random()
            )
        return Square(name=self.random.choice(self.words), side=2.0)

    def city(self, name: str) -> City:
        return City(
            name=name,
            population=self.random.choice(NUMBERS[:5]),
            tags=self.some(WORDS),
            kinds=set(self.some(WORDS)),
            years=self.random.choice([None, self.some(NUMBERS)]),
            sizes={key: self.maybe(NUMBERS) for key in self.some(WORDS[:8])},
            attributes={key: self.random.choice(RAW) for key in self.some(WORDS)},
            address=self.address(),
            comments=[self.comment() for _ in self.some([1])],
            shapes=[self.shape() for _ in self.some([1], 2)],
            shape=self.random.choice([None, self.shape()]),
        )

    # --- lookups ---

    def lookup(self) -> tuple[str, object]:
        """Return a lookup on a field path, and its argument."""
        path, values, kind = self.random.choice(PATHS)
        values = self.fit(values)
        name = self.random.choice(LOOKUPS[kind])
        return f"{path}__{name}", self.argument(name, values)

    def argument(self, name: str, values: list[Any]) -> Any:
        """Return an argument for a lookup."""
        if name.startswith("len"):
            return self.random.randint(0, 3)
        if name == "isnull":
            return self.random.random() < 0.5
        if name in ("in", "overlap", "contained_by"):
            return self.some(values) or [values[0]]
        if name == "range":
            return sorted(self.random.choice(values) for _ in range(2))
        if name == "year":
            return self.random.choice([2019, 2020, 2021])
        return self.random.choice(values)

    def fit(self, values: Any) -> Any:
        """Return the values, if `plain` without those that depend on case."""
        return [v for v in values if v not in WORDS[-2:]] if self.plain else values

    def change(self) -> "Change":
        """Return a change of one column or one part of it."""
        column, values, make, apply = self.random.choice(CHANGES)
        values = self.fit(values)
        value = self.random.choice(values)
        return Change(column, make(value), lambda city: apply(city, value))

    def query(self, depth: int = 0) -> Q:
        """Return a tree of lookups."""
        kind = self.random.random()
        if depth < 2 and kind < 0.35:
            left, right = self.query(depth + 1), self.query(depth + 1)
            found = left & right if kind < 0.2 else left | right
        else:
            name, value = self.lookup()
            found = Q(**{name: value})
        return ~found if self.random.random() < 0.3 else found


TEXT = [
    "exact",
    "in",
    "isnull",
    "gt",
    "gte",
    "lt",
    "lte",
    "range",
    "contains",
    "startswith",
    "endswith",
    "iexact",
    "icontains",
    "istartswith",
]
NUMBER = ["exact", "in", "isnull", "gt", "gte", "lt", "lte", "range"]
LIST = ["contains", "overlap", "contained_by", "len", "len__gt", "len__lt"]
LOOKUPS = {
    "text": TEXT,
    "number": NUMBER,
    "date": [*NUMBER, "year"],
    "list": LIST,
    "raw": ["exact", "in", "gt", "lte", "startswith", "isnull"],
    "whole": ["isnull"],
    "dict": ["len"],
}
SIMPLE = [value for value in RAW if not isinstance(value, (list, dict, type(None)))]
PATHS = [
    ("tags", WORDS, "list"),
    ("kinds", WORDS, "list"),
    ("years", NUMBERS, "list"),
    ("tags__0", WORDS, "text"),
    ("years__1", NUMBERS, "number"),
    ("sizes", NUMBERS, "dict"),
    ("sizes__a", NUMBERS, "number"),
    ("sizes__$ne", NUMBERS, "number"),
    ("sizes__x.y", NUMBERS, "number"),
    ("attributes__a", SIMPLE, "raw"),
    ("attributes__0", SIMPLE, "raw"),
    ("attributes__a__a", SIMPLE, "raw"),
    ("attributes__$ne", SIMPLE, "raw"),
    ("address", [], "whole"),
    ("address__city", WORDS, "text"),
    ("address__zip", NUMBERS, "number"),
    ("address__since", DAYS, "date"),
    ("address__phones", WORDS, "list"),
    ("address__phones__0", WORDS, "text"),
    ("address__place__lat", [0.5, 1.0, 2.5], "number"),
    ("comments__author", WORDS, "text"),
    ("comments__stars", NUMBERS, "number"),
    ("comments__at", MOMENTS, "date"),
    ("comments__labels", WORDS, "list"),
    ("comments__replies__author", WORDS, "text"),
    ("comments__0__author", WORDS, "text"),
    ("shapes__name", WORDS, "text"),
    ("shape__name", WORDS, "text"),
    ("shape", [], "whole"),
]


ORDERED = [
    "address__city",
    "address__zip",
    "address__since",
    "address__place__lat",
    "sizes__a",
    "tags__0",
    "years__1",
]

# --- changes of a part ---


@dataclass
class Change:
    """A column and value for update(), and the same change of a City in Python.

    The city's address must not be NULL.
    """

    column: str
    value: Any
    apply: Callable[[City], None]


def pull(items: list[Any], value: Any) -> None:
    """Remove all items that are equal to the value."""
    items[:] = [each for each in items if each != value]


def increment(sizes: dict[str, Any], key: str, value: int) -> None:
    """Add to a value; a missing one is 0."""
    sizes[key] = (sizes.get(key) or 0) + value


def push_year(city: Any, value: int) -> None:
    """Append to a list that may be NULL."""
    city.years = [*(city.years or []), value]


# (column or path, values, the value for update(), the change in Python)
CHANGES: list[
    tuple[str, list[Any], Callable[[Any], Any], Callable[[Any, Any], None]]
] = [
    ("tags", WORDS, Push, lambda city, value: city.tags.append(value)),
    ("tags", WORDS, Pull, lambda city, value: pull(city.tags, value)),
    ("kinds", WORDS, AddToSet, lambda city, value: city.kinds.add(value)),
    ("kinds", WORDS, Pull, lambda city, value: city.kinds.discard(value)),
    ("years", NUMBERS, Push, push_year),
    ("sizes__a", NUMBERS, Increment, lambda city, n: increment(city.sizes, "a", n)),
    (
        "sizes",
        WORDS,
        lambda value: SetKey(value, 7),
        lambda city, value: city.sizes.update({value: 7}),
    ),
    (
        "attributes",
        RAW,
        lambda value: SetKey("$ne", value),
        lambda city, value: city.attributes.update({"$ne": deepcopy(value)}),
    ),
    (
        "address__city",
        [*WORDS, None],
        lambda value: value,
        lambda city, value: setattr(city.address, "city", value),
    ),
    (
        "address__phones",
        WORDS,
        Push,
        lambda city, value: city.address.phones.append(value),
    ),
]
