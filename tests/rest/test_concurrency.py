"""Concurrent writes: none is lost, and one writer succeeds with an ETag."""

import threading
import time

import pytest
from django.db import OperationalError, connections

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resource import retries
from nonrel_backend.rest.resources import ModelResource
from tests.rest.conftest import Http


@pytest.fixture(params=[None, "version"])
def page(request, models, serve):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()
            version_field = request.param

    serve(PageResource)
    found = models.Page.objects.create(text="x")
    return f"/api/v1/page/{found.pk}/"


def at_once(count, work):
    """Return the results of work(number) in as many threads."""
    found = []

    def run(number):
        try:
            found.append(work(number))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(each,)) for each in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_one_of_16_writers_with_one_etag_wins(page, http, models, method):
    etag = http.get(page)["ETag"]

    def write(number):
        response = Http().send(
            method, page, {"text": str(number)}, headers={"If-Match": etag}
        )
        return response.status_code, response.get("ETag"), number

    found = at_once(16, write)
    codes = sorted(code for code, _, _ in found)
    assert codes == [204 if method == "PUT" else 202] + [412] * 15
    ((_, new_etag, number),) = [each for each in found if each[0] != 412]
    assert models.Page.objects.get().text == str(number)
    assert http.get(page)["ETag"] == new_etag != etag


def test_concurrent_unconditional_writes_all_succeed(page, http, models):
    codes = at_once(8, lambda number: Http().patch(page, {"text": "y"}).status_code)
    assert codes == [202] * 8


@pytest.fixture
def deletes_by_etag(page, databases, request):
    """Return whether DELETE accepts If-Match."""
    versioned = "version" in request.node.callspec.id
    return versioned or databases["default"].features.supports_transactions


def test_preconditions(page, http, models, deletes_by_etag):
    etag = http.get(page)["ETag"]
    old = {"If-Match": '"old"'}
    rejected = {"PUT": 412, "PATCH": 412, "DELETE": 412 if deletes_by_etag else 501}
    for method, status in rejected.items():
        response = http.send(method, page, {"text": "y"}, headers=old)
        assert response.status_code == status and response.json()["error"]
    assert models.Page.objects.get().text == "x"
    none = {"If-None-Match": "*"}
    assert http.put(page, {"text": "y"}, headers=none).status_code == 412
    response = http.patch(page, {"text": "y"}, headers={"If-Match": f'"a", {etag}'})
    assert response.status_code == 202 and response["ETag"] != etag
    assert http.patch(page, {"text": "z"}, headers={"If-Match": "*"}).status_code == 202
    etag = http.get(page)["ETag"]
    if deletes_by_etag:
        assert http.delete(page, headers={"If-Match": etag}).status_code == 204
    else:
        assert http.delete(page).status_code == 204
    assert http.delete(page, headers={"If-Match": etag}).status_code == 404
    assert http.put(page, {"text": "y"}, headers=old).status_code == 412
    assert http.put(page, {"text": "y"}, headers=none).status_code == 201


def test_require_if_match(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()
            require_if_match = True

    serve(PageResource)
    uri = f"/api/v1/page/{models.Page.objects.create(text='x').pk}/"
    for method in ("PUT", "PATCH", "DELETE"):
        assert http.send(method, uri, {"text": "y"}).status_code == 428
    etag = http.get(uri)["ETag"]
    response = http.patch(uri, {"text": "y"}, headers={"If-Match": etag})
    assert response.status_code == 202
    assert http.put("/api/v1/page/777/", {"text": "new"}).status_code == 201


def test_conditional_delete_without_transactions_needs_a_version(
    page, http, models, without_transactions, request
):
    etag = {"If-Match": http.get(page)["ETag"]}
    assert http.patch(page, {"text": "y"}, headers=etag).status_code == 202
    again = http.patch(page, {"text": "z"}, headers=etag)
    assert again.status_code == 412 and models.Page.objects.get().text == "y"
    etag = {"If-Match": http.get(page)["ETag"]}
    versioned = "version" in request.node.callspec.id
    status = 204 if versioned else 501
    assert http.delete(page, headers=etag).status_code == status
    assert models.Page.objects.exists() != versioned


def test_an_object_changed_between_reading_and_writing_is_412(
    models, serve, http, monkeypatch, without_transactions
):
    """Without transactions, columns of all types are compared."""

    class NoteResource(ModelResource):
        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()

    serve(NoteResource)
    note = models.Note.objects.create(
        slug="a", title="A", author=models.Author.objects.create(name="Ann"),
        rating=1.5, price="2.50", extra={"a": [1, None]}, read_at="10:00",
        created="2020-01-02T03:04:05Z",
    )  # fmt: skip
    uri = f"/api/v1/note/{note.pk}/"
    etag = {"If-Match": http.get(uri)["ETag"]}
    check = NoteResource.update_in_place

    def others_first(self, request, bundle, data):
        models.Note.objects.filter(pk=note.pk).update(**changes)
        return check(self, request, bundle, data)

    monkeypatch.setattr(NoteResource, "update_in_place", others_first)
    for changes in ({"extra": {"a": [1]}}, {"rating": None}, {"price": "2.51"}):
        response = http.patch(uri, {"pages": 7}, headers=etag)
        assert response.status_code == 412, changes
        note.save()
        etag = {"If-Match": http.get(uri)["ETag"]}
    changes = {"title": "A"}
    assert http.patch(uri, {"pages": 7}, headers=etag).status_code == 202


def test_an_object_deleted_between_reading_and_writing_is_404(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()

        def is_valid(self, bundle):
            models.Page.objects.all().delete()
            return super().is_valid(bundle)

    serve(PageResource)
    uri = f"/api/v1/page/{models.Page.objects.create(text='x').pk}/"
    assert http.patch(uri, {"text": "y"}).status_code == 404
    assert not models.Page.objects.exists()


def test_a_store_that_is_down_is_not_asked_thirty_times(monkeypatch):
    monkeypatch.setattr(retries, "LONGEST", 0.05)
    calls = []

    def work():
        calls.append(1)
        time.sleep(0.1)
        raise OperationalError

    with pytest.raises(OperationalError):
        retries.retried(work)
    assert len(calls) == 1
