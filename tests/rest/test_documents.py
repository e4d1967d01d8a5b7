"""Resources without an ORM: the Riak example, and DocumentResource on all stores."""

import os
import threading
from uuid import uuid4

import lmdb
import pytest
from django.core.cache import cache

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import Authentication
from nonrel_backend.rest.authorization import Authorization, DjangoAuthorization
from nonrel_backend.rest.cache import SimpleCache
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.lmdbstore import LMDBStore
from nonrel_backend.rest.resources import DocumentResource, Resource
from nonrel_backend.rest.stores import DictStore
from nonrel_backend.rest.throttle import CacheThrottle
from nonrel_backend.rest.validation import Validation


def message(key, **more):
    return {"uuid": key, "user_uuid": "u", "message": "hi", "created": 5, **more}


@pytest.fixture
def riak(databases, serve):
    from tests.rest.riakexample import MessageResource, Objects, riak, riak_pool

    with riak_pool() as pool:
        objects = Objects(pool, f"nonrel_{uuid4().hex[:8]}")
        riak.RiakClient.buckets = {"messages": objects}
        serve(MessageResource)
        yield objects


def test_the_riak_example(riak, http):
    created = http.post("/api/v1/riak/", message("a"))
    assert created.status_code == 201 and created["Location"] == "/api/v1/riak/a/"
    found = http.get("/api/v1/riak/a/").json()
    assert found == {**message("a"), "resource_uri": "/api/v1/riak/a/"}
    assert http.get("/api/v1/riak/").json()["objects"] == [found]
    assert http.put("/api/v1/riak/a/", message("a", message="ho")).status_code == 204
    assert http.patch("/api/v1/riak/a/", {"created": 6}).status_code == 202
    changed = http.get("/api/v1/riak/a/").json()
    assert (changed["message"], changed["created"]) == ("ho", 6)
    assert http.post("/api/v1/riak/", {"uuid": "b"}).status_code == 400
    assert http.delete("/api/v1/riak/a/").status_code == 204
    assert list(riak) == []


def test_sets_and_lists_of_the_riak_example(riak, http):
    for key in "ab":
        http.post("/api/v1/riak/", message(key))
    found = http.get("/api/v1/riak/set/b;a/").json()["objects"]
    assert [each["uuid"] for each in found] == ["b", "a"]
    data = {
        "objects": [{"resource_uri": "/api/v1/riak/a/", "message": "x"}, message("c")],
        "deleted_objects": ["/api/v1/riak/b/"],
    }
    assert http.patch("/api/v1/riak/", data).status_code == 202
    assert sorted(riak) == ["a", "c"]
    assert http.get("/api/v1/riak/a/").json()["message"] == "x"
    wrong = {"objects": [message("d"), {"uuid": "e"}]}
    assert http.patch("/api/v1/riak/", wrong).status_code == 400
    assert sorted(riak) == ["a", "c"]
    assert http.put("/api/v1/riak/", {"objects": [message("z")]}).status_code == 204
    assert sorted(riak) == ["z"]
    assert http.delete("/api/v1/riak/").status_code == 204
    assert list(riak) == []


def test_the_authorization_is_asked_for_plain_resources(riak, serve, http):
    from tests.rest.riakexample import MessageResource

    class ReadOnlyMessages(MessageResource):
        class Meta:
            resource_name = "riak"
            object_class = MessageResource._meta.object_class

    http.post("/api/v1/riak/", message("a"))
    serve(ReadOnlyMessages)
    for method, uri in (
        ("POST", ""),
        ("PUT", "a/"),
        ("PATCH", "a/"),
        ("DELETE", "a/"),
        ("DELETE", ""),
    ):
        response = http.send(method, f"/api/v1/riak/{uri}", message("a"))
        assert response.status_code == 401, method
    for method, data in (
        ("PUT", {"objects": []}),
        ("PUT", {"objects": [message("b")]}),
        ("PATCH", {"objects": [message("b")]}),
        ("PATCH", {"deleted_objects": ["/api/v1/riak/a/"]}),
        ("POST", [message("b")]),
    ):
        assert http.send(method, "/api/v1/riak/", data).status_code == 401, data
    assert list(riak) == ["a"]


def test_the_authorization_sees_the_stored_object(riak, serve, http):
    from tests.rest.riakexample import MessageResource

    class Mine(Authorization):
        def update_detail(self, object_list, bundle):
            return bundle.obj.user_uuid == "me"

        delete_detail = update_detail

    class MyMessages(MessageResource):
        class Meta(MessageResource.Meta):
            authorization = Mine()

    for key, user in (("a", "me"), ("b", "you")):
        http.post("/api/v1/riak/", message(key, user_uuid=user))
    serve(MyMessages)
    for method, done in (("PUT", 204), ("PATCH", 202), ("DELETE", 204)):
        stolen = message("b", user_uuid="me")
        assert http.send(method, "/api/v1/riak/b/", stolen).status_code == 401, method
        mine = message("a", user_uuid="me")
        assert http.send(method, "/api/v1/riak/a/", mine).status_code == done, method
    assert http.get("/api/v1/riak/b/").json()["user_uuid"] == "you"


def test_djangos_permissions_need_a_model(databases, serve, http):
    documents = DictStore()
    documents.insert("a", {"text": "x"})

    class MemoResource(DocumentResource):
        text = fields.CharField(attribute="text")

        class Meta:
            resource_name = "memo"
            store = documents
            authorization = DjangoAuthorization(read_permission=None)

    serve(MemoResource)
    assert http.get("/api/v1/memo/a/").json()["text"] == "x"
    assert http.patch("/api/v1/memo/a/", {"text": "y"}).status_code == 401
    assert http.post("/api/v1/memo/", {"text": "y"}).status_code == 401
    assert http.delete("/api/v1/memo/").status_code == 401
    assert documents.get("a") == {"text": "x"}


def test_four_methods_are_enough_for_reading(databases, serve, http):
    class NumberResource(Resource):
        value = fields.IntegerField(attribute="value")

        class Meta:
            resource_name = "number"
            object_class = dict

        def detail_uri_kwargs(self, bundle_or_obj):
            obj = getattr(bundle_or_obj, "obj", bundle_or_obj)
            return {"pk": obj["value"]}

        def get_object_list(self, request):
            return [{"value": number} for number in range(3)]

        def obj_get_list(self, bundle, **kwargs):
            return self.get_object_list(bundle.request)

        def obj_get(self, bundle, **kwargs):
            return {"value": int(kwargs["pk"])}

    serve(NumberResource)
    found = http.get("/api/v1/number/?limit=2").json()
    assert [each["value"] for each in found["objects"]] == [0, 1]
    assert found["meta"]["total_count"] == 3
    assert http.get("/api/v1/number/1/").json()["resource_uri"] == "/api/v1/number/1/"
    assert http.get("/api/v1/number/?cursor=").status_code == 400


def test_everything_but_the_data_works_as_with_models(databases, serve, http):
    cache.clear()
    documents = DictStore()
    documents.insert("a", {"text": "x"})

    class Header(Authentication):
        def is_authenticated(self, request, **kwargs):
            return "X-User" in request.headers

    class MemoResource(DocumentResource):
        text = fields.CharField(attribute="text", help_text="Any.")

        class Meta:
            resource_name = "memo"
            store = documents
            authentication = Header()
            authorization = Authorization()
            throttle = CacheThrottle(throttle_at=7)
            cache = SimpleCache(timeout=60)
            validation = Refusing()
            always_return_data = True

    serve(MemoResource)
    uri, known = "/api/v1/memo/a/", {"X-User": "ann"}
    assert http.get(uri).status_code == 401
    assert http.get("/api/v1/").json()["memo"]["list_endpoint"] == "/api/v1/memo/"
    assert "/api/v1/memo/{pk}/" in http.get("/api/v1/openapi.json").json()["paths"]
    schema = http.get("/api/v1/memo/schema/", headers=known).json()["fields"]
    assert schema["text"]["help_text"] == "Any."
    response = http.get(f"{uri}?format=yaml", headers=known)
    assert b"text: x" in response.content and "max-age=60" in response["Cache-Control"]
    response = http.patch(uri, {"text": "bad"}, headers=known)
    assert response.status_code == 400
    assert response.json() == {"memo": {"text": ["Bad."]}}
    assert http.patch(uri, {"text": "y"}, headers=known).json()["text"] == "y"
    assert http.get(uri, headers=known).json()["text"] == "y"
    found = http.head("/api/v1/memo/", headers=known)
    assert (found.status_code, found.content) == (200, b"")
    found = http.get("/api/v1/memo/?fields=text", headers=known).json()
    assert found["objects"] == [{"text": "y"}]
    assert http.get(uri, headers=known).status_code == 429


class Refusing(Validation):
    def is_valid(self, bundle, request=None):
        return {"text": ["Bad."]} if bundle.data["text"] == "bad" else {}


@pytest.fixture(params=["dictionary", "lmdb", "mongodb", "riak"])
def store(request, tmp_path):
    if request.param == "dictionary":
        yield DictStore()
    elif request.param == "lmdb":
        with lmdb.open(str(tmp_path / "documents"), max_dbs=2) as environment:
            yield LMDBStore(environment, "messages")
    elif request.param == "riak":
        from nonrel_backend.rest.riakstore import RiakStore
        from nonrel_backend.riak.client import Client
        from tests.rest.riakexample import riak_pool

        with riak_pool() as pool:
            yield RiakStore(Client(pool), f"nonrel_{uuid4().hex[:8]}")
    else:
        if not os.environ.get("MONGODB_URI"):
            pytest.skip("MONGODB_URI names no server")
        from pymongo import MongoClient

        from nonrel_backend.rest.mongostore import MongoStore

        with MongoClient(os.environ["MONGODB_URI"]) as client:
            name = f"nonrel_{uuid4().hex[:8]}"
            client[name].create_collection("messages")
            yield MongoStore(client[name]["messages"])
            client.drop_database(name)


@pytest.fixture
def messages(databases, serve, store):
    documents = store

    class MessageResource(DocumentResource):
        user = fields.CharField(attribute="user_uuid")
        message = fields.CharField(attribute="message", default="")
        created = fields.IntegerField(attribute="created", null=True)
        day = fields.DateField(attribute="day", null=True)
        place = fields.EmbeddedField(
            attribute="place",
            null=True,
            fields={"city": fields.CharField(), "zip": fields.IntegerField(null=True)},
        )
        tags = fields.ListField(attribute="tags", of=fields.CharField(), default=list)
        sizes = fields.ListField(attribute="sizes", of=fields.IntegerField(), null=True)
        replies = fields.ListField(
            attribute="replies",
            null=True,
            of=fields.EmbeddedField(
                fields={
                    "by": fields.CharField("author"),
                    "stars": fields.IntegerField(),
                }
            ),
        )
        extra = fields.JSONField(attribute="more", null=True)

        class Meta:
            resource_name = "message"
            export = True
            store = documents
            authorization = Authorization()
            filtering = {
                "user": ALL,
                "created": ALL,
                "place": ALL,
                "tags": ["contains"],
                "sizes": ALL,
                "replies": ALL,
                "extra": ALL,
                "message": ALL,
            }
            ordering = ["created", "place"]

    serve(MessageResource)
    return store


def users(http, query=""):
    response = http.get(f"/api/v1/message/?{query}")
    assert response.status_code == 200, response.content
    return [each["user"] for each in response.json()["objects"]]


def test_document_resource(messages, http):
    data = {"user": "u", "created": 3, "day": "2020-02-03", "tags": ["a"]}
    created = http.post("/api/v1/message/", data)
    assert created.status_code == 201
    uri = created["Location"]
    found = http.get(uri).json()
    nothing = dict.fromkeys(("place", "sizes", "replies", "extra"))
    assert found == {**data, **nothing, "message": "", "resource_uri": uri}
    assert http.put(uri, {**found, "created": 4}).status_code == 204
    place = {"place": {"city": "Rome", "zip": None}}
    assert http.patch(uri, place).status_code == 202
    assert http.patch(uri, {"place.city": "Oslo"}).status_code == 202
    assert http.get(uri).json() == {
        **found, "created": 4, "place": {"city": "Oslo", "zip": None},
    }  # fmt: skip
    assert http.put("/api/v1/message/x/", data).status_code == 201
    assert http.get("/api/v1/message/x/").json()["user"] == "u"
    assert http.delete(uri).status_code == 204
    for method in ("GET", "DELETE", "PATCH"):
        assert http.send(method, uri, {}).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"user": None},
        {"user": "u", "created": "x"},
        {"user": "u", "tags": "x"},
        {"user": "u", "tags": [["x"]]},
        {"user": "u", "place": {"town": "x"}},
        {"user": "u", "place": {"zip": 5}},
        {"user": "u", "place": []},
        {"user": "u", "day": "2020-02-30"},
    ],
)
def test_wrong_documents_are_400(messages, http, wrong):
    response = http.post("/api/v1/message/", wrong)
    assert response.status_code == 400 and response.json()["message"]
    assert users(http) == []


def test_filters_and_orderings_of_documents(messages, http):
    for number, name in enumerate("abcd"):
        data = {
            "user": name,
            "created": None if name == "d" else number,
            "place": {"city": "Rome" if number % 2 else "Oslo"},
            "tags": [name, "x"],
        }
        assert http.put(f"/api/v1/message/{name}/", data).status_code == 201
    assert users(http, "order_by=-created") == ["c", "b", "a", "d"]
    assert users(http, "order_by=place.city,-created") == ["c", "a", "b", "d"]
    assert users(http, "created__gt=0") == ["b", "c"]
    assert users(http, "created__isnull=true") == ["d"]
    assert users(http, "user__in=a,c") == ["a", "c"]
    assert users(http, "place.city=Rome") == ["b", "d"]
    assert users(http, "tags__contains=c") == ["c"]
    assert users(http, "limit=2&offset=1") == ["b", "c"]
    for wrong in (
        "created=x",
        "day=2020-01-01",
        "tags=x",
        "order_by=user",
        "user__$ne=a",
    ):
        assert http.get(f"/api/v1/message/?{wrong}").status_code == 400, wrong
    assert http.delete("/api/v1/message/?user=a").status_code == 204
    assert http.delete("/api/v1/message/?usr=b").status_code == 400
    assert users(http) == ["b", "c", "d"]
    found = http.get("/api/v1/message/set/c;a/").json()
    assert [each["user"] for each in found["objects"]] == ["c"]
    assert found["not_found"] == ["a"]


def test_nested_filters_match_the_same_documents_in_all_stores(messages, http):
    rows = {
        "a": {"tags": ["ab", "b"], "sizes": [1, 2], "message": "a.b\n", "extra": 5},
        "b": {"tags": ["a"], "sizes": [], "message": "A.B", "extra": {"x": [1, "1"]}},
        "c": {"replies": [{"by": "ann", "stars": 1}, {"by": "bob", "stars": 5}]},
        "d": {"replies": [], "extra": {"x": None, "y": True}, "created": 1},
        "e": {"extra": [{"x": "5"}], "message": "axb", "place": {"city": "a\0b"}},
    }
    for name, data in rows.items():
        response = http.put(f"/api/v1/message/{name}/", {"user": name, **data})
        assert response.status_code == 201, response.content
    for query, found in (
        ("tags__contains=b", "a"),
        ("tags__contains=a", "b"),
        ("sizes__contains=2", "a"),
        ("sizes.0=1", "a"),
        ("message__iexact=a.b", "b"),
        ("message__endswith=b", "e"),
        ("message__startswith=a.", "a"),
        ("message__startswith=", "abcde"),
        ("place.city__startswith=", "e"),
        ("place.city__contains=%00", "e"),
        ("replies.by=ann", "c"),
        ("replies.1.by=ann", ""),
        ("replies.stars__gt=4", "c"),
        ("replies.by__isnull=false", "c"),
        ("extra=5", "a"),
        ("extra.x=5", ""),
        ('extra.x="5"', "e"),
        ("extra.x__contains=1", "b"),
        ("extra.x__isnull=true", "acd"),
        ("extra.y=true", "d"),
        ("extra.y__gte=0", ""),
        ("created__lte=1", "d"),
        ("user__in=a&user__in=b,c", "abc"),
        ("limit=2&offset=1", "bc"),
    ):
        assert "".join(users(http, query)) == found, query
    for wrong in (
        "place.nothing=1", "place.city__regex=a", "extra.x__regex=a", "sizes=[1",
        "sizes__contains=x", "replies.stars=x", "replies.author=ann", "user.x=1",
        "extra.x__gt=[]", "place.zip=1.5", "created__in=1,x",
    ):  # fmt: skip
        response = http.get(f"/api/v1/message/?{wrong}")
        empty = response.status_code == 200 and response.json()["objects"] == []
        assert response.status_code == 400 or (wrong == "sizes=[1" and empty), wrong


def test_hooks_of_filters_of_documents(messages, http, monkeypatch):
    built = DocumentResource.build_filters

    def build_filters(self, filters=None):
        found = built(self, filters)
        if "q" in filters:
            found.append(("message", "contains", filters["q"]))
        return found

    original = DocumentResource.apply_filters

    def apply_filters(self, request, applicable_filters):
        found = original(self, request, applicable_filters)
        return [obj for obj in found if obj.user_uuid != "b"]

    for name, text in (("a", "yes"), ("b", "yes"), ("c", "no")):
        http.put(f"/api/v1/message/{name}/", {"user": name, "message": text})
    monkeypatch.setattr(DocumentResource, "build_filters", build_filters)
    assert users(http, "q=yes") == ["a", "b"]
    monkeypatch.setattr(DocumentResource, "apply_filters", apply_filters)
    assert users(http, "q=yes") == ["a"]
    assert users(http, "limit=1&offset=1") == ["c"]


def test_numbers_that_a_store_cannot_hold_are_400(messages, http):
    for number in (2**70, -(10**400)):
        response = http.post("/api/v1/message/", {"user": "u", "created": number})
        assert response.status_code in (201, 400), response.content
        response = http.get(f"/api/v1/message/?created={number}")
        assert response.status_code in (200, 400), response.content


def test_a_page_fetches_no_more_than_itself(messages, http, monkeypatch):
    for number in range(5):
        http.put(f"/api/v1/message/k{number}/", {"user": str(number)})
    asked, find = [], type(messages).find

    def noted(self, conditions, ordering, start=0, stop=None):
        asked.append((start, stop))
        return find(self, conditions, ordering, start, stop)

    monkeypatch.setattr(type(messages), "find", noted)
    found = http.get("/api/v1/message/?limit=2&offset=1").json()
    assert [each["user"] for each in found["objects"]] == ["1", "2"]
    assert found["meta"]["total_count"] == 5 and asked == [(1, 3)]
    lines = http.get("/api/v1/message/?format=jsonl&fields=user").streaming_content
    assert b"".join(lines).count(b"\n") == 5


def test_lists_of_documents_are_all_or_nothing(messages, http):
    for name in "ab":
        http.put(f"/api/v1/message/{name}/", {"user": name})
    wrong = {
        "objects": [
            {"resource_uri": "/api/v1/message/a/", "user": "changed"},
            {"user": "new"},
        ],
        "deleted_objects": ["/api/v1/message/b/", "/api/v1/message/nothing/"],
    }
    assert http.patch("/api/v1/message/", wrong).status_code == 404
    assert users(http) == ["a", "b"]
    wrong["deleted_objects"].pop()
    assert http.patch("/api/v1/message/", wrong).status_code == 202
    assert sorted(users(http)) == ["changed", "new"]
    assert http.put("/api/v1/message/", {"objects": [{"user": "z"}]}).status_code == 204
    assert users(http) == ["z"]


def test_one_of_16_writers_of_a_document_wins(messages, http):
    from tests.rest.conftest import Http

    http.put("/api/v1/message/x/", {"user": "u"})
    etag = http.get("/api/v1/message/x/")["ETag"]
    codes = []

    def write(number):
        response = Http().patch(
            "/api/v1/message/x/", {"created": number}, headers={"If-Match": etag}
        )
        codes.append(response.status_code)

    threads = [threading.Thread(target=write, args=(each,)) for each in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [202] + [412] * 15
