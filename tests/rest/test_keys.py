"""Keys that the database makes: data cannot choose them, nor use them up."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resources import ModelResource
from tests.rest.sites import data_of, model_resource, slugs

LARGEST = 2**63 - 1


@pytest.mark.parametrize("key", [LARGEST, 123456, -1, "123456", 2.5, True, [5]])
def test_data_cannot_choose_the_key(site, http, key):
    site.start()
    for method, uri, data in (
        ("post", "/api/v1/note/", data_of(site, id=key)),
        ("post", "/api/v1/note/", [data_of(site, id=key)]),
        ("put", "/api/v1/note/", {"objects": [data_of(site, id=key)]}),
        ("patch", "/api/v1/note/", {"objects": [data_of(site, id=key)]}),
        ("patch", site.uri, {"id": key}),
    ):
        answer = http.send(method.upper(), uri, data)
        assert answer.status_code == 400, (method, uri, answer.content)
        assert "id" in answer.json()["note"]
    assert slugs(site) == ["a"]
    assert http.post("/api/v1/note/", data_of(site, id=None)).status_code == 201


def test_an_address_cannot_use_up_the_keys(models, serve, http):
    serve(model_resource(models.Paper.objects.all(), "paper"))
    largest = models.Paper._meta.pk.validators[-1].limit_value
    for key in (largest, largest // 2 + 1):
        uri = f"/api/v1/paper/{key}/"
        objects = {"objects": [{"name": "a", "resource_uri": uri}]}
        answers = (
            http.put(uri, {"name": "a"}),
            http.put("/api/v1/paper/", objects),
            http.patch("/api/v1/paper/", objects),
        )
        assert [each.status_code for each in answers] == [400] * 3
    assert not models.Paper.objects.exists()
    uri = f"/api/v1/paper/{largest // 2}/"
    assert http.put(uri, {"name": "a"}).status_code == 201
    assert http.post("/api/v1/paper/", {"name": "b"}).status_code == 201
    assert models.Paper.objects.count() == 2


def test_a_related_object_with_an_unknown_key_is_not_created(site, http):
    site.start()
    author = {"id": site.ann.pk + 100, "name": "Bob"}
    answer = http.post("/api/v1/note/", data_of(site, author=author))
    assert answer.status_code == 400 and "author" in answer.json()["note"]
    assert site.Author.objects.count() == 1


def test_meta_may_allow_data_to_choose_the_key(site, http):
    site.start(writable_keys=True)
    key = site.note.pk + 100
    created = http.post("/api/v1/note/", data_of(site, id=key))
    assert created.status_code == 201 and created["Location"].endswith(f"/{key}/")


def test_keys_that_are_not_made_are_written(models, serve, http):
    serve(model_resource(models.Country.objects.all(), "country"))
    data = {"code": "it", "name": "Italy"}
    assert http.post("/api/v1/country/", data).status_code == 201
    assert http.post("/api/v1/country/", data).status_code == 409


def test_no_fields_are_shown_if_none_are_listed(models, serve, http):
    class AuthorResource(ModelResource):
        called = fields.CharField(attribute="name")

        class Meta:
            queryset = models.Author.objects.all()
            authorization = Authorization()
            fields = []

    serve(AuthorResource)
    ann = models.Author.objects.create(name="Ann")
    uri = f"/api/v1/author/{ann.pk}/"
    assert http.get(uri).json() == {"called": "Ann", "resource_uri": uri}


def test_a_key_that_no_uri_can_have_is_not_stored(models, serve, http):
    serve(model_resource(models.Country.objects.all(), "country"))
    answer = http.post("/api/v1/country/", {"code": "a\0", "name": "A"})
    assert answer.status_code == 400 and "code" in answer.json()["country"]
    assert not models.Country.objects.exists()
