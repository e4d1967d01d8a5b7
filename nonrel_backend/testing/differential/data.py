"""Random rows, the same in both databases."""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.management.color import no_style
from django.db import connections, transaction

# Values at the boundaries of their kinds. Of the datetimes several are in one
# millisecond, which is all that some stores hold of one; texts that differ only in case
# are ASCII.
VALUES: dict[str, list[Any]] = {
    "text": ["", "a", "ab", "Abc", "b%c", "d_e", "x.y", "$ne", "Zoë", "日本", "it's"]
    + ["\\", "a\nb", " a ", "0", "😀", "a" * 50],
    "int": [0, 1, 2, 3, 7, 100, -1, -7, -1000, 2**31 - 1],
    "long": [0, 1, -1, 5, 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    "float": [0.0, 2.5, 4.25, -1.5, 0.1, 0.2, 1e15, -1e-7, 3.0, math.nan],
    "decimal": list(map(Decimal, ["0.00", "9.99", "9.90", "-3.10", "99999.99"])),
    "date": [date(2000, 1, 1), date(1999, 12, 31), date(1900, 2, 28)]
    + [date(2020, 2, 29), date(2024, 12, 30), date(1, 1, 1), date(9999, 12, 31)],
    "datetime": [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2020, 1, 1, microsecond=1, tzinfo=UTC),
        datetime(2020, 1, 1, microsecond=999, tzinfo=UTC),
        datetime(2019, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2019, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2020, 2, 29, 12, 30, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, 40, 1000, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, 40, 1001, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, 40, 1999, tzinfo=UTC),
        datetime(2024, 12, 30, 5, tzinfo=UTC),
    ],
    # What is added to datetimes.
    "delta": [timedelta(days=31), timedelta(milliseconds=1)]
    + [timedelta(microseconds=1), timedelta(microseconds=-999)],
    "time": [time(0), time(12, 30), time(12, 30, 0, 1), time(23, 59, 59, 999999)],
    "duration": [timedelta(0), timedelta(days=1), timedelta(microseconds=-1)]
    + [timedelta(days=-400, seconds=3), timedelta(days=30000)],
    "uuid": [UUID(int=number) for number in (1, 2, 3, 2**64, 2**127, 2**128 - 1)],
    "binary": [b"", b"a", b"\0\xff", b"\x80"],
    "bool": [True, False],
    "json": [{}, [], {"k": 1}, {"k": None}, {"k": "v"}, {"k": {"j": [1, 2]}}, [1]]
    + ["s", 0, 1.5, True, "", {"k": [1, "a"], "日": "本"}, {"k": 2, "j": False}],
    "key": [1, 2, 3, 4, 8, 24, 99],
}
AUTHORS, BOOKS, COPIES, GENRES = 8, 24, 12, 4
TAGS = ["", "A", "a", "b", "日本"]


def in_unit(values: list[Any], unit: int) -> list[Any]:
    """Return datetimes or timedeltas rounded down to `unit` microseconds, each once."""

    def rest(value: Any) -> timedelta:
        is_delta = isinstance(value, timedelta)
        part = value.microseconds if is_delta else value.microsecond
        return timedelta(microseconds=part % unit)

    return list(dict.fromkeys(each - rest(each) for each in values))


class Data:
    """Rows of every table, drawn from a seed.

    `models` is the module of the models, `aliases` name the databases. With `dangling`
    some foreign keys lead to no row.
    """

    def __init__(
        self,
        models: Any,
        seed: int,
        aliases: Sequence[str] = ("default",),
        dangling: bool = False,
    ) -> None:
        self.models = models
        # Keys of no row, for foreign keys.
        self.nowhere = [99] * dangling
        self.aliases = aliases
        self.chance = chance = random.Random(seed)
        through = models.Book.genres.through
        links = {
            (chance.randint(1, BOOKS), chance.randint(1, GENRES)) for _ in range(30)
        } | {(each, 1) for each in self.nowhere}
        self.rows: list[tuple[Any, list[Any]]] = [
            (models.Author, [self.author(key) for key in range(1, AUTHORS + 1)]),
            (
                models.Genre,
                [models.Genre(pk=key, name=f"g{key}") for key in range(1, GENRES + 1)],
            ),
            (models.Book, [self.book(key) for key in range(1, BOOKS + 1)]),
            (
                through,
                [
                    through(pk=key, book_id=book, genre_id=genre)
                    for key, (book, genre) in enumerate(sorted(links), 1)
                ],
            ),
            (models.Copy, [self.copy(number) for number in range(1, COPIES + 1)]),
            (models.Offer, []),
            (models.Tag, [models.Tag(name=name) for name in TAGS]),
            (
                models.Place,
                [models.Place(room=room, number=n) for room in "ab" for n in (1, 2)],
            ),
        ]
        # {name of a model: its table}
        self.tables = {each.__name__: each._meta.db_table for each, _ in self.rows}
        # {key of the row in Book's table: the series in Novel's}
        self.novels = {
            key: self.value("text", 0.3)
            for key in sorted(chance.sample(range(1, BOOKS + 1), 6))
        }

    def value(self, kind: str, null: float = 0.0) -> Any:
        """Return a value of a kind, or None with the probability `null`."""
        return None if self.chance.random() < null else self.chance.choice(VALUES[kind])

    def author(self, key: int) -> Any:
        """Return a random author; its mentor is one of the authors before it."""
        return self.models.Author(
            pk=key,
            name=self.value("text"),
            email=None if self.chance.random() < 0.3 else f"{key}@x",
            born=self.value("date", 0.3),
            mentor_id=self.chance.choice([None, *range(1, key)]),
        )

    def book(self, key: int) -> Any:
        """Return a random book."""
        return self.models.Book(
            pk=key,
            title=self.value("text"),
            author_id=self.chance.choice([*range(1, AUTHORS + 1), *self.nowhere]),
            editor_id=self.chance.choice([None, 1, 2, 3, AUTHORS, *self.nowhere]),
            pages=self.value("int"),
            rating=self.value("float", 0.3),
            price=self.value("decimal", 0.3),
            published=self.value("datetime", 0.3),
            in_print=self.value("bool"),
            notes=self.value("json", 0.3),
        )

    def copy(self, number: int) -> Any:
        """Return a random copy of one of the first books, or of none."""
        known, seen = VALUES["uuid"], VALUES["datetime"]
        return self.models.Copy(
            token=known[number] if number < len(known) else UUID(int=number << 100),
            book_id=self.chance.choice([None, *range(1, 7), *self.nowhere]),
            shelf=self.value("text", 0.3),
            bought=self.value("date", 0.3),
            opened=self.value("time", 0.3),
            lent_for=self.value("duration", 0.3),
            worth=self.value("long", 0.3),
            seen=seen[number] if number <= len(seen) // 2 else None,
            cover=self.value("binary", 0.3),
        )

    def store(self) -> None:
        """Replace all rows of each database by these."""
        self.remove()
        for alias in self.aliases:
            find_rows_first(alias, self.tables.values())
            checks = connections[alias].constraint_checks_disabled()
            with checks, transaction.atomic(alias):
                for model, rows in self.rows:
                    model.objects.using(alias).bulk_create(rows)
                for key, series in self.novels.items():
                    novel = self.models.Novel(book_ptr_id=key, series=series)
                    novel.save_base(raw=True, using=alias)
        self.stored = self.contents(self.aliases[-1])

    def remove(self) -> None:
        """Delete all rows of each database."""
        tables = [self.models.Novel, *(model for model, _ in reversed(self.rows))]
        names = [model._meta.db_table for model in tables]
        for alias in self.aliases:
            empty(alias, names)

    def contents(self, alias: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table, all columns but the keys of many-to-many
        tables: databases number those as they like.
        """
        found = {}
        for model in (*(model for model, _ in self.rows), self.models.Novel):
            columns = [field.attname for field in model._meta.local_concrete_fields]
            if model._meta.auto_created:
                columns.remove("id")
            rows = model.objects.using(alias).order_by(*columns[:2])
            found[model._meta.db_table] = list(rows.values_list(*columns))
        return found

    def has_moved(self, contents: dict[str, list[tuple[Any, ...]]]) -> bool:
        """Return whether a unique value belongs to another row than in the rows stored.

        Return False if a value is there twice, or a NULL that must not be.
        """
        before, after = self.owners(self.stored), self.owners(contents)
        return before is not None is not after and any(
            before[each] != after[each] for each in before.keys() & after.keys()
        )

    def owners(
        self, contents: dict[str, list[tuple[Any, ...]]]
    ) -> dict[tuple[str, Any], Any] | None:
        """Return {(unique column, value): key of its row}; None for invalid rows."""
        found: dict[tuple[str, Any], Any] = {}
        for model, _ in self.rows:
            if model._meta.auto_created:
                continue
            fields = model._meta.local_concrete_fields
            for row in contents[model._meta.db_table]:
                values = dict(zip(fields, row, strict=False))
                for field, value in values.items():
                    if value is None and not field.null:
                        return None
                    name = f"{model.__name__}.{field.name}"
                    if field.unique and value is not None:
                        if (name, value) in found:
                            return None
                        found[name, value] = values.get(model._meta.pk)
        return found


def find_rows_first(alias: str, tables: Iterable[str]) -> None:
    """Have SQLite find all rows of an UPDATE before it changes one, as SQL says.

    SQLite 3.40 does so only where the table has a trigger, or else finds rows by those
    that it has changed, where a subquery of the WHERE reads the table, too.
    """
    connection = connections[alias]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f'CREATE TEMP TRIGGER IF NOT EXISTS "{table}_changes" '
                f'AFTER UPDATE ON "{table}" WHEN 0 BEGIN SELECT 1; END'
            )


def empty(alias: str, tables: list[str]) -> None:
    """Delete all rows of the tables and reset their sequences."""
    ops = connections[alias].ops
    ops.execute_sql_flush(ops.sql_flush(no_style(), tables, reset_sequences=True))
