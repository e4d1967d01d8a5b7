"""Nested addresses: /author/5/notes/."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import Authentication
from nonrel_backend.rest.authorization import Authorization, ReadOnlyAuthorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.resources import ModelResource


class Named(Authentication):
    """Knows who has the header X-User."""

    def is_authenticated(self, request, **kwargs):
        return "X-User" in request.headers


class NotBob(Authorization):
    def read_detail(self, object_list, bundle):
        return bundle.obj.name != "Bob"


class NotLoud(Authorization):
    def read_list(self, object_list, bundle):
        return object_list.exclude(title="LOUD")

    def create_detail(self, object_list, bundle):
        return bundle.obj.title != "LOUD"


def resources(models, **options):
    class GenreResource(ModelResource):
        notes = fields.ToManyField(lambda: NoteResource(), "notes", blank=True)

        class Meta:
            queryset = models.Genre.objects.all()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(lambda: AuthorResource(), "author")
        genres = fields.ManyToManyField(GenreResource, "genres", blank=True)

        class Meta:
            queryset = models.Note.objects.all()
            authorization = NotLoud()
            filtering = {"slug": ALL}
            ordering = ["slug"]
            nested = ["genres"]

    class AuthorResource(ModelResource):
        notes = fields.OneToManyField(NoteResource, "notes", blank=True)

        Meta = type(
            "Meta",
            (),
            {"queryset": models.Author.objects.all(), "nested": ["notes"], **options},
        )

    for each in (GenreResource, NoteResource, AuthorResource):
        each.base_fields = dict(each.base_fields)
    return AuthorResource, NoteResource, GenreResource


@pytest.fixture
def authors(models):
    found = []
    for name in ("Ann", "Bob"):
        author = models.Author.objects.create(name=name)
        for number in (1, 2, 3):
            slug = f"{name.lower()}{number}"
            note = models.Note.objects.create(slug=slug, title="T", author=author)
            genre, _ = models.Genre.objects.get_or_create(name=f"g{number}")
            note.genres.set([genre])
        found.append(author)
    return found


def slugs(http, uri, **options):
    response = http.get(uri, **options)
    assert response.status_code == 200, response.content
    return [each["slug"] for each in response.json()["objects"]]


def test_the_list_of_a_relation(authors, models, serve, http):
    serve(*resources(models))
    ann, bob = authors
    uri = f"/api/v1/author/{ann.pk}/notes/"
    assert slugs(http, uri) == ["ann1", "ann2", "ann3"]
    assert slugs(http, f"{uri}?slug__gte=ann2&order_by=-slug") == ["ann3", "ann2"]
    assert slugs(http, f"{uri}?slug=bob1") == []
    page = http.get(f"{uri}?limit=2").json()["meta"]
    assert page["total_count"] == 3
    assert slugs(http, page["next"]) == ["ann3"]
    note = models.Note.objects.get(slug="bob2")
    found = http.get(f"/api/v1/note/{note.pk}/genres/").json()["objects"]
    assert [each["name"] for each in found] == ["g2"]
    for wrong in ("999/notes/", "x/notes/", f"{ann.pk}/nothing/"):
        assert http.get(f"/api/v1/author/{wrong}").status_code == 404
    assert http.get(f"{uri}?nothing=1").status_code == 400


def test_objects_are_created_in_the_relation(authors, models, serve, http):
    serve(*resources(models))
    ann, bob = authors
    uri = f"/api/v1/author/{ann.pk}/notes/"
    made = http.post(uri, {"slug": "new", "title": "N"})
    assert made.status_code == 201, made.content
    note = models.Note.objects.get(slug="new")
    assert note.author == ann and made["Location"] == f"/api/v1/note/{note.pk}/"
    data = {"slug": "own", "title": "N", "author": f"/api/v1/author/{bob.pk}/"}
    assert http.post(uri, data).status_code == 201
    assert models.Note.objects.get(slug="own").author == ann
    assert http.post(uri, {"slug": "x"}).status_code == 400
    note_uri = f"/api/v1/note/{note.pk}/genres/"
    for method, address in (
        ("PUT", uri), ("PATCH", uri), ("DELETE", uri), ("POST", note_uri)
    ):  # fmt: skip
        assert http.send(method, address, {"objects": []}).status_code == 405
    assert models.Note.objects.count() == 8


def test_both_resources_check_a_request(authors, models, serve, http):
    ann, bob = authors
    author, note, genre = resources(models, authorization=NotBob())
    serve(author, note, genre)
    models.Note.objects.create(slug="loud", title="LOUD", author=ann)
    uri = f"/api/v1/author/{ann.pk}/notes/"
    assert slugs(http, uri) == ["ann1", "ann2", "ann3"]
    assert http.post(uri, {"slug": "l", "title": "LOUD"}).status_code == 401
    hidden = f"/api/v1/author/{bob.pk}/notes/"
    assert http.get(hidden).status_code == 401
    assert http.post(hidden, {"slug": "n", "title": "N"}).status_code == 401
    author._meta.authentication = Named()
    serve(author, note, genre)
    assert http.get(uri).status_code == 401
    known = {"headers": {"X-User": "me"}}
    assert len(slugs(http, uri, **known)) == 3
    note._meta.authorization = ReadOnlyAuthorization()
    author._meta.authentication = Authentication()
    serve(author, note, genre)
    assert http.post(uri, {"slug": "n", "title": "N"}).status_code == 401
    note._meta.list_allowed_methods = ["post"]
    serve(author, note, genre)
    assert http.get(uri).status_code == 405
    assert models.Note.objects.count() == 7


def test_a_nested_address_is_no_object(authors, models, serve, http):
    serve(*resources(models))
    ann, _ = authors
    data = {"slug": "n", "title": "N", "author": f"/api/v1/author/{ann.pk}/notes/"}
    assert http.post("/api/v1/note/", data).status_code == 400


def test_nested_addresses_are_in_the_openapi_document(authors, models, serve, http):
    serve(*resources(models))
    paths = http.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths["/api/v1/author/{pk}/notes/"]) == {"parameters", "get", "post"}
    assert set(paths["/api/v1/note/{pk}/genres/"]) == {"parameters", "get"}


def test_only_relations_can_be_nested(models):
    for name in ("name", "nothing"):
        author, _, _ = resources(models, nested=[name])
        with pytest.raises(ImproperlyConfigured, match="Meta.nested"):
            assert author("v1").urls
