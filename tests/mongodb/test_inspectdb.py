"""What inspectdb writes for collections that no migration has made."""

from datetime import datetime
from io import StringIO
from uuid import UUID

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, Regex
from django.apps.registry import Apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models

from nonrel_backend.mongodb import metadata

KEY = ObjectId("65f0000000000000000000a1")
DAY = datetime(2024, 5, 17)
EMBEDDED = "nonrel_backend.fields.EmbeddedModelField"
LIST = "nonrel_backend.fields.ListField"
OBJECT_ID = "nonrel_backend.mongodb.fields.ObjectIdField"


@pytest.fixture
def inspected(databases):
    """Return a function: the lines that inspectdb writes for documents, stripped."""
    names = []

    def inspect(*documents, name="inspected", make=None, **options):
        names.append(name)
        collection = connection.database[name]
        if documents:
            collection.insert_many(documents)
        if make is not None:
            make(collection)
        out = StringIO()
        call_command("inspectdb", name, stdout=out, **options)
        return [line.strip() for line in out.getvalue().splitlines()]

    yield inspect
    for name in names:
        connection.database[name].drop()
    connection.known_unique_indexes.clear()


def field_of(values, inspected):
    """Return the source of the field of a column with these values."""
    lines = inspected(*[{"_id": n, "v": value} for n, value in enumerate(values)])
    (found,) = [line for line in lines if line.startswith("v = ")]
    return found.removeprefix("v = ")


@pytest.mark.parametrize(
    "values, field",
    [
        ([1, 2], "models.BigIntegerField()"),
        ([1, Int64(2)], "models.BigIntegerField()  # 1 int, 1 long."),
        ([1, 2.5], "models.FloatField()  # 1 double, 1 int."),
        ([1, float("inf")], "models.FloatField()  # 1 double, 1 int."),
        ([1e300], "models.FloatField()"),
        (
            [1.0, 2.0],
            "models.BigIntegerField()  # Whole numbers stored as doubles, as the mongo "
            "shell does.",
        ),
        (
            [Decimal128("1.250"), 2],
            "models.DecimalField(max_digits=34, decimal_places=3)  # max_digits and "
            "decimal_places are guessed. 1 decimal, 1 int.",
        ),
        (["a", "b"], "models.TextField()"),
        (["a", ""], "models.TextField(blank=True)"),
        ([True], "models.BooleanField()"),
        ([DAY], "models.DateTimeField()"),
        ([b"a"], "models.BinaryField()"),
        (
            [DatetimeMS(253_402_300_800_000), DAY],
            "models.DateTimeField()  # Dates out of the years 1 to 9999, the limits of "
            "datetimes. 1 date, 1 date out of range.",
        ),
        ([Binary(UUID(int=7).bytes, 4)], "models.UUIDField()"),
        (
            [Binary(UUID(int=7).bytes, 3)],
            "models.BinaryField()  # Legacy UUIDs, whose order of bytes depends on "
            "their driver.",
        ),
        (
            [Binary(UUID(int=7).bytes, 4), b"a"],
            "models.BinaryField()  # 1 binData, 1 uuid.",
        ),
        ([KEY], f"{OBJECT_ID}()"),
        ([1, "a"], "models.JSONField()  # 1 int, 1 string."),
        ([1, True], "models.JSONField()  # 1 bool, 1 int."),
        ([Regex("a")], "models.JSONField()  # 1 regex."),
        ([None], "models.JSONField(blank=True, null=True)  # 1 null."),
        (
            ["a", None],
            "models.TextField(blank=True, null=True)  # 1 null, 1 string.",
        ),
        ([["a"], ["b"]], f"{LIST}(item_field=models.TextField())"),
        ([[KEY]], f"{LIST}(item_field={OBJECT_ID}())"),
        (
            [[1, None, 2]],
            f"{LIST}(item_field=models.BigIntegerField())  # Items: 2 int, 1 null.",
        ),
        ([[1, "a"]], f"{LIST}()  # Items: 1 int, 1 string."),
        ([[]], f"{LIST}(blank=True)  # Items: none."),
        ([[[1]]], f"{LIST}(item_field={LIST}(item_field=models.BigIntegerField()))"),
        ([{}], "nonrel_backend.fields.DictField(blank=True)"),
        (
            [{"a.b": 1, "$c": 2}],
            "nonrel_backend.fields.DictField(item_field=models.BigIntegerField())  "
            "# 2 different keys.",
        ),
        (
            [{f"k{n}": "x" for n in range(51)}],
            "nonrel_backend.fields.DictField(item_field=models.TextField())  "
            "# 51 different keys.",
        ),
    ],
    ids=repr,
)
def test_values_have_the_field_of_their_types(inspected, values, field):
    assert field_of(values, inspected) == field


def test_what_some_documents_lack_is_optional(inspected):
    lines = inspected({"_id": 1, "a": 1}, {"_id": 2})
    assert "a = models.BigIntegerField(blank=True, null=True)" in lines


def test_sub_documents_are_embedded_models_named_by_their_path(inspected):
    lines = inspected(
        {"_id": 1, "home": {"city": "Oslo", "geo": {"lat": 1.5}}},
        {"_id": 2, "home": {"city": "Rome", "zip": "1"}, "old": [{"city": "Bonn"}]},
    )
    assert f"home = {EMBEDDED}(embedded_model='InspectedHome')" in lines
    item = f"{EMBEDDED}(embedded_model='InspectedOld')"
    assert f"old = {LIST}(item_field={item}, blank=True, null=True)" in lines
    start = lines.index("class InspectedHome(nonrel_backend.fields.EmbeddedModel):")
    geo = f"{EMBEDDED}(embedded_model='InspectedHomeGeo', blank=True, null=True)"
    assert lines[start + 1 : start + 4] == [
        "city = models.TextField()",
        f"geo = {geo}",
        "zip = models.TextField(blank=True, null=True)",
    ]
    assert "class InspectedHomeGeo(nonrel_backend.fields.EmbeddedModel):" in lines
    assert "class InspectedOld(nonrel_backend.fields.EmbeddedModel):" in lines


@pytest.mark.parametrize(
    "keys, field",
    [
        ([KEY], "nonrel_backend.mongodb.fields.ObjectIdAutoField(primary_key=True)"),
        ([7, 8], "models.BigIntegerField(primary_key=True)"),
        (["a"], "models.TextField(primary_key=True)"),
        ([Binary(UUID(int=7).bytes, 4)], "models.UUIDField(primary_key=True)"),
        (
            ["a", KEY, 7],
            "models.TextField(primary_key=True)  # 1 int, 1 objectId, 1 string.",
        ),
        ([None], "models.JSONField(primary_key=True)  # 1 null."),
        ([{"day": 1}], "models.JSONField(primary_key=True)  # 1 object."),
    ],
    ids=repr,
)
def test_keys_have_the_field_of_their_types(inspected, keys, field):
    lines = inspected(*[{"_id": key} for key in keys])
    (found,) = [line for line in lines if line.startswith("id = ")]
    assert sorted(found.split()) == sorted(f"id = {field}".split())


def test_a_compound_key_is_a_composite_key(inspected):
    lines = inspected({"_id": {"Day": DAY, "country": "NO"}, "n": 1})
    start = lines.index("pk = models.CompositePrimaryKey('day', 'country')")
    assert lines[start + 1 : start + 3] == [
        "day = models.DateTimeField(db_column='Day')  # Field name made lowercase.",
        "country = models.TextField()",
    ]


def test_a_key_id_beside_the_key_is_a_field_of_its_own(inspected):
    lines = inspected({"_id": 1, "id": "x"})
    assert any(line.startswith("field_id = ") for line in lines)
    assert "id = models.TextField()" in lines


def test_an_empty_collection_has_a_model(inspected):
    lines = inspected(make=lambda each: each.database.create_collection(each.name))
    assert "The fields are inferred from 0 documents." in " ".join(lines)
    assert any(line.startswith("id = ") for line in lines)


def test_a_sample_is_as_large_as_asked_for(inspected):
    lines = inspected(*[{"_id": n} for n in range(200)], sample=3)
    assert "# The fields are inferred from 3 documents." in lines


def test_a_sample_of_no_documents_is_refused(inspected):
    with pytest.raises(CommandError, match="positive"):
        inspected({"_id": 1}, sample=0)


def test_unique_indexes_are_unique_fields(inspected):
    def index(collection):
        collection.create_index("a", unique=True)
        collection.create_index("b", unique=True, sparse=True)
        collection.create_index([("a", 1), ("b", 1)], unique=True)

    lines = inspected({"_id": 1, "a": 1, "b": 1}, make=index)
    assert "a = models.BigIntegerField(unique=True)" in lines
    assert "b = models.BigIntegerField(unique=True)" in lines
    assert "unique_together = (('a', 'b'),)" in lines


@pytest.mark.parametrize(
    "keys, options",
    [
        ("a", {"partialFilterExpression": {"b": 1}}),
        ("l", {}),
        ("s.x", {}),
        ([("a", 1), ("b", 1), ("s.x", 1)], {}),
    ],
)
def test_other_unique_indexes_are_none_that_django_validates(inspected, keys, options):
    lines = inspected(
        {"_id": 1, "a": 1, "b": 1, "l": ["x"], "s": {"x": 1}},
        make=lambda collection: collection.create_index(keys, unique=True, **options),
    )
    assert "# A unique constraint could not be introspected." in lines
    assert not any("unique=" in line or "unique_together" in line for line in lines)


@pytest.mark.parametrize(
    "name, model",
    [
        ("2024 totals", "Table2024Totals"),
        ("none", "TableNone"),
        ("売上", "Table"),
        ("fs.files", "FsFiles"),
        ("a'\nimport os", "AImportOs"),
    ],
)
def test_every_name_of_a_collection_makes_a_class(inspected, name, model):
    assert f"class {model}(models.Model):" in inspected({"_id": 1}, name=name)


def test_a_view_is_inspected(inspected):
    def view(collection):
        collection.database.create_collection("a_view", viewOn=collection.name)

    inspected({"_id": 1, "a": 1}, make=view)
    try:
        lines = inspected(name="a_view", include_views=True)
    finally:
        connection.database["a_view"].drop()
    assert "a = models.BigIntegerField()" in lines
    assert "managed = False  # Created from a view. Don't remove." in lines


def test_columns_that_migrations_made_are_as_declared(documents):
    documents.City.objects.create(name="Kyoto", tags=["a"])
    out = StringIO()
    call_command("inspectdb", documents.City._meta.db_table, stdout=out)
    assert "name = models.CharField(max_length=50)" in out.getvalue()
    assert f"tags = {LIST}(item_field=models.TextField())" in out.getvalue()


def test_a_collection_that_a_migration_changes_is_inspected_as_before(inspected):
    class Inspected(models.Model):
        class Meta:
            apps = Apps()
            app_label = "tests"
            db_table = "inspected"

    inspected({"_id": 1, "tags": ["a"], "home": {"city": "Oslo"}})
    field = models.IntegerField(null=True)
    field.set_attributes_from_name("size")
    with connection.schema_editor() as editor:
        editor.add_field(Inspected, field)
    try:
        lines = inspected()
    finally:
        metadata.forget(connection, "inspected")
    assert f"tags = {LIST}(item_field=models.TextField())" in lines
    home = f"home = {EMBEDDED}(embedded_model='InspectedHome')"
    assert home in lines
    assert "size = models.IntegerField(blank=True, null=True)" in lines


def test_a_collection_that_a_migration_gives_a_check_is_inspected(inspected):
    class Inspected(models.Model):
        n = models.IntegerField()

        class Meta:
            apps = Apps()
            app_label = "tests"
            db_table = "inspected"

    inspected({"_id": 1, "n": 1})
    check = models.CheckConstraint(condition=models.Q(n__gt=0), name="positive")
    with connection.schema_editor() as editor:
        editor.add_constraint(Inspected, check)
    try:
        assert "n = models.BigIntegerField()" in inspected()
        with pytest.raises(IntegrityError):
            Inspected.objects.create(pk=2, n=0)
    finally:
        metadata.forget(connection, "inspected")


def test_raw_sql_reads_lists_and_sub_documents_as_json(inspected):
    inspected({"_id": 1, "tags": ["a"], "home": {"city": "Oslo"}, "n": 1.5})
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, tags, home, n FROM inspected WHERE n > 1")
        assert cursor.fetchall() == [(1, '["a"]', '{"city": "Oslo"}', 1.5)]


def test_raw_sql_reads_nulls_in_the_place_of_documents_as_null(inspected):
    inspected(
        {"_id": 1, "tags": ["a"], "home": {}}, {"_id": 2, "tags": None}, {"_id": 3}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM inspected WHERE tags IS NULL AND home IS NULL")
        assert cursor.fetchall() == [(2,), (3,)]


def test_raw_sql_reads_columns_of_documents_without_their_model(documents):
    documents.City.objects.create(name="Kyoto", tags=["a"])
    table = documents.City._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, tags FROM {table}")
        assert cursor.fetchall() == [("Kyoto", '["a"]')]
