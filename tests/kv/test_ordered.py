"""OrderedWrapper makes a whole backend of a store of sorted bytes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    connections,
    models,
    transaction,
)
from django.db.models import F, JSONField, Q, Value
from django.test.utils import isolate_apps

from nonrel_backend.transactions import TransactionConflict
from tests.kv.sorted_bytes.base import StoreError

ALIAS = "sorted_bytes"


@isolate_apps("tests.library")
def declared():
    """Return a model with an index of every kind."""

    class Fruit(models.Model):
        name = models.CharField(max_length=1000, unique=True, null=True)
        price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
        weight = models.DecimalField(max_digits=9, decimal_places=2, null=True)
        picked = models.DateField(null=True)
        notes = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            db_table = "kv_fruit"
            indexes = [
                models.Index(fields=["-price"], name="price"),
                models.Index(
                    fields=["picked"], name="heavy", condition=Q(weight__gt=3)
                ),
                models.Index(
                    fields=["weight"],
                    name="old",
                    condition=Q(picked__in=[date(2020, 1, 1), date(2021, 1, 1)]),
                ),
            ]

    return Fruit


@pytest.fixture(params=["", ".plain"], ids=["transactions", "plain"])
def connection(databases, request):
    """Yield a connection to an empty store with and without transactions."""
    engine = f"tests.kv.sorted_bytes{request.param}"
    entry = {"ENGINE": engine, "NAME": request.node.name}
    configured = connections.configure_settings({"default": entry})
    connections.settings[ALIAS] = configured["default"]
    yield connections[ALIAS]
    connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]


@pytest.fixture
def fruit(connection):
    """Return the manager of a model whose table has five rows."""
    model = declared()
    with connection.schema_editor() as editor:
        editor.create_model(model)
    manager = model.objects.using(ALIAS)
    manager.bulk_create(
        model(
            name=f"f{number}",
            price=number,
            weight=number,
            picked=date(2018 + number, 1, 1),
        )
        for number in range(1, 6)
    )
    return manager


def elsewhere(work):
    """Run `work()` in another thread, with a connection of its own."""

    def run():
        work()
        connections[ALIAS].close()

    with ThreadPoolExecutor() as pool:
        pool.submit(run).result()


def names(rows):
    return list(rows.values_list("name", flat=True))


def test_filters_orders_and_limits_are_ranges_of_an_index(fruit):
    dear = fruit.filter(price__gt=1).order_by("-price")[:2]
    assert names(dear) == ["f5", "f4"]
    plan = dear.explain(analyze=True)
    if connections[ALIAS].features.supports_transactions:
        assert "[index price, 2 entries and 2 rows read, 2 returned]" in plan
    else:  # a row may have changed since its entry was read
        assert "[index price, 2 entries and 2 rows read, 2 returned, filter" in plan
    assert fruit.filter(price__gt=1).count() == 4


def test_partial_indexes_by_decimals_and_dates_are_used(fruit):
    fruit.filter(name="f5").update(weight=1)
    heavy = fruit.filter(weight__gt=3).order_by("picked")
    assert names(heavy) == ["f4"]
    assert "[index heavy, 1 entries" in heavy.explain(analyze=True)
    old = fruit.filter(picked__in=[date(2020, 1, 1), date(2021, 1, 1)])
    assert names(old.order_by("weight")) == ["f2", "f3"]
    assert "[index old, 2 entries" in old.order_by("weight").explain(analyze=True)


def test_the_null_of_json_is_not_that_of_sql(fruit):
    null = Value(None, JSONField())
    fruit.filter(name="f1").update(notes=null)
    fruit.filter(name="f2").update(notes={"a": 1})
    row = fruit.get(name="f2")
    row.notes = null
    row.save()
    fruit.create(name="f6", notes=null)
    assert sorted(names(fruit.filter(notes__isnull=True))) == ["f3", "f4", "f5"]
    assert sorted(names(fruit.filter(notes=None))) == ["f1", "f2", "f6"]
    assert {row.notes for row in fruit.all()} == {None}


def test_a_column_of_which_the_default_is_null_may_be_unknown_to_the_model(fruit):
    field = models.IntegerField(
        null=True, db_default=Value(None, models.IntegerField())
    )
    field.set_attributes_from_name("size")
    field.model = fruit.model
    with connections[ALIAS].schema_editor() as editor:
        editor.add_field(fruit.model, field)
    fruit.create(name="f6")
    assert fruit.count() == 6


def test_values_longer_than_a_key_are_found_and_unique(fruit):
    fruit.create(name="x" * 1000)
    fruit.create(name="x" * 999 + "y")
    assert fruit.filter(name="x" * 1000).count() == 1
    with pytest.raises(
        IntegrityError, match=r"UNIQUE constraint failed: kv_fruit.name"
    ):
        fruit.create(name="x" * 1000)
    assert names(fruit.order_by("-name"))[:2] == ["x" * 999 + "y", "x" * 1000]


def test_a_statement_that_fails_leaves_nothing(connection, fruit):
    with pytest.raises(IntegrityError):
        fruit.bulk_create([fruit.model(name="new"), fruit.model(name="f1")])
    for writes in range(1, 8):
        connection.db_connection.left = writes
        with pytest.raises(OperationalError, match="full"):
            fruit.update(price=F("price") + 1)
        connection.db_connection.left = None
        assert [row.price for row in fruit.order_by("pk")] == [1, 2, 3, 4, 5]
        assert connection.check_store() == []
    assert fruit.count() == 5


def test_rows_go_on_after_a_write_between_their_batches(fruit):
    rows = fruit.order_by("pk").iterator(chunk_size=1)
    first = next(rows)
    fruit.filter(name="f2").update(price=20)
    assert [first.name, *(row.name for row in rows)] == ["f1", "f2", "f3", "f4", "f5"]


def test_transactions_and_savepoints_are_rolled_back(connection, fruit):
    if not connection.features.supports_transactions:
        with transaction.atomic(using=ALIAS):
            fruit.create(name="stays")
            transaction.set_rollback(True, using=ALIAS)
        assert fruit.filter(name="stays").exists()
        return
    with transaction.atomic(using=ALIAS):
        fruit.create(name="kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=ALIAS):
            fruit.filter(name="kept").update(name="changed", price=Decimal("1.5"))
            fruit.filter(price__lt=3).delete()
            raise ZeroDivisionError
        assert fruit.select_for_update().get(name="kept").price is None
        assert fruit.count() == 6
    with transaction.atomic(using=ALIAS):
        fruit.all().delete()
        transaction.set_rollback(True, using=ALIAS)
    assert fruit.count() == 6
    assert connection.check_store() == []


def test_check_store_repairs_the_entries(connection, fruit):
    index = connection.read(lambda access: access.table("kv_fruit").indexes[0])
    connection.write(lambda access: access.clear(index.prefix))
    assert len(connection.check_store()) == 5
    connection.check_store(fix=True)
    assert connection.check_store() == []


def test_all_tables_can_be_dropped(connection, fruit):
    connection.creation.drop_tables(connection.settings_dict["NAME"])
    assert connections[ALIAS].introspection.table_names() == []


def test_a_connection_is_usable_while_its_store_answers(connection, monkeypatch):
    connection.ensure_connection()
    assert connection.is_usable()

    def lost(key):
        raise StoreError("lost")

    monkeypatch.setattr(connection, "value", lost)
    assert not connection.is_usable()


@pytest.mark.parametrize("connection", [""], indirect=True)
def test_a_block_reads_one_state_until_it_writes(fruit):
    one, many = fruit.filter(name="f1"), fruit.filter(price__gte=4)
    with transaction.atomic(using=ALIAS):
        assert one.get().weight == 1
        assert many.count() == 2
        elsewhere(lambda: fruit.filter(name="f2").update(weight=70))
        elsewhere(lambda: fruit.filter(name="f3").delete())
        assert fruit.get(name="f2").weight == 2
    with transaction.atomic(using=ALIAS):
        assert one.get().weight == 1
        assert many.count() == 2
        elsewhere(lambda: fruit.filter(name="f2").update(weight=71))
        one.update(weight=5)
        assert fruit.get(name="f2").weight == 71
    for read, change in [
        (one.get, lambda: one.update(weight=7)),
        (many.count, lambda: fruit.create(name="f6", price=6)),
        (lambda: list(many), lambda: many.update(picked=None)),
    ]:
        with pytest.raises(TransactionConflict, match="Rows of kv_fruit"):
            with transaction.atomic(using=ALIAS):
                read()
                elsewhere(change)
                fruit.filter(name="f2").delete()
        assert fruit.filter(name="f2").exists()


@pytest.mark.parametrize("connection", [""], indirect=True)
def test_select_for_update_reads_the_newest_state(fruit):
    one = fruit.filter(name="f1")
    with transaction.atomic(using=ALIAS):
        assert one.select_for_update().get().weight == 1
        one.update(weight=2)
    with pytest.raises(TransactionConflict), transaction.atomic(using=ALIAS):
        assert one.get().weight == 2
        elsewhere(lambda: one.update(weight=3))
        one.select_for_update().get()


def test_a_table_whose_keys_are_exhausted_says_so_until_it_has_some_again(fruit):
    last = fruit.create(pk=2**63 - 2)
    assert fruit.create().pk == 2**63 - 1
    for rows in ([fruit.model()], [fruit.model(), fruit.model()]):
        with pytest.raises(DataError, match="kv_fruit has no key left for its next"):
            fruit.bulk_create(rows)
    fruit.create(pk=7)
    assert fruit.count() == 8
    assert connections[ALIAS].check_store() == []
    fruit.filter(pk__gte=last.pk).delete()
    assert len(connections[ALIAS].check_store(fix=True)) == 1
    assert fruit.create().pk == 8
    assert connections[ALIAS].check_store() == []
    with pytest.raises(DataError):
        fruit.create(pk=2**63)
