"""The pages of lists and objects for browsers, and the files that they load."""

import re

import pytest
from django.test import Client

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import Api
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.resources import ModelResource

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def site(models, serve):
    """Return site(**options of Api), which serves authors and notes."""
    from django.urls import include, path

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.order_by("pk")
            authorization = Authorization()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.order_by("pk")
            authorization = Authorization()
            allowed_methods = ["get", "post"]
            filtering = {"title": ALL, "author": ALL_WITH_RELATIONS, "extra": ALL}
            ordering = ["title"]

    def start(**options):
        api = Api("v1", **options)
        api.register(AuthorResource())
        api.register(NoteResource())
        serve.patterns([path("api/", include(api.urls))])
        author = models.Author.objects.create(name="<b>Ann</b>")
        return models.Note.objects.create(
            slug="n", title='A "title" & more', author=author
        )

    return start


def test_pages_are_off_by_default(site, http):
    site()
    response = http.get("/api/v1/note/", headers=BROWSER)
    assert response["Content-Type"].startswith("application/xml")
    assert http.get("/api/v1/note/", headers={"Accept": "text/html"}).status_code == 406


def test_pages_of_an_api_a_list_and_an_object(site, http):
    note = site(browsable=True)
    top = http.get("/api/v1/", headers=BROWSER)
    assert top["Content-Type"] == "text/html; charset=utf-8"
    assert '<a href="/api/v1/note/">note</a>' in top.content.decode()
    listed = http.get("/api/v1/author/", headers=BROWSER).content.decode()
    assert "&lt;b&gt;Ann&lt;/b&gt;" in listed and "<b>Ann" not in listed
    assert f'<a href="/api/v1/author/{note.author.pk}/">' in listed
    assert 'data-method="POST"' in listed
    shown = http.get(f"/api/v1/note/{note.pk}/", headers=BROWSER).content.decode()
    assert "A &quot;title&quot; &amp; more" in shown
    assert f'<a href="/api/v1/author/{note.author.pk}/">' in shown
    # Notes are neither changed nor deleted.
    assert "<form data-method" not in shown
    shown = http.get(f"/api/v1/author/{note.author.pk}/", headers=BROWSER)
    assert re.findall('data-method="(.*?)"', shown.content.decode()) == [
        "PATCH",
        "DELETE",
    ]


def test_filters_orderings_and_pages(site, http, models):
    note = site(browsable=True)
    models.Note.objects.create(slug="m", title="x", author=note.author)
    uri = "/api/v1/note/?limit=1&order_by=-title&title="
    page = http.get(f"{uri}x", headers=BROWSER).content.decode()
    assert '<input name="title" value="x">' in page and "1 objects." in page
    assert 'name="author"' in page and 'name="extra"' not in page
    page = http.get("/api/v1/note/?limit=1", headers=BROWSER).content.decode()
    assert '<a href="/api/v1/note/?limit=1&amp;offset=1">next</a>' in page


def test_errors_are_pages_too(site, http):
    site(browsable=True)
    for uri, status in (("/api/v1/note/999/", 404), ("/api/v1/note/?x=1", 400)):
        response = http.get(uri, headers=BROWSER)
        assert response.status_code == status
        assert response["Content-Type"].startswith("text/html")
        assert "&quot;error&quot;" in response.content.decode()


def test_other_clients_get_data(site, http):
    note = site(browsable=True)
    uri = f"/api/v1/note/{note.pk}/"
    for accept in ("*/*", "application/json", "application/json, text/html"):
        assert http.get(uri, headers={"Accept": accept}).json()["slug"] == "n"
    tags = {http.get(uri)["ETag"], http.get(uri, headers=BROWSER)["ETag"]}
    assert len(tags) == 2


def test_the_pages_load_their_files_from_the_api(site, http):
    site(browsable=True)
    page = http.get("/api/v1/note/", headers=BROWSER).content.decode()
    files = re.findall('(?:href|src)="([^"]*\\.(?:css|js))"', page)
    assert len(files) == 2
    for name in files:
        response = http.get(name)
        assert response.status_code == 200 and "text/" in response["Content-Type"]


def test_the_pages_have_the_csrf_token(site, settings_of):
    site(browsable=True)
    middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
    with settings_of(MIDDLEWARE=middleware):
        client = Client()
        for uri in ("/api/v1/note/", "/api/v1/docs/"):
            page = client.get(uri, headers=BROWSER)
            if page.status_code == 404:
                continue  # drf-spectacular-sidecar is not installed
            token = re.search('data-token="(\\w+)"', page.content.decode())
            assert token and 'data-header="X-CSRFTOKEN"' in page.content.decode()
            assert client.cookies["csrftoken"].value
