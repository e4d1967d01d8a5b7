"""What inspectdb writes for tables that other programs have made."""

from io import StringIO

import pytest
from django.apps.registry import Apps
from django.core.management import CommandError, call_command
from django.db import models

from .conftest import create, put


@pytest.fixture
def inspected(store):
    """Return a function: the lines that inspectdb writes, stripped."""

    def inspect(*items, name="Songs", key=None, **options):
        if items:
            create(store, name, key or {"id": "S"})
        for number, item in enumerate(items):
            put(store, name, {"id": {"S": str(number)}, **item})
        out = StringIO()
        call_command("inspectdb", name, stdout=out, **options)
        return [line.strip() for line in out.getvalue().splitlines()]

    yield inspect
    store.catalog.native.delete(store.prefix + "inspected")


def test_a_table_is_inspected_by_its_description_and_items(inspected):
    lines = inspected()
    assert "class Songs(models.Model):" in lines
    assert "pk = models.CompositePrimaryKey('artist', 'title')" in lines
    for line in (
        "artist = models.CharField(db_column='Artist', max_length=2048)",
        "year = models.BigIntegerField()",
        "tags = nonrel_backend.fields.SetField(item_field=models.TextField())",
        "label = nonrel_backend.fields.EmbeddedModelField(embedded_model='SongsLabel')",
        "class SongsLabel(nonrel_backend.fields.EmbeddedModel):",
        "since = models.BigIntegerField()",
        "# The fields are inferred from 12 items.",
        "# Global index by-year: year, rating.",
        "managed = False",
        "db_table = 'Songs'",
    ):
        assert any(each.startswith(line) for each in lines), (line, lines)


@pytest.mark.parametrize(
    "values, field",
    [
        ([{"S": "a"}, {"S": ""}], "models.TextField(blank=True)"),
        ([{"N": "1"}, {"N": "-2"}], "models.BigIntegerField()"),
        ([{"N": str(2**63)}], "models.DecimalField(max_digits=38, decimal_places=0)"),
        (
            [{"N": "1.25"}, {"N": "2"}],
            "models.DecimalField(max_digits=38, decimal_places=2)",
        ),
        (
            [{"BOOL": True}, {"NULL": True}],
            "models.BooleanField(blank=True, null=True)",
        ),
        ([{"B": b"x"}], "models.BinaryField()"),
        ([{"S": "a"}, {"N": "1"}], "models.JSONField()  # 1 int, 1 string."),
        ([{"NS": ["1", "2"]}], "item_field=models.BigIntegerField())"),
        ([{"SS": ["1"]}], "nonrel_backend.fields.SetField("),
        ([{"L": [{"N": "1"}, {"N": "2.5"}]}], "item_field=models.FloatField())"),
        ([{"L": [{"N": "1"}, {"S": "a"}]}], "nonrel_backend.fields.ListField()"),
        ([{"M": {}}], "nonrel_backend.fields.DictField("),
        ([{"S": "a"}, None], "models.TextField(blank=True, null=True)"),
    ],
)
def test_fields_fit_the_values(values, field, inspected):
    items = [{} if each is None else {"v": each} for each in values]
    lines = inspected(*items, name="inspected")
    (found,) = [line for line in lines if line.startswith("v = ")]
    assert field in found


def test_a_number_as_key_is_an_integer_if_all_are(inspected):
    items = [{"id": {"N": str(number)}} for number in range(3)]
    lines = inspected(*items, name="inspected", key={"id": "N"})
    assert "id = models.BigIntegerField(primary_key=True)" in lines
    items.append({"id": {"N": "1.5"}})
    lines = inspected(*items, name="inspected", key={"id": "N"})
    assert any(line.startswith("id = models.DecimalField(") for line in lines)


def test_a_part_of_a_table_is_a_model_that_works(inspected, store, monkeypatch):
    lines = inspected(name="App", where="PK begins_with USER# AND SK = PROFILE")
    assert "class AppUserProfile(models.Model):" in lines
    assert "db_table = 'App_user_profile'" in lines
    assert "table = 'App'" in lines
    where = "where = models.Q(pk_field__startswith='USER#', sk='PROFILE')"
    assert where in lines
    assert not any("total" in line for line in lines)
    out, condition = StringIO(), "PK begins_with USER# AND SK = PROFILE"
    call_command("inspectdb", "App", where=condition, stdout=out)
    line = "        managed = False"
    own = f"{line}\n        app_label = 'existing'\n        apps = registry"
    source = out.getvalue().replace(line, own)
    names = {"registry": Apps(), "__name__": __name__}
    exec(source, names)
    model = names["AppUserProfile"]
    from nonrel_backend.dynamodb import catalog

    known = {model._meta.db_table: model}
    monkeypatch.setattr(catalog, "unmanaged_models", lambda: known)
    assert {each.name for each in model.objects.all()} == {"Ada", "Bob"}
    assert model.objects.get(name="Ada").level == 3
    assert isinstance(model._meta.get_field("level"), models.BigIntegerField)


def test_a_condition_that_is_none_is_an_error(inspected):
    with pytest.raises(CommandError, match="begins_with USER#"):
        inspected(name="App", where="PK > 3")
    with pytest.raises(CommandError, match="attribute nothing"):
        inspected(name="App", where="nothing = 3")
