"""Draws random texts with Hypothesis and compares what two databases make of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from django.db import IntegrityError, NotSupportedError, connections
from django.db.models.query import QuerySet
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .. import forcing, refusing
from .answers import difference, read, written
from .data import Data
from .queries import query
from .writes import write

QUERIES_PER_DATA = 250
# The largest share of the texts that the backend may refuse.
REFUSED = 0.01
ENDINGS = ("rolled back", "savepoint", "committed")
fetch_all = QuerySet._fetch_all
# Returns what a text is run in on the database under test.
Around = Callable[[str], AbstractContextManager[Any]]
# Runs what was drawn on each database, and returns what to compare.
Run = Callable[[Any, Data], list[tuple[Any, ...]]]


class Disagreement(AssertionError):
    """Its arguments are the text, what the first database gave, and the second."""

    def __str__(self) -> str:
        return "{}\nours: {!r}\nexpected: {!r}".format(*self.args)


def compare_queries(
    models: Any,
    aliases: Sequence[str],
    count: int,
    first_seed: int,
    around: Around = nullcontext,
) -> str:
    """Run random queries on two databases and return a line with the number of each
    outcome.

    `models` is the module of the models, `aliases` name the database under test and the
    one that is right. Raise Disagreement with the smallest query whose answers differ.
    """
    ours, oracle = aliases

    def run(text: str, data: Data) -> list[tuple[Any, ...]]:
        with around(text):
            found = read(data, text, ours)
        return [(found,), (read(data, text, oracle),)]

    return compare(models, aliases, query(), count, first_seed, run, dangling=True)


def with_refusals(alias: str) -> Around:
    """Return what has a database refuse some of what it is asked for.

    The same text is refused the same, so that Hypothesis can shrink it. Each queryset
    is explained before it is run.
    """

    @contextmanager
    def around(text: str) -> Iterator[None]:
        decide = refusing.at_random(text)
        with (
            refusing.refusing(connections[alias], decide),
            patch.object(QuerySet, "_fetch_all", explained_and_fetched),
        ):
            yield

    return around


def explained_and_fetched(rows: QuerySet[Any]) -> None:
    """Do what QuerySet._fetch_all() does, after explain()."""
    if rows._result_cache is None:
        rows.explain()
    fetch_all(rows)


def compare_rules(
    models: Any,
    aliases: Sequence[str],
    count: int,
    first_seed: int,
    taken: Counter[str],
    around: Around = nullcontext,
) -> str:
    """Run random queries as `compare_queries` does, with each rule forced that plans
    them.

    Add to `taken` how many queries each rule has planned.
    """
    ours, oracle = aliases

    def run(text: str, data: Data) -> list[tuple[Any, ...]]:
        expected = read(data, text, oracle)
        with forcing.asked() as rules:
            found = read(data, text, ours)
        for rule in sorted(rules):
            taken[rule] += 1
            if difference(found, expected):
                break
            with forcing.forced(rule), around(text):
                found = read(data, text, ours)
            if wrong := difference(found, expected):
                raise Disagreement(f"{text}  # {rule} forced", *wrong)
        return [(found,), (expected,)]

    return compare(models, aliases, query(), count, first_seed, run, dangling=True)


def compare_writes(
    models: Any,
    aliases: Sequence[str],
    count: int,
    first_seed: int,
    endings: Sequence[str] = ENDINGS,
    writes: st.SearchStrategy[tuple[str, str]] | None = None,
    around: Around = nullcontext,
) -> str:
    """Run random writes on two databases as `compare_queries` does queries.

    `writes` are those drawn, by default those of the ORM; raw.py draws SQL texts.
    `endings` are the ways a transaction can end there.
    """
    ours, oracle = aliases

    def run(drawn: tuple[str, str], data: Data) -> list[tuple[Any, ...]]:
        ending = drawn[0] if drawn[0] in endings else "committed"
        with around(drawn[1]):
            found = [written(data, ending, drawn[1], ours)]
        found.append(written(data, ending, drawn[1], oracle))
        if ending == "committed" and any(held != data.stored for _, held in found):
            data.store()
        return comparable(found, endings)

    return compare(
        models, aliases, write() if writes is None else writes, count, first_seed, run
    )


def compare_reads_after_writes(
    models: Any,
    aliases: Sequence[str],
    count: int,
    first_seed: int,
    endings: Sequence[str] = ENDINGS,
    around: Around = nullcontext,
) -> str:
    """Run random queries, each after a random write, as `compare_queries` does."""

    def run(drawn: tuple[str, str], data: Data) -> list[tuple[Any, ...]]:
        ending = drawn[0] if drawn[0] in endings else "committed"
        text, asked = drawn[1].split("\n")
        found = []
        for alias, context in zip(aliases, (around, nullcontext), strict=True):
            with context(drawn[1]):
                done = written(data, ending, text, alias)
                found.append((*done, read(data, asked, alias)))
        if ending == "committed" and any(each[1] != data.stored for each in found):
            data.store()
        return comparable(found, endings)

    pairs = st.tuples(write(), query()).map(
        lambda drawn: (drawn[0][0], f"{drawn[0][1]}\n{drawn[1]}")
    )
    return compare(models, aliases, pairs, count, first_seed, run)


def comparable(
    found: list[tuple[Any, ...]], endings: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return what each database has made of a write, and holds after it.

    Without rollback return only the error of one that raises: it may have been done in
    part.
    """
    if "rolled back" in endings:
        return found
    return [each[:1] if isinstance(each[0], type) else each for each in found]


def compare(
    models: Any,
    aliases: Sequence[str],
    strategy: st.SearchStrategy[Any],
    count: int,
    first_seed: int,
    run: Run,
    dangling: bool = False,
) -> str:
    """Run `count` texts, and store new rows after each QUERIES_PER_DATA of them.

    With `dangling` some foreign keys of the rows lead nowhere.
    """
    outcomes: Counter[str] = Counter()
    number = first_seed
    while (done := outcomes.total()) < count:
        data = Data(models, number, aliases, dangling)
        data.store()
        some = min(QUERIES_PER_DATA, count - done)
        try:
            compare_some(data, number, strategy, some, run, outcomes)
        finally:
            data.remove()
        number += 1
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    if outcomes["refused"] > max(REFUSED * done, 1):
        raise Disagreement("refused queries", told, f"at most {REFUSED:.0%}")
    return f"{done} of seed {first_seed}: {told}"


def moves(done: tuple[Any, ...], refused: tuple[Any, ...], data: Data) -> bool:
    """Return whether one database has moved unique values between rows by an UPDATE.

    Others, which check them after each row, may refuse it, as the rows come.
    """
    if refused[0] is not IntegrityError or type(done[0]) is not int:
        return False  # an UPDATE returns how many rows it has found
    return len(done) > 1 and data.has_moved(done[1])


def compare_some(
    data: Data,
    number: int,
    strategy: st.SearchStrategy[Any],
    count: int,
    run: Run,
    outcomes: Counter[str],
) -> None:
    """Run `count` texts on the same rows, and count the outcomes."""

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(strategy)
    def agree(drawn: Any) -> None:
        ours, expected = run(drawn, data)
        if ours[0] is NotSupportedError is not expected[0]:
            outcomes["refused"] += 1
            return
        if moves(ours, expected, data) or moves(expected, ours, data):
            outcomes["unique values moved"] += 1
            return
        wrong = difference(ours, expected)
        if wrong:
            text = drawn if isinstance(drawn, str) else "{1}  # {0}".format(*drawn)
            raise Disagreement(text, *wrong)
        error = isinstance(ours[0], type)
        outcomes["the same error" if error else "the same answer"] += 1

    try:
        agree()
    except Disagreement as error:
        error.add_note(f"The data is that of seed {number} (FUZZ_SEED).")
        raise
