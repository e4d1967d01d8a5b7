"""Random queries and writes give the same on the backend and on SQLite.

FUZZ_QUERIES is their number (2,000), FUZZ_SEED their seed; FUZZ_FORCED (500) is that of
the queries with each rule of the planner forced, FUZZ_REFUSED (300) of those, and of
writes, of which the store refuses parts. Hypothesis shrinks a failure to the smallest
text that fails.
"""

import os
from collections import Counter
from typing import Any

import pytest
from django.db import connection

from nonrel_backend import compiler
from nonrel_backend.testing import forcing
from nonrel_backend.testing.differential.compare import (
    compare_queries,
    compare_reads_after_writes,
    compare_rules,
    compare_writes,
    with_refusals,
)
from nonrel_backend.testing.differential.raw import raw_write

ALIASES = ("default", "oracle")
QUERIES = int(os.environ.get("FUZZ_QUERIES") or 2000)
FORCED = int(os.environ.get("FUZZ_FORCED") or 500)
REFUSED = int(os.environ.get("FUZZ_REFUSED") or 300)
SEED = int(os.environ.get("FUZZ_SEED") or 20261120)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return the numbers of plans that each rule has made, as they grow."""
    numbers: Counter[str] = Counter()
    choose = compiler.choose

    def counted(*arguments: Any) -> Any:
        plan = choose(*arguments)
        numbers[getattr(plan, "plan", plan).rule] += 1
        return plan

    monkeypatch.setattr(compiler, "choose", counted)
    return numbers


def test_random_queries_agree_with_sqlite(library: Any, planned: Counter[str]) -> None:
    print("\n" + compare_queries(library, ALIASES, QUERIES, SEED))
    print(f"plans: {dict(planned)}")


def test_random_queries_agree_with_each_rule_forced(library: Any) -> None:
    planned: Counter[str] = Counter()
    print("\n" + compare_rules(library, ALIASES, FORCED, SEED, planned))
    print(f"queries by rule: {dict(planned)}")


def test_random_queries_agree_whatever_is_refused(library: Any) -> None:
    around = with_refusals("default")
    print("\n" + compare_queries(library, ALIASES, REFUSED, SEED, around))
    with forcing.cached():
        found = compare_queries(library, ALIASES, REFUSED // 4, SEED, around)
    print("\n" + found)
    planned: Counter[str] = Counter()
    found = compare_rules(library, ALIASES, REFUSED // 4, SEED, planned, around)
    print(f"\n{found}\nqueries by rule: {dict(planned)}")


def test_random_writes_agree_whatever_is_refused(library: Any) -> None:
    around = with_refusals("default")
    for writes in (None, raw_write()):
        found = compare_writes(
            *(library, ALIASES, REFUSED // 2, SEED, endings(), writes, around)
        )
        print("\n" + found)
    with forcing.cached():
        found = compare_reads_after_writes(
            *(library, ALIASES, REFUSED // 4, SEED, endings(), around)
        )
    print("\n" + found)


def test_random_queries_agree_from_cached_tables(library: Any) -> None:
    with forcing.cached():
        print("\n" + compare_queries(library, ALIASES, FORCED, SEED))


def test_random_reads_after_writes_agree_from_cached_tables(library: Any) -> None:
    with forcing.cached():
        found = compare_reads_after_writes(library, ALIASES, FORCED, SEED, endings())
    print("\n" + found)


def test_random_writes_agree_with_sqlite(library: Any) -> None:
    print("\n" + compare_writes(library, ALIASES, QUERIES // 4, SEED, endings()))


def test_random_raw_writes_agree_with_sqlite(library: Any) -> None:
    found = compare_writes(library, ALIASES, QUERIES // 4, SEED, endings(), raw_write())
    print("\n" + found)


def endings() -> list[str]:
    """Return the ways in which a transaction can end on the backend."""
    features = connection.features
    found = ["rolled back"] * features.supports_transactions + ["committed"]
    return found + ["savepoint"] * features.uses_savepoints
