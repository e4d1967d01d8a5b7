"""BackendConformance: tells the author of a backend whether it is right.

    class MyBackendTests(BackendConformance):
        DATABASES = {"default": {"ENGINE": "mybackend", "HOST": "localhost"}}

Every query and write is done by the backend and by Django on SQLite, and must come to
the same: values, types, rows of all tables, errors. At the end stands a report.
"""

import os
import unittest
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.models import F

from .comparison import Comparison, outcome, section
from .databases import ALIASES, OURS, REFERENCE
from .threads import again, together

ROLLED_BACK = "rolled back"
THREADS, ROUNDS = 4, 10


class BackendConformance(Comparison):
    """Subclass it with a DATABASES entry, in any project or in none.

    `break_connection` says how to cut the backend off from its store; without it that
    part is left out.
    """

    # How many random queries, of rows and of documents, drawn from SEED; a quarter as
    # many random writes.
    RANDOM = 200
    # The unit of the datetimes that the store holds, in microseconds.
    DATETIME_UNIT = 1

    def break_connection(self, connection) -> None:
        """Make the store unreachable for the open `connection`; the next is to work."""
        raise unittest.SkipTest("define break_connection() to have it tried")

    # --- fields and lookups, on the rows of Specimen ---

    @section("field types")
    def test_01_fields(self):
        """Every field type keeps its values, at its extremes, one by one."""
        from .specimens import EXTREMES, documents

        texts = [
            f"round_trip(Specimen.objects.using(db), {name}={value!r})"
            for row in (*documents(self.values), *EXTREMES)
            for name, value in row.items()
        ]
        self.agree(texts, self.read)

    @section("lookups")
    def test_02_lookups(self):
        """Every lookup, plain and negated, on columns that may be NULL."""
        from .specimens import LOOKUPS, lookups, patterns

        self.store_specimens()
        conditions: dict[str, str] = {}
        for field in LOOKUPS:
            conditions |= {each: each for each in lookups(field, self.values[field])}
            conditions |= patterns(field)
        to_sqlite = {
            rows.format(ours): rows.format(sqlite)
            for ours, sqlite in conditions.items()
            for rows in (SPECIMENS.format("Q({})"), SPECIMENS.format("~Q({})"))
        }

        def run(text: str, alias: str) -> Any:
            return self.read(to_sqlite[text] if alias == REFERENCE else text, alias)

        self.agree(to_sqlite, run)

    @section("ordering")
    def test_03_ordering(self):
        self.store_specimens()
        texts = [
            f"listed(Specimen.objects.using(db).order_by('{sign}{field}', 'pk')"
            f".values_list('pk', flat=True){bounds})"
            for field in self.values
            for sign in ("", "-")
            for bounds in ("", "[2:6]")
        ]
        self.agree(texts, self.read)
        self.reads("ordering")

    @cached_property
    def values(self) -> dict[str, list[Any]]:
        """Values for each column of Specimen, as far as the store holds them."""
        from .specimens import values_in

        return values_in(self.DATETIME_UNIT)

    def store_specimens(self) -> None:
        from ..differential.data import empty
        from .specimens import documents

        model = self.models.Specimen
        for alias in ALIASES:
            empty(alias, [model._meta.db_table, model.many.through._meta.db_table])
            rows = [
                model(pk=key, **columns)
                for key, columns in enumerate(documents(self.values), 1)
            ]
            model.objects.using(alias).bulk_create(rows)

    # --- queries and writes, on the rows of `differential.data` ---

    def can_store(self) -> bool:
        """Store the rows; without them everything else would be wrong."""
        self.data.store()
        text = "bulk_create() of all rows"
        self.agree([text], lambda text, alias: self.data.contents(alias))
        return not self.section.wrong

    def reads(self, name: str) -> None:
        from .statements import READS

        if self.can_store():
            self.agree(READS[name], self.read)

    def changes(self, name: str) -> None:
        """Each text on the same rows, then what it returned and what they became."""
        from ..differential.answers import written
        from .statements import CHANGES

        def run(text: str, alias: str) -> Any:
            if alias == OURS:
                self.data.store()
            return written(self.data, "committed", text, alias)

        if self.can_store():
            self.agree(CHANGES[name], run)

    @section("slicing")
    def test_04_slicing(self):
        self.reads("slicing")

    @section("writes")
    def test_05_writes(self):
        self.changes("writes")

    @section("bulk")
    def test_06_bulk(self):
        self.changes("bulk")

    @section("keys")
    def test_07_keys(self):
        self.changes("keys")

    @section("unique")
    def test_08_unique(self):
        self.changes("unique")

    @section("errors")
    def test_09_errors(self):
        """A table that is not there is an error, and no empty table."""
        model = self.models.Counter
        counters = model.objects.using(OURS)
        with connections[OURS].schema_editor() as editor:
            editor.delete_model(model)
        for text, work in {
            "a read": lambda: list(counters.all()),
            "a write": lambda: counters.create(name="x"),
        }.items():
            error = outcome(work)
            is_right = error is not None and issubclass(error, DatabaseError)
            self.expect(f"{text} of no table", is_right or error, True)
        with connections[OURS].schema_editor() as editor:
            editor.create_model(model)

    @section("lost connection")
    def test_10_lost_connection(self):
        """A store that is cut off is an OperationalError, and is connected to again."""
        counters = self.models.Counter.objects.using(OURS)
        counters.all().delete()
        names = ["a", "b", "c"]
        counters.bulk_create([self.models.Counter(name=name) for name in names])
        rows = counters.order_by("name").iterator(chunk_size=1)
        next(rows)
        try:
            self.break_connection(connections[OURS])
        except unittest.SkipTest as reason:
            self.leave_out(str(reason))
        found = outcome(lambda: list(rows))
        self.expect(
            "the rest of rows that are being read: read already, or an error",
            found in (None, OperationalError) or found,
            True,
        )
        for text, work in {
            "a read": lambda: list(counters.all()),
            "a count": counters.count,
            "a write": lambda: counters.create(name="x"),
            "an update": lambda: counters.update(value=1),
            "a delete": counters.all().delete,
            "a transaction": lambda: in_transaction(counters.count),
        }.items():
            found = outcome(work)
            self.expect(f"{text} without a connection", found, OperationalError)
        connections[OURS].close()
        found = [counter.name for counter in counters.order_by("name")]
        self.expect("the rows after close()", found, names)

    @section("joins")
    def test_11_joins(self):
        self.reads("joins")

    @section("aggregates")
    def test_12_aggregates(self):
        self.reads("aggregates")

    # --- transactions and threads ---

    @section("transactions")
    def test_13_transactions(self):
        """What atomic() promises, where the backend's features claim it."""
        features = connections[OURS].features
        if not features.supports_transactions:
            self.leave_out("not claimed by the features")
        from ..differential.answers import written
        from .statements import CHANGES

        def run(ending: str, text: str, alias: str) -> Any:
            if alias == OURS:
                self.data.store()
            found = written(self.data, ending, text, alias)
            return *found, self.data.contents(alias)

        texts = [each for texts in CHANGES.values() for each in texts]
        for ending in [ROLLED_BACK] + ["savepoint"] * features.uses_savepoints:
            self.agree(texts, partial(run, ending))
        counters = self.models.Counter.objects.using(OURS)
        counters.all().delete()
        for name in ("kept", "lost"):
            with transaction.atomic(OURS):
                counters.create(name=name)
                transaction.set_rollback(name == "lost", OURS)
        connections[OURS].close()
        names = [counter.name for counter in counters.all()]
        self.expect("what was committed, after close()", names, ["kept"])

    @section("threads")
    def test_14_threads(self):
        """Threads that write at the same time lose nothing and repeat nothing."""
        counters = self.models.Counter.objects.using(OURS)
        counters.all().delete()

        def create() -> None:
            for number in range(ROUNDS):
                again(partial(counters.get_or_create, name=f"n{number}"))

        errors = together(create, THREADS, OURS)
        self.expect("errors of get_or_create() in threads", errors, [])
        self.expect("rows that get_or_create() made", counters.count(), ROUNDS)
        counters.all().delete()
        counters.create(name="sum", value=0)

        def count() -> None:
            for _ in range(ROUNDS):
                again(partial(counters.filter(name="sum").update, value=F("value") + 1))

        errors = together(count, THREADS, OURS)
        self.expect("errors of update() in threads", errors, [])
        value = counters.get().value
        self.expect("update(value=F('value') + 1) in threads", value, ROUNDS * THREADS)
        if not connections[OURS].features.supports_transactions:
            return

        def read_and_write() -> None:
            with transaction.atomic(using=OURS):
                found = counters.select_for_update().get()
                found.value += 1
                found.save()

        def count_locked() -> None:
            for _ in range(ROUNDS):
                again(read_and_write)

        errors = together(count_locked, THREADS, OURS)
        self.expect("errors of select_for_update() in threads", errors, [])
        added = counters.get().value - value
        self.expect(
            "select_for_update() and save() in threads", added, ROUNDS * THREADS
        )

    # --- documents: SQLite has none, a plain-Python oracle says what is right ---

    @section("documents")
    def test_17_documents(self):
        """Every field keeps its values in every collection; random documents are
        found, ordered and changed as the oracle says.
        """
        from ..documents.samples import samples
        from ..documents.trials import trials

        for text, found, wanted in samples(OURS):
            self.compare(text, found, wanted)
        count = int(os.environ.get("FUZZ_DOCUMENTS") or self.random_count)
        for text, found, wanted in trials(OURS, count, self.seed):
            self.compare(text, found, wanted)

    # --- random ones, shrunk to the smallest that is wrong ---

    @section("random queries")
    def test_15_random_queries(self):
        self.drawn("compare_queries", 1)

    @section("random writes")
    def test_16_random_writes(self):
        features = connections[OURS].features
        endings = [ROLLED_BACK] * features.supports_transactions + ["committed"]
        endings += ["savepoint"] * features.uses_savepoints
        self.drawn("compare_writes", 4, endings)

    @property
    def random_count(self) -> int:
        return int(os.environ.get("FUZZ_QUERIES") or self.RANDOM)

    @property
    def seed(self) -> int:
        return int(os.environ.get("FUZZ_SEED") or self.SEED)

    def drawn(self, name: str, share: int, *arguments: Any) -> None:
        try:
            from ..differential import compare
        except ImportError:
            self.leave_out("pip install hypothesis to have them")
        count = self.random_count // share
        run: Callable = getattr(compare, name)
        try:
            run(self.models, ALIASES, count, self.seed, *arguments)
        except compare.Disagreement as error:
            self.section.wrong.append(error.args)
        else:
            self.section.right = count


SPECIMENS = "sorted(Specimen.objects.using(db).filter({}).values_list('pk', flat=True))"


def in_transaction(work: Callable[[], object]) -> None:
    with transaction.atomic(OURS):
        work()
