"""Each BSON type under each Django field: read as the field means it, or a DataError.

What is read is found again by its value, in the store and by the local engine, and
saved without a change of the document's bytes.
"""

import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from django.apps.registry import Apps
from django.db import DataError, connection, models
from django.db.models import Window
from django.db.models.functions import RowNumber

RAW: CodecOptions = CodecOptions(document_class=RawBSONDocument)
MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123000)
VALUES = {
    "null": None,
    "true": True,
    "false": False,
    "int": 7,
    "zero": 0,
    "one": 1,
    "long": Int64(7),
    "large": Int64(2**53 + 1),
    "double": 2.5,
    "whole double": 3.0,
    "nan": float("nan"),
    "infinity": float("inf"),
    "decimal": Decimal128("2.50"),
    "whole decimal": Decimal128("4E+1"),
    "decimal nan": Decimal128("NaN"),
    "text": "maybe",
    "empty text": "",
    "digits": "12",
    "date": MOMENT,
    "midnight": datetime(2020, 1, 2),
    "year 0": DatetimeMS(-62167219200000),
    "year 20000": DatetimeMS(568971820800000),
    "uuid": Binary.from_uuid(uuid.UUID(int=7)),
    "legacy uuid": Binary(uuid.UUID(int=7).bytes, 3),
    "bytes": b"abc",
    "other bytes": Binary(b"abc", 128),
    "object id": ObjectId("5f0000000000000000000007"),
    "list": [1, "a", None],
    "empty list": [],
    "list of documents": [{"a": 1}, {"a": 2.0}],
    "document": {"a": 1, "b": "x"},
    "empty document": {},
    "regex": Regex("^a", "i"),
    "code": Code("return 1"),
    "timestamp": Timestamp(7, 1),
    "reference": DBRef("other", 7),
    "lowest": MinKey(),
    "highest": MaxKey(),
}
# The Python type that each field gives.
TYPES = {
    "text": str,
    "note": str,
    "number": int,
    "large": int,
    "price": Decimal,
    "ratio": float,
    "active": bool,
    "at": datetime,
    "day": date,
    "hour": time,
    "length": timedelta,
    "token": uuid.UUID,
    "blob": bytes,
    "ref": ObjectId,
    "data": object,
    "items": list,
    "pairs": dict,
    "inner": models.Model,
}


@pytest.fixture(scope="module")
def thing():
    from nonrel_backend.fields import (
        DictField,
        EmbeddedModel,
        EmbeddedModelField,
        ListField,
    )
    from nonrel_backend.mongodb.fields import ObjectIdField

    registry = Apps()

    class Inner(EmbeddedModel):
        a = models.IntegerField(null=True)

        class Meta:
            app_label = "library"
            apps = registry

    class Thing(models.Model):
        text = models.CharField(max_length=99, null=True)
        note = models.TextField(null=True)
        number = models.IntegerField(null=True)
        large = models.BigIntegerField(null=True)
        price = models.DecimalField(max_digits=20, decimal_places=2, null=True)
        ratio = models.FloatField(null=True)
        active = models.BooleanField(null=True)
        at = models.DateTimeField(null=True)
        day = models.DateField(null=True)
        hour = models.TimeField(null=True)
        length = models.DurationField(null=True)
        token = models.UUIDField(null=True)
        blob = models.BinaryField(null=True)
        ref = ObjectIdField(null=True)
        data = models.JSONField(null=True)
        items = ListField(models.IntegerField(null=True), null=True)
        pairs = DictField(models.IntegerField(null=True), null=True)
        inner = EmbeddedModelField(Inner, null=True)

        class Meta:
            app_label = "library"
            apps = registry
            db_table = "foreign_things"

    return Thing


@pytest.fixture
def things(databases, thing):
    collection = connection.database["foreign_things"]
    collection.drop()
    yield thing, collection
    collection.drop()


def raw(collection):
    return [each.raw for each in collection.with_options(codec_options=RAW).find()]


def is_equal_to_itself(value):
    return value == value


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", TYPES)
def test_it_is_read_found_and_kept_or_refused(things, name, kind):
    thing, collection = things
    collection.insert_one({"_id": 1, name: VALUES[kind]})
    before = raw(collection)
    rows = thing.objects.only(name)
    try:
        (row,) = rows
        value = getattr(row, name)
    except DataError as error:
        text = str(error)
        assert "foreign_things" in text and "1" in text and name in text, text
        with pytest.raises(DataError):
            list(rows.annotate(number_of=Window(RowNumber())))
        assert raw(collection) == before
        return
    assert value is None or isinstance(value, TYPES[name]), value
    (local,) = rows.annotate(number_of=Window(RowNumber()))
    found = getattr(local, name)
    if is_equal_to_itself(value):  # SQLite has no NaN
        assert isinstance(found, type(value)) or isinstance(value, type(found))
        assert found == value
    row.save()
    assert raw(collection) == before
    if is_equal_to_itself(value) and name not in {"data", "items", "pairs", "inner"}:
        wanted = {f"{name}__isnull": True} if value is None else {name: value}
        assert thing.objects.filter(**wanted).count() == 1
