"""Schema changes that rewrite documents: all of them at one moment, or none."""

import pytest
from django.apps.registry import Apps
from django.db import DataError, connection, models


def model_with(*, table="rewriting", **fields):
    meta = type("Meta", (), {"apps": Apps(), "app_label": "tests", "db_table": table})
    return type(
        "Rewriting", (models.Model,), {"__module__": __name__, "Meta": meta, **fields}
    )


@pytest.fixture
def table(databases):
    model = model_with(
        code=models.CharField(max_length=9, primary_key=True),
        number=models.CharField(max_length=9, null=True, db_index=True),
    )
    with connection.schema_editor() as editor:
        editor.create_model(model)
    model.objects.bulk_create(
        [model(code=str(n), number=str(n) if n % 2 else None) for n in range(2500)]
    )
    yield model
    with connection.schema_editor() as editor:
        editor.delete_model(model)


def altered(model, name, field):
    old = model._meta.get_field(name)
    field.set_attributes_from_name(name)
    field.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, field)


def test_a_column_takes_a_new_type(table):
    altered(table, "number", models.IntegerField(null=True, db_index=True))
    documents = connection.database["rewriting"]
    assert documents.find_one({"_id": "7"}) == {"_id": "7", "number": 7}
    assert documents.count_documents({"number": {"$type": "int"}}) == 1250


def test_a_value_that_does_not_convert_changes_nothing(table):
    table.objects.filter(pk="2400").update(number="many")
    with pytest.raises(DataError, match="many"):
        altered(table, "number", models.IntegerField(null=True, db_index=True))
    documents = connection.database["rewriting"]
    assert documents.count_documents({"number": {"$type": "string"}}) == 1251


def test_a_key_takes_a_new_type_and_the_indexes_stay(table):
    altered(table, "code", models.IntegerField(primary_key=True))
    documents = connection.database["rewriting"]
    assert documents.find_one({"_id": 7}) == {"_id": 7, "number": "7"}
    assert documents.count_documents({}) == 2500
    assert ["number"] in [list(each["key"]) for each in documents.list_indexes()]
    assert "rewriting__rewritten" not in connection.database.list_collection_names()


def test_a_key_that_does_not_convert_changes_nothing(table):
    table.objects.create(code="x")
    with pytest.raises(DataError):
        altered(table, "code", models.IntegerField(primary_key=True))
    assert connection.database["rewriting"].count_documents({}) == 2501
