"""Threads that write the same rows at the same time lose nothing."""

from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from nonrel_backend.testing.conformance.threads import together as started
from nonrel_backend.transactions import TransactionConflict, retry_transaction

from .things import aliased, things  # noqa: F401

THREADS, ROUNDS = 8, 4


def together(work):
    """Do work() in all threads; return their errors."""
    return started(work, THREADS, "default")


def test_get_or_create_makes_one_row(things):  # noqa: F811
    made = []

    def work():
        for number in range(ROUNDS):
            thing, is_new = things.get_or_create(name=f"n{number}")
            if is_new:
                made.append(thing.pk)

    assert together(work) == []
    assert sorted(made) == sorted(things.values_list("pk", flat=True))
    assert things.count() == ROUNDS


def test_update_or_create_adds_everything_when_it_is_repeated(things):  # noqa: F811
    @retry_transaction(seconds=60)
    def add(number):
        thing, _ = things.update_or_create(name=f"n{number}", create_defaults={})
        things.filter(pk=thing.pk).update(text=F("number"))
        thing.number = (thing.number or 0) + 1
        thing.save()

    def work():
        for number in range(2):
            add(number)

    assert together(work) == []
    assert [each.number for each in things.all()] == [THREADS, THREADS]


def test_update_or_create_alone_is_right_or_a_conflict(things):  # noqa: F811
    def work():
        for number in range(ROUNDS):
            things.update_or_create(name=f"n{number}", defaults={"number": number})

    errors = together(work)
    assert all(isinstance(each, TransactionConflict) for each in errors)
    found = {each.name: each.number for each in things.all()}
    assert found == {f"n{n}": n for n in range(things.count())}


def test_bulk_create_that_ignores_conflicts(things):  # noqa: F811
    model = things.model

    def work():
        rows = [model(name=f"n{n}", number=n) for n in range(10)]
        things.bulk_create(rows, ignore_conflicts=True)

    bulk = retry_transaction(seconds=60)(work)
    assert together(bulk) == []
    found = {each.name: each.number for each in things.all()}
    assert found == {f"n{n}": n for n in range(10)}
    assert things.count() == 10


def test_bulk_create_that_updates_conflicts(things):  # noqa: F811
    model, numbers = things.model, iter(range(THREADS))

    def work():
        number = next(numbers)
        rows = [model(name=f"n{n}", number=number) for n in range(10)]
        upsert = partial(
            things.bulk_create,
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["number"],
        )
        retry_transaction(seconds=60)(upsert)(rows)

    assert together(work) == []
    assert things.count() == 10
    assert len({each.number for each in things.all()}) == 1  # of one of the threads


def test_a_unique_value_has_one_holder(things):  # noqa: F811
    things.bulk_create(things.model(name=f"n{n}") for n in range(THREADS))
    names = iter(things.order_by("pk").values_list("pk", flat=True))
    won = []

    def work():
        pk = next(names)
        for number in range(ROUNDS):
            try:
                things.filter(pk=pk).update(name=f"wanted {number}")
            except IntegrityError:
                continue
            won.append(number)

    assert together(work) == []
    held = list(things.values_list("name", flat=True))
    assert len({*held}) == THREADS
    assert {*won} >= {int(name[7:]) for name in held if name.startswith("wanted")}
    assert connection.check_store() == []


def test_counters_lose_no_addition(things):  # noqa: F811
    one = things.create(name="one", number=0)

    def work():
        for _ in range(ROUNDS):
            things.filter(pk=one.pk).update(number=F("number") + 1)  # indexed
            things.filter(name="one").update(number=F("number") + 10)

    assert together(work) == []
    one.refresh_from_db()
    assert one.number == 11 * ROUNDS * THREADS
    assert things.get(number=one.number) == one
    assert connection.check_store() == []


def test_blocks_lose_no_addition(things):  # noqa: F811
    for name in "ab":
        things.create(name=name, number=0)
    done = []

    @retry_transaction(seconds=60)
    def add():
        first, second = things.select_for_update().order_by("name")
        first.number += 1
        first.save()
        second.number -= 1
        second.save()
        transaction.on_commit(lambda: done.append(1))

    def work():
        for _ in range(ROUNDS):
            add()

    assert together(work) == []
    total = ROUNDS * THREADS
    assert len(done) == total
    assert [each.number for each in things.order_by("name")] == [total, -total]


def test_deletes_meet_updates(things):  # noqa: F811
    things.bulk_create(things.model(name=f"n{n}", number=0) for n in range(10))
    kinds, counts = iter(range(THREADS)), []

    @retry_transaction(seconds=60)
    def delete(number):
        return things.filter(name=f"n{number}").delete()[0]

    def work():
        if next(kinds) % 2:
            for number in range(10):
                counts.append(delete(number))
        else:
            for _ in range(3):
                things.update(number=F("number") + 1)

    assert together(work) == []
    assert sum(counts) == 10
    assert things.count() == 0 == len(things.filter(number__gte=0))
    assert connection.check_store() == []


def test_cascades_meet_each_other(things):  # noqa: F811
    part = things.model.part_model.objects
    for number in range(4):
        thing = things.create(name=f"n{number}")
        part.bulk_create(part.model(thing=thing) for _ in range(5))

    @retry_transaction(seconds=60)
    def delete(number):
        things.filter(name=f"n{number}").delete()

    def work():
        for number in range(4):
            delete(number)

    assert together(work) == []
    assert (things.count(), part.count()) == (0, 0)
    assert connection.check_store() == []


def test_large_commits_meet_small_ones(things):  # noqa: F811
    things.bulk_create(things.model(name=f"n{n}", number=0) for n in range(40))
    kinds = iter(range(4))

    def work():
        if next(kinds) < 1:
            for _ in range(2):
                retry_transaction(seconds=60)(all_of)()
        else:
            for number in range(5):
                retry_transaction(seconds=60)(one_of)(number)

    def all_of():
        with transaction.atomic():
            for each in things.all():
                each.number += 1
                each.save()

    def one_of(number):
        one = things.get(name=f"n{number}")
        one.number += 1
        one.save()

    assert started(work, 4, "default") == []
    found = {each.name: each.number for each in things.all()}
    assert found == {f"n{n}": 2 + 3 * (n < 5) for n in range(40)}
    assert connection.check_store() == []


def test_isolation_both_ways(things):  # noqa: F811
    """Two doctors are on call; each goes off call as the other one is still on."""

    def go_off(manager):
        things.update(number=1)
        with transaction.atomic(manager.db):
            if sum(each.number for each in manager.all()) == 2:
                started(lambda: things.filter(name="b").update(number=0), 1, "default")
                manager.filter(name="a").update(number=0)
        return sum(each.number for each in things.all())

    things.bulk_create([things.model(name=name) for name in "ab"])
    assert go_off(things) == 0
    with aliased("strict", isolation="all rows read"):
        with pytest.raises(TransactionConflict):
            go_off(things.using("strict"))
    assert sum(each.number for each in things.all()) == 1
