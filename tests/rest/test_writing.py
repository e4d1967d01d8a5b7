"""POST, PUT, PATCH and DELETE: status codes, nested data, all or nothing."""

from contextlib import nullcontext

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization, ReadOnlyAuthorization
from nonrel_backend.rest.resources import ModelResource
from tests.rest.sites import data_of, model_resource, slugs


def test_post_creates(site, http):
    site.start()
    author = f"/api/v1/author/{site.ann.pk}/"
    genre = f"/api/v1/genre/{site.fun.pk}/"
    response = http.post(
        "/api/v1/note/",
        {"slug": "b", "title": "B", "author": author, "genres": [genre], "pages": 7},
    )
    assert response.status_code == 201 and response.content == b""
    note = site.Note.objects.get(slug="b")
    assert response["Location"] == f"/api/v1/note/{note.pk}/"
    assert (note.pages, note.is_active, note.author) == (7, True, site.ann)
    assert list(note.genres.all()) == [site.fun]


def test_always_return_data(site, http):
    site.start(always_return_data=True)
    posted = http.post("/api/v1/note/", data_of(site))
    assert posted.status_code == 201
    uri = posted.json()["resource_uri"]
    assert posted.json() == http.get(uri).json()
    put = http.put(uri, data_of(site, pages=5))
    assert put.status_code == 200 and put.json()["pages"] == 5
    patched = http.patch(uri, {"pages": 6})
    assert patched.status_code == 202 and patched.json()["pages"] == 6
    listed = http.put("/api/v1/note/", {"objects": [data_of(site, "z")]})
    assert listed.status_code == 200
    assert [each["slug"] for each in listed.json()["objects"]] == ["z"]


def test_status_codes_of_details(site, http):
    site.start()
    assert http.put(site.uri, data_of(site, "c")).status_code == 204
    assert site.Note.objects.get().slug == "c"
    assert http.patch(site.uri, {"slug": "d"}).status_code == 202
    assert http.delete(site.uri).status_code == 204
    assert http.delete(site.uri).status_code == 404
    assert http.patch(site.uri, {"slug": "e"}).status_code == 404
    assert http.get(site.uri).status_code == 404
    created = http.put(site.uri, data_of(site, "f"))
    assert created.status_code == 201 and created["Location"].endswith(site.uri)
    assert site.Note.objects.get().pk == site.note.pk


def test_post_on_a_detail_is_not_implemented(site, http):
    site.start()
    response = http.post(site.uri, {})
    assert response.status_code == 405 and "POST" not in response["Allow"]


def test_the_uri_overrides_the_key_in_the_data(site, models, http, serve):
    other = models.Note.objects.create(slug="o", title="O", author=site.ann)
    site.start()
    response = http.put(site.uri, data_of(site, "c", id=other.pk))
    assert response.status_code == 400
    assert http.patch(site.uri, {"id": other.pk}).status_code == 400
    assert slugs(site) == ["a", "o"]
    assert http.patch(site.uri, {"id": site.note.pk, "pages": 1}).status_code == 202


def test_post_never_overwrites(site, http):
    site.start()
    response = http.post("/api/v1/note/", data_of(site, id=site.note.pk))
    assert response.status_code == 400 and "id" in response.json()["note"]
    site.start(writable_keys=True)
    response = http.post("/api/v1/note/", data_of(site, id=site.note.pk))
    assert response.status_code == 409
    assert slugs(site) == ["a"]


def test_put_accepts_what_get_returns(site, http):
    site.start(full=True)
    before = http.get(site.uri).json()
    assert http.put(site.uri, before).status_code == 204
    after = http.get(site.uri).json()
    assert {**after, "updated": 0} == {**before, "updated": 0}


def test_patch_writes_only_what_was_sent(site, http, queries):
    site.start()
    with queries() as found:
        assert http.patch(site.uri, {"title": "T"}).status_code == 202
    note = site.Note.objects.get()
    assert (note.title, note.pages) == ("T", 3)
    assert note.updated > site.note.updated
    updates = [each["sql"] for each in found if each["sql"].startswith("UPDATE")]
    assert all("pages" not in sql.partition("WHERE")[0] for sql in updates)


def test_patch_maps_fields_to_attributes(models, serve, http):
    renamed = {"heading": fields.CharField(attribute="name")}
    serve(model_resource(models.Country.objects.all(), "country", renamed))
    models.Country.objects.create(code="it", name="Italy")
    assert http.patch("/api/v1/country/it/", {"heading": "Italia"}).status_code == 202
    assert models.Country.objects.get().name == "Italia"


def test_patch_rejects_unknown_names(site, http):
    site.start()
    response = http.patch(site.uri, {"titel": "T"})
    assert response.status_code == 400 and "titel" in response.json()["note"]


def test_patch_of_a_part_of_nested_data(site, http):
    site.start()
    assert http.patch(site.uri, {"extra.city.name": "Oslo"}).status_code == 202
    assert site.Note.objects.get().extra == {"city": {"name": "Oslo"}}
    assert http.patch(site.uri, {"title.x": "Oslo"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "x" * 31),
        ("title", None),
        ("title", ["x"]),
        ("title", {"x": 1}),
        ("title", True),
        ("slug", "no slug!"),
        ("pages", "many"),
        ("pages", 1.5),
        ("pages", True),
        ("pages", 10**30),
        ("pages", []),
        ("pages", -1),
        ("rating", "NaN"),
        ("rating", "inf"),
        ("rating", {}),
        ("price", "NaN"),
        ("price", "1.234"),
        ("price", "123456789012"),
        ("is_active", "perhaps"),
        ("is_active", 2),
        ("created", "yesterday"),
        ("created", 5),
        ("created", "2020-13-01T00:00:00"),
        ("read_at", "25:00"),
        ("author", None),
        ("author", "/api/v1/author/999999/"),
        ("author", "/api/v1/genre/1/"),
        ("author", "/nowhere/"),
        ("author", "abc"),
        ("author", []),
        ("author", {"pk": {"$ne": 1}}),
        ("author", {"resource_uri": "/api/v1/author/999999/"}),
        ("genres", "x"),
        ("genres", [["x"]]),
        ("genres", [999999]),
        ("genres", None),
    ],
)
def test_wrong_data_is_400_with_the_field_named(site, http, name, value):
    site.start()
    for method, uri, data in (
        ("POST", "/api/v1/note/", data_of(site)),
        ("PUT", site.uri, data_of(site)),
        ("PATCH", site.uri, {}),
    ):
        response = http.send(method, uri, {**data, name: value})
        assert response.status_code == 400, (method, response.content)
        assert name in response.json()["error"], (method, response.content)
        assert slugs(site) == ["a"]
        assert site.Note.objects.get().pages == 3


def test_a_missing_attribute_is_named(site, http):
    site.start()
    response = http.post("/api/v1/note/", {"slug": "b"})
    assert response.status_code == 400
    assert set(response.json()["note"]) == {"title", "author"}


def test_a_duplicate_is_409(site, http):
    site.start()
    response = http.post("/api/v1/note/", data_of(site, "a"))
    assert response.status_code == 409 and "slug" in response.json()["note"]
    other = site.Note.objects.create(slug="o", title="O", author=site.ann)
    uri = f"/api/v1/note/{other.pk}/"
    assert http.patch(uri, {"slug": "a"}).status_code == 409
    assert slugs(site) == ["a", "o"]


def test_nested_data_creates_and_changes_what_is_related(site, http):
    site.start()
    data = data_of(site, author={"name": "Bob"}, genres=[{"name": "war"}, site.fun.pk])
    assert http.post("/api/v1/note/", data).status_code == 201
    note = site.Note.objects.get(slug="b")
    assert note.author.name == "Bob"
    assert {each.name for each in note.genres.all()} == {"fun", "war"}
    change = {"author": {"pk": note.author_id, "name": "Rob"}}
    assert http.patch(f"/api/v1/note/{note.pk}/", change).status_code == 202
    assert site.Author.objects.get(pk=note.author_id).name == "Rob"
    by_unique = {"author": {"name": "Ann"}, "genres": []}
    assert http.patch(f"/api/v1/note/{note.pk}/", by_unique).status_code == 202
    note.refresh_from_db()
    assert note.author == site.ann and not note.genres.exists()


def test_nested_data_needs_the_permissions_of_its_resource(site, http):
    site.start(author_authorization=ReadOnlyAuthorization())
    created = http.post("/api/v1/note/", data_of(site, author={"name": "Bob"}))
    assert created.status_code == 401
    changed = http.patch(site.uri, {"author": {"pk": site.ann.pk, "name": "Eve"}})
    assert changed.status_code == 401
    assert site.Author.objects.get().name == "Ann" and slugs(site) == ["a"]
    linked = http.patch(site.uri, {"author": {"pk": site.ann.pk, "name": "Ann"}})
    assert linked.status_code == 202


def test_children_are_written_with_their_parent(site, http):
    site.start(comments=True)
    data = data_of(site, comments=[{"text": "x"}, {"text": "y"}])
    assert http.post("/api/v1/note/", data).status_code == 201
    note = site.Note.objects.get(slug="b")
    uri = f"/api/v1/note/{note.pk}/"
    first, second = http.get(uri).json()["comments"]
    assert (first["text"], second["text"]) == ("x", "y")
    first["text"] = "changed"
    assert http.patch(uri, {"comments": [first, {"text": "new"}]}).status_code == 202
    texts = {each.text for each in note.comments.all()}
    assert texts == {"changed", "new"}
    assert http.put(uri, http.get(uri).json()).status_code == 204
    assert note.comments.count() == 2


def test_children_that_must_not_be_deleted_cannot_be_left_out(site, http):
    site.start(comments={"detail_allowed_methods": ["get", "put"]})
    kept = site.Comment.objects.create(note=site.note, text="kept")
    response = http.patch(site.uri, {"comments": [{"text": "new"}]})
    assert response.status_code == 400 and "comments" in response.json()["error"]
    assert list(site.note.comments.all()) == [kept]
    uri = f"/api/v1/comment/{kept.pk}/"
    assert http.patch(site.uri, {"comments": [uri, {"text": "n"}]}).status_code == 202
    assert site.note.comments.count() == 2


def test_post_of_a_list_is_all_or_nothing(site, http):
    site.start()
    items = [data_of(site, slug) for slug in "xyz"]
    assert http.post("/api/v1/note/", items).status_code == 201
    assert slugs(site) == ["a", "x", "y", "z"]
    items = [data_of(site, "p"), data_of(site, "x")]
    assert http.post("/api/v1/note/", items).status_code == 409
    assert http.post("/api/v1/note/", [data_of(site, "p"), 5]).status_code == 400
    assert slugs(site) == ["a", "x", "y", "z"]


def test_put_on_a_list_replaces_it(site, http):
    site.start()
    items = [{**data_of(site, "kept"), "resource_uri": site.uri}, data_of(site, "new")]
    assert http.put("/api/v1/note/", {"objects": items}).status_code == 204
    assert slugs(site) == ["kept", "new"]
    assert site.Note.objects.get(slug="kept").pk == site.note.pk
    wrong = {"objects": [data_of(site, "n2"), {"slug": "no"}]}
    assert http.put("/api/v1/note/", wrong).status_code == 400
    assert http.put("/api/v1/note/", {"nothing": []}).status_code == 400
    assert slugs(site) == ["kept", "new"]


def test_patch_on_a_list(site, http):
    gone = site.Note.objects.create(slug="gone", title="G", author=site.ann)
    site.start()
    data = {
        "objects": [
            {"resource_uri": site.uri, "pages": 9},
            data_of(site, "new"),
            {"resource_uri": "/api/v1/note/777/", **data_of(site, "at")},
        ],
        "deleted_objects": [f"/api/v1/note/{gone.pk}/"],
    }
    assert http.patch("/api/v1/note/", data).status_code == 202
    assert slugs(site) == ["a", "at", "new"]
    assert site.Note.objects.get(slug="a").pages == 9
    assert site.Note.objects.get(slug="at").pk == 777


@pytest.mark.parametrize(
    "bad",
    [
        {"objects": [{"slug": "x"}]},
        {"objects": [{"resource_uri": "/api/v1/author/1/", "name": "x"}]},
        {"objects": [{"resource_uri": 5}]},
        {"objects": [{"resource_uri": ""}]},
        {"objects": [{"resource_uri": "/api/v1/note/", "pages": 1}]},
        {"objects": [{"resource_uri": "/api/v1/note/schema/", "pages": 1}]},
        {"objects": [{"resource_uri": "/api/v1/note/set/1/", "pages": 1}]},
        {"objects": [{"resource_uri": "http://other/api/v1/note/1/", "pages": 1}]},
        {"deleted_objects": ["/api/v1/note/schema/"]},
        {"deleted_objects": ["/api/v1/note/"]},
        {"deleted_objects": ["/api/v1/note/set/1/"]},
        {"objects": [5]},
        {"objects": {}},
        {"deleted_objects": ["/api/v1/author/1/"]},
        {"deleted_objects": ["/api/v1/note/999999/"]},
        {"deleted_objects": [5]},
        {},
        [],
    ],
)
def test_patch_on_a_list_is_all_or_nothing(site, http, bad):
    site.start()
    if isinstance(bad, dict) and bad:
        first = {"resource_uri": site.uri, "pages": 9}
        objects = bad.get("objects", [])
        if isinstance(objects, list):
            bad = {**bad, "objects": [first, data_of(site, "new"), *objects]}
    assert http.patch("/api/v1/note/", bad).status_code in (400, 404)
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3


@pytest.mark.parametrize("uri", ["schema/", "set/1/", "", "first/"])
def test_the_uri_of_a_list_is_not_of_its_only_object(site, http, uri):
    site.start()
    uri = f"/api/v1/note/{uri}"
    for data in (
        {"deleted_objects": [uri]},
        {"objects": [{"resource_uri": uri, "pages": 1}]},
    ):
        assert http.patch("/api/v1/note/", data).status_code in (400, 404)
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3


def test_nothing_is_written_if_no_format_is_acceptable(site, http):
    site.start(always_return_data=True)
    headers = {"Accept": "image/png"}
    assert http.post("/api/v1/note/", data_of(site), headers=headers).status_code == 406
    assert http.patch(site.uri, {"pages": 9}, headers=headers).status_code == 406
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3
    site.start()
    assert http.patch(site.uri, {"pages": 9}, headers=headers).status_code == 202


def test_put_on_a_list_stores_new_objects_before_it_deletes_old_ones(site, http):
    from django.db.models.signals import post_save, pre_delete

    steps = []

    def note(signal, instance, **kwargs):
        steps.append(("saved" if signal is post_save else "lost", instance.slug))

    site.start()
    for signal in (post_save, pre_delete):
        signal.connect(note, sender=site.Note)
    try:
        data = {"objects": [data_of(site, "b")]}
        assert http.put("/api/v1/note/", data).status_code == 204
    finally:
        for signal in (post_save, pre_delete):
            signal.disconnect(note, sender=site.Note)
    assert steps == [("saved", "b"), ("lost", "a")]


def test_each_object_of_a_list_is_altered_once(site, http, monkeypatch):
    def alter(self, request, data):
        return {**data, "title": f"{data['title']}!"}

    site.start()
    monkeypatch.setattr(ModelResource, "alter_deserialized_detail_data", alter)
    changed = {"resource_uri": site.uri, "title": "A"}
    data = {"objects": [changed, data_of(site, "new")]}
    assert http.patch("/api/v1/note/", data).status_code == 202
    assert http.post("/api/v1/note/", [data_of(site, "posted")]).status_code == 201
    titles = dict(site.Note.objects.values_list("slug", "title"))
    assert titles == {"a": "A!", "new": "B!", "posted": "B!"}


def test_patch_on_a_list_requires_the_methods_of_details(site, http):
    site.start(detail_allowed_methods=["get", "patch"])
    deleted = {"objects": [], "deleted_objects": [site.uri]}
    assert http.patch("/api/v1/note/", deleted).status_code == 405
    site.start(detail_allowed_methods=["get", "delete"])
    assert http.patch("/api/v1/note/", {"objects": []}).status_code == 405
    assert slugs(site) == ["a"]


def test_delete_on_a_list_rejects_unknown_filters(site, http):
    site.Note.objects.create(slug="b", title="B", author=site.ann)
    site.start(filtering={"slug": ["exact"]})
    assert http.delete("/api/v1/note/?slog=b").status_code == 400
    assert http.delete("/api/v1/note/?slug=b").status_code == 204
    assert slugs(site) == ["a"]
    assert http.delete("/api/v1/note/").status_code == 204
    assert slugs(site) == []


def test_changes_are_undone_without_transactions(site, http, without_transactions):
    site.start()
    data = {
        "objects": [
            {"resource_uri": site.uri, "pages": 9},
            data_of(site, "new"),
            data_of(site, "a"),  # a duplicate, which only the store detects
        ]
    }
    assert http.patch("/api/v1/note/", data).status_code == 409
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3
    assert http.put("/api/v1/note/", data).status_code == 409
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3
    invalid = {"objects": [data_of(site, "new"), {"slug": "x"}]}
    assert http.put("/api/v1/note/", invalid).status_code == 400
    assert slugs(site) == ["a"]


def test_keys_that_are_not_numbers(models, serve, http):
    serve(
        model_resource(models.Token.objects.all(), "token"),
        model_resource(models.Country.objects.all(), "country"),
    )
    created = http.post("/api/v1/token/", {"name": "t"})
    assert http.get(created["Location"]).json()["name"] == "t"
    key = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
    assert http.put(f"/api/v1/token/{key}/", {"name": "u"}).status_code == 201
    assert str(models.Token.objects.get(name="u").pk) == key
    assert http.get("/api/v1/token/nonsense/").status_code == 404
    assert http.put("/api/v1/token/nonsense/", {"name": "u"}).status_code == 404
    assert http.put("/api/v1/country/it/", {"name": "Italy"}).status_code == 201
    uri = http.get("/api/v1/country/").json()["objects"][0]["resource_uri"]
    assert uri == "/api/v1/country/it/"
    assert http.put("/api/v1/country/a%2Fb/", {"name": "Odd"}).status_code == 201
    odd = http.get("/api/v1/country/a/b/").json()
    assert odd["name"] == "Odd" and http.get(odd["resource_uri"]).json() == odd
    assert http.get("/api/v1/country/toolong/").status_code == 404


@pytest.fixture
def seats(models, serve):
    queryset = models.Seat.objects.all()
    serve(model_resource(queryset, "seat", ordering=["taken"], limit=1))
    return models.Seat.objects


SEAT = "/api/v1/seat/%5B%22a%22,1%5D/"


def test_keys_of_two_columns(seats, http):
    created = http.post("/api/v1/seat/", {"line": "a", "number": 1})
    assert (created.status_code, created["Location"]) == (201, SEAT)
    found = http.get(SEAT).json()
    assert found == {"line": "a", "number": 1, "taken": False, "resource_uri": SEAT}
    assert http.put(SEAT, {**found, "taken": True}).status_code == 204
    assert http.patch(SEAT, {"number": 2}).status_code == 400
    assert http.patch(SEAT, {"number": 1, "taken": False}).status_code == 202
    other = SEAT.replace("22a", "22b")
    assert http.put(other, {"taken": True}).status_code == 201
    assert list(seats.order_by("pk").values_list("pk", "taken")) == [
        (("a", 1), False), (("b", 1), True),
    ]  # fmt: skip
    patch = {
        "objects": [{"resource_uri": SEAT, "taken": True}],
        "deleted_objects": [other],
    }
    assert http.patch("/api/v1/seat/", patch).status_code == 202
    assert http.delete(SEAT).status_code == 204 and not seats.exists()


def test_sets_and_pages_of_keys_of_two_columns(seats, http):
    for number in (1, 2, 3):
        seats.create(line="a", number=number)
    found = http.get('/api/v1/seat/set/["a",2];["b",2];5/').json()
    assert [each["number"] for each in found["objects"]] == [2]
    assert found["not_found"] == ['["b",2]', "5"]
    page, numbers = http.get("/api/v1/seat/?cursor=&order_by=-taken").json(), []
    while page["objects"]:
        numbers += [each["number"] for each in page["objects"]]
        page = http.get(page["meta"]["next"] or "/api/v1/seat/?offset=9").json()
    assert numbers == [3, 2, 1]
    assert http.put("/api/v1/seat/", {"objects": [{"line": "z", "number": 9}]})
    assert [each.pk for each in seats.all()] == [("z", 9)]


@pytest.mark.parametrize(
    "key",
    ["1", "a", '["a"]', '["a",1,2]', '["a","x"]', '["a",null]', '["a",[]]', "{}"]
    + ['["abc",1]', '["a",1.5]', f'["a",1{"0" * 30}]', "[" * 2000, "('a', 1)"],
)
def test_a_malformed_key_of_two_columns_is_not_found(seats, http, key):
    uri = f"/api/v1/seat/{key}/"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        data = {} if method in ("PUT", "PATCH") else None
        assert http.send(method, uri, data).status_code == 404, method
    assert http.get(f"/api/v1/seat/set/{key}/").json()["not_found"] == [key]


@pytest.mark.parametrize("version", [None, "version"])
def test_a_model_with_a_parent(models, serve, http, version):
    serve(
        model_resource(
            models.Diary.objects.all(),
            "diary",
            version_field=version,
            ordering=["text"],
        )
    )
    uri = http.post("/api/v1/diary/", {"text": "t", "owner": "o"})["Location"]
    key = int(uri.split("/")[-2])
    assert http.patch(uri, {"id": key + 9}).status_code == 400
    assert http.patch(uri, {"id": key, "text": "new"}).status_code == 202
    etag = {"If-Match": http.get(uri)["ETag"]}
    assert http.patch(uri, {"owner": "p"}, headers=etag).status_code == 202
    assert http.patch(uri, {"text": "lost"}, headers=etag).status_code == 412
    other = "/api/v1/diary/777/"
    data = {"id": 5, "text": "a", "owner": "q"}
    assert http.put(other, data).status_code == 201
    assert http.get(other).json()["id"] == 777
    page, found = http.get("/api/v1/diary/?cursor=&limit=1&order_by=-text").json(), []
    while page["objects"]:
        found += [(each["text"], each["owner"]) for each in page["objects"]]
        page = http.get(page["meta"]["next"] or "/api/v1/diary/?offset=9").json()
    assert found == [("new", "p"), ("a", "q")]
    assert http.delete("/api/v1/diary/").status_code == 204
    assert not models.Page.objects.exists()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("created", "9999-12-31T23:59:59-23:59"),
        ("created", "x"),
        ("price", "1e400"),
        ("price", "NaN"),
        ("author", "1" * 40),
        ("is_active", "x"),
    ],
)
def test_a_malformed_key_of_any_column_is_not_found(models, serve, http, name, key):
    serve(model_resource(models.Note.objects.all(), "note", detail_uri_name=name))
    assert http.get(f"/api/v1/note/{key}/").status_code == 404
    assert http.get(f"/api/v1/note/set/{key}/").json()["not_found"] == [key]


def test_method_override_works_for_post_only(site, http):
    site.start(list_allowed_methods=["get"])
    override = {"X-HTTP-Method-Override": "PATCH"}
    response = http.post(site.uri, {"pages": 8}, headers=override)
    assert response.status_code == 202 and site.Note.objects.get().pages == 8
    response = http.get(site.uri, headers={"X-HTTP-Method-Override": "DELETE"})
    assert response.status_code == 200 and slugs(site) == ["a"]


def test_a_protected_object_is_409(site, http, monkeypatch):
    from django.db.models import ProtectedError

    def delete(self, *args, **kwargs):
        raise ProtectedError("no", [self])

    monkeypatch.setattr(site.Note, "delete", delete)
    site.start()
    assert http.delete(site.uri).status_code == 409


def test_related_data_needs_the_methods_of_its_resource(models, serve, http):
    authors = model_resource(
        models.Author.objects.all(), "author", allowed_methods=["get"]
    )
    declared = {"author": fields.ForeignKey(authors, "author")}
    serve(authors, model_resource(models.Note.objects.all(), "note", declared))
    ann = models.Author.objects.create(name="Ann")
    data = {"slug": "s", "title": "T"}
    for author in ({"name": "Bob"}, {"pk": ann.pk, "name": "Eve"}):
        response = http.post("/api/v1/note/", {**data, "author": author})
        assert response.status_code == 400 and "author" in response.json()["error"]
    assert [each.name for each in models.Author.objects.all()] == ["Ann"]
    response = http.post("/api/v1/note/", {**data, "author": {"pk": ann.pk}})
    assert response.status_code == 201


def test_a_single_statement_needs_no_transaction(site, http, queries):
    site.start()
    with queries() as found:
        uri = f"/api/v1/genre/{site.fun.pk}/"
        assert http.patch(uri, {"name": "new"}).status_code == 202
    assert len(found) == 2 and not any("BEGIN" in each["sql"] for each in found)
    with queries() as found:
        change = {"pages": 9, "genres": [site.fun.pk], "author": {"name": "Bob"}}
        assert http.patch(site.uri, change).status_code == 202
    note = site.Note.objects.get()
    assert (note.pages, note.author.name) == (9, "Bob")


def test_a_hook_that_fails_leaves_nothing(site, http, monkeypatch):
    site.start()

    def save_m2m(self, bundle):
        raise ValueError("no")

    monkeypatch.setattr(ModelResource, "save_m2m", save_m2m)
    http.raise_request_exception = False
    assert http.patch(site.uri, {"pages": 8, "genres": []}).status_code == 500
    assert http.post("/api/v1/note/", data_of(site)).status_code == 500
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3


@pytest.mark.parametrize("method", ["save", "save_base"])
def test_patch_calls_the_save_methods_of_the_model(site, http, monkeypatch, method):
    site.start()
    calls, before = [], getattr(site.Note, method)

    def noted(self, *args, **kwargs):
        calls.append(kwargs["update_fields"])
        return before(self, *args, **kwargs)

    assert http.patch(site.uri, {"pages": 4}).status_code == 202
    monkeypatch.setattr(site.Note, method, noted)
    assert http.patch(site.uri, {"pages": 5}).status_code == 202
    assert [sorted(each) for each in calls] == [["pages", "updated"]]
    assert site.Note.objects.get(pk=site.note.pk).pages == 5


def test_patch_of_an_object_of_a_proxy_sends_its_signals(site, serve, http):
    from django.db.models.signals import post_save

    heard = []

    def note(instance, **kwargs):
        heard.append(type(instance))

    loud = {"get_object_list": lambda self, request: site.LoudGenre.objects.all()}
    serve(model_resource(site.Genre.objects.all(), "genre", loud))
    post_save.connect(note, sender=site.LoudGenre)
    try:
        response = http.patch(f"/api/v1/genre/{site.fun.pk}/", {"name": "no fun"})
    finally:
        post_save.disconnect(note, sender=site.LoudGenre)
    assert response.status_code == 202
    assert heard == [site.LoudGenre]
    assert site.Genre.objects.get().name == "no fun"


def test_a_signal_that_fails_leaves_nothing(site, http):
    from django.db.models.signals import post_save

    def fail(**kwargs):
        raise ValueError("no")

    site.start()
    http.raise_request_exception = False
    post_save.connect(fail, sender=site.Note)
    try:
        assert http.patch(site.uri, {"pages": 8}).status_code == 500
        assert http.post("/api/v1/note/", data_of(site)).status_code == 500
    finally:
        post_save.disconnect(fail, sender=site.Note)
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3


def test_related_data_is_undone_too(site, http, without_transactions):
    site.start(comments=True)
    war = site.Genre.objects.create(name="war")
    site.note.genres.set([site.fun])
    kept = site.Comment.objects.create(note=site.note, text="kept")
    data = {
        "objects": [
            {
                "resource_uri": site.uri,
                "pages": 9,
                "author": {"pk": site.ann.pk, "name": "Eve"},
                "genres": [war.pk, {"name": "new"}],
                "comments": [{"text": "new"}],
            },
            data_of(site, "new", author={"name": "Bob"}, genres=[war.pk]),
            data_of(site, "a"),  # a duplicate, which only the store detects
        ]
    }
    assert http.patch("/api/v1/note/", data).status_code == 409
    note = site.Note.objects.get()
    assert (note.slug, note.pages, note.author.name) == ("a", 3, "Ann")
    assert [each.name for each in note.genres.all()] == ["fun"]
    assert [(each.pk, each.text) for each in note.comments.all()] == [(kept.pk, "kept")]
    assert {each.name for each in site.Genre.objects.all()} == {"fun", "war"}
    assert site.Author.objects.count() == site.Comment.objects.count() == 1


def test_a_rejected_write_undoes_nothing_of_other_requests(
    site, http, without_transactions, monkeypatch
):
    site.start()
    check = ModelResource.is_valid

    def others_first(self, bundle):
        site.Note.objects.filter(pk=site.note.pk).update(content="by another")
        return check(self, bundle)

    monkeypatch.setattr(ModelResource, "is_valid", others_first)
    other = site.Note.objects.create(slug="o", title="O", author=site.ann)
    assert http.patch(site.uri, {"slug": "o", "genres": []}).status_code == 409
    site.note.refresh_from_db()
    assert (site.note.slug, site.note.content) == ("a", "by another")
    assert other.slug == "o"


def test_a_related_object_is_not_loaded_to_be_validated(
    site, http, queries, databases, monkeypatch
):
    monkeypatch.setattr(databases["default"].features, "supports_foreign_keys", False)
    site.start()
    for author in (site.ann.pk, f"/api/v1/author/{site.ann.pk}/"):
        data = data_of(site, slug=f"s{len(str(author))}") | {"author": author}
        with queries() as found:
            assert http.post("/api/v1/note/", data).status_code == 201
        assert len(found) == 2  # the look-up of the author, the INSERT
        looked, _ = (each["sql"] for each in found)
        assert "SELECT 1" in looked and "rest_tests_author" in looked
    assert set(site.Note.objects.values_list("author", flat=True)) == {site.ann.pk}
    answer = http.post("/api/v1/note/", data_of(site) | {"author": site.ann.pk + 9})
    assert answer.status_code == 400 and "author" in answer.json()["note"]


def test_a_related_object_outside_of_its_queryset_does_not_exist(models, serve, http):
    ann, bob = (models.Author.objects.create(name=name) for name in ("Ann", "Bob"))
    authors = model_resource(models.Author.objects.filter(name="Ann"), "author")
    declared = {"author": fields.ForeignKey(authors, "author")}
    serve(authors, model_resource(models.Note.objects.all(), "note", declared))
    data = {"slug": "a", "title": "A", "author": bob.pk}
    assert http.post("/api/v1/note/", data).status_code == 400
    assert http.post("/api/v1/note/", data | {"author": ann.pk}).status_code == 201


def test_a_related_object_is_loaded_when_it_is_accessed(site, http):
    from django.db.models.signals import pre_save

    names = []

    def look(sender, instance, **kwargs):
        names.append(instance.author.name)

    site.start()
    pre_save.connect(look, sender=site.Note)
    try:
        assert http.post("/api/v1/note/", data_of(site)).status_code == 201
    finally:
        pre_save.disconnect(look, sender=site.Note)
    assert names == ["Ann"]


def test_a_field_through_a_relation_shows_the_new_related_object(models, serve, http):
    ann, bob = (models.Author.objects.create(name=name) for name in ("Ann", "Bob"))
    note = models.Note.objects.create(slug="a", title="A", author=ann)
    authors = model_resource(models.Author.objects.all(), "author")
    declared = {
        "author": fields.ForeignKey(authors, "author"),
        "by": fields.CharField("author__name", readonly=True),
    }
    notes = models.Note.objects.all()
    serve(authors, model_resource(notes, "note", declared, always_return_data=True))
    answer = http.patch(f"/api/v1/note/{note.pk}/", {"author": bob.pk})
    assert answer.json()["by"] == "Bob"


def test_a_patch_writes_a_deferred_column_that_a_hook_changes(models, serve, http):
    author = models.Author.objects.create(name="Ann")
    note = models.Note.objects.create(slug="a", title="A", author=author)

    def hydrate(self, bundle):
        bundle.obj.content = "changed"
        return bundle

    queryset = models.Note.objects.defer("content")
    serve(model_resource(queryset, "note", {"hydrate": hydrate}))
    assert http.patch(f"/api/v1/note/{note.pk}/", {"title": "T"}).status_code == 202
    note.refresh_from_db()
    assert (note.title, note.content) == ("T", "changed")


def test_a_patch_writes_what_the_authorization_changes(site, http):
    class Stamping(Authorization):
        def update_detail(self, object_list, bundle):
            bundle.obj.content = f"{bundle.obj.content}!"
            return True

    site.start(authorization=Stamping())
    assert http.patch(site.uri, {"title": "T"}).status_code == 202
    assert site.Note.objects.get().content.endswith("!")


def test_the_response_has_the_values_as_stored(site, http):
    site.start(always_return_data=True)
    moments = ["2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678901Z"]
    for moment in moments:
        answer = http.patch(site.uri, {"created": moment, "price": "1.5"}).json()
        shown = http.get(site.uri).json()
        assert (answer["created"], answer["price"]) == (shown["created"], "1.50")
        assert answer["updated"] == shown["updated"]


def test_a_store_with_foreign_keys_validates_them_itself(
    models, serve, http, databases
):
    sqlite = "oracle"  # SQLite, which no other test of this file writes to
    authors = models.Author.objects.using(sqlite)
    comments = models.Comment.objects.using(sqlite)
    resource = model_resource(authors.all(), "author")
    notes = model_resource(
        models.Note.objects.using(sqlite).all(),
        "note",
        {"author": fields.ForeignKey(resource, "author")},
    )
    serve(resource, notes)
    authors.all().delete()
    comments.all().delete()
    ann = authors.create(name="Ann")
    data = {"slug": "a", "title": "A", "author": f"/api/v1/author/{ann.pk}/"}
    assert http.post("/api/v1/note/", data).status_code == 201
    with CaptureQueriesContext(databases[sqlite]) as found:
        assert http.post("/api/v1/note/", data | {"slug": "b"}).status_code == 201
    assert len(found) == 1
    for wrong in ({"slug": "c", "author": "/api/v1/author/99/"}, {"author": 99}):
        response = http.post("/api/v1/note/", data | wrong)
        assert response.status_code == 400, response.content
        assert "does not exist" in response.json()["note"]["author"][0]
    note = models.Note.objects.using(sqlite).get(slug="a")
    response = http.patch(f"/api/v1/note/{note.pk}/", {"author": "/api/v1/author/99/"})
    assert response.status_code == 400 and "author" in response.json()["note"]
    assert http.post("/api/v1/note/", data).status_code == 409
    assert models.Note.objects.using(sqlite).count() == 2


@pytest.mark.parametrize("kind", ["filtered", "in a transaction"])
def test_a_key_that_the_store_does_not_validate_is_looked_up(
    models, serve, http, databases, kind
):
    sqlite = "oracle"
    models.Author.objects.using(sqlite).all().delete()
    shown = models.Author.objects.using(sqlite).all()
    if kind == "filtered":
        shown = shown.filter(name="Ann")
    resource = model_resource(shown, "author")
    notes = model_resource(
        models.Note.objects.using(sqlite).all(),
        "note",
        {"author": fields.ForeignKey(resource, "author")},
    )
    serve(resource, notes)
    bob = models.Author.objects.using(sqlite).create(name="Bob")
    key = bob.pk if kind == "filtered" else bob.pk + 1
    data = {"slug": "a", "title": "A", "author": f"/api/v1/author/{key}/"}
    within = nullcontext() if kind == "filtered" else transaction.atomic(using=sqlite)
    with within:
        response = http.post("/api/v1/note/", data)
        assert response.status_code == 400
        assert "does not exist" in response.json()["note"]["author"][0]
        assert not models.Note.objects.using(sqlite).exists()
