"""BackendConformance: the tests that tell a backend's author whether it is right.

    class MyBackendTests(BackendConformance):
        DATABASES = {"default": {"ENGINE": "mybackend", "HOST": "localhost"}}

Each query and write runs on the backend and on SQLite. The answers, their types, the
rows of all tables and the errors must be the same. A report is printed at the end.
"""

import os
import unittest
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.models import F
from django.utils.functional import cached_property

from ...transactions import TransactionConflict, retry_transaction
from ..differential.answers import written
from ..differential.data import empty
from .comparison import Comparison, outcome, section
from .databases import ALIASES, OURS, REFERENCE
from .probe import has_own
from .specimens import EXTREMES, LOOKUPS, lookups, patterns, records, values_in
from .statements import BETWEEN_READS, CHANGES, READ_AGAIN, READS
from .threads import again, together

ROLLED_BACK = "rolled back"
THREADS, ROUNDS = 4, 10
# Of two threads, which must meet within a statement.
MANY_ROUNDS = 100


class BackendConformance(Comparison):
    """The conformance tests: subclass it with DATABASES, in a project or without one.

    DATABASES has one entry, whose test database is created and removed. Override
    `break_connection` to have lost connections tested.
    """

    # The number of random queries, and of random queries of documents. There are a
    # quarter as many random writes. All are drawn from SEED.
    RANDOM = 200

    def break_connection(self, connection: Any) -> None:
        """Make the store unreachable through `connection`, which is open.

        A connection that is opened later must work. Raise SkipTest with a reason where
        no connection can be lost.
        """
        raise unittest.SkipTest("define break_connection() to test it")

    # --- fields and lookups, on the rows of Specimen ---

    @section("field types")
    def test_01_fields(self) -> None:
        """Read each value of each field type as it was stored."""
        texts = [
            f"round_trip(Specimen.objects.using(db), {name}={value!r})"
            for row in (*records(self.values), *EXTREMES)
            for name, value in row.items()
        ]
        self.agree(texts, self.read)

    @section("lookups")
    def test_02_lookups(self) -> None:
        """Run every lookup and its negation on columns with NULLs."""
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
    def test_03_ordering(self) -> None:
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
        """Return the values of each column of Specimen, in the store's precision."""
        return values_in(self.DATETIME_UNIT)

    def store_specimens(self) -> None:
        """Replace the rows of Specimen by one for each record."""
        model = self.models.Specimen
        for alias in ALIASES:
            empty(alias, [model._meta.db_table, model.many.through._meta.db_table])
            rows = [
                model(pk=key, **columns)
                for key, columns in enumerate(records(self.values), 1)
            ]
            model.objects.using(alias).bulk_create(rows)

    # --- queries and writes, on the rows of `differential.data` ---

    def can_store(self) -> bool:
        """Store the rows of `differential.data`, and return whether they are right.

        The tests that need them are pointless otherwise.
        """
        self.data.store()
        text = "bulk_create() of all rows"
        self.agree([text], lambda text, alias: self.data.contents(alias))
        return not self.section.wrong

    def reads(self, name: str) -> None:
        """Run a group of queries on the rows of `differential.data`."""
        if self.can_store():
            self.agree(READS[name], self.read)

    def changes(self, name: str) -> None:
        """Run each of a group of writes on the rows of `differential.data`, and compare
        what it returns and the rows of all tables after it.
        """

        def run(text: str, alias: str) -> Any:
            if alias == OURS:
                self.data.store()
            return written(self.data, "committed", text, alias)

        if self.can_store():
            self.agree(CHANGES[name], run)

    @section("order of NULLs")
    def test_03_order_of_nulls(self) -> None:
        self.reads("order of NULLs")

    @section("slicing")
    def test_04_slicing(self) -> None:
        self.reads("slicing")

    @section("conditions")
    def test_02_more_conditions(self) -> None:
        """Run lookups on columns with an index, and several conditions together."""
        self.reads("conditions")

    @section("pages")
    def test_04_slicing_of_filters(self) -> None:
        """Have filters, orders and limits meet."""
        self.reads("pages")

    @section("writes")
    def test_05_writes(self) -> None:
        self.changes("writes")

    @section("reads after writes")
    def test_05_writes_and_reads(self) -> None:
        self.changes("reads after writes")

    @section("kept tables")
    def test_05_writes_between_reads(self) -> None:
        """Read a table again and again, so that it is kept, while it changes."""
        model, names = self.models.Counter, [f"n{number}" for number in range(60)]
        endings = [ROLLED_BACK] * connections[OURS].features.supports_transactions
        for alias in ALIASES:
            model.objects.using(alias).all().delete()
            rows = [model(name=name, value=len(name)) for name in names]
            model.objects.using(alias).bulk_create(rows)
        for ending in (*endings, "committed"):
            self.agree(BETWEEN_READS, partial(self.read_between, ending))

    def read_between(self, ending: str, text: str, alias: str) -> list[Any]:
        """Return what is read before a write, after it, and after its end."""
        read = partial(self.read, READ_AGAIN, alias)
        found = [read() for _ in range(4)]
        if ending == ROLLED_BACK:
            with transaction.atomic(alias):
                found += [self.read(text, alias), read(), read()]
                transaction.set_rollback(True, alias)
        else:
            self.read(text, alias)
        return [*found, read(), read()]

    @section("bulk")
    def test_06_bulk(self) -> None:
        self.changes("bulk")

    @section("keys")
    def test_07_keys(self) -> None:
        self.changes("keys")

    @section("unique")
    def test_08_unique(self) -> None:
        self.changes("unique")

    @section("errors")
    def test_09_errors(self) -> None:
        """Expect an error, not an empty answer, where a table does not exist."""
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
            self.expect(f"{text} of a missing table", is_right or error, True)
        with connections[OURS].schema_editor() as editor:
            editor.create_model(model)

    @section("lost connection")
    def test_10_lost_connection(self) -> None:
        """Expect OperationalError while the store is unreachable, and then a new
        connection.
        """
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
            "the rest of an iterator: rows that were fetched before, or an error",
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
            if found is TransactionConflict:  # which is one
                found = OperationalError
            self.expect(f"{text} without a connection", found, OperationalError)
        connections[OURS].close()
        left = [counter.name for counter in counters.order_by("name")]
        self.expect("the rows after close()", left, names)

    @section("joins")
    def test_11_joins(self) -> None:
        self.reads("joins")

    @section("aggregates")
    def test_12_aggregates(self) -> None:
        self.reads("aggregates")

    # --- transactions and threads ---

    @section("transactions")
    def test_13_transactions(self) -> None:
        """Commit, roll back and use savepoints, if the features claim transactions."""
        features = connections[OURS].features
        if not features.supports_transactions:
            self.leave_out("features.supports_transactions is False")

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
        for name in ("committed", "rolled back"):
            with transaction.atomic(OURS):
                counters.create(name=name)
                transaction.set_rollback(name == ROLLED_BACK, OURS)
        connections[OURS].close()
        names = [counter.name for counter in counters.all()]
        self.expect("the committed rows, after close()", names, ["committed"])
        self.overtaken(counters)

    def overtaken(self, counters: Any) -> None:
        """Change a row that a block has read, before the block writes.

        The block may not go on by itself with what is no longer so.
        """
        counters.update(value=0)
        reads: list[tuple[int, int]] = []
        errors: list[Exception] = []

        def read_and_write() -> None:
            first = counters.get().value
            if not reads:
                change = partial(counters.update, value=7)
                errors.extend(together(change, 1, OURS))
            reads.append((first, counters.get().value))
            counters.update(value=first + 1)

        retry_transaction(OURS)(read_and_write)()
        values = [(0, 0), (7, 7)][: len(reads)]
        self.expect("two reads of a row in a block", reads, values)
        wanted = 1 if errors else 8
        self.expect("a write after such reads", counters.get().value, wanted)

    @section("threads")
    def test_14_threads(self) -> None:
        """Write in several threads: no write may be lost or done twice.

        Left out where the backend claims neither transactions nor lock().
        """
        connection = connections[OURS]
        has_transactions = connection.features.supports_transactions
        if not has_transactions and not has_own(connection, "lock"):
            self.leave_out("the backend has neither transactions nor lock()")
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
        self.expect(
            "update(value=F('value') + 1) in threads",
            counters.get().value,
            ROUNDS * THREADS,
        )
        self.change_columns(counters)
        if not has_transactions:
            return
        self.delete_and_change(counters)
        value = counters.get().value

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

    def change_columns(self, counters: Any) -> None:
        """Change one column of a row in each of two threads, in different ways."""
        for text, change in {
            "update()": lambda column, n: counters.update(**{column: n}),
            "save(update_fields=...)": lambda column, n: self.models.Counter(
                pk=counters.get().pk, **{column: n}
            ).save(using=OURS, update_fields=[column]),
        }.items():
            errors, lost = change_two(counters, change)
            self.expect(f"errors of {text} of two columns in threads", errors, [])
            self.expect(f"writes lost of {text} of two columns in threads", lost, [])

    def delete_and_change(self, counters: Any) -> None:
        """Delete rows while another thread changes all of them: none may come back."""
        number = ROUNDS * THREADS
        made = [self.models.Counter(name=f"gone {n}") for n in range(number)]
        gone = counters.filter(name__startswith="gone")
        counters.bulk_create(made)
        deletes = iter((True, False))

        def delete_or_change() -> None:
            if next(deletes):
                for each in made:
                    again(gone.filter(name=each.name).delete)
            else:
                for each in range(ROUNDS):
                    again(partial(gone.update, other=each))

        errors = together(delete_or_change, 2, OURS)
        self.expect("errors of delete() and update() in threads", errors, [])
        left = gone.count()
        self.expect("rows that update() brought back in threads", left, 0)

    # --- documents: compared with an oracle in Python, as SQLite has none ---

    @section("documents")
    def test_17_documents(self) -> None:
        """Store every field type in every collection, then query, order and change
        random documents.
        """
        from ..documents.samples import samples
        from ..documents.trials import trials

        for text, found, wanted in samples(OURS):
            self.compare(text, found, wanted)
        count = int(os.environ.get("FUZZ_DOCUMENTS") or self.random_count)
        for text, found, wanted in trials(OURS, count, self.seed):
            self.compare(text, found, wanted)

    # --- random queries and writes, shrunk to the smallest that is wrong ---

    @section("random queries")
    def test_15_random_queries(self) -> None:
        self.compare_random("compare_queries", self.random_count)

    @section("random writes")
    def test_16_random_writes(self) -> None:
        features = connections[OURS].features
        endings = [ROLLED_BACK] * features.supports_transactions + ["committed"]
        endings += ["savepoint"] * features.uses_savepoints
        self.compare_random("compare_writes", self.random_count // 4, endings)

    @property
    def random_count(self) -> int:
        """Return the number of random queries: FUZZ_QUERIES, if set, or RANDOM."""
        return int(os.environ.get("FUZZ_QUERIES") or self.RANDOM)

    @property
    def seed(self) -> int:
        """Return the seed of what is random: FUZZ_SEED, if set, or SEED."""
        return int(os.environ.get("FUZZ_SEED") or self.SEED)

    def compare_random(self, name: str, count: int, *arguments: Any) -> None:
        """Run a function of `differential.compare`, if Hypothesis is installed."""
        try:
            from ..differential import compare
        except ImportError:
            self.leave_out("it needs Hypothesis: pip install hypothesis")
        run: Callable[..., str] = getattr(compare, name)
        try:
            run(self.models, ALIASES, count, self.seed, *arguments)
        except compare.Disagreement as error:
            text, ours, expected = error.args
            self.section.wrong.append((text, ours, expected))
        else:
            self.section.right = count


SPECIMENS = "sorted(Specimen.objects.using(db).filter({}).values_list('pk', flat=True))"


def change_two(counters: Any, change: Callable[[str, int], object]) -> Any:
    """Change two columns of a row, each in a thread; return errors, and lost writes."""
    columns = iter(("value", "other"))
    lost: list[str] = []

    def change_one() -> None:
        column = next(columns)
        for number in range(MANY_ROUNDS):
            again(partial(change, column, number))
            if getattr(counters.get(), column) != number:
                lost.append(f"{column}={number}")

    return together(change_one, 2, OURS), lost


def in_transaction(work: Callable[[], object]) -> None:
    """Run `work` in a transaction of the backend."""
    with transaction.atomic(OURS):
        work()
