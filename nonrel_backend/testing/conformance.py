"""BackendConformance: tells the author of a backend whether it is right.

    class MyBackendTests(BackendConformance):
        DATABASES = {"default": {"ENGINE": "mybackend", "HOST": "localhost"}}

Every query and write is done by the backend and by Django on SQLite, and must come to
the same: values, types, rows of all tables, errors. At the end stands a report.
"""

import os
import threading
import unittest
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import (
    DatabaseError,
    DataError,
    NotSupportedError,
    OperationalError,
    connections,
)
from django.test import override_settings

from .report import Report

OURS, REFERENCE = "conformance", "conformance_sqlite"
ALIASES = (OURS, REFERENCE)
APP = "nonrel_backend.testing"
ROLLED_BACK = "rolled back"


class BackendConformance(unittest.TestCase):
    """Subclass it with a DATABASES entry, in any project or in none.

    `break_connection` says how to cut the backend off from its store; without it that
    part is left out.
    """

    DATABASES: dict[str, dict[str, Any]] = {}
    # How many random queries; a quarter as many random writes.
    RANDOM = 200
    SEED = 1
    # The unit of the datetimes that the store holds, in microseconds.
    DATETIME_UNIT = 1
    __test__ = False

    report: Report
    overridden: Any
    models: Any

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__test__ = bool(cls.DATABASES)

    def break_connection(self, connection) -> None:
        """Make the store unreachable for the open `connection`; the next is to work."""
        raise unittest.SkipTest("define break_connection() to have it tried")

    # --- databases ---

    @classmethod
    def setUpClass(cls):
        if not cls.DATABASES:
            raise unittest.SkipTest(f"{cls.__name__} has no DATABASES entry.")
        super().setUpClass()
        set_up_django()
        cls.overridden = override_settings(
            USE_TZ=True, INSTALLED_APPS=with_testing_app(settings.INSTALLED_APPS)
        )
        cls.overridden.enable()
        (entry,) = cls.DATABASES.values()
        cls.report = Report(entry["ENGINE"])
        register(OURS, entry)
        register(
            REFERENCE, {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        )
        from . import models

        cls.models = models
        connection = connections[OURS]
        name = connection.creation._create_test_db(0, autoclobber=True)
        connection.close()
        connection.settings_dict["NAME"] = name
        connections.settings[OURS]["NAME"] = name
        cls.store = connection
        for alias in ALIASES:
            create_tables(connections[alias], models)

    @classmethod
    def tearDownClass(cls):
        from .probe import probe

        try:
            probe(cls.store, cls.models, cls.report)
            cls.store.creation._destroy_test_db(cls.store.settings_dict["NAME"], 0)
        finally:
            for alias in ALIASES:
                connections[alias].close()
                del connections[alias], connections.settings[alias]
            cls.overridden.disable()
        super().tearDownClass()
        print(f"\n{cls.report}")

    # --- comparing ---

    def agree(
        self, name: str, texts: Iterable[str], run: Callable[[str, str], Any]
    ) -> None:
        """`run(text, alias)` must come to the same on both databases for each text."""
        from .differential.answers import difference

        section = self.report.section(name)
        for text in texts:
            ours, expected = (run(text, alias) for alias in ALIASES)
            if expected is DataError and not isinstance(ours, type):
                continue  # a value that SQLite cannot take
            if refused(ours) and not refused(expected):
                section.refused.append(text)
                continue
            wrong = difference(ours, expected)
            if wrong:
                section.wrong.append((text, *wrong))
            else:
                section.right += 1
        self.check(name)

    def expect(self, name: str, text: str, found: Any, expected: Any) -> None:
        """One check whose outcome does not depend on SQLite."""
        section = self.report.section(name)
        if found == expected:
            section.right += 1
        else:
            section.wrong.append((text, found, expected))

    def check(self, name: str) -> None:
        """Fail for what is wrong in the section, the smallest first."""
        wrong = sorted(self.report.section(name).wrong, key=lambda each: len(each[0]))
        if wrong:
            shown = [f"{text}\n  {a!r}\n  expected {b!r}" for text, a, b in wrong[:5]]
            self.fail(f"{len(wrong)} wrong:\n" + "\n".join(shown))

    def leave_out(self, name: str, reason: str) -> None:
        self.report.section(name).left_out = reason
        self.skipTest(reason)

    def read(self, text: str, alias: str) -> Any:
        from .differential.answers import read

        return read(self.data, text, alias)

    @property
    def data(self):
        from .differential.data import Data

        return Data(self.models, self.SEED, ALIASES)

    # --- what is tried, in this order ---

    def specimens(self) -> list[dict[str, Any]]:
        """The columns of each row of Specimen, as far as the store holds them."""
        from .specimens import documents

        found = documents()
        for row in found:
            if "datetime" in row:
                moment = row["datetime"]
                whole = moment.microsecond // self.DATETIME_UNIT * self.DATETIME_UNIT
                row["datetime"] = moment.replace(microsecond=whole)
        return found

    def store_specimens(self) -> None:
        from .differential.data import empty

        for alias in ALIASES:
            empty(alias, tables_of([self.models.Specimen]))
            rows = [
                self.models.Specimen(pk=key, **columns)
                for key, columns in enumerate(self.specimens(), 1)
            ]
            self.models.Specimen.objects.using(alias).bulk_create(rows)

    def test_01_fields(self):
        """Every field type keeps its values, at its extremes, one by one."""
        texts = [
            f"saved({name!r}, {value!r})"
            for row in self.specimens()
            for name, value in row.items()
        ]

        def run(text: str, alias: str) -> Any:
            def saved(name: str, value: Any) -> Any:
                made = self.models.Specimen(**{name: value})
                made.save(using=alias)
                rows = self.models.Specimen.objects.using(alias).filter(pk=made.pk)
                return [getattr(rows.get(), name), *rows.values_list(name)]

            return self.evaluated(text, alias, saved=saved)

        self.agree("field types", texts, run)

    def evaluated(self, text: str, alias: str, **names: Any) -> Any:
        from .differential.answers import NAMES, plain

        try:
            return plain(eval(text, {**NAMES, **names, "db": alias}))
        except Exception as error:
            return type(error)

    def test_02_lookups(self):
        """Every lookup, plain and negated, on columns that may be NULL."""
        from .specimens import LOOKUPS, lookups, patterns

        self.store_specimens()
        to_sqlite = {}
        for field in LOOKUPS:
            to_sqlite |= {each: each for each in lookups(field)}
            to_sqlite |= patterns(field)

        def run(text: str, alias: str) -> Any:
            negation, lookup = text[: text.index("Q")], text[text.index("Q") + 2 : -1]
            lookup = to_sqlite[lookup] if alias == REFERENCE else lookup
            rows = f"Specimen.objects.using(db).filter({negation}Q({lookup}))"
            return self.read(f"sorted({rows}.values_list('pk', flat=True))", alias)

        texts = [f"{maybe}Q({lookup})" for lookup in to_sqlite for maybe in ("", "~")]
        self.agree("lookups", texts, run)

    def reads(self, name: str) -> None:
        from .statements import READS

        data = self.data
        data.store()
        self.agree(name, READS[name], lambda text, alias: self.read(text, alias))

    def test_03_ordering(self):
        self.reads("ordering")

    def test_04_slicing(self):
        self.reads("slicing")

    def changes(self, name: str) -> None:
        """Each text on the same rows, then what it returned and what they became."""
        from .differential.answers import written
        from .statements import CHANGES

        data = self.data

        def run(text: str, alias: str) -> Any:
            if alias == OURS:
                data.store()
            return written(data, "committed", text, alias)

        self.agree(name, CHANGES[name], run)

    def test_05_writes(self):
        self.changes("writes")

    def test_06_bulk(self):
        self.changes("bulk")

    def test_07_keys(self):
        self.changes("keys")

    def test_08_unique(self):
        self.changes("unique")

    def test_09_errors(self):
        """A store that is cut off is an OperationalError, and is connected to again."""
        name = "errors"
        models = self.models
        with connections[OURS].schema_editor() as editor:
            editor.delete_model(models.Counter)
        try:
            list(models.Counter.objects.using(OURS))
            raised: Any = None
        except Exception as error:
            raised = type(error)
        self.expect(
            name,
            "a query on a table that is not there",
            isinstance(raised, type) and issubclass(raised, DatabaseError) or raised,
            True,
        )
        with connections[OURS].schema_editor() as editor:
            editor.create_model(models.Counter)
        try:
            list(models.Counter.objects.using(OURS))
            self.break_connection(connections[OURS])
        except unittest.SkipTest as reason:
            self.report.section(f"{name} of the connection").left_out = str(reason)
            self.check(name)
            return
        for text, work in {
            "a read": lambda: list(models.Counter.objects.using(OURS)),
            "a write": lambda: models.Counter(name="x").save(using=OURS),
        }.items():
            self.expect(name, f"{text} without a connection", outcome(work), OURS_ERROR)
        connections[OURS].close()
        self.expect(
            name,
            "a query after close()",
            outcome(lambda: list(models.Counter.objects.using(OURS))),
            None,
        )
        self.check(name)

    def test_10_joins(self):
        self.reads("joins")

    def test_11_aggregates(self):
        self.reads("aggregates")

    def test_12_transactions(self):
        """What atomic() promises, where the backend's features claim it."""
        features = connections[OURS].features
        if not features.supports_transactions:
            self.leave_out("transactions", "not claimed by the features")
        from .differential.answers import written
        from .statements import CHANGES

        data = self.data
        data.store()
        endings = [ROLLED_BACK] + ["savepoint"] * features.uses_savepoints
        texts = [each for texts in CHANGES.values() for each in texts]
        for ending in endings:
            self.agree("transactions", texts, partial(written, data, ending))
            self.expect(
                "transactions",
                f"all rows after being {ending}",
                data.contents(OURS) == data.contents(REFERENCE),
                True,
            )
        self.check("transactions")

    def test_13_threads(self):
        """Threads that write at the same time lose nothing and repeat nothing."""
        name = "threads"
        models, objects = self.models, self.models.Counter.objects.using(OURS)
        objects.all().delete()
        rounds, threads = 10, 4

        def create() -> None:
            for number in range(rounds):
                again(partial(get_or_create, models, f"n{number}"))

        self.expect(name, "no error in get_or_create()", together(create, threads), [])
        self.expect(name, "rows made once", objects.count(), rounds)
        objects.all().delete()
        objects.create(name="sum", value=0)

        def count() -> None:
            for _ in range(rounds):
                again(lambda: increment(models))

        self.expect(name, "no error in update()", together(count, threads), [])
        self.expect(name, "increments kept", objects.get().value, rounds * threads)
        self.check(name)

    def test_14_random(self):
        """Random queries and writes, shrunk to the smallest that is wrong."""
        try:
            from .differential.compare import ENDINGS, compare_queries, compare_writes
        except ImportError:
            self.leave_out("random queries", "pip install hypothesis to have them")
        features = connections[OURS].features
        endings = ENDINGS[2:]
        if features.supports_transactions:
            endings = (
                ENDINGS if features.uses_savepoints else (ROLLED_BACK, "committed")
            )
        count = int(os.environ.get("FUZZ_QUERIES") or self.RANDOM)
        number = int(os.environ.get("FUZZ_SEED") or self.SEED)
        self.drawn(
            "random queries",
            count,
            lambda: compare_queries(self.models, ALIASES, count, number),
        )
        self.drawn(
            "random writes",
            count // 4,
            lambda: compare_writes(self.models, ALIASES, count // 4, number, endings),
        )

    def drawn(self, name: str, count: int, work: Callable[[], str]) -> None:
        section = self.report.section(name)
        try:
            work()
        except AssertionError as error:
            text, _, rest = str(error).partition("\nours: ")
            ours, _, expected = rest.partition("\nexpected: ")
            section.wrong.append((text, Shown(ours), Shown(expected)))
            raise
        section.right = count


OURS_ERROR = OperationalError


class Shown(str):
    """Text that is shown as it is."""

    def __repr__(self) -> str:
        return str(self)


def outcome(work: Callable[[], Any]) -> type | None:
    """The type of the error that is raised, None for none."""
    try:
        work()
    except Exception as error:
        return type(error)
    return None


def refused(found: Any) -> bool:
    return found is NotSupportedError or (
        isinstance(found, tuple) and found[0] is NotSupportedError
    )


# --- threads ---


def get_or_create(models, name: str) -> None:
    models.Counter.objects.using(OURS).get_or_create(name=name)


def increment(models) -> None:
    from django.db.models import F

    models.Counter.objects.using(OURS).filter(name="sum").update(value=F("value") + 1)


def again(work: Callable[[], None]) -> None:
    """Do it again for a while where another was in the way."""
    for attempt in range(50):
        try:
            return work()
        except OperationalError:
            if attempt == 49:
                raise


def together(work: Callable[[], None], threads: int) -> list[str]:
    """What went wrong in threads that do the same at the same time."""
    errors: list[str] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(repr(error))
        finally:
            connections[OURS].close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return errors


# --- Django, as far as it is not there yet ---


def set_up_django() -> None:
    if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
            INSTALLED_APPS=[APP],
            USE_TZ=True,
        )
    if not apps.ready:
        django.setup()


def with_testing_app(installed) -> list[str]:
    """The apps with ours, unless it is among them under a label of its own."""
    known = {config.name for config in apps.get_app_configs()}
    return list(installed) if APP in known else [*installed, APP]


def register(alias: str, entry: dict[str, Any]) -> None:
    """Have `connections` know a database."""
    configured = connections.configure_settings({"default": dict(entry)})
    connections.settings[alias] = configured["default"]


def tables_of(found: Iterable) -> list[str]:
    tables = []
    for model in found:
        tables.append(model._meta.db_table)
        tables += [field.m2m_db_table() for field in model._meta.local_many_to_many]
    return tables


def create_tables(connection, models) -> None:
    with connection.schema_editor() as editor:
        for model in models.Author._meta.app_config.get_models():
            editor.create_model(model)
