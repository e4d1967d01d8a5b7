"""Addresses: keys that URIs cannot have, sets of keys, namespaces, foreign URIs."""

import json
from urllib.parse import quote

import pytest
from django.urls import include, path

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import Api
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resource.uris import is_unreachable
from nonrel_backend.rest.resources import ModelResource

URI = "/api/v1/country/"


@pytest.fixture
def site(models):
    """Return an Api of countries, seats, authors and notes."""

    class CountryResource(ModelResource):
        class Meta:
            queryset = models.Country.objects.all()
            resource_name = "country"
            authorization = Authorization()

    class SeatResource(ModelResource):
        class Meta:
            queryset = models.Seat.objects.all()
            resource_name = "seat"
            authorization = Authorization()

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            resource_name = "author"
            authorization = Authorization()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            resource_name = "note"
            authorization = Authorization()

        def prepend_urls(self):
            from django.urls import re_path

            pattern = r"^(?P<resource_name>note)/slug-(?P<slug>[\w-]+)/$"
            view = self.wrap_view("dispatch_detail")
            return [re_path(pattern, view, name="api_dispatch_detail")]

    api = Api("v1")
    for resource in (CountryResource, SeatResource, AuthorResource, NoteResource):
        api.register(resource())
    return api


@pytest.fixture
def served(site, serve):
    serve.patterns([path("api/", include(site.urls))])
    return site


# --- keys ---


@pytest.mark.parametrize("key", [".", "..", "set/1", "set/"])
def test_a_key_that_no_uri_can_have(served, models, http, key):
    for data in ({"code": key, "name": "x"}, [{"code": key, "name": "x"}]):
        refused = http.post(URI, data)
        assert refused.status_code == 400 and key in refused.json()["error"]
    refused = http.put(URI, {"objects": [{"code": key, "name": "x"}]})
    assert refused.status_code == 400
    assert not models.Country.objects.exists()
    models.Country.objects.create(code=key, name="of the ORM")
    (shown,) = http.get(URI).json()["objects"]
    assert shown["resource_uri"] == "" and shown["code"] == key
    assert is_unreachable("schema")  # which is longer than the column


@pytest.mark.parametrize(
    "key", ["...", ".a", "set", "a/b", "a;b", "a b", "ä", "%2F", "?"]
)
def test_other_keys_are_in_uris(served, models, http, key):
    created = http.post(URI, {"code": key, "name": "x"})
    assert created.status_code == 201
    assert http.get(created["Location"]).json()["code"] == key
    assert http.delete(created["Location"]).status_code == 204


def test_keys_with_semicolons_in_a_set(served, models, http):
    for key in ("a;b", "c", "a", "b"):
        models.Country.objects.create(code=key, name=key)
    found = http.get(f"{URI}set/{quote('a' + chr(92) + ';b')};c;x;/").json()
    assert [each["code"] for each in found["objects"]] == ["a;b", "c"]
    assert found["not_found"] == ["x"]
    found = http.get(f"{URI}set/a;b/").json()
    assert [each["code"] for each in found["objects"]] == ["a", "b"]
    models.Seat.objects.create(line=";", number=1)
    key = quote(json.dumps([";", 1]).replace(";", chr(92) + ";"))
    assert len(http.get(f"/api/v1/seat/set/{key}/").json()["objects"]) == 1


# --- URL namespaces ---


@pytest.mark.parametrize("nested", [False, True])
def test_an_api_in_a_url_namespace(site, serve, models, http, nested):
    patterns = [path("api/", include((site.urls, "rest"), namespace="own"))]
    if nested:
        patterns = [path("site/", include((patterns, "site")))]
    serve.patterns(patterns)
    start = "/site/api/v1/" if nested else "/api/v1/"
    top = http.get(start).json()
    assert top["country"]["list_endpoint"] == f"{start}country/"
    created = http.post(f"{start}country/", {"code": "it", "name": "Italy"})
    assert created["Location"] == f"{start}country/it/"
    shown = http.get(f"{start}country/it/").json()
    assert shown["resource_uri"] == f"{start}country/it/"
    assert http.put(f"{start}country/it/", shown).status_code == 204
    assert f"{start}country/" in http.get(f"{start}openapi.json").json()["paths"]
    assert http.get(f"{start}docs/").status_code in (200, 404)
    author = http.post(f"{start}author/", {"name": "Ann"})["Location"]
    data = {"slug": "n", "title": "t", "author": author}
    note = http.post(f"{start}note/", data)
    assert note.status_code == 201, note.content
    assert http.get(note["Location"]).json()["author"] == author


# --- the URI in a body ---


def test_the_uri_of_another_object_in_a_body_is_400(served, models, http):
    for code in ("it", "no"):
        models.Country.objects.create(code=code, name=code)
    own = f"{URI}it/"
    wrong = [
        f"{URI}no/",
        f"{URI}xx/",
        URI,
        "/api/v1/seat/1/",
        "nonsense",
        5,
        f"{URI}set/it/",
    ]
    for method in ("PUT", "PATCH"):
        for uri in wrong:
            refused = http.send(method, own, {"resource_uri": uri, "name": "x"})
            assert refused.status_code == 400, (method, uri)
        refused = http.send(method, f"{URI}new/", {"resource_uri": own, "name": "x"})
        assert refused.status_code in (400, 404)
        for uri in (own, "", None, f"http://testserver{own}", f"{URI}%69t/"):
            sent = {"resource_uri": uri, "name": "y"}
            response = http.send(method, own, sent)
            assert response.status_code in (202, 204), (method, uri, response.content)
    assert {each.name for each in models.Country.objects.all()} == {"y", "no"}


def test_the_same_object_at_another_address(served, models, http):
    author = models.Author.objects.create(name="Ann")
    notes = [
        models.Note.objects.create(slug=name, title=name, author=author)
        for name in "ab"
    ]
    own = f"/api/v1/note/{notes[0].pk}/"
    for uri in (f"/api/v1/note/0{notes[0].pk}/", "/api/v1/note/slug-a/"):
        sent = {"resource_uri": uri, "title": "x"}
        assert http.patch(own, sent).status_code == 202, uri
    for uri in (f"/api/v1/note/{notes[1].pk}/", "/api/v1/note/slug-b/"):
        assert http.patch(own, {"resource_uri": uri}).status_code == 400, uri


# --- ETags ---


def test_an_etag_is_of_one_representation(served, models, http):
    models.Country.objects.create(code="it", name="Italy")
    uri = f"{URI}it/"
    addresses = [
        uri, f"{uri}?format=xml", f"{uri}?format=yaml", f"{uri}?fields=name",
        f"{uri}?fields=code", f"{uri}?format=xml&fields=name",
    ]  # fmt: skip
    tags = [http.get(address)["ETag"] for address in addresses]
    assert len(set(tags)) == len(addresses)
    assert not any(tag.startswith("W/") for tag in tags)
    for address, tag in zip(addresses, tags, strict=True):
        for other in tags:
            found = http.get(address, headers={"If-None-Match": other})
            assert found.status_code == (304 if other == tag else 200)
            found = http.get(address, headers={"If-Match": other})
            assert found.status_code == (200 if other == tag else 412)
    # All are of the same state, which is what a write compares.
    for tag in tags:
        response = http.patch(uri, {"name": "Italy"}, headers={"If-Match": tag})
        assert response.status_code == 202
    assert (
        http.patch(uri, {"name": "x"}, headers={"If-Match": tags[1]}).status_code == 202
    )
    for tag in tags:
        response = http.patch(uri, {"name": "y"}, headers={"If-Match": tag})
        assert response.status_code == 412
