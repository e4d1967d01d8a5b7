"""What the model says of data: full_clean(), with the defaults applied."""

import pytest

from nonrel_backend.rest import fields
from tests.rest.sites import data_of, model_resource

URI = "/api/v1/tour/"


@pytest.fixture
def tours(models, serve):
    serve(model_resource(models.Tour.objects.all(), "tour", always_return_data=True))
    return models.Tour.objects


def test_defaults_may_be_empty(tours, http):
    created = http.post(URI, {"name": "a"})
    assert created.status_code == 201, created.content
    shown = created.json()
    assert shown["languages"] == shown["stops"] == []
    for method in ("put", "patch"):
        answer = getattr(http, method)(created["Location"], shown)
        assert answer.status_code in (200, 202) and answer.json() == shown
    assert http.post(URI, [{"name": "b", "languages": []}]).status_code == 201


@pytest.mark.parametrize(
    ("name", "value"),
    [("name", ""), ("name", None), ("languages", {}), ("languages", ""), ("first", "")],
)
def test_values_that_may_not_be_blank(tours, http, name, value):
    uri = http.post(URI, {"name": "a", "languages": ["de"]})["Location"]
    before = http.get(uri).json()
    for answer in (
        http.post(URI, {"name": "b", name: value}),
        http.put(uri, before | {name: value}),
        http.patch(uri, {name: value}),
        http.patch(URI, {"objects": [{"resource_uri": uri, name: value}]}),
    ):
        assert answer.status_code == 400, answer.content
        assert name in answer.json()["tour"]
    assert http.get(uri).json() == before and tours.count() == 1


def test_values_that_may_be_blank(tours, http):
    uri = http.post(URI, {"name": "a", "note": "x"})["Location"]
    assert http.patch(uri, {"note": ""}).json()["note"] == ""


def test_the_models_own_clean(tours, http):
    """It may reject the object, and change it."""
    answer = http.post(URI, {"name": "a", "first": 2, "note": " x "})
    assert answer.status_code == 400
    assert answer.json()["tour"] == {"last": ["It is before the first."]}
    created = http.post(URI, {"name": "a", "first": 2, "last": 3, "note": " x "})
    assert created.status_code == 201 and created.json()["note"] == "x"
    uri = created["Location"]
    assert http.patch(uri, {"last": 1}).status_code == 400
    tours.update(note=" y ")
    assert http.patch(uri, {"last": 4}).json()["note"] == "y"
    assert tours.get().note == "y"


def test_a_null_that_the_column_rejects_is_400(site, models, serve, http):
    authors = model_resource(models.Author.objects.all(), "author")
    declared = {"author": fields.ToOneField(authors, "author", null=True)}
    serve(authors, model_resource(models.Note.objects.all(), "note", declared))
    for answer in (
        http.post("/api/v1/note/", data_of(site, author=None)),
        http.patch(site.uri, {"author": None}),
    ):
        assert answer.status_code == 400, answer.content
        assert "author" in answer.json()["note"]
