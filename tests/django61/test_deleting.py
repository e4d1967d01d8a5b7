"""DB_CASCADE, DB_SET_NULL and DB_SET_DEFAULT: rows that refer go with a DELETE."""

import pytest
from django.db import connection, models, transaction
from django.db.models.signals import post_delete


@pytest.fixture
def store(databases):
    """Return the models; their tables hold three shelves."""
    from . import models

    tables = (models.Shelf, models.Box, models.Label, models.Loose)
    connection.ops.flush([each._meta.db_table for each in tables], reset_sequences=True)
    for name in ("a", "b", "spare"):
        models.Shelf.objects.create(name=name)
    return models


@pytest.fixture
def shelves(store):
    return {shelf.name: shelf for shelf in store.Shelf.objects.all()}


def test_rows_are_deleted_by_one_statement_without_signals(store, shelves):
    for shelf in shelves.values():
        store.Box.objects.create(shelf=shelf)
    deleted = []

    def note(sender, **kwargs):
        deleted.append(sender)

    post_delete.connect(note)
    try:
        assert shelves["a"].delete() == (1, {"django61.Shelf": 1})
    finally:
        post_delete.disconnect(note)
    assert deleted == [store.Shelf]
    names = store.Box.objects.order_by("pk").values_list("shelf__name", flat=True)
    assert list(names) == ["b", "spare"]


def test_rows_are_deleted_through_many_steps(store, shelves):
    box = None
    for _ in range(60):
        box = store.Box.objects.create(shelf=shelves["b"], within=box)
    first = store.Box.objects.earliest("pk")
    store.Box.objects.filter(pk=first.pk).update(shelf=shelves["a"])
    label = store.Label.objects.create(box=box, shelf=shelves["b"])
    shelves["a"].delete()
    assert not store.Box.objects.exists()
    label.refresh_from_db()
    assert label.box_id is None


def test_rows_that_refer_to_each_other_are_deleted(store, shelves):
    one = store.Box.objects.create(shelf=shelves["a"])
    two = store.Box.objects.create(shelf=shelves["b"], within=one)
    store.Box.objects.filter(pk=one.pk).update(within=two)
    assert store.Box.objects.filter(pk=two.pk).delete() == (1, {"django61.Box": 1})
    assert not store.Box.objects.exists()


def test_foreign_keys_become_null_or_their_default(store, shelves):
    box = store.Box.objects.create(shelf=shelves["b"])
    labels = [
        store.Label.objects.create(box=box, shelf=shelf)
        for shelf in (shelves["a"], shelves["b"])
    ]
    store.Shelf.objects.filter(name="a").delete()
    box.delete()
    for label in labels:
        label.refresh_from_db()
    assert [label.shelf_id for label in labels] == ["spare", "b"]
    assert [label.box_id for label in labels] == [None, None]
    connection.check_constraints()


def test_a_foreign_key_without_a_constraint_is_left_alone(store, shelves):
    store.Loose.objects.create(shelf=shelves["a"])
    shelves["a"].delete()
    assert store.Loose.objects.count() == 1


def test_raw_sql_deletes_as_the_orm_does(store, shelves):
    for name in ("a", "b"):
        store.Box.objects.create(shelf=shelves[name])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django61_shelf WHERE name = %s", ["a"])
        assert cursor.rowcount == 1
    assert [box.shelf.name for box in store.Box.objects.all()] == ["b"]


def test_all_of_it_is_rolled_back(store, shelves):
    if not connection.features.supports_transactions:
        pytest.skip("Nothing is rolled back.")
    store.Box.objects.create(shelf=shelves["a"])
    with transaction.atomic():
        shelves["a"].delete()
        transaction.set_rollback(True)
    assert (store.Shelf.objects.count(), store.Box.objects.count()) == (3, 1)


def test_introspection_knows_it(store, shelves):
    with connection.cursor() as cursor:
        found = connection.introspection.get_relations(cursor, "django61_label")
    assert found == {
        "box_id": ("id", "django61_box", models.DB_SET_NULL),
        "shelf_id": ("name", "django61_shelf", models.DB_SET_DEFAULT),
    }


def test_a_migration_changes_it(store, shelves):
    old = store.Box._meta.get_field("shelf")
    new = models.ForeignKey(store.Shelf, models.DB_SET_NULL, null=True)
    new.set_attributes_from_name("shelf")
    new.model = store.Box
    with connection.schema_editor() as editor:
        editor.alter_field(store.Box, old, new, strict=True)
    with connection.cursor() as cursor:
        found = connection.introspection.get_relations(cursor, "django61_box")
    with connection.schema_editor() as editor:
        editor.alter_field(store.Box, new, old, strict=True)
    assert found["shelf_id"] == ("id", "django61_shelf", models.DB_SET_NULL)


def test_the_checks_find_nothing(store, shelves):
    for model in (store.Box, store.Label, store.Loose):
        assert model.check(databases=["default"]) == []
