"""A column that becomes the primary key leaves the values of the one before."""

from functools import partial

import pytest
from django.db import migrations, models

APP = "moved_keys"
NUMBER, KEY = models.IntegerField(), models.CharField(max_length=20, primary_key=True)
BECOMES_KEY = migrations.AlterField("Thing", "code", KEY)


@pytest.fixture
def migrate(run_operations):
    return partial(run_operations, APP)


def made(name):
    fields = [
        (name, models.IntegerField(primary_key=True)),
        ("code", models.CharField(max_length=20)),
    ]
    return [
        migrations.CreateModel("Thing", fields),
        migrations.RunPython(lambda apps, editor: fill_with(apps, name)),
    ]


def fill_with(apps, name):
    things = apps.get_model(APP, "Thing").objects
    for number, code in ((7, "b"), (8, "a")):
        things.create(**{name: number, "code": code})


@pytest.mark.parametrize("name", ["id", "number", "a_number"])
@pytest.mark.parametrize("key_first", [True, False])
def test_the_old_key_stays_as_a_column(migrate, name, key_first):
    steps = [BECOMES_KEY, migrations.AlterField("Thing", name, NUMBER)]
    apps = migrate(*made(name), *(steps if key_first else steps[::-1]))
    things = apps.get_model(APP, "Thing").objects
    assert list(things.order_by("pk").values_list("pk", name)) == [("a", 8), ("b", 7)]
    things.filter(pk="a").update(**{name: 9})
    assert things.get(**{name: 9}).pk == "a"


def test_the_old_key_is_removed_before_or_after(migrate):
    for number, steps in enumerate(([0, 1], [1, 0])):
        both = [BECOMES_KEY, migrations.RemoveField("Thing", "number")]
        delete = [migrations.DeleteModel("Thing")] if number else []
        apps = migrate(*delete, *made("number"), *(both[step] for step in steps))
        things = apps.get_model(APP, "Thing").objects
        assert list(things.order_by("pk").values()) == [{"code": "a"}, {"code": "b"}]
