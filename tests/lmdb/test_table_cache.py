"""The table cache of an LMDB store after each kind of change."""

import os
import random

import pytest
from django.db import transaction
from django.db.models import Avg, Count, F, OuterRef, Subquery

from nonrel_backend.local import table_cache
from nonrel_backend.local.table_cache import CACHED_ROWS_PER_READ
from nonrel_backend.planner.scans import new_query


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


def average() -> float:
    """Return an aggregate that only the local engine can compute, over all rows."""
    return counters().aggregate(found=Avg(F("value") * F("value")))["found"]


def expected() -> float:
    values = list(counters().values_list("value", flat=True))
    return sum(value**2 for value in values) / len(values)


def rows_kept(store) -> dict[str, int]:
    return {name: kept.rows for name, kept in store.local_engine.cache.tables.items()}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(table_cache, "FEW_ROWS", 10)


@pytest.fixture
def filled(store):
    model = counters().model
    counters().bulk_create([model(name=f"c{n}", value=n) for n in range(10)])
    assert average() == expected()
    assert rows_kept(store) == {"library_counter": 10}
    return store


CHANGES = {
    "create": lambda: counters().create(name="new", value=50),
    "update": lambda: counters().filter(name="c1").update(value=77),
    "update of all": lambda: counters().update(value=F("value") + 1),
    "save": lambda: counters().model(pk=2, name="c1", value=9).save(using="own"),
    "delete": lambda: counters().filter(name="c9").delete(),
    "upsert": lambda: counters().bulk_create(
        [counters().model(name="c3", value=99)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["value"],
    ),
    "get_or_create": lambda: counters().get_or_create(name="z", defaults={"value": 4}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_change_is_seen(filled, change):
    before = average()
    CHANGES[change]()
    assert average() == expected() != before


def test_changes_of_a_transaction_are_seen_in_it_and_gone_after_its_rollback(filled):
    before = average()
    with pytest.raises(KeyError), transaction.atomic(using="own"):
        counters().update(value=1000)
        assert average() == 1000**2
        counters().filter(name="c1").delete()
        with pytest.raises(ValueError), transaction.atomic(using="own"):
            counters().update(value=1)
            assert average() == 1
            raise ValueError
        assert average() == 1000**2
        raise KeyError
    assert average() == expected() == before
    with transaction.atomic(using="own"):
        counters().update(value=2)
    assert average() == 4


def test_changes_of_another_process_are_seen(filled):
    pid = os.fork()
    if not pid:
        try:
            counters().update(value=3)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert average() == 9


def test_an_unchanged_table_is_not_read_again(filled, monkeypatch):
    monkeypatch.setattr(filled.local_engine, "insert", None)
    assert average() == expected()


def test_a_table_of_few_rows_is_not_cached(filled):
    counters().filter(name="c1").delete()
    assert average() == expected()
    assert rows_kept(filled) == {}


def test_a_column_added_later_is_loaded_with_the_others(filled):
    assert counters().aggregate(found=Count("name", distinct=True))["found"] == 10
    (kept,) = filled.local_engine.cache.tables.values()
    assert kept.columns >= {"name", "value"}
    assert average() == expected()


def test_a_table_that_is_read_in_part_repeatedly_is_cached(filled):
    model = counters().model
    counters().bulk_create([model(name=f"d{n}", value=n) for n in range(90)])

    def part():
        found = counters().filter(pk__lte=50)
        return found.aggregate(found=Avg(F("value") * F("value")))["found"]

    first = part()
    assert rows_kept(filled)["library_counter"] != 100
    for _ in range(4):
        assert part() == first
    assert rows_kept(filled)["library_counter"] == 100
    counters().filter(pk=1).update(value=CACHED_ROWS_PER_READ)
    assert part() != first


def test_random_changes_and_joins_agree_with_what_is_stored(filled):
    chance = random.Random(5)
    largest = counters().filter(name=OuterRef("name")).order_by("-value").values("pk")
    for _ in range(60):
        CHANGES[chance.choice(["update", "update of all", "save", "upsert"])]()
        if chance.random() < 0.5:
            value = chance.randrange(100)
            counters().filter(pk=chance.randrange(1, 12)).update(value=value)
        assert average() == expected()
        found = counters().annotate(found=Subquery(largest[:1]))
        assert all(each.found == each.pk for each in found)


def test_a_write_that_finds_no_row_leaves_the_version(filled):
    rows = counters().filter(name="of no row")
    scan = new_query(filled, rows.model, [rows.model._meta.pk])
    before = scan.version()
    assert rows._raw_delete("own") == 0 and rows.update(value=1) == 0
    assert scan.version() == before
    counters().update(value=1)
    assert scan.version() != before
