"""A store that an older version has written opens, and works.

`format1.json` holds the keys and values of a store of format 1, written by the version
before 2026-11-28 with the two models below; `format2.json` those of the version after
it, whose rows have no checksums.
"""

import json
from datetime import datetime
from io import StringIO
from pathlib import Path

import lmdb
import pytest
from django.apps.registry import Apps
from django.core.management import call_command
from django.db import IntegrityError, connections, models
from django.db.models import F, Q
from django.db.models.functions import Lower, Reverse

HERE = Path(__file__).parent


def make_models():
    from nonrel_backend import fields

    class Shelf(models.Model):
        name = models.CharField(max_length=30, unique=True)

        class Meta:
            app_label = "old"
            apps = Apps()

    class Thing(models.Model):
        shelf = models.ForeignKey(Shelf, models.CASCADE, db_column="shelf_nr")
        title = models.CharField(max_length=600, db_index=True)
        code = models.CharField(max_length=30)
        price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
        seen = models.DateTimeField(null=True)
        data = models.JSONField(null=True)
        tags = fields.ListField(models.CharField(max_length=20), default=list)

        class Meta:
            app_label = "old"
            apps = Shelf._meta.apps
            indexes = [
                models.Index(F("price").desc(), "title", name="by_price"),
                models.Index(Lower("code"), name="by_lower"),
                models.Index(Reverse("code"), name="by_reverse"),
                models.Index(fields=["tags"], name="by_tags"),
                models.Index(
                    fields=["seen"],
                    name="by_seen",
                    condition=Q(price__gt=1) & Q(code__startswith="c"),
                ),
                models.Index(F("price") * 2, name="by_double"),
            ]
            constraints = [
                models.UniqueConstraint(Lower("code"), name="unique_code"),
                models.UniqueConstraint(
                    "title", name="one_title", condition=Q(code__contains="%")
                ),
                models.CheckConstraint(condition=Q(price__lt=1000), name="cheap"),
            ]

    return Shelf, Thing


@pytest.fixture(params=[1, 2])
def things(open_store, tmp_path, request):
    old = json.loads((HERE / f"format{request.param}.json").read_text())
    with lmdb.open(str(tmp_path / "store")) as environment:
        with environment.begin(write=True) as txn:
            for key, value in old:
                txn.put(bytes.fromhex(key), bytes.fromhex(value))
    open_store()
    _, thing = make_models()
    return thing.objects.using("own")


def test_an_old_stores_rows_and_indexes_serve(things):
    assert connections["own"].check_store() == []
    assert things.count() == 12
    found = {
        "by_price": (things.filter(price=7), ["C7%"]),
        "by_lower": (things.filter(code__istartswith="c10"), ["C10%"]),
        "by_reverse": (things.filter(code__endswith="1%"), ["C1%", "C11%"]),
        "by_tags": (things.filter(tags__contains="3"), ["c3"]),
        "by_seen": (
            things.filter(
                price__gt=1, code__startswith="c", seen__gt=datetime(2024, 1, 8)
            ),
            ["c9"],
        ),
    }
    for name, (queryset, codes) in found.items():
        assert sorted(each.code for each in queryset) == codes
        assert f"index {name}" in queryset.explain(), name
    assert things.get(pk=6).title == "t" * 500 + "5"
    assert [each.data for each in things.order_by("pk")[:3]] == [None, {"a": 1}, 2]


def test_an_old_store_is_written_and_its_constraints_hold(things):
    row = {"shelf_id": 1, "title": "new", "code": "new", "price": 3}
    with pytest.raises(IntegrityError, match="unique_code"):
        things.create(**row | {"code": "C3"})
    with pytest.raises(IntegrityError):
        things.create(**row | {"title": "t1", "code": "%"})
    with pytest.raises(IntegrityError, match="cheap"):
        things.create(**row | {"price": 1000})
    assert things.create(**row).pk == 13
    assert things.filter(code="c9").update(price=F("price") + 1, code="C9") == 1
    assert things.get(pk=2).delete()[0] == 1
    assert connections["own"].check_store() == []


def test_an_old_stores_tables_are_altered(things):
    before = {(each.pk, each.code, each.price) for each in things.all()}
    new = models.CharField(max_length=40, db_column="label")
    new.set_attributes_from_name("code")
    new.model = things.model
    size = models.IntegerField(default=7)
    size.set_attributes_from_name("size")
    size.model = things.model
    meta = things.model._meta
    with connections["own"].schema_editor() as editor:
        editor.alter_field(things.model, meta.get_field("code"), new)
        editor.add_field(things.model, size)
        editor.remove_field(things.model, meta.get_field("seen"))
        editor.remove_index(things.model, meta.indexes[5])
    meta.get_field("code").column = "label"
    kept = things.defer("seen")
    assert {(each.pk, each.code, each.price) for each in kept} == before
    assert [each.code for each in kept.filter(code__iexact="c6")] == ["c6"]
    assert "index by_lower" in kept.filter(code__iexact="c6").explain()
    constraints = connections["own"].introspection.get_constraints(None, "old_thing")
    assert "by_seen" not in constraints and "by_double" not in constraints
    assert connections["own"].check_store() == []


def test_an_old_stores_tables_stay_as_they_are_and_new_ones_have_checksums(things):
    from tests.library.models import Genre

    connection = connections["own"]
    with connection.schema_editor() as editor:
        editor.create_model(Genre)
    Genre.objects.using("own").create(name="new")
    things.filter(code="c9").update(price=F("price") + 1)
    entries = {
        name: connection.tables.entry(name) for name in connection.tables.names()
    }
    assert {name for name in entries if "checksums" in entries[name]} == {
        "library_genre"
    }
    assert connection.check_store() == []


def test_nonrel_check_gives_an_old_stores_rows_checksums(things):
    before = list(things.order_by("pk").values_list())
    connection = connections["own"]
    output = StringIO()
    call_command(
        "nonrel_check", database="own", add_checksums=True, stdout=output, verbosity=0
    )
    assert output.getvalue().splitlines() == [
        "old_shelf: its rows have checksums now",
        "old_thing: its rows have checksums now",
        "no problems",
    ]
    assert all(
        "checksums" in connection.tables.entry(name)
        for name in connection.tables.names()
    )
    assert list(things.order_by("pk").values_list()) == before
    assert [each.code for each in things.filter(code__iexact="c6")] == ["c6"]
    assert things.create(shelf_id=1, title="new", code="new", price=3).pk == 13
    assert connection.check_store() == connection.add_checksums() == []
