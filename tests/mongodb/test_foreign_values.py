"""Documents that other programs wrote: read as fields mean, kept, or a DataError."""

import json
import pickle
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, Regex, encode
from django.apps.registry import Apps
from django.core import serializers
from django.db import DataError, connection, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When, Window
from django.db.models.functions import RowNumber

from nonrel_backend.mongodb import reading
from tests.adopted import made_by_others
from tests.tables import tables_of

MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123000)


@pytest.fixture
def record(library):
    """Return a model with a column of each type, and its empty collection."""

    class Record(models.Model):
        label = models.CharField(max_length=20, default="x")
        note = models.TextField(null=True)
        number = models.IntegerField(null=True)
        price = models.DecimalField(max_digits=10, decimal_places=4, null=True)
        ratio = models.FloatField(null=True)
        active = models.BooleanField(null=True)
        at = models.DateTimeField(null=True)
        day = models.DateField(null=True)
        hour = models.TimeField(null=True)
        length = models.DurationField(null=True)
        token = models.UUIDField(null=True)
        blob = models.BinaryField(null=True)
        data = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Record):
        Record.collection = connection.database[Record._meta.db_table]
        made_by_others(Record)
        yield Record


LOCALLY = Case(When(number=7, then=Value(1)), default=Value(0))


def stored(record):
    return {encode(each) for each in record.collection.find()}


KEPT = {
    "decimal_of_fewer_places": {"price": Decimal128("1.23")},
    "decimal_with_exponent": {"price": Decimal128("4E+3")},
    "double_in_a_decimal": {"price": 1.1},
    "integer_in_a_decimal": {"price": 7},
    "double_in_an_integer": {"number": 3.0},
    "long_in_an_integer": {"number": Int64(3)},
    "integer_in_a_double": {"ratio": 3},
    "decimal_in_a_double": {"ratio": Decimal128("1.5")},
    "integer_in_a_boolean": {"active": 1},
    "double_in_a_boolean": {"active": 0.0},
    "null": {"note": None, "number": None, "price": None},
    "double_in_a_duration": {"length": 3_000_000.0},
    "subtype_of_binary": {"blob": Binary(b"abc", 5)},
    "unknown_key": {"extra": [1, {"a": Regex("x")}]},
    "json_numbers": {"data": {"z": Int64(1), "a": [2.0, Decimal128("1.50")]}},
    "json_object_id_and_date": {"data": {"ref": ObjectId(), "at": [MOMENT]}},
    "json_bytes": {"data": b"\0\1"},
    "json_uuid": {"data": [Binary(bytes(range(16)), 4)]},
    "json_pattern": {"data": {"a": Regex("^a", 2)}},
    "json_decimal": {"data": Decimal128("1.2345678901234567890123456789")},
    "json_deep": {"data": {"a": [b"\0", {"b": Decimal128("1.50")}], "c": Int64(1)}},
}


@pytest.mark.parametrize("shape", KEPT)
@pytest.mark.parametrize("in_block", [False, True])
@pytest.mark.parametrize("locally", [False, True])
def test_saving_what_was_read_changes_nothing(record, shape, in_block, locally):
    record.collection.insert_one({"_id": 1, "label": "a", **KEPT[shape]})
    before = stored(record)
    found = record.objects.order_by(LOCALLY) if locally else record.objects.all()
    with transaction.atomic() if in_block else transaction.atomic(durable=False):
        for each in found:
            each.save()
    assert stored(record) == before


@pytest.mark.parametrize("shape", KEPT)
@pytest.mark.parametrize("locally", [False, True])
def test_what_another_process_has_read_is_kept(record, shape, locally, monkeypatch):
    record.collection.insert_one({"_id": 1, "label": "a", **KEPT[shape]})
    before = stored(record)
    found = record.objects.order_by(LOCALLY) if locally else record.objects.all()
    names = [each.attname for each in record._meta.concrete_fields]
    pickled = pickle.dumps([getattr(found[0], name) for name in names])
    monkeypatch.setattr(reading, "_other_forms", defaultdict(set))
    record.from_db("default", names, pickle.loads(pickled)).save()
    assert stored(record) == before


@pytest.mark.parametrize("shape", KEPT)
@pytest.mark.parametrize("locally", [False, True])
def test_bulk_update_of_what_was_read_changes_nothing(record, shape, locally):
    record.collection.insert_one({"_id": 1, "label": "a", **KEPT[shape]})
    before = stored(record)
    names = [each.name for each in record._meta.fields if not each.primary_key]
    rows = record.objects.order_by(LOCALLY) if locally else record.objects.all()
    record.objects.bulk_update(list(rows), names)
    with transaction.atomic():
        record.objects.bulk_update(list(rows), names)
    assert stored(record) == before


@pytest.mark.parametrize("column", ["data", "blob"])
def test_one_column_that_was_not_changed_is_saved(record, column):
    others = {"data": [b"x", Regex("y")], "blob": Binary(b"abc", 5)}
    record.collection.insert_one({"_id": 1, "label": "a", **others})
    before = stored(record)
    record.objects.get().save(update_fields=[column])
    record.objects.order_by(LOCALLY)[0].save(update_fields=[column])
    assert stored(record) == before
    with transaction.atomic():
        record.objects.get().save(update_fields=[column])
    assert stored(record) == before


def test_decimals_beyond_their_fields_places_are_kept(record):
    record.collection.insert_one(
        {"_id": 1, "label": "a", "price": Decimal128("1.234567")}
    )
    before = stored(record)
    record.objects.get().save()
    assert stored(record) == before


def test_a_decimal_in_json_keeps_its_digits(record):
    data = {"a": Decimal128("1.10"), "b": [Decimal128("0.1234567890123456789")]}
    record.collection.insert_one({"_id": 1, "label": "a", "data": data})
    before = stored(record)
    found = record.objects.get()
    assert found.data == {"a": 1.1, "b": [0.12345678901234568]}
    found.save()
    assert stored(record) == before


def test_a_changed_value_is_stored_in_the_fields_own_form(record):
    record.collection.insert_one({"_id": 1, "label": "a", "number": 3.0, "active": 1})
    found = record.objects.get()
    found.number, found.active, found.label = 4, False, "b"
    found.save()
    assert record.collection.find_one() == {
        "_id": 1,
        "label": "b",
        "number": 4,
        "active": False,
    }


def test_a_value_set_to_null_is_removed_where_others_are_kept(record):
    record.collection.insert_one({"_id": 1, "label": "a", "number": 3.0, "note": None})
    found = record.objects.get()
    found.number = None
    found.save()
    assert record.collection.find_one() == {"_id": 1, "label": "a", "note": None}


READ = {
    "number": [(3.0, 3), (Decimal128("3"), 3), (Int64(3), 3)],
    "ratio": [(3, 3.0), (Decimal128("1.5"), 1.5)],
    "price": [(3, Decimal(3)), (1.1, Decimal("1.1"))],
    "active": [(1, True), (0.0, False)],
    "length": [(3_000_000.0, timedelta(seconds=3))],
    "at": [(MOMENT, MOMENT.replace(tzinfo=UTC))],
    "blob": [(Binary(b"abc", 5), b"abc")],
    "data": [({"r": ObjectId("a" * 24)}, {"r": "a" * 24})],
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("locally", [False, True])
def test_other_types_are_read_where_their_meaning_is_plain(record, name, locally):
    for value, expected in READ[name]:
        record.collection.insert_one({"_id": 1.0, "label": "a", name: value})
        found = record.objects.order_by(LOCALLY) if locally else record.objects.all()
        (one,) = found
        got = getattr(one, name)
        assert got == expected
        assert isinstance(got, type(expected))
        assert type(one.pk) is int
        record.collection.delete_many({})


REFUSED = {
    "label": [[1], {"a": 1}, 5, ObjectId(), True],
    "note": [["a"], MOMENT],
    "active": ["maybe", 2, []],
    "ratio": ["wide", True, Int64(2**53 + 1)],
    "number": [3.5, "3", True, float("nan"), float("inf")],
    "price": ["dear", True, Decimal128("NaN"), float("inf")],
    "at": ["2020-01-01", 5, DatetimeMS(2**50)],
    "day": ["2020-01-01", MOMENT],
    "hour": ["noon", 5, "12:30"],
    "length": ["long", 1.5],
    "token": [Binary(b"x" * 16, 3), "x", 5],
    "blob": ["text", 5],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_nothing_in_a_field_is_refused(record, name):
    table = record._meta.db_table
    for value in REFUSED[name]:
        record.collection.insert_one({"_id": 9, "label": "a", name: value})
        for found in (
            record.objects.all(),
            record.objects.values_list(name),
            record.objects.order_by(LOCALLY),
        ):
            with pytest.raises(DataError) as raised:
                list(found)
            text = str(raised.value)
            assert f"{table}, _id 9: " in text
            assert repr(name) in text
            assert "declare" in text
        record.collection.delete_many({})


def test_one_and_true_are_one_answer(record):
    record.collection.insert_many(
        {"_id": number, "label": "a", "active": value}
        for number, value in enumerate([True, 1, 1.0, False, 0, None])
    )
    assert [each.active for each in record.objects.order_by("pk")][:3] == [True] * 3
    # From then on numbers are known to be there.
    for condition, expected in {
        Q(active=True): [0, 1, 2],
        ~Q(active=True): [3, 4, 5],
        Q(active=False): [3, 4],
        Q(active__in=[True]): [0, 1, 2],
        ~Q(active__in=[True, False]): [5],
    }.items():
        found = record.objects.filter(condition).values_list("pk", flat=True)
        assert sorted(found) == expected
        assert sorted(found.order_by(LOCALLY)) == expected
    counts = record.objects.values_list("active").annotate(n=models.Count("pk"))
    assert sorted(counts, key=str) == [(False, 2), (None, 1), (True, 3)]
    assert {type(each) for each, _ in counts} == {bool, type(None)}


def test_a_column_of_whole_doubles_becomes_text_without_a_point(record):
    record.collection.insert_one({"_id": 1, "label": "a", "number": 3.0})
    new = models.CharField(max_length=20, null=True)
    new.set_attributes_from_name("number")
    new.model = record
    with connection.schema_editor() as editor:
        editor.alter_field(record, record._meta.get_field("number"), new)
    assert record.collection.find_one()["number"] == "3"


def test_an_increment_keeps_the_form_of_other_columns(record):
    record.collection.insert_one({"_id": 1, "label": "a", "number": 3.0, "price": 7})
    found = record.objects.get()
    found.number = F("number") + 1
    found.save()
    row = record.collection.find_one()
    assert row["number"] == 4
    assert type(row["price"]) is int


def test_uuids_of_the_standard_subtype_are_read(record):
    token = uuid.uuid4()
    record.collection.insert_one(
        {"_id": 1, "label": "a", "token": Binary.from_uuid(token)}
    )
    assert record.objects.get(token=token).token == token


@pytest.fixture
def listed(library):
    """Return a model with columns of documents, and its empty collection."""
    from nonrel_backend.fields import DictField, ListField
    from nonrel_backend.mongodb.fields import ObjectIdField

    class Listed(models.Model):
        refs = ListField(ObjectIdField(), null=True)
        numbers = ListField(models.IntegerField(), null=True)
        prices = DictField(
            models.DecimalField(max_digits=9, decimal_places=4), null=True
        )
        raw = ListField(null=True)
        data = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Listed):
        Listed.collection = connection.database[Listed._meta.db_table]
        yield Listed


def numbered(queryset):
    """Return the rows with a window, which the local engine computes."""
    return queryset.annotate(row=Window(RowNumber(), order_by="id"))


def test_lists_of_object_ids_are_filtered_and_finished_locally(listed):
    ref = ObjectId()
    listed.objects.create(refs=[ref])
    listed.objects.create(refs=[])
    every = listed.objects
    assert every.filter(refs=[ref]).count() == 1
    assert every.filter(refs__in=[[ref]]).count() == 1
    assert every.filter(refs__contains=ref).count() == 1
    assert every.filter(Exists(every.filter(refs=OuterRef("refs")))).count() == 2
    assert [each.refs for each in numbered(every)] == [[ref], []]
    values = every.values_list("refs")
    assert len(values.distinct()) == len(values.union(values)) == 2
    rows = json.loads(serializers.serialize("json", every.all()))
    read = listed._meta.get_field("refs").to_python
    assert [read(row["fields"]["refs"]) for row in rows] == [[ref], []]


def test_saving_documents_that_were_read_changes_nothing(listed):
    ref = ObjectId()
    listed.collection.insert_one(
        {
            "_id": 1,
            "numbers": [1.0, Int64(2), 3],
            "prices": {"a": Decimal128("1.2")},
            "raw": [ref, 1.0, {"a": [ref, MOMENT]}],
            "data": {"r": ref},
        }
    )
    before = stored(listed)
    for each in [*listed.objects.all(), *numbered(listed.objects)]:
        assert [type(number) for number in each.numbers] == [int, int, int]
        each.save()
    assert stored(listed) == before


def test_an_object_id_in_json_is_found_by_its_text(listed):
    ref = ObjectId()
    listed.collection.insert_one({"_id": 1, "data": {"r": ref}})
    found = listed.objects.get()
    for value in (str(ref), found.data["r"]):
        assert listed.objects.filter(data__r=value).count() == 1
        assert numbered(listed.objects.filter(data__r=value)).count() == 1
    assert listed.objects.filter(data=found.data).count() == 1
    assert json.loads(serializers.serialize("json", [found]))[0]["fields"]["data"] == {
        "r": str(ref)
    }


@pytest.mark.parametrize(
    "name, value",
    [
        ("numbers", ["a"]),
        ("numbers", [1.5]),
        ("numbers", "[1]"),
        ("numbers", {"a": 1}),
        ("prices", [1]),
        ("prices", {"a": "x"}),
        ("refs", ["zz"]),
    ],
)
def test_documents_that_a_field_cannot_read_are_refused(listed, name, value):
    listed.collection.insert_one({"_id": 9, name: value})
    for found in (listed.objects.all(), numbered(listed.objects)):
        with pytest.raises(DataError) as raised:
            list(found)
        text = str(raised.value)
        assert f"{listed._meta.db_table}, _id 9: " in text
        assert repr(name) in text
        assert "declare" in text


@pytest.mark.parametrize("column", ["a.b", "$x"])
def test_columns_whose_names_are_paths_or_operators_are_plain_keys(library, column):
    class Odd(models.Model):
        number = models.IntegerField(null=True, db_column=column)
        label = models.CharField(max_length=9, default="x")

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Odd)
    try:
        collection = connection.database[Odd._meta.db_table]
        collection.insert_one({"_id": 1, column: 3.0, "label": "a"})
        before = collection.find_one()
        found = Odd.objects.get(number=3)
        found.save()
        assert encode(collection.find_one()) == encode(before)
        assert list(Odd.objects.order_by("number").values_list("number")) == [(3,)]
        assert Odd.objects.filter(number__gt=2).update(number=5, label="b") == 1
        assert collection.find_one() == {"_id": 1, column: 5, "label": "b"}
        Odd.objects.update(number=None)
        assert Odd.objects.get(number=None).label == "b"
        assert column not in collection.find_one()
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Odd)


def test_nan_is_null_whoever_answers(databases):
    """SQLite takes NaN for NULL, and so do the filters that the server answers."""

    class Measure(models.Model):
        value = models.FloatField(null=True)
        notes = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            db_table = "foreign_measures"
            managed = False
            apps = Apps()

    collection = connection.database["foreign_measures"]
    collection.drop()
    nan = float("nan")
    collection.insert_many(
        [
            {"_id": 1, "value": nan, "notes": {"a": nan, "b": 1}},
            {"_id": 2, "value": None},
            {"_id": 3, "value": 2.5, "notes": {"b": 2}},
        ]
    )
    rows = Measure.objects.order_by("pk")
    local = rows.annotate(rank=Window(RowNumber(), order_by="pk"))
    for condition, wanted in {
        Q(value__isnull=True): [1, 2],
        Q(value__isnull=False): [3],
        Q(value__lt=9): [3],
        ~Q(value__lt=9): [1, 2],
        ~Q(value__lt=9) & Q(value__isnull=False): [],
        ~Q(value=1): [1, 2, 3],
        ~Q(value__in=[1, 2]): [1, 2, 3],
        Q(notes__b=1): [1],
    }.items():
        assert [row.pk for row in rows.filter(condition)] == wanted, condition
        assert [row.pk for row in local.filter(condition)] == wanted, condition
    assert [*rows.filter(notes__b__gt=0).values_list("pk", flat=True)] == [1, 3]
    collection.drop()
