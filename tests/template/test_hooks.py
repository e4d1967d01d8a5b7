"""What a store does itself in the place of the toolkit, method by method."""

from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, models
from django.db.models import F, Q
from django.test.utils import isolate_apps

from nonrel_backend.planner.scans import new_query
from tests.tables import tables_of

# More than the local engine reads again each time.
ROWS = 200
NATIVE, COMPARED = "tests.template.native", "tests.template.compared"


@isolate_apps("tests.library")
def declared():
    class Fruit(models.Model):
        expires_after = timedelta(days=1)
        name = models.CharField(max_length=20, unique=True, null=True)
        kind = models.CharField(max_length=20, db_index=True, null=True)
        price = models.IntegerField(default=0)
        weight = models.IntegerField(null=True)
        rank = models.IntegerField(default=0)
        label = models.CharField(max_length=20, null=True)

        class Meta:
            app_label = "library"
            db_table = "hooks_fruit"
            constraints = [
                models.UniqueConstraint(
                    fields=["label"], condition=Q(rank__gt=5), name="hooks_label"
                )
            ]

    return Fruit


@contextmanager
def table(connection):
    """Yield the manager of an empty table and the list of the store's commands."""
    model, alias = declared(), connection.alias
    with tables_of(model, using=alias):
        commands = getattr(connection.db_connection, "commands", [])
        commands.clear()
        yield model.objects.using(alias), commands


@pytest.fixture
def native(store):
    return store(NATIVE)


def test_rows_are_inserted_at_once_with_the_keys_of_a_counter(native):
    with table(native) as (fruit, commands):
        made = fruit.bulk_create(fruit.model(name=f"n{number}") for number in range(9))
        assert [row.pk for row in made] == [*range(1, 10)]
        assert commands == ["increment", "insert_all", "expire after 1 day, 0:00:00"]
        fruit.create(pk=20, name="x")
        assert fruit.create(name="y").pk == 21
        native.ops.flush(["hooks_fruit"], reset_sequences=True)
        assert fruit.create(name="z").pk == 1
        with native.schema_editor() as editor:
            editor.alter_db_table(fruit.model, "hooks_fruit", "hooks_other")
            editor.alter_db_table(fruit.model, "hooks_other", "hooks_fruit")
        assert fruit.create(name="a").pk == 2


def test_the_store_keeps_unique_what_it_has_an_index_of(native):
    indexes = native.db_connection.indexes
    with table(native) as (fruit, _):
        assert list(indexes["hooks_fruit"].values()) == [["name"]]
        fruit.bulk_create(
            fruit.model(name=name, label="l") for name in ("a", "b", None, None)
        )
        for write in (
            lambda: fruit.create(name="a"),
            lambda: fruit.bulk_create([fruit.model(name=each) for each in "cc"]),
            lambda: fruit.filter(name="b").update(name="a"),
            lambda: fruit.filter(name__in=["a", "b"]).update(name="x"),
        ):
            with pytest.raises(IntegrityError):
                write()
        fruit.create(name="d", rank=6, label="m")
        with pytest.raises(IntegrityError):  # this one is the toolkit's
            fruit.create(name="e", rank=7, label="m")
        fruit.bulk_create(
            [fruit.model(name="a", price=3), fruit.model(name="f")],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["price"],
        )
        fruit.bulk_create([fruit.model(name="a")], ignore_conflicts=True)
        assert fruit.get(name="a").price == 3
        assert fruit.count() == 6
        with native.schema_editor() as editor:
            editor.alter_db_table(fruit.model, "hooks_fruit", "hooks_other")
            assert not indexes["hooks_fruit"] and indexes["hooks_other"]
            editor.alter_db_table(fruit.model, "hooks_other", "hooks_fruit")
            old = fruit.model._meta.get_field("name")
            new = models.CharField(max_length=20, null=True)
            new.set_attributes_from_name("name")
            new.model = fruit.model
            editor.alter_field(fruit.model, old, new)
            assert not indexes["hooks_fruit"]
        fruit.create(name="a")
    assert not indexes["hooks_fruit"]


def test_an_increment_is_one_command(native):
    with table(native) as (fruit, commands):
        fruit.create(name="a", price=2, weight=None)
        commands.clear()
        assert fruit.update(price=F("price") + 3) == 1
        fruit.filter(name="a").update(price=F("price") - 1, weight=F("weight") + 1)
        assert commands.count("add") == 2
        row = fruit.get()
        assert (row.price, row.weight) == (4, None)
        commands.clear()
        fruit.update(price=F("price") * 2)
        fruit.update(price=F("pk") + 1)
        assert "add" not in commands and fruit.get().price == row.pk + 1


def test_rows_are_fetched_as_lists_and_kept_until_they_change(native):
    with table(native) as (fruit, commands):
        fruit.bulk_create(fruit.model(price=number) for number in range(ROWS))
        squares = fruit.annotate(square=F("price") * F("price")).order_by("square")
        commands.clear()
        for _ in range(3):
            assert [row.square for row in squares.all()][2:4] == [4, 9]
        assert commands == ["fetch_lists"]
        fruit.filter(price=2).update(price=3)
        assert [row.square for row in squares.all()][2:4] == [9, 9]


def test_parts_of_documents_order_rows(native, documents):
    with tables_of(documents.City, using="native"):
        cities = documents.City.objects.using("native")
        for zip_code in (3, None, 10, 3):
            address = documents.Address(
                zip=zip_code, place=documents.Place(lat=zip_code)
            )
            cities.create(address=address, sizes={"n": -(zip_code or 0)})
        cities.create()
        for ordering, keys, is_native in (
            (["-address__zip", "-id"], [3, 4, 1, 5, 2], True),
            (["sizes__n", "id"], [5, 3, 1, 4, 2], True),
            (["address__place__lat", "id"], [2, 5, 1, 4, 3], False),
        ):
            rows = cities.order_by(*ordering).values_list("id", flat=True)
            assert [list(rows), list(rows[1:3])] == [keys, keys[1:3]]
            assert rows.explain().startswith("native:") is is_native, ordering


def test_a_check_a_backup_and_a_shell_of_the_backends_own(native, tmp_path):
    path = tmp_path / "copy"
    call_command("nonrel_backup", path, database="native", stdout=StringIO())
    assert path.read_text() == "the rows"
    out = StringIO()
    with pytest.raises(CommandError, match="1 problems"):
        call_command("nonrel_check", database="native", stdout=out)
    assert "dusty" in out.getvalue()
    arguments = native.client.settings_to_cmd_args_env(native.settings_dict, ["-v"])
    assert arguments[0][0] == "native-shell" and arguments[0][-1] == "-v"


def test_the_defaults_of_backup_and_check(store, library, tmp_path):
    with pytest.raises(CommandError, match="no backups"):
        call_command("nonrel_backup", tmp_path / "x")
    connection = connections["default"]
    out = StringIO()
    call_command("nonrel_check", stdout=out)
    assert "no problems" in out.getvalue()
    library.Counter.objects.bulk_create(library.Counter(name=each) for each in "ab")
    rows = new_query(connection, library.Counter, [library.Counter._meta.pk])
    rows.update_rows([(2, {"name": "a"})])
    connection.catalog.sequences.set("library_counter", 1)
    for arguments, error in (([], True), (["--fix"], False)):
        out = StringIO()
        try:
            call_command("nonrel_check", *arguments, stdout=out)
        except CommandError:
            assert error
        text = out.getvalue()
        assert "library_counter: UNIQUE constraint failed: library_counter.name" in text
        assert "library_counter: the next key, 2, is not after 2" in text
    assert library.Counter.objects.create(name="c").pk == 3
    library.Counter.objects.all().delete()


# --- a store without transactions ---


def test_rows_that_others_change_are_computed_again(store):
    connection = store(COMPARED)
    with table(connection) as (fruit, _):
        row = fruit.create(name="a", price=1, weight=5)
        query_class = connection.ops.query_class
        compare, calls = query_class.update_rows_if, []

        def overtaken(self, rows):
            calls.append(rows)
            if len(calls) == 1:
                self.connection.ops.query_class(self.compiler, self.fields).update_rows(
                    [(row.pk, {"weight": 7, "price": 10})]
                )
            return compare(self, rows)

        query_class.update_rows_if = overtaken
        try:
            assert fruit.update(price=F("price") * F("weight")) == 1
        finally:
            query_class.update_rows_if = compare
        assert len(calls) == 2 and fruit.get().price == 70


def test_threads_lose_no_write_without_transactions(store):
    connection = store(COMPARED)
    with table(connection) as (fruit, _):
        fruit.create(name="sum")
        failed = []

        def write(number):
            try:
                for each in range(10):
                    fruit.filter(name="sum").update(price=F("price") + 1)
                    fruit.create(name=f"{number}, {each}")
            except Exception as error:
                failed.append(error)
            finally:
                connections["compared"].close()

        threads = [Thread(target=write, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert fruit.get(name="sum").price == 40
        assert sorted(fruit.values_list("pk", flat=True)) == [*range(1, 42)]
