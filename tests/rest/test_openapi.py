"""The OpenAPI document, the page that shows it, and a live server."""

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import BasicAuthentication
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.openapi import docs
from nonrel_backend.rest.resources import ModelResource


@pytest.fixture
def site(models, serve):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            resource_name = "people/author"
            authentication = BasicAuthentication()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author", full=True)

        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()
            filtering = {"slug": ["exact", "in"], "pages": ALL}
            list_allowed_methods = ["get", "post"]

    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()
            export = True

    return serve(AuthorResource, NoteResource, PageResource)


def test_the_document(site, http):
    found = http.get("/api/v1/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    notes = found["paths"]["/api/v1/note/"]
    assert set(notes) == {"get", "post"}
    names = {each["name"] for each in notes["get"]["parameters"]}
    assert names >= {"limit", "cursor", "slug", "slug__in", "pages__gt"}
    assert "slug__gt" not in names
    assert "/api/v1/note/{pk}/" in found["paths"]
    assert "/api/v1/note/set/{pk_list}/" in found["paths"]
    new = found["components"]["schemas"]["note.new"]
    assert set(new["required"]) == {"slug", "title", "author"}
    assert "updated" not in new["properties"]
    assert new["properties"]["title"]["maxLength"] == 30
    shown = found["components"]["schemas"]["note"]["properties"]
    assert shown["updated"]["readOnly"] and shown["pages"]["type"] == "integer"
    assert shown["rating"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
    assert found["components"]["securitySchemes"]["Basic"]["scheme"] == "basic"
    author = found["paths"]["/api/v1/people/author/"]["get"]
    assert author["security"] == [{"Basic": []}]


def test_all_references_exist(site, http):
    found = http.get("/api/v1/openapi.json").json()

    def references(part):
        if isinstance(part, list):
            part = dict(enumerate(part))
        if not isinstance(part, dict):
            return set()
        here = {part["$ref"]} if "$ref" in part else set()
        return here.union(*map(references, part.values()))

    names = {each.rpartition("/")[2] for each in references(found)}
    assert names and names <= set(found["components"]["schemas"])


def test_the_page_needs_no_other_server(site, http, monkeypatch):
    page = http.get("/api/v1/docs/")
    if docs.folder() is None:
        pytest.skip("drf-spectacular-sidecar is not installed")
    text = page.content.decode()
    assert "/api/v1/openapi.json" in text and "//" not in text.replace("://", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        response = http.get(f"/api/v1/docs/{name}")
        assert response.status_code == 200, name
    for name in ("LICENSE", "..", "%2e%2e%2fapps.py"):
        assert http.get(f"/api/v1/docs/{name}").status_code == 404, name
    monkeypatch.setattr(docs, "PACKAGE", "nothing_by_this_name")
    assert http.get("/api/v1/docs/").status_code == 404


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def live(site, settings_of):
    with settings_of(ALLOWED_HOSTS=["127.0.0.1"]):
        with make_server("127.0.0.1", 0, WSGIHandler(), handler_class=Quiet) as server:

            def run():
                server.serve_forever()
                connections.close_all()

            thread = threading.Thread(target=run)
            thread.start()
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as api:
                yield api
            server.shutdown()
            thread.join()


def test_a_live_server(live, models):
    created = live.post("/api/v1/page/", json={"text": "ä"})
    assert created.status_code == 201
    uri = created.headers["Location"]
    found = live.get(uri)
    assert found.json()["text"] == "ä" and found.headers["ETag"]
    assert live.head(uri).content == b""
    etag = {"If-Match": found.headers["ETag"]}
    assert live.patch(uri, json={"text": "x"}, headers=etag).status_code == 202
    assert live.patch(uri, json={"text": "y"}, headers=etag).status_code == 412
    with live.stream("GET", "/api/v1/page/?format=jsonl") as response:
        assert len(list(response.iter_lines())) == 1
    assert live.delete(uri).status_code == 204
    assert live.get(uri).status_code == 404
