"""Documents whose values are decimals, dates and MongoDB's own types, on all stores."""

import datetime
import os
from decimal import Decimal
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.resources import DocumentResource
from tests.rest.test_documents import store  # noqa: F401  (a fixture)

URI = "/api/v1/item/"


def item_resource(documents):
    class ItemResource(DocumentResource):
        name = fields.CharField("name", null=True)
        price = fields.DecimalField("price", null=True)
        made = fields.DateTimeField("createdAt", null=True)
        day = fields.DateField("day", null=True)
        at = fields.TimeField("at", null=True)
        takes = fields.DurationField("takes", null=True)
        owner = fields.CharField("owner", null=True)
        more = fields.JSONField("more", null=True)
        parts = fields.ListField(
            "parts",
            null=True,
            of=fields.EmbeddedField(fields={"cost": fields.DecimalField()}),
        )

        class Meta:
            resource_name = "item"
            store = documents
            authorization = Authorization()
            always_return_data = True
            filtering = dict.fromkeys(
                ("price", "made", "day", "at", "takes", "owner", "parts", "more"), ALL
            )
            ordering = ["price", "made", "takes"]

    return ItemResource


@pytest.fixture
def items(databases, serve, store):  # noqa: F811
    serve(item_resource(store))
    return store


@pytest.fixture
def collection(databases, serve):
    """A collection of MongoDB that others have filled."""
    if not os.environ.get("MONGODB_URI"):
        pytest.skip("MONGODB_URI names no server")
    from pymongo import MongoClient

    from nonrel_backend.rest.mongostore import MongoStore

    with MongoClient(os.environ["MONGODB_URI"]) as client:
        name = f"nonrel_{uuid4().hex[:8]}"
        client[name].create_collection("items")
        serve(item_resource(MongoStore(client[name]["items"])))
        yield client[name]["items"]
        client.drop_database(name)


def names(http, query=""):
    response = http.get(f"{URI}?{query}")
    assert response.status_code == 200, response.content
    return "".join(each["name"] for each in response.json()["objects"])


def test_decimals_and_moments_are_compared_as_such(items, http):
    rows = {
        "a": {"price": "9.50", "made": "2020-01-01T10:00:00Z", "takes": "P9DT0S"},
        "b": {"price": "10.50", "made": "2020-01-01T11:30:00+02:00", "takes": "P10D"},
        "c": {"price": "100", "made": "2021-05-01T00:00:00Z", "day": "2021-05-01"},
        "d": {"price": "9.5", "at": "08:30:00", "day": "2020-02-29"},
        "e": {"parts": [{"cost": "9.50"}, {"cost": "100.0"}]},
    }
    for name, data in rows.items():
        response = http.put(f"{URI}{name}/", {"name": name, **data})
        assert response.status_code == 201, response.content
        made = response.json()
        assert http.get(f"{URI}{name}/").json() == made
    for query, found in (
        ("price__gt=9.6", "bc"),
        ("price=9.50", "ad"),
        ("price__in=9.5,100.00", "acd"),
        ("price__lt=10", "ad"),
        ("made__lt=2020-01-01T09:45:00Z", "b"),
        ("made__gte=2020-01-01T10:00:00%2B00:00", "ac"),
        ("made=2020-01-01T12:00:00%2B02:00", "a"),
        ("day__gt=2020-02-29", "c"),
        ("day__lte=2020-02-29", "d"),
        ("day__in=2020-02-29,2021-05-01", "cd"),
        ("at__gt=08:29", "d"),
        ("takes__gt=P9D", "b"),
        ("parts.cost__gt=99", "e"),
        ("parts.cost=9.5", "e"),
        ("price__isnull=true", "e"),
        ("order_by=price&price__isnull=false", "adbc"),
        ("order_by=-price&price__isnull=false", "cbad"),
        ("order_by=-takes&takes__isnull=false", "ba"),
        ("order_by=made&limit=2&offset=2", "ba"),
    ):
        assert names(http, query) == found, query
        total = http.get(f"{URI}?{query}").json()["meta"]["total_count"]
        assert total == len(found) or "limit" in query
    for wrong in ("price=x", "day__contains=2020", "made__startswith=2020"):
        assert http.get(f"{URI}?{wrong}").status_code == 400, wrong


def test_putting_back_what_get_returns_changes_no_document(items, http):
    data = {"name": "a", "price": "9.50", "made": "2020-01-01T10:00:00.123456Z"}
    response = http.post(URI, {**data, "takes": "P1DT2H", "day": "2020-02-29"})
    uri, made = response["Location"], response.json()
    before = items.get(uri.split("/")[-2])
    assert http.put(uri, http.get(uri).json()).json() == made
    assert items.get(uri.split("/")[-2]) == before


def test_a_collection_that_others_have_filled(collection, http):
    from bson import Decimal128, ObjectId

    key, owner = ObjectId(), ObjectId()
    moment = datetime.datetime(2020, 1, 1, 10)
    row = {
        "_id": key,
        "name": "a",
        "price": Decimal128("9.50"),
        "createdAt": moment,
        "day": datetime.datetime(2020, 2, 29, 15),
        "owner": owner,
        "more": {"id": owner, "blob": b"x", "sum": Decimal128("1.0")},
        "unknown": {"owner": owner},
    }
    collection.insert_one(row)
    collection.insert_one({"name": "b", "price": 10.5, "createdAt": None})
    uri = f"{URI}{key}/"
    found = http.get(uri).json()
    assert found["price"] == "9.50" and found["owner"] == str(owner)
    assert found["made"] == "2020-01-01T10:00:00Z" and found["day"] == "2020-02-29"
    assert found["more"] == {"id": str(owner), "blob": "eA==", "sum": "1.0"}
    assert found["resource_uri"] == uri
    assert http.put(uri, found).json() == found
    assert collection.find_one({"_id": key}) == row
    assert http.patch(uri, {"name": "A", "price": "7.25"}).status_code == 202
    changed = {**row, "name": "A", "price": Decimal128("7.25")}
    assert list(collection.find({"name": "A"})) == [changed]
    for query, wanted in (
        ("price__gt=7.5", "b"),
        ("made__gte=2020-01-01", "A"),
        ("made__gte=2020-01-02", ""),
        ("day=2020-02-29", "A"),
        ("day__gt=2020-02-29", ""),
        ("day__lt=2020-02-29", ""),
        (f"owner={owner}", "A"),
        (f"owner__in={owner},x", "A"),
        ("order_by=-price", "bA"),
    ):
        assert names(http, query) == wanted, query
    assert http.get(f"{URI}set/{key};{owner}/").json()["not_found"] == [str(owner)]
    assert http.delete(uri).status_code == 204
    assert names(http) == "b"


def test_text_among_the_decimals_and_dates_of_a_collection(collection, http):
    from bson import Decimal128

    rows = [
        {"name": "a", "price": "9.50", "createdAt": "2020-01-01T10:00:00Z"},
        {"name": "b", "price": Decimal128("10.5"), "createdAt": None},
        {"name": "c", "price": 100, "createdAt": datetime.datetime(2021, 1, 1)},
        {"name": "d", "price": "none"},
    ]
    collection.insert_many([{"_id": each["name"], **each} for each in rows])
    assert names(http, "price__gt=9&price__lt=100") == "ab"
    assert names(http, "made__gte=2019-12-31") == "ac"
    assert names(http, "order_by=-made&made__isnull=false") == "ca"
    assert http.patch(f"{URI}a/", {"name": "x"}).status_code == 202
    assert collection.find_one({"_id": "a"})["price"] == "9.50"


@pytest.mark.parametrize(
    "key",
    [
        "text",
        5,
        1.5,
        UUID("6fa459ea-ee8a-3ca4-894e-db77e160355e"),
        {"a": 1, "b": "x"},
        datetime.datetime(2020, 1, 1),
        Decimal("2.50"),
        b"bytes",
        True,
    ],
)
def test_keys_of_any_type(collection, http, key):
    from bson import Binary, Decimal128

    if isinstance(key, UUID):
        key = Binary.from_uuid(key)
    if isinstance(key, Decimal):
        key = Decimal128(key)
    collection.insert_one({"_id": key, "name": "a"})
    uri = http.get(URI).json()["objects"][0]["resource_uri"]
    assert http.get(uri).json()["name"] == "a"
    assert http.put(uri, {"name": "b"}).status_code == 200
    etag = http.get(uri)["ETag"]
    headers = {"If-Match": etag}
    assert http.patch(uri, {"name": "c"}, headers=headers).status_code == 202
    assert http.post(URI, {"name": "d"}).status_code == 201
    assert collection.find_one({"_id": key})["name"] == "c"
    assert http.delete(uri).status_code == 204
    assert [each["name"] for each in collection.find()] == ["d"]


def test_two_documents_with_one_uri_are_told(collection, http):
    from bson import ObjectId

    key = ObjectId()
    collection.insert_many([{"_id": key}, {"_id": str(key)}])
    assert http.get(f"{URI}{key}/").status_code == 300
    assert http.put(f"{URI}{key}/", {"name": "x"}).status_code == 300
    assert collection.count_documents({}) == 2


def test_new_documents_of_a_collection_have_objectids(collection, http):
    from bson import ObjectId

    made = http.post(URI, {"name": "a"})["Location"].split("/")[-2]
    assert collection.find_one({"_id": ObjectId(made)})["name"] == "a"
    key = ObjectId()
    assert http.put(f"{URI}{key}/", {"name": "b"}).status_code == 201
    assert collection.find_one({"_id": key})["name"] == "b"
    assert http.put(f"{URI}plain/", {"name": "c"}).status_code == 201
    assert collection.find_one({"_id": "plain"})["name"] == "c"
    collection.insert_one({"_id": 5})
    assert http.put(f"{URI}5/", {"name": "d"}).status_code == 200
    assert collection.find_one({"_id": 5})["name"] == "d"


def test_a_decimal_that_mongodb_cannot_hold_is_400(collection, http):
    assert http.post(URI, {"price": "1." + "1" * 40}).status_code == 400
    assert collection.count_documents({}) == 0


@pytest.mark.parametrize(
    "key",
    [
        '{"$gt":""}', '{"$regularExpression":{"pattern":".*","options":""}}',
        '{"$regex":".*"}', '{"$ne":null}', '{"$where":"1"}', '{"$oid":"x"}',
        "null", "[]",
        '{"$numberDecimal":"x"}', '{"$date":"x"}', '{"$date":1e400}', '{"$uuid":"x"}',
    ],
)  # fmt: skip
def test_keys_are_values_and_no_operators(collection, http, key):
    collection.insert_one({"_id": "a", "name": "a", "more": 5})
    uri = f"{URI}{quote(key)}/"
    assert http.get(uri).status_code == 404
    assert http.delete(uri).status_code == 404
    assert http.get(f"{URI}set/{quote(key)}/").json()["objects"] == []
    for lookup in ("", "__in", "__contains"):
        assert names(http, f"more{lookup}={quote(key)}") == ""
    assert collection.count_documents({}) == 1
