"""Lists that are written: how long they may be, and which item an error is of."""

import pytest

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.exceptions import Unauthorized
from nonrel_backend.rest.validation import Validation
from tests.rest.sites import data_of, slugs

NOTES = "/api/v1/note/"


def test_a_list_may_not_be_too_long(site, http):
    site.start(max_items=2)
    three = [data_of(site, slug) for slug in "xyz"]
    uris = [site.uri] * 3
    for answer in (
        http.post(NOTES, three),
        http.put(NOTES, {"objects": three}),
        http.patch(NOTES, {"objects": three}),
        http.patch(NOTES, {"deleted_objects": uris}),
        http.patch(NOTES, {"objects": three[:2], "deleted_objects": uris[:1]}),
    ):
        assert answer.status_code == 413, answer.content
        assert "at most 2" in answer.json()["error"]
    genres = [{"name": name} for name in "abc"]
    answer = http.patch(site.uri, {"genres": genres})
    assert answer.status_code == 400 and "genres" in answer.json()["note"]
    assert slugs(site) == ["a"] and site.Genre.objects.count() == 1
    assert http.post(NOTES, three[:2]).status_code == 201
    site.start(max_items=None)
    more = [data_of(site, slug) for slug in "uvw"]
    assert http.post(NOTES, more).status_code == 201


class NoZ(Validation):
    def is_valid(self, bundle, request=None):
        return {"slug": ["not z"]} if bundle.data.get("slug") == "z" else {}


class NoX(Authorization):
    def create_detail(self, object_list, bundle):
        if bundle.obj.slug == "x":
            raise Unauthorized("no x")
        return True


@pytest.mark.parametrize("transactions", [True, False])
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"pages": "many"}, 400),
        ({"pages": -1}, 400),
        ({"slug": "a"}, 409),
        ({"slug": "z"}, 400),
        ({"slug": "x"}, 401),
        ({"author": "/api/v1/author/0/"}, 400),
    ],
)
def test_an_error_says_which_item_it_is_of(
    site, http, request, transactions, wrong, status
):
    if not transactions:
        request.getfixturevalue("without_transactions")
    site.start(authorization=NoX(), validation=NoZ())
    items = [data_of(site, "b"), data_of(site, "c"), {**data_of(site, "d"), **wrong}]
    for method, data, path in (
        ("POST", items, "[2]"),
        ("PATCH", {"objects": items}, "objects[2]"),
    ):
        answer = http.send(method, NOTES, data)
        assert answer.status_code == status, answer.content
        assert answer.json()["item"] == path
    if status == 400:
        answer = http.put(NOTES, {"objects": items})
        assert answer.status_code == status
        assert answer.json()["item"] == "objects[2]"
    assert slugs(site) == ["a"]


def test_an_item_that_cannot_be_deleted_is_named(site, http):
    site.start()
    uris = [site.uri, f"{NOTES}{site.note.pk + 9}/"]
    answer = http.patch(NOTES, {"deleted_objects": uris})
    assert answer.status_code == 404
    assert answer.json()["item"] == "deleted_objects[1]"
    assert slugs(site) == ["a"]


def test_other_errors_name_no_item(site, http):
    site.start()
    assert "item" not in http.post(NOTES, {"slug": "b"}).json()
    answer = http.post(NOTES, [data_of(site, "b"), 5])
    assert answer.status_code == 400 and "item" not in answer.json()
