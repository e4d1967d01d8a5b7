"""Writes within a transaction of the project: errors are answered, and it stays usable.

ATOMIC_REQUESTS opens such a transaction for each request, and TestCase for each test.
"""

import pytest
from django.db import transaction

from tests.rest.sites import data_of, slugs


@pytest.fixture
def outer(databases, monkeypatch):
    """Have each request run in one transaction."""
    if not databases["default"].features.supports_transactions:
        pytest.skip("The store has no transactions.")
    settings = databases["default"].settings_dict
    monkeypatch.setitem(settings, "ATOMIC_REQUESTS", True)


def test_a_duplicate_is_409(site, http, outer):
    site.start()
    other = site.Note.objects.create(slug="o", title="O", author=site.ann)
    uri = f"/api/v1/note/{other.pk}/"
    for answer in (
        http.post("/api/v1/note/", data_of(site, "a")),
        http.post("/api/v1/note/", [data_of(site, "b"), data_of(site, "a")]),
        http.put(uri, data_of(site, "a")),
        http.patch(uri, {"slug": "a"}),
        http.patch("/api/v1/note/", {"objects": [data_of(site, "a")]}),
    ):
        assert answer.status_code == 409, answer.content
        assert "slug" in answer.json()["note"]
    assert slugs(site) == ["a", "o"]


def test_a_broken_constraint_is_400(site, http, outer):
    site.start()
    for answer in (
        http.post("/api/v1/note/", data_of(site, pages=-1)),
        http.patch(site.uri, {"pages": -1}),
    ):
        assert answer.status_code == 400, answer.content
    assert slugs(site) == ["a"] and site.Note.objects.get().pages == 3


def test_the_transaction_stays_usable(site, http, outer):
    site.start()
    with transaction.atomic():
        assert http.post("/api/v1/note/", data_of(site, "a")).status_code == 409
        assert http.patch(site.uri, {"pages": -1}).status_code == 400
        assert http.post("/api/v1/note/", data_of(site, "b")).status_code == 201
        assert slugs(site) == ["a", "b"]
    assert slugs(site) == ["a", "b"]


def test_an_object_deleted_by_another_is_409(site, http, outer, monkeypatch):
    """The object is gone between its check and the UPDATE."""
    site.start()
    check = site.resource.is_valid

    def deleted(self, bundle):
        site.Note.objects.filter(pk=site.note.pk).delete()
        return check(self, bundle)

    monkeypatch.setattr(site.resource, "is_valid", deleted)
    with transaction.atomic():
        assert http.patch(site.uri, {"pages": 4}).status_code == 409
        assert slugs(site) == ["a"]
        assert http.get("/api/v1/author/").status_code == 200
