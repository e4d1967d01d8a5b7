"""Schema changes that rewrite documents: all of them at one moment, or none."""

import pytest
from django.apps.registry import Apps
from django.db import DataError, IntegrityError, connection, models, transaction


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


def test_a_key_takes_a_new_type_and_the_collection_keeps_its_options(databases):
    model = model_with(
        table="clustered", code=models.CharField(max_length=9, primary_key=True)
    )
    database = connection.database
    clustering = {"key": {"_id": 1}, "unique": True}
    collation = {"locale": "de", "strength": 2}
    database.create_collection(
        "clustered", clusteredIndex=clustering, collation=collation
    )
    options = database["clustered"].options()
    try:
        database["clustered"].insert_one({"_id": "7"})
        altered(model, "code", models.IntegerField(primary_key=True))
        assert database["clustered"].find_one() == {"_id": 7}
        assert database["clustered"].options() == options
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


def test_a_key_that_does_not_convert_changes_nothing(table):
    table.objects.create(code="x")
    with pytest.raises(DataError):
        altered(table, "code", models.IntegerField(primary_key=True))
    assert connection.database["rewriting"].count_documents({}) == 2501


# --- unique columns that may be NULL, and other programs' nulls ---


NULLABLE = {
    "n": models.IntegerField,
    "f": models.FloatField,
    "s": models.TextField,
    "b": models.BooleanField,
    "d": models.DateField,
    "t": models.DateTimeField,
    "u": models.UUIDField,
    "x": models.BinaryField,
}


@pytest.fixture
def nulls(databases):
    """Return a model whose rows 1 and 2 hold nulls, as other programs store them."""
    model = model_with(
        table="nulls", **{name: kind(null=True) for name, kind in NULLABLE.items()}
    )
    with connection.schema_editor() as editor:
        editor.create_model(model)
    connection.database["nulls"].insert_many(
        [{"_id": key, **dict.fromkeys(NULLABLE)} for key in (1, 2)]
    )
    yield model
    with connection.schema_editor() as editor:
        editor.delete_model(model)


@pytest.mark.parametrize("name", NULLABLE)
def test_stored_nulls_are_distinct_in_a_unique_column(nulls, name):
    altered(nulls, name, NULLABLE[name](null=True, unique=True))
    connection.database["nulls"].insert_one({"_id": 3, name: None})
    assert nulls.objects.filter(**{f"{name}__isnull": True}).count() == 3


@pytest.mark.parametrize(
    "name, value", [("n", -5), ("f", 0.5), ("s", ""), ("b", False), ("x", b"")]
)
def test_values_stay_unique_in_a_column_with_nulls(nulls, name, value):
    altered(nulls, name, NULLABLE[name](null=True, unique=True))
    nulls.objects.create(pk=3, **{name: value})
    with pytest.raises(IntegrityError):
        nulls.objects.create(pk=4, **{name: value})
    with pytest.raises(IntegrityError), transaction.atomic():
        nulls.objects.filter(pk=1).update(**{name: value})
    # The server takes the index for a lookup.
    plan = nulls.objects.filter(**{name: value}).explain()
    assert "index nulls" in plan


def test_stored_nulls_are_distinct_in_a_unique_constraint(nulls):
    constraint = models.UniqueConstraint(fields=["n", "s"], name="n_and_s")
    with connection.schema_editor() as editor:
        editor.add_constraint(nulls, constraint)
    nulls.objects.create(pk=3, n=1)
    nulls.objects.create(pk=4, n=1)
    nulls.objects.create(pk=5, n=1, s="x")
    with pytest.raises(IntegrityError):
        nulls.objects.create(pk=6, n=1, s="x")


def test_stored_nulls_are_outside_of_a_constraint_on_what_is_not_null(nulls):
    constraint = models.UniqueConstraint(
        fields=["n"], condition=models.Q(s__isnull=False), name="n_with_s"
    )
    connection.database["nulls"].update_many({}, {"$set": {"n": 1}})
    with connection.schema_editor() as editor:
        editor.add_constraint(nulls, constraint)
    nulls.objects.create(pk=3, n=1, s="x")
    with pytest.raises(IntegrityError):
        nulls.objects.create(pk=4, n=1, s="y")


def test_checks_that_an_older_version_has_stored_without_sql_are_the_models(databases):
    at_most_nine = models.CheckConstraint(condition=models.Q(n__lt=9), name="below")
    model = model_with(table="checked_before", n=models.IntegerField())
    model._meta.constraints = [at_most_nine]
    with connection.schema_editor() as editor:
        editor.create_model(model)
    try:
        schema = connection.database["nonrel_schema"]
        schema.update_one({"_id": "checked_before"}, {"$unset": {"checks.0.sql": ""}})
        connection.known_entries.clear()
        with pytest.raises(IntegrityError, match="below"):
            model.objects.create(n=10)
        assert model.objects.create(n=1).n == 1
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)
