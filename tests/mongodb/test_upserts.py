"""bulk_create() with conflicts ignored or updated: as SQLite, in few commands."""

import random
from contextlib import nullcontext

import pytest
from django.apps.registry import Apps
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.db import models as django_models
from django.db.models import F

ENDS = ("commitTransaction", "findAndModify", "listIndexes")


def upsert(counters, names, value, **options):
    rows = [counters.model(name=name, value=value) for name in names]
    options = {"unique_fields": ["name"], "update_fields": ["value"], **options}
    return counters.bulk_create(rows, update_conflicts=True, **options)


@pytest.fixture(params=["alone", "in a block that wrote", "under a savepoint"])
def around(request, library):
    """A block, or none, around what a test does."""
    if request.param == "alone":
        yield
        return
    with transaction.atomic():
        library.Counter.objects.create(name="before")
        with transaction.atomic() if "savepoint" in request.param else nullcontext():
            yield


def data_commands(commands):
    return [name for name in commands if name not in ENDS]


def test_a_batch_is_a_constant_few_commands(library, around, commands):
    counters = library.Counter.objects
    for number in range(0, 200, 2):
        counters.create(name=str(number))
    commands.clear()
    made = upsert(counters, map(str, range(200)), 5)
    assert len(data_commands(commands)) <= 4, commands
    assert set(data_commands(commands)) == {"find", "insert", "update"}
    stored = dict(counters.exclude(name="before").values_list("name", "pk"))
    assert {each.name: each.pk for each in made} == stored
    assert counters.filter(value=5).count() == 200


def test_ignoring_is_a_constant_few_commands(library, around, commands):
    counters = library.Counter.objects
    counters.create(name="5", value=9)
    rows = [library.Counter(name=str(number % 100)) for number in range(200)]
    commands.clear()
    counters.bulk_create(rows, ignore_conflicts=True)
    assert len(data_commands(commands)) <= 4, commands
    assert counters.exclude(name="before").count() == 100
    assert counters.get(name="5").value == 9


def test_a_later_row_of_the_batch_updates_an_earlier(library, around):
    counters = library.Counter.objects
    rows = [library.Counter(name="a", value=value) for value in (1, 2, 3)]
    made = counters.bulk_create(
        rows, update_conflicts=True, unique_fields=["name"], update_fields=["value"]
    )
    stored = counters.get(name="a")
    assert stored.value == 3
    assert {each.pk for each in made} == {stored.pk}


def test_a_violation_elsewhere_leaves_the_block_alive(library, around):
    offers = library.Offer.objects
    offers.create(code="1", label="x", seller="s1", price=1, amount=1)
    offers.create(code="2", label="y", seller="s2", price=1, amount=1)
    for code, label in (("2", "x"), ("3", "y")):
        offer = library.Offer(code=code, label=label, seller="s", price=1, amount=2)
        with pytest.raises(IntegrityError), transaction.atomic():
            offers.bulk_create(
                [offer],
                update_conflicts=True,
                unique_fields=["code"],
                update_fields=["label"],
            )
    labels = offers.order_by("code").values_list("code", "label")
    assert list(labels) == [("1", "x"), ("2", "y")]


def test_what_depends_on_the_merged_row_is_computed_and_checked(library, around):
    offers = library.Offer.objects
    offers.create(code="1", seller="s", price=2, amount=5)
    options = {"unique_fields": ["code"], "update_fields": ["price"]}
    offer = library.Offer(code="1", seller="t", price=4, amount=100)
    offers.bulk_create([offer], update_conflicts=True, **options)
    assert offers.values_list("seller", "price", "amount", "total").get() == (
        *("s", 4, 5, 20),
    )
    offer = library.Offer(code="1", seller="t", price=6, amount=100)
    with pytest.raises(IntegrityError, match="price_at_most"), transaction.atomic():
        offers.bulk_create([offer], update_conflicts=True, **options)
    assert offers.get().price == 4


def test_rows_may_exchange_unique_values_and_go_back(library):
    offers = library.Offer.objects
    first, second = (
        offers.create(code=code, label=label, seller=code, price=1, amount=1)
        for code, label in ("1x", "2y")
    )

    def relabel(*pairs):
        rows = [
            library.Offer(code=code, label=label, seller=code, price=1, amount=1)
            for code, label in pairs
        ]
        offers.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["code"],
            update_fields=["label"],
        )

    with transaction.atomic():
        offers.filter(pk=first.pk).update(price=0)
        sid = transaction.savepoint()
        relabel("1z", "2x", "1y")
        labels = offers.order_by("code").values_list("label", flat=True)
        assert list(labels) == ["y", "x"]
        transaction.savepoint_rollback(sid)
        assert list(labels.all()) == ["x", "y"]


def test_a_condition_of_a_unique_constraint_is_heeded(library, around):
    offers = library.Offer.objects
    offers.create(code="1", seller="s", price=1, amount=1)
    idle = [
        library.Offer(code=code, seller="s", active=False, price=1, amount=1)
        for code in ("2", "3")
    ]
    offers.bulk_create(idle)
    assert offers.count() == 3
    busy = library.Offer(code="4", seller="s", price=1, amount=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        offers.bulk_create([busy])
    with pytest.raises(IntegrityError), transaction.atomic():
        offers.filter(code="2").update(active=True)
    assert offers.filter(active=True).count() == 1


def test_a_partial_index_is_no_target(library):
    offer = library.Offer(code="4", seller="s", price=1, amount=1)
    with pytest.raises(OperationalError, match="no unique index"):
        library.Offer.objects.bulk_create(
            [offer],
            update_conflicts=True,
            unique_fields=["seller"],
            update_fields=["price"],
        )


def test_a_missing_collection_is_an_error(library):
    class Absent(django_models.Model):
        name = django_models.CharField(max_length=5, unique=True)
        value = django_models.IntegerField()

        class Meta:
            app_label = "library"
            apps = Apps()

    with pytest.raises(ProgrammingError, match="no such table"):
        Absent.objects.bulk_create([Absent(name="a", value=1)], ignore_conflicts=True)
    with pytest.raises(ProgrammingError, match="no such table"):
        upsert(Absent.objects, ["a"], 1)


def test_another_refusal_of_the_server_is_said_as_it_is(library):
    upsert(library.Counter.objects, ["a"], 1)
    rule = {"value": {"$lt": 10}}
    connection.database.command("collMod", "library_counter", validator=rule)
    try:
        with pytest.raises(DatabaseError, match="failed validation"):
            upsert(library.Counter.objects, ["a", "b"], 11)
    finally:
        connection.database.command("collMod", "library_counter", validator={})
    assert library.Counter.objects.get().value == 1


def test_duplicates_made_by_an_update_leave_the_block_alive(library, around, commands):
    counters = library.Counter.objects
    rows = counters.bulk_create(library.Counter(name=name) for name in "abc")
    offers = library.Offer.objects
    for code in "12":
        offers.create(code=code, seller=code, price=1, amount=1)
    for row in rows:
        row.name = "same"
    for work in (
        lambda: counters.bulk_update(rows, ["name"]),
        lambda: counters.filter(name="a").update(name="b"),
        lambda: offers.update(code=F("price")),
        lambda: offers.update(seller=F("code"), code=F("label"), label=F("price")),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            work()
    for row, name in zip(rows, "cab", strict=True):
        row.name = f"new {name}"
    commands.clear()
    counters.bulk_update(rows, ["name"])
    assert len(data_commands(commands)) <= 4
    assert set(counters.exclude(name="before").values_list("name", flat=True)) == {
        "new a",
        "new b",
        "new c",
    }


def test_an_increment_of_a_unique_column_is_looked_at_first(library):
    class Numbered(django_models.Model):
        number = django_models.IntegerField(unique=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Numbered)
    try:
        for number in (1, 2, 5):
            Numbered.objects.create(number=number)
        with transaction.atomic():
            Numbered.objects.create(number=7)
            with pytest.raises(IntegrityError), transaction.atomic():
                Numbered.objects.filter(number=1).update(number=F("number") + 1)
            Numbered.objects.filter(number=2).update(number=F("number") + 1)
        numbers = Numbered.objects.order_by("number").values_list("number", flat=True)
        assert list(numbers) == [1, 3, 5, 7]
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Numbered)


@pytest.mark.parametrize("in_block", [False, True])
def test_random_batches_do_what_sqlite_does(library, in_block):
    chance = random.Random(7)
    pick = chance.choice
    fields = ["label", "seller", "active", "price"]
    refused = 0
    for _ in range(150):
        values = [
            {
                "code": pick([None, "1", "2", "3", "4"]),
                "label": pick([None, None, "x", "y", "z"]),
                "seller": pick("stuvw"),
                "active": pick([True, False, False]),
                "price": pick([1, 2]),
                "amount": pick([2, 3]),
            }
            for _ in range(pick([1, 2, 4]))
        ]
        ignore = chance.random() < 0.3
        options = (
            {"ignore_conflicts": True}
            if ignore
            else {
                "update_conflicts": True,
                "unique_fields": ["code"],
                "update_fields": chance.sample(fields, pick([1, 2, 3])),
            }
        )
        clears = chance.random() < 0.1
        answers = []
        for alias in ("default", "oracle"):
            offers = library.Offer.objects.using(alias)
            rows = [library.Offer(**each) for each in values]
            failed = False
            with transaction.atomic(using=alias) if in_block else nullcontext():
                if clears:
                    offers.all().delete()
                if in_block:
                    library.Counter.objects.using(alias).update(value=F("value") + 1)
                try:
                    with transaction.atomic(using=alias):
                        offers.bulk_create(rows, **options)
                except IntegrityError:
                    failed = True
                keys = dict(offers.exclude(code=None).values_list("code", "pk"))
                if not failed and not ignore:
                    for row in rows:
                        assert row.code is None or keys[row.code] == row.pk
            stored = offers.values_list(*values[0], "total")
            answers.append((failed, sorted(map(repr, stored))))
        refused += failed
        assert answers[0] == answers[1], (values, options)
    assert 10 < refused < 140


def test_ignored_conflicts_leave_out_what_a_check_refuses(library):
    def book(key, pages):
        return library.Book(pk=key, title="t", author_id=1, pages=pages)

    for alias in ("default", "oracle"):
        library.Author.objects.using(alias).create(pk=1, name="a")
        books = library.Book.objects.using(alias)
        books.bulk_create([book(1, 5)])
        with pytest.raises(IntegrityError), transaction.atomic(using=alias):
            books.bulk_create([book(2, 6), book(3, -1001)])
        rows = [book(1, -1001), book(2, 6), book(3, -1001), book(4, None)]
        books.bulk_create(rows, ignore_conflicts=True)
        assert list(books.order_by("pk").values_list("pk", "pages")) == [(1, 5), (2, 6)]
        books.bulk_create([book(5, -1001)], ignore_conflicts=True)
        assert books.count() == 2
