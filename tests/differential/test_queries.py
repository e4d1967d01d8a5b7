"""Random queries, answered by the backend and by SQLite, must agree.

FUZZ_QUERIES says how many (2,000 when unset), FUZZ_SEED with which seed.
"""

import os
import random
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Length

QUERIES = int(os.environ.get("FUZZ_QUERIES") or 2000)
SEED = int(os.environ.get("FUZZ_SEED") or 20261120)
QUERIES_PER_DATA = 100
NAMES = ["", "a", "ab", "Abc", "b%c", "d_e", "x.y", "$ne", "Zoë", "日本", "it's", "\\"]
COMPARISONS = ["exact", "gt", "gte", "lt", "lte"]
NUMBERS = [-(2**31), -1000, -7, -1, 0, 1, 2, 3, 7, 100, 2**31 - 1]


class Data:
    """Random rows, the same in both databases."""

    def __init__(self, models, chance: random.Random):
        self.models, self.chance = models, chance
        pick = chance.choice
        self.authors = [
            models.Author(
                pk=key,
                name=pick(NAMES),
                email=None if chance.random() < 0.3 else f"{key}@x",
                born=pick(
                    [None, date(1999, 12, 31), date(2000, 1, 1), date(1900, 2, 28)]
                ),
                mentor_id=pick([None, *range(1, key)]),
            )
            for key in range(1, 9)
        ]
        self.genres = [models.Genre(pk=key, name=f"g{key}") for key in range(1, 5)]
        self.books = [
            models.Book(
                pk=key,
                title=pick(NAMES),
                author_id=chance.randrange(1, 9),
                editor_id=pick([None, 1, 2, 3, 8]),
                pages=max(pick(NUMBERS), -1000),
                rating=pick([None, -1.5, 0.0, 2.5, 2.5, 4.25]),
                price=pick([None, Decimal("0.00"), Decimal("9.99"), Decimal("-3.10")]),
                published=pick(
                    [
                        None,
                        datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC),
                        datetime(2020, 1, 1, tzinfo=UTC),
                        datetime(2020, 2, 29, 12, 30, tzinfo=UTC),
                    ]
                ),
                in_print=chance.random() < 0.5,
                notes=pick([None, {}, {"k": 1}, {"k": None}, {"k": "v"}, [1], "s"]),
            )
            for key in range(1, 25)
        ]
        through = models.Book.genres.through
        pairs = {(chance.randrange(1, 25), chance.randrange(1, 5)) for _ in range(30)}
        self.links = [
            through(pk=key, book_id=book, genre_id=genre)
            for key, (book, genre) in enumerate(sorted(pairs), 1)
        ]

    def store(self) -> None:
        through = self.models.Book.genres.through
        for alias in ("default", "oracle"):
            for model in (through, self.models.Book, self.models.Genre):
                model.objects.using(alias).all().delete()
            self.models.Author.objects.using(alias).update(mentor=None)
            self.models.Author.objects.using(alias).all().delete()
            for model, rows in (
                (self.models.Author, self.authors),
                (self.models.Genre, self.genres),
                (self.models.Book, self.books),
                (through, self.links),
            ):
                model.objects.using(alias).bulk_create(rows)


class Queries:
    """Random querysets on Book, as functions of the database's alias."""

    def __init__(self, models, chance: random.Random):
        self.models, self.chance = models, chance

    def leaf(self) -> tuple[str, Q]:
        pick = self.chance.choice
        options = [
            lambda: ("title__in", [pick(NAMES), pick(NAMES)]),
            lambda: ("title", pick(NAMES)),
            lambda: (f"title__{pick(COMPARISONS)}", pick(NAMES)),
            lambda: ("title__startswith", pick(["$", "日", "x."])),
            lambda: (
                f"pages__{pick(['exact', 'gt', 'gte', 'lt', 'lte'])}",
                pick(NUMBERS),
            ),
            lambda: ("pages__range", sorted([pick(NUMBERS), pick(NUMBERS)])),
            lambda: (f"rating__{pick(['exact', 'gt', 'lte'])}", pick([0, 2.5, -1.5])),
            lambda: (
                f"{pick(['rating', 'price', 'published', 'editor', 'notes'])}__isnull",
                pick([True, False]),
            ),
            lambda: (f"price__{pick(['exact', 'lt', 'gte'])}", Decimal("9.99")),
            lambda: ("published__year", pick([2019, 2020, 2021])),
            lambda: ("published__date", date(2020, 1, 1)),
            lambda: ("published__month", pick([1, 2, 12])),
            lambda: ("in_print", pick([True, False])),
            lambda: ("notes__k", pick([1, "v", None])),
            lambda: ("author__name", pick(NAMES)),
            lambda: ("author__born__year", pick([1999, 2000])),
            lambda: ("author__mentor__name", pick(NAMES)),
            lambda: ("editor__name", pick(NAMES)),
            lambda: ("editor__email__isnull", pick([True, False])),
            lambda: ("genres__name", pick(["g1", "g2", "g3"])),
            lambda: ("genres__isnull", pick([True, False])),
            lambda: ("author__edited__pages__gt", pick(NUMBERS)),
            lambda: (f"pages__{pick(['gt', 'lte'])}", F("author_id")),
            lambda: ("author__in", self.models.Author.objects.filter(pk__lt=4)),
            lambda: ("rating__in", self.models.Book.objects.values("rating")),
        ]
        name, value = pick(options)()
        return name, value

    def condition(self, alias: str, depth: int, plan: list) -> Q:
        """A Q, with the leaves drawn once and kept in `plan` for the other database."""
        kind = plan.pop(0)
        if kind[0] == "leaf":
            name, value = kind[1]
            if hasattr(value, "using"):
                value = value.using(alias)
            return Q(**{name: value})
        parts = [self.condition(alias, depth + 1, plan) for _ in range(kind[1])]
        found = parts[0]
        for part in parts[1:]:
            found = {"and": found & part, "or": found | part, "xor": found ^ part}[
                kind[0]
            ]
        return ~found if kind[2] else found

    def shape(self, depth: int = 0) -> list:
        if depth == 2 or self.chance.random() < 0.6:
            return [("leaf", self.leaf())]
        count = 2
        connector = self.chance.choice(["and", "and", "or", "or", "xor"])
        found = [(connector, count, self.chance.random() < 0.3)]
        for _ in range(count):
            found += self.shape(depth + 1)
        return found

    def query(self):
        """(text, function of an alias) of one random query."""
        chance, models = self.chance, self.models
        steps: list = []
        for _ in range(chance.randrange(3)):
            steps.append((chance.choice(["filter", "filter", "exclude"]), self.shape()))
        ending = chance.choice(
            ["rows", "rows", "slice", "slice", "count", "exists", "aggregate", "group"]
            + ["annotate", "values", "distinct", "related", "exists_sub", "case"]
        )
        low, size = chance.randrange(6), chance.randrange(1, 8)
        order = chance.choice(
            ["pk", "-pk", "title", "-pages", "rating", "-rating", "published"]
            + ["author__name", "-editor__name"]
        )

        def run(alias: str):
            rows = models.Book.objects.using(alias)
            for method, shape in steps:
                rows = getattr(rows, method)(self.condition(alias, 0, list(shape)))
            return ENDINGS[ending](rows, models, alias, order, low, size)

        return f"{steps} {ending} {order} [{low}:{low + size}]", run


def keys(rows):
    return sorted(row.pk for row in rows)


ENDINGS = {
    "rows": lambda rows, *_: keys(rows),
    "slice": lambda rows, models, alias, order, low, size: [
        row.pk for row in rows.order_by(order, "pk")[low : low + size]
    ],
    "count": lambda rows, *_: rows.count(),
    "exists": lambda rows, *_: rows.exists(),
    "aggregate": lambda rows, *_: rounded(
        rows.aggregate(
            n=Count("pk"),
            s=Sum("pages"),
            a=Avg("rating"),
            lo=Min("price"),
            hi=Max("published"),
            d=Count("author", distinct=True),
        )
    ),
    "group": lambda rows, *_: sorted(
        map(
            repr,
            rows.order_by().values("author").annotate(n=Count("pk"), m=Max("pages")),
        )
    ),
    "annotate": lambda rows, *_: sorted(
        rows.annotate(n=Count("genres")).filter(n__gt=0).values_list("pk", "n")
    ),
    "values": lambda rows, *_: sorted(
        map(repr, rows.values_list("title", "author__name", "editor__name", "rating"))
    ),
    "distinct": lambda rows, *_: sorted(
        rows.order_by().values_list("title", flat=True).distinct()
    ),
    "related": lambda rows, models, alias, order, low, size: [
        (row.pk, row.author.name, row.editor and row.editor.name)
        for row in rows.select_related("author", "editor").order_by(order, "pk")[:size]
    ],
    "exists_sub": lambda rows, models, alias, *_: keys(
        rows.filter(
            Exists(
                models.Book.objects.using(alias).filter(
                    editor=OuterRef("author"), pages__gt=0
                )
            )
        )
    ),
    "case": lambda rows, *_: sorted(
        rows.annotate(
            size=Case(
                When(pages__gt=10, then=Length("title")),
                When(rating__isnull=True, then=Value(-1)),
                default=Coalesce(F("editor_id"), F("pages")),
                output_field=IntegerField(),
            )
        ).values_list("pk", "size")
    ),
}


def rounded(found: dict) -> dict:
    return {
        name: round(value, 9) if isinstance(value, float) else value
        for name, value in found.items()
    }


def outcome(run, alias: str):
    try:
        return run(alias)
    except Exception as error:
        return type(error).__name__


def test_random_queries_agree_with_sqlite(library):
    chance = random.Random(SEED)
    done = 0
    while done < QUERIES:
        Data(library, chance).store()
        queries = Queries(library, chance)
        for _ in range(min(QUERIES_PER_DATA, QUERIES - done)):
            text, run = queries.query()
            ours, expected = outcome(run, "default"), outcome(run, "oracle")
            assert ours == expected, f"query {done} of seed {SEED}: {text}"
            done += 1
    print(f"{done} queries of seed {SEED} without a difference")
