"""Many writers at once: none of them is lost, and an ETag is good for one."""

import threading

import pytest
from django.db import connections

from nonrel_backend.rest.authorization import Authorization
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
    """What `work(number)` returns in as many threads."""
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


def test_writers_that_do_not_ask_all_write(page, http, models):
    codes = at_once(8, lambda number: Http().patch(page, {"text": "y"}).status_code)
    assert codes == [202] * 8


def test_preconditions(page, http, models):
    etag = http.get(page)["ETag"]
    old = {"If-Match": '"old"'}
    for method in ("PUT", "PATCH", "DELETE"):
        response = http.send(method, page, {"text": "y"}, headers=old)
        assert response.status_code == 412 and response.json()["error"]
    assert models.Page.objects.get().text == "x"
    none = {"If-None-Match": "*"}
    assert http.put(page, {"text": "y"}, headers=none).status_code == 412
    response = http.patch(page, {"text": "y"}, headers={"If-Match": f'"a", {etag}'})
    assert response.status_code == 202 and response["ETag"] != etag
    assert http.patch(page, {"text": "z"}, headers={"If-Match": "*"}).status_code == 202
    etag = http.get(page)["ETag"]
    assert http.delete(page, headers={"If-Match": etag}).status_code == 204
    assert http.delete(page, headers={"If-Match": etag}).status_code == 404
    assert http.put(page, {"text": "y"}, headers=old).status_code == 412
    assert http.put(page, {"text": "y"}, headers=none).status_code == 201


def test_preconditions_may_be_demanded(models, serve, http):
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


def test_a_store_without_transactions_needs_a_version(
    page, http, models, monkeypatch, databases, request
):
    features = databases["default"].features
    monkeypatch.setattr(type(features), "supports_transactions", False)
    features.__dict__.pop("supports_transactions", None)
    etag = http.get(page)["ETag"]
    response = http.patch(page, {"text": "y"}, headers={"If-Match": etag})
    versioned = "version" in request.node.callspec.id
    assert response.status_code == (202 if versioned else 501)
    if versioned:
        again = http.patch(page, {"text": "z"}, headers={"If-Match": etag})
        assert again.status_code == 412 and models.Page.objects.get().text == "y"
