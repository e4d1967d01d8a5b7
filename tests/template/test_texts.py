"""A store that holds nothing but text: no Python value skips its conversion."""

from datetime import date
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, connections, models
from django.db.models import F
from django.test.utils import isolate_apps

from nonrel_backend.testing import BackendConformance
from tests.tables import tables_of

ENGINE = "tests.template.texts"


@pytest.mark.usefixtures("databases")
class TextsTests(BackendConformance):
    DATABASES = {"default": {"ENGINE": ENGINE, "NAME": "texts"}}

    def break_connection(self, connection: Any) -> None:
        connection.db_connection.close()


@isolate_apps("tests.library")
def declared(**fields: Any) -> Any:
    """Return a model of fruit with some more fields."""
    attributes = {
        "__module__": "tests.library.models",
        "Meta": type("Meta", (), {"app_label": "library", "db_table": "texts_fruit"}),
        "name": models.CharField(max_length=20, unique=True),
        "stock": models.PositiveIntegerField(default=0),
        **fields,
    }
    return type("Fruit", (models.Model,), attributes)


@pytest.fixture
def fruit(store):
    """Return the manager of an empty table in the store."""
    store(ENGINE)
    model = declared()
    with tables_of(model, using="texts"):
        yield model.objects.using("texts")


def keys(manager):
    return list(manager.order_by("pk").values_list("pk", flat=True))


def test_keys_follow_each_other_and_those_that_are_given(fruit):
    assert fruit.create(name="a").pk == 1
    fruit.create(pk=7, name="b")
    assert fruit.create(name="c").pk == 8
    fruit.create(pk=-3, name="d")
    fruit.create(pk=3, name="e")
    assert fruit.create(name="f").pk == 9
    made = fruit.bulk_create(
        [fruit.model(pk=20, name="g"), fruit.model(name="h"), fruit.model(name="i")]
    )
    assert [each.pk for each in made] == [20, 21, 22]
    assert keys(fruit) == [-3, 1, 3, 7, 8, 9, 20, 21, 22]


def test_keys_follow_those_of_conflicts_and_of_updates(fruit):
    fruit.bulk_create(
        [fruit.model(pk=5, name="a"), fruit.model(pk=5, name="b")],
        ignore_conflicts=True,
    )
    assert fruit.create(name="c").pk == 6
    fruit.bulk_create(
        [fruit.model(name="c", stock=4), fruit.model(pk=30, name="d")],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["stock"],
    )
    assert fruit.get(name="c").stock == 4
    assert fruit.create(name="e").pk == 31
    fruit.filter(name="e").update(id=40)
    assert fruit.create(name="f").pk == 41
    fruit.filter(name="f").update(id=F("id") + 9)
    assert fruit.create(name="g").pk == 51
    with connections["texts"].cursor() as cursor:
        cursor.execute("INSERT INTO texts_fruit (id, name, stock) VALUES (60, 'h', 1)")
        cursor.execute("INSERT INTO texts_fruit (name, stock) VALUES ('i', 1)")
        assert cursor.lastrowid == 61
        cursor.execute("UPDATE texts_fruit SET id = 70 WHERE name = 'i'")
    assert fruit.create(name="j").pk == 71


def test_keys_follow_those_of_fixtures_and_start_again_after_a_flush(store, library):
    connection, Counter = store(ENGINE), library.Counter
    with tables_of(Counter, using="texts"):
        text = '[{"model": "library.counter", "pk": 12, "fields": {"name": "a"}}]'
        for each in serializers.deserialize("json", text, using="texts"):
            each.save(using="texts")
        counters = Counter.objects.using("texts")
        assert counters.create(name="b").pk == 13
        connection.ops.flush([Counter._meta.db_table], reset_sequences=True)
        assert counters.create(name="c").pk == 1


def test_bulk_update_validates_what_is_stored(fruit):
    rows = fruit.bulk_create(fruit.model(name=name) for name in "ab")
    for row in rows:
        row.stock = -1
    with pytest.raises(IntegrityError, match="must not be negative"):
        fruit.bulk_update(rows, ["stock"])
    assert {row.stock for row in fruit.all()} == {0}


def test_a_renamed_table_keeps_its_next_key(fruit):
    fruit.create(pk=7, name="a")
    with connections["texts"].schema_editor() as editor:
        editor.alter_db_table(fruit.model, "texts_fruit", "texts_other")
        editor.alter_db_table(fruit.model, "texts_other", "texts_fruit")
    assert fruit.create(name="b").pk == 8


def test_columns_are_added_with_their_defaults_and_converted(fruit):
    fruit.create(name="a", stock=7)
    model = declared(
        picked=models.DateField(default=date(2020, 2, 29)),
        weight=models.FloatField(db_default=-1.5),
    )
    new = declared(stock=models.BigIntegerField())
    text = declared(stock=models.CharField(max_length=20))
    with connections["texts"].schema_editor() as editor:
        for name in ("picked", "weight"):
            editor.add_field(model, model._meta.get_field(name))
        for old, changed in ((model, new), (new, text)):
            editor.alter_field(
                old, old._meta.get_field("stock"), changed._meta.get_field("stock")
            )
    unaware = declared(picked=models.DateField(), stock=models.CharField(max_length=20))
    # The database's default is that of a model that does not have the column.
    unaware.objects.using("texts").create(name="b", picked=date(1, 1, 1), stock="x")
    aware = declared(
        picked=models.DateField(),
        weight=models.FloatField(),
        stock=models.CharField(max_length=20),
    )
    assert list(
        aware.objects.using("texts")
        .order_by("name")
        .values_list("picked", "weight", "stock")
    ) == [(date(2020, 2, 29), -1.5, "7"), (date(1, 1, 1), -1.5, "x")]
