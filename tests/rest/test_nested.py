"""Collections and embedded models over HTTP: types, round trips, paths, errors."""

import json

import pytest

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.resources import ModelResource

URI = "/api/v1/city/"
NAMES = (
    "tags", "kinds", "years", "sizes", "attributes", "address", "comments", "shapes",
    "shape", "raw", "population",
)  # fmt: skip
ROME = {
    "name": "Rome",
    "population": 5,
    "tags": ["old", "big"],
    "kinds": ["capital", "see"],
    "years": [1, 2],
    "sizes": {"height": 3},
    "attributes": {"a": {"b": [1, None]}},
    "address": {
        "street": "Via", "city": "Rome", "zip": 5, "since": "2020-01-02",
        "country": None, "place": {"lat": 1.5, "lng": None}, "phones": ["1"],
    },
    "comments": [
        {
            "author": "ann", "stars": 3,
            "at": "2020-01-02T03:04:05.123456Z", "labels": ["x"],
            "replies": [
                {"author": "bob", "stars": None, "at": None, "labels": [],
                 "replies": []}
            ],
        }
    ],
    "shapes": [{"_model": "documents.Circle", "name": "c", "radius": 1.5}],
    "shape": {"_model": "documents.Square", "name": "s", "side": 2.0},
    "raw": [1, {"x": None}],
}  # fmt: skip


@pytest.fixture
def cities(databases, serve):
    from tests.documents.models import City

    City._base_manager.all()._raw_delete("default")

    class CityResource(ModelResource):
        class Meta:
            queryset = City.objects.all()
            authorization = Authorization()
            filtering = dict.fromkeys(NAMES, ALL)
            always_return_data = True

    serve(CityResource)
    return City.objects


def test_nested_data_round_trips(cities, http):
    created = http.post(URI, ROME)
    assert created.status_code == 201, created.content
    uri = created.json()["resource_uri"]
    found = http.get(uri).json()
    assert {**found, **ROME} == found and created.json() == found
    assert http.put(uri, found).status_code == 200
    assert http.get(uri).json() == found
    city = cities.get()
    assert city.kinds == {"capital", "see"} and city.address.place.lat == 1.5
    assert city.comments[0].replies[0].author == "bob" and city.shape.side == 2.0


def test_the_schema_is_typed_and_finite(cities, http):
    fields = http.get(f"{URI}schema/").json()["fields"]
    assert fields["tags"]["items"]["type"] == "string"
    assert fields["address"]["fields"]["place"]["fields"]["lat"]["type"] == "float"
    comment = fields["comments"]["items"]["fields"]
    assert comment["replies"]["items"]["type"] == "dict"
    assert "fields" not in comment["replies"]["items"]
    document = http.get("/api/v1/openapi.json").json()
    city = document["components"]["schemas"]["city"]["properties"]
    assert city["years"]["anyOf"][0]["items"] == {"type": "integer"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("address.city=Rome", 1),
        ("address__city=Oslo", 0),
        ("address.zip__gt=4", 1),
        ("address.place.lat=1.5", 1),
        ("address.since=2020-01-02", 1),
        ("comments.author=ann", 1),
        ("comments.stars__gte=4", 0),
        ("sizes.height=3", 1),
        ("attributes.a.b=[1,null]", 1),
        ("tags__contains=old", 1),
        ("tags__contains=none", 0),
        ("tags.0=old", 1),
        ("years__len=2", 1),
        ("address__isnull=true", 1),
    ],
)
def test_filters_by_path_in_nested_data(cities, http, query, count):
    http.post(URI, ROME)
    http.post(URI, {"name": "Nowhere", "shape": None})
    response = http.get(f"{URI}?{query}")
    assert response.status_code == 200, response.content
    assert len(response.json()["objects"]) == count


@pytest.mark.parametrize(
    "query",
    ["address.nothing=1", "address.zip=x", "address.city__regex=.", "raw.a__$ne=1"],
)
def test_invalid_filters_of_nested_data_are_400(cities, http, query):
    http.post(URI, ROME)
    response = http.get(f"{URI}?{query}")
    assert response.status_code in (200, 400), response.content
    assert response.status_code == 400 or response.json()["objects"] == []


def test_patch_changes_a_part_of_a_nested_field(cities, http):
    uri = http.post(URI, ROME).json()["resource_uri"]
    change = {"address.city": "Oslo", "comments.0.stars": 5, "sizes.width": 7}
    found = http.patch(uri, change)
    assert found.status_code == 202, found.content
    city = cities.get()
    assert (city.address.city, city.address.zip) == ("Oslo", 5)
    assert city.comments[0].stars == 5 and city.sizes == {"height": 3, "width": 7}
    for wrong in ({"address.town": "x"}, {"comments.5.stars": 1}, {"name.x": 1}):
        assert http.patch(uri, wrong).status_code == 400


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("tags", "x", "tags"),
        ("tags", [[]], "tags.0"),
        ("tags", ["x" * 21], "tags"),
        ("years", [1, "x"], "years.1"),
        ("sizes", {"a": "x"}, "sizes.a"),
        ("sizes", [], "sizes"),
        ("address", {"zip": "x"}, "address.zip"),
        ("address", {"place": {"lat": []}}, "address.place.lat"),
        ("address", {"town": 1}, "address"),
        ("address", [], "address"),
        ("comments", [{}], "comments.0.author"),
        ("comments", [{"author": "a", "replies": [{"author": 1, "stars": "x"}]}],
         "comments.0.replies.0.stars"),
        ("shape", {"name": "s", "side": 1}, "shape"),
        ("shape", {"_model": "documents.Address"}, "shape"),
        ("shape", {"_model": "documents.Circle", "name": "c", "radius": "x"},
         "shape.radius"),
    ],
)  # fmt: skip
def test_errors_in_nested_data_have_a_path(cities, http, name, value, place):
    response = http.post(URI, {**ROME, name: value})
    assert response.status_code == 400, response.content
    assert place in response.json()["error"] and name in response.json()["city"]
    assert not cities.exists()


# --- what the models do not know ---


def documents_of(city):
    """Return the stored documents, as fixtures have them."""
    names = ("address", "comments", "shapes", "shape")
    fields = [type(city)._meta.get_field(name) for name in names]
    return [json.loads(field.value_to_string(city)) for field in fields]


@pytest.fixture
def foreign(cities):
    """Return a city whose documents have keys that the models do not know."""
    return cities.create(
        name="x",
        address={"city": "a", "geo": [1, 2], "place": {"lat": 1.0, "alt": 5}},
        comments=[{"author": "ann", "ip": 1}, {"author": "bob", "ip": 2}],
        shapes=[
            {"_model": "documents.Circle", "name": "c", "radius": 1.0, "colour": 1}
        ],
        shape={"_model": "documents.Square", "name": "s", "side": 1.0, "colour": 2},
    )


def test_what_get_returns_can_be_put_back(cities, foreign, http):
    before = documents_of(foreign)
    uri = f"{URI}{foreign.pk}/"
    data = http.get(uri).json()
    assert "geo" not in data["address"]
    for send in (http.put, http.patch):
        response = send(uri, data)
        assert response.status_code < 300, response.content
        assert documents_of(cities.get()) == before


def test_changes_leave_the_keys_that_the_models_do_not_know(cities, foreign, http):
    uri = f"{URI}{foreign.pk}/"
    http.patch(uri, {"address": {"city": "b", "place": {"lat": 2.0}}})
    http.patch(uri, {"comments": [{"author": "cid"}, {"author": "ann"}]})
    address, comments, *_ = documents_of(cities.get())
    assert (address["city"], address["geo"]) == ("b", [1, 2])
    assert address["place"] == {"lat": 2.0, "alt": 5}
    assert [(each["author"], each.get("ip")) for each in comments] == [
        ("cid", None),
        ("ann", 1),
    ]


def test_a_new_model_and_a_shorter_list_have_only_what_was_sent(cities, foreign, http):
    uri = f"{URI}{foreign.pk}/"
    circle = {"_model": "documents.Circle", "name": "s", "radius": 1.0}
    http.patch(uri, {"shape": circle, "comments": [{"author": "cid"}]})
    _, comments, _, shape = documents_of(cities.get())
    assert shape == circle
    assert "ip" not in comments[0]


def test_computed_fields_are_put_back(orders, serve, http):
    class OrderResource(ModelResource):
        class Meta:
            queryset = orders.Order.objects.all()
            authorization = Authorization()
            excludes = ["customer"]

    serve(OrderResource)
    orders.Order.objects.create(first={"name": "a"}, lines=[{"name": "b"}])
    before = orders.Order.objects.get()
    uri = f"/api/v1/order/{before.pk}/"
    data = http.get(uri).json()
    assert http.put(uri, data).status_code == 204
    after = orders.Order.objects.get()
    for old, new in ((before.first, after.first), (before.lines[0], after.lines[0])):
        assert (new.key, new.serial, new.created) == (old.key, old.serial, old.created)
        assert new.changed > old.changed
    data["first"] |= {"created": None, "changed": None}
    assert http.put(uri, data).status_code == 204
    assert orders.Order.objects.get().first.created > before.first.created


def test_computed_fields_cannot_be_set(orders, serve, http):
    class OrderResource(ModelResource):
        class Meta:
            queryset = orders.Order.objects.all()
            authorization = Authorization()
            excludes = ["customer"]

    serve(OrderResource)
    invented = {"serial": "x", "key": "1" * 32, "created": "2000-01-01T00:00:00Z"}
    line = {"name": "a", **invented, "parts": [{"name": "p", **invented}]}
    sent = {"first": line, "lines": [line], "named": {"a": line}}
    uri = http.post("/api/v1/order/", sent)["Location"]

    def lines():
        order = orders.Order.objects.get()
        found = [order.first, order.lines[0], order.named["a"]]
        return found + [each.parts[0] for each in found]

    before = lines()
    for each in before:
        assert each.serial == "none" and each.key.hex != "1" * 32
        assert each.created.year > 2000
    assert http.patch(uri, sent).status_code == 202
    assert http.put(uri, sent).status_code == 204
    assert http.patch(uri, {"first.serial": "x"}).status_code == 202
    for old, new in zip(before, lines(), strict=True):
        assert (new.serial, new.key, new.created) == (old.serial, old.key, old.created)
    # What is there may be put in another place.
    data = http.get(uri).json()
    data["lines"] = [{"name": "new"}, data["lines"][0], data["first"]]
    assert http.put(uri, data).status_code == 204
    new, second, third = orders.Order.objects.get().lines
    assert second.key == before[1].key
    assert len({new.key, second.key, before[0].key, third.key}) == 4
    wrong = http.patch(uri, {"first": {"name": "a", "key": 5}})
    assert wrong.status_code == 400 and "first.key" in wrong.json()["error"]
