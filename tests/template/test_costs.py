"""How often writes ask the store, and whether they know its catalog as it is."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, ProgrammingError, connections, models, transaction
from django.db.models import Q
from django.test.utils import isolate_apps

from backend_template.store import Connection
from tests.tables import tables_of

METHODS = ("find", "find_all", "writing", "lock")


@contextmanager
def calls() -> Iterator[list[str]]:
    """Record the calls of the store's methods, but for those that they make."""
    found: list[str] = []
    running: list[str] = []

    @contextmanager
    def one(name: str) -> Iterator[None]:
        if not running:
            found.append(name)
        running.append(name)
        try:
            yield
        finally:
            running.pop()

    def recorded(name: str) -> Any:
        method = getattr(Connection, name)

        @contextmanager
        def writing(*args: Any) -> Iterator[Any]:
            with ExitStack() as stack:
                with one(name):
                    documents = stack.enter_context(method(*args))
                yield documents

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            with one(name):
                return method(*args, **kwargs)

        return writing if name == "writing" else call

    with mock.patch.multiple(Connection, **{name: recorded(name) for name in METHODS}):
        yield found


@isolate_apps("tests.library")
def declared(**fields: Any) -> Any:
    """Return a model of fruit with these fields."""
    attributes = {
        "__module__": "tests.library.models",
        "Meta": type("Meta", (), {"app_label": "library", "db_table": "costs_fruit"}),
        "price": models.IntegerField(default=0),
        **fields,
    }
    return type("Fruit", (models.Model,), attributes)


def name(**options: Any) -> models.Field:
    return models.CharField(max_length=20, **options)


@pytest.fixture(params=[False, True], ids=["plain", "unique"])
def fruit(databases, request):
    model = declared(name=name(unique=request.param))
    with tables_of(model):
        model.objects.create(name="first")
        yield model.objects


def test_create_asks_three_times(fruit):
    with calls() as found:
        fruit.create(name="a", price=1)
    assert found == ["find_all", "writing", "writing"]


def test_save_asks_twice(fruit):
    row = fruit.create(name="a", price=1)
    row.price = 2
    with calls() as found:
        row.save()
    assert found == ["find_all", "writing"]
    row.name = "b"
    with calls() as found:
        row.save()
    assert found == ["find_all", "writing"]
    assert fruit.get(name="b").price == 2


def test_bulk_create_asks_once_and_writes_each_row(fruit):
    with calls() as found:
        fruit.bulk_create(fruit.model(name=f"n{number}") for number in range(20))
    assert found.count("find_all") == 1 and found.count("writing") == 21
    assert "find" not in found


def test_a_save_that_repeats_a_value_or_finds_no_row(fruit):
    if not fruit.model._meta.get_field("name").unique:
        pytest.skip("Names may be repeated.")
    row = fruit.create(name="a")
    with pytest.raises(IntegrityError, match=r"costs_fruit\.name"):
        fruit.filter(pk=row.pk).update(name="first")
    assert fruit.filter(pk=99).update(name="first") == 0
    assert fruit.filter(pk=row.pk).update(name="a") == 1


# --- what another connection changes ---


@pytest.fixture
def two(databases):
    """Yield the managers of a table on two connections, and the other connection."""
    model = declared(name=name())
    settings = connections.settings
    settings["other"] = {**settings["default"]}
    connections["other"].settings_dict["NAME"] = settings["default"]["NAME"]
    with tables_of(model):
        ours, others = (model.objects.using(each) for each in ("default", "other"))
        for manager in (ours, others):
            manager.get(pk=manager.create(name="a").pk).save()
        yield ours
    connections["other"].close()
    del connections["other"], settings["other"]


def alter(old: Any, new: Any, column: str, using: str = "other") -> None:
    """Alter a field on a connection."""
    with connections[using].schema_editor() as editor:
        fields = (model._meta.get_field(column) for model in (old, new))
        editor.alter_field(old, *fields)


def test_a_new_unique_column_is_validated_and_one_that_went_is_not(two):
    unique = declared(name=name(unique=True))
    two.filter(name="a").last().delete()
    alter(two.model, unique, "name")
    for write in (
        lambda: two.create(name="a"),
        lambda: two.bulk_create([two.model(name="b"), two.model(name="b")]),
        lambda: two.update_or_create(name="c", defaults={"name": "a"}),
    ):
        with pytest.raises(IntegrityError):
            write()
    row = two.create(name="d")
    for write in (row.save, lambda: two.filter(price=0).update(name="a")):
        row.name = "a"
        with pytest.raises(IntegrityError):
            write()
    alter(unique, two.model, "name")
    row.save()
    two.create(name="a")
    assert two.filter(name="a").count() == 3


def test_a_new_check_is_validated(two):
    check = models.CheckConstraint(condition=Q(price__lt=10), name="costs_cheap")
    with connections["other"].schema_editor() as editor:
        editor.add_constraint(two.model, check)
    row = two.last()
    row.price = 10
    for write in (
        lambda: two.create(name="x", price=10),
        row.save,
        lambda: two.update(price=10),
        lambda: two.bulk_update([row], ["price"]),
    ):
        with pytest.raises(IntegrityError, match="costs_cheap"):
            write()
    with connections["default"].cursor() as cursor:
        with pytest.raises(IntegrityError, match="costs_cheap"):
            cursor.execute("UPDATE costs_fruit SET price = 10")
    with connections["other"].schema_editor() as editor:
        editor.remove_constraint(two.model, check)
    row.save()
    assert two.get(price=10) == row


def test_the_default_of_a_new_column_is_given_to_rows(two):
    new = declared(name=name(), weight=models.IntegerField(db_default=7))
    with connections["other"].schema_editor() as editor:
        editor.add_field(two.model, new._meta.get_field("weight"))
    two.create(name="b")
    assert set(new.objects.values_list("weight", flat=True)) == {7}


def test_a_table_that_went_is_an_error_of_each_write(two):
    row = two.first()
    with connections["other"].schema_editor() as editor:
        editor.delete_model(two.model)
    try:
        assert not two.exists()  # see "Fewer requests" in the tutorial
        for write in (
            lambda: two.create(name="b"),
            row.save,
            lambda: two.update(price=1),
            lambda: two.bulk_create([two.model(name="c")], ignore_conflicts=True),
        ):
            with pytest.raises(ProgrammingError, match="no such table"):
                write()
        with pytest.raises(ProgrammingError, match="no such table"):
            two.exists()
    finally:
        with connections["other"].schema_editor() as editor:
            editor.create_model(two.model)


def test_a_migration_that_is_rolled_back_changes_nothing(two):
    two.filter(name="a").last().delete()
    unique = declared(name=name(unique=True))
    with transaction.atomic():
        alter(two.model, unique, "name", "default")
        two.create(name="b")
        with pytest.raises(IntegrityError), transaction.atomic():
            two.create(name="b")
        transaction.set_rollback(True)
    two.create(name="a")
    two.create(name="a")
    assert two.count() == 3


def test_an_insert_that_fails_leaves_no_last_key_behind(two):
    with pytest.raises(IntegrityError):
        two.create(pk=two.first().pk, name="x")
    rows = [two.using("other").create(name="x") for _ in range(5)]
    free, last = rows[1].pk, rows[-1].pk
    rows[1].delete()
    two.filter(pk=rows[0].pk).update(id=free)
    assert two.create(name="y").pk == last + 1


def test_keys_of_two_connections_follow_each_other(two):
    other = two.using("other")
    keys = [each.create(name="x").pk for each in (two, other) * 3]
    assert keys == list(range(keys[0], keys[0] + 6))
    with transaction.atomic():
        two.create(name="x")
        two.create(pk=keys[-1] + 10, name="x")
        transaction.set_rollback(True)
    assert other.create(name="x").pk == keys[-1] + 1
