"""What lookups on documents mean, in plain Python: the oracle of random tests."""

import random
from datetime import UTC, date, datetime

from django.db.models import Q
from django.utils import timezone

from tests.documents.models import Address, Circle, City, Comment, Place, Square

# SQLite itself knows no case: "B" and "é" are for the other backends.
WORDS = ["a", "b", "ab", "%", "$ne", "x.y", "", "0", "10", "c_", "B", "é"]
NUMBERS = [-1, 0, 1, 2, 3, 2**40]
DAYS = [date(2020, 1, 1), date(2020, 12, 31), date(2021, 6, 1)]
MOMENTS = [
    datetime(2020, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2020, 12, 31, 23, 59, 59, 123000, tzinfo=UTC),
    datetime(2021, 6, 1, 12, tzinfo=UTC),
]
RAW = [*WORDS[:5], *NUMBERS, 1.5, True, False, None, [1, "a"], {"a": 1}, ["a"]]


class Maker:
    """Random documents and random lookups."""

    def __init__(self, seed: int, plain: bool = False):
        self.random = random.Random(seed)
        self.words = WORDS[:-2] if plain else WORDS

    def some(self, values, most=3) -> list:
        values = self.words if values is WORDS else values
        return [self.random.choice(values) for _ in range(self.random.randint(0, most))]

    def maybe(self, values):
        return None if self.random.random() < 0.25 else self.random.choice(values)

    def address(self):
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

    def comment(self, depth=0):
        return Comment(
            author=self.random.choice(self.words),
            stars=self.maybe(NUMBERS),
            at=self.maybe(MOMENTS),
            labels=self.some(WORDS, 2),
            replies=[self.comment(1) for _ in self.some([1], 2)] if not depth else [],
        )

    def shape(self):
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
        )

    # --- lookups ---

    def lookup(self) -> tuple[str, object]:
        path, values, kind = self.random.choice(PATHS)
        values = self.words if values is WORDS else values
        name = self.random.choice(LOOKUPS[kind])
        return f"{path}__{name}", self.argument(name, values)

    def argument(self, name: str, values):
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

    def query(self, depth=0) -> Q:
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
]


# --- the answers ---


def values_at(value, names: list[str]) -> list:
    """All that a path leads to, but for None."""
    if value is None:
        return []
    if not names:
        return [value]
    name, *rest = names
    if isinstance(value, (list, tuple)):
        if name.isdecimal():
            at = int(name)
            return values_at(value[at], rest) if at < len(value) else []
        if not all(hasattr(each, "_meta") for each in value):
            return []
        return [found for each in value for found in values_at(each, names)]
    if isinstance(value, dict):
        return values_at(value.get(name), rest)
    if hasattr(value, "_meta"):
        return values_at(getattr(value, name, None), rest)
    return []


def kind(value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def same(left, right) -> bool:
    return kind(left) == kind(right) and left == right


def ordered(test):
    return lambda value, wanted: (
        kind(value) == kind(wanted) != "bool" and test(value, wanted)
    )


def text(test):
    return lambda value, wanted: (
        isinstance(value, str) and isinstance(wanted, str) and test(value, wanted)
    )


def contains(value, wanted):
    if isinstance(value, str):
        return wanted in value
    wanted = wanted if isinstance(wanted, (list, tuple, set)) else [wanted]
    return all(each in value for each in wanted)


def local(moment):
    """As lookups see a moment: in the current time zone."""
    return timezone.localtime(moment) if isinstance(moment, datetime) else moment


TESTS = {
    "exact": same,
    "in": lambda value, wanted: any(same(value, each) for each in wanted),
    "gt": ordered(lambda a, b: a > b),
    "gte": ordered(lambda a, b: a >= b),
    "lt": ordered(lambda a, b: a < b),
    "lte": ordered(lambda a, b: a <= b),
    "range": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "contains": contains,
    "startswith": text(str.startswith),
    "endswith": text(str.endswith),
    "iexact": lambda a, b: a.casefold() == b.casefold(),
    "icontains": lambda a, b: b.casefold() in a.casefold(),
    "istartswith": lambda a, b: a.casefold().startswith(b.casefold()),
    "overlap": lambda value, wanted: any(each in value for each in wanted),
    "contained_by": lambda value, wanted: all(each in wanted for each in value),
    "len": lambda value, wanted: len(value) == wanted,
    "len__gt": lambda value, wanted: len(value) > wanted,
    "len__lt": lambda value, wanted: len(value) < wanted,
    "year": lambda value, wanted: local(value).year == wanted,
}


def satisfies(city: City, query: Q) -> bool:
    """Whether a row is in the answer; every lookup is true or false of it."""
    found = [
        satisfies(city, child) if isinstance(child, Q) else lookup(city, *child)
        for child in query.children
    ]
    answer = all(found) if query.connector == Q.AND else any(found)
    return answer != query.negated


def lookup(city: City, name: str, wanted) -> bool:
    *names, last = name.split("__")
    if names[-1] == "len":
        last = f"{names.pop()}__{last}"
    found = values_at(city, names)
    if last == "isnull":
        return (not found) == wanted
    return any(TESTS[last](value, wanted) for value in found)


def path_key(city: City, path: str):
    """By what a path orders: NULL first."""
    found = values_at(city, path.split("__"))
    return (bool(found), found[0] if found else None)


ORDERED = [
    "address__city",
    "address__zip",
    "address__since",
    "address__place__lat",
    "sizes__a",
    "tags__0",
    "years__1",
]
