"""Sub-documents that another program wrote are kept to the byte."""

import json
from datetime import datetime

import bson
import pytest
from bson import DBRef, Decimal128, Int64, ObjectId, Regex
from bson.raw_bson import RawBSONDocument
from django.core.management import call_command
from django.db.models import Case, Value

OTHERS = {
    "id": ObjectId("65f000000000000000000001"),
    "price": Decimal128("1.2300"),
    "at": datetime(2020, 1, 2, 3, 4, 5, 678000),
    "long": Int64(5),
    "double": 3.0,
    "bytes": b"\0\1",
    "pattern": Regex("^a", 2),
    "ref": DBRef("other", ObjectId("65f000000000000000000002")),
    "list": [{"b": 1, "a": None}, float("inf")],
    "$a.b": 1,
    "lng": None,
}
PLACE = {"alt": OTHERS, "lat": 1.5}
ADDRESS = {"zip": 5, "since": None, "place": PLACE, "city": "x", "_cls": "Address"}


@pytest.fixture
def cities(documents, databases):
    collection = databases["default"].database["documents_city"]
    collection.insert_one(
        {
            "_id": 1,
            "name": "x",
            "population": 0,
            "address": {**ADDRESS, **OTHERS},
            "comments": [{**OTHERS, "author": "a", "labels": [], "replies": []}],
            "shapes": [{"name": "c", "_model": "documents.Circle", "radius": 1.0}],
            "tags": [],
            "kinds": [],
            "sizes": {},
            "attributes": {},
        }
    )
    return collection


def stored_bytes(cities):
    options = cities.codec_options.with_options(document_class=RawBSONDocument)
    document = cities.with_options(codec_options=options).find_one()
    names = ("address", "comments", "shapes")
    return bson.encode({name: document[name] for name in names})


READING = {
    "store": lambda rows: rows.get(),
    "local engine": lambda rows: rows.order_by(Case(default=Value(1)))[0],
}


@pytest.mark.parametrize("way", READING)
def test_an_untouched_object_keeps_the_bytes_of_its_documents(documents, cities, way):
    before = stored_bytes(cities)
    city = READING[way](documents.City.objects.all())
    city.name = "y"
    city.save()
    assert stored_bytes(cities) == before


def test_a_changed_field_leaves_the_other_bytes(documents, cities):
    city = documents.City.objects.get()
    city.address.place.lat = 2.5
    city.address.street = "new"
    city.address.zip = None
    city.save()
    found = cities.find_one()["address"]
    wanted = {**ADDRESS, "place": {**PLACE, "lat": 2.5}, **OTHERS, "street": "new"}
    del wanted["zip"]
    assert bson.encode({**found, "phones": None}) == bson.encode(
        {**wanted, "phones": None}
    )


def test_fixtures_have_the_types_as_extended_json(documents, cities, tmp_path):
    before = cities.find_one()["address"]
    path = tmp_path / "cities.json"
    call_command("dumpdata", "documents.City", output=str(path), verbosity=0)
    address = json.loads(json.loads(path.read_text())[0]["fields"]["address"])
    assert address["id"] == {"$oid": "65f000000000000000000001"}
    documents.City.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)
    found = cities.find_one()["address"]
    del before["since"]  # a null of a known field is no value in a fixture
    assert found == {**before, "street": "", "phones": []}


def test_another_database_gets_them_as_json(documents, cities):
    documents.City.objects.get().save(using="oracle", force_insert=True)
    city = documents.City.objects.using("oracle").get()
    city.save(using="default")
    address = cities.find_one()["address"]
    assert address["id"] == OTHERS["id"]
    assert address["price"] == OTHERS["price"]
    assert address["place"]["alt"]["ref"] == OTHERS["ref"]


def test_dollar_keys_that_are_not_extended_json_are_data(documents, cities):
    others = {"$date": "no date", "$oid": 5}
    city = documents.City.objects.create(address={"note": others})
    assert cities.find_one({"_id": city.pk})["address"]["note"] == others
