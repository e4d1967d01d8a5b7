"""The list of resources, openapi.json and schemas show what the user may read."""

import base64

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.urls import include, path

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import Api
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    BasicAuthentication,
)
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL_WITH_RELATIONS
from nonrel_backend.rest.exceptions import Unauthorized
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.throttle import CacheThrottle

BASIC = {"Authorization": f"Basic {base64.b64encode(b'ann:secret').decode()}"}
WRONG = {"Authorization": f"Basic {base64.b64encode(b'ann:x').decode()}"}


class StaffReads(Authorization):
    def read_list(self, object_list, bundle):
        if not bundle.request.user.is_staff:
            raise Unauthorized("Only for staff.")
        return object_list


@pytest.fixture
def user(models):
    from django.contrib.auth import get_user_model

    cache.clear()
    return get_user_model().objects.create_user("ann", password="secret", is_staff=True)


@pytest.fixture
def site(models, serve):
    """Return site(**options of Api): notes and seats for all, the rest for staff."""

    def start(basic=BasicAuthentication, **options):
        class AuthorResource(ModelResource):
            class Meta:
                queryset = models.Author.objects.all()
                resource_name = "author"
                authentication = basic()
                authorization = StaffReads()
                throttle = CacheThrottle(throttle_at=3)
                filtering = {"name": ["exact"]}

        class GenreResource(ModelResource):
            class Meta:
                queryset = models.Genre.objects.all()
                resource_name = "genre"
                authorization = StaffReads()

        class NoteResource(ModelResource):
            author = fields.ForeignKey(AuthorResource, "author", full=True)

            class Meta:
                queryset = models.Note.objects.all()
                resource_name = "note"
                filtering = {"author": ALL_WITH_RELATIONS}

        class SeatResource(ModelResource):
            class Meta:
                queryset = models.Seat.objects.all()
                resource_name = "seat"
                authentication = ApiKeyAuthentication()

        api = Api("v1", **options)
        for resource in (AuthorResource, GenreResource, NoteResource, SeatResource):
            api.register(resource())
        serve.patterns([path("api/", include(api.urls))])
        return api

    return start


def shown(http, **options):
    """Return the resources that the list and the document show, which are the same."""
    top = http.get("/api/v1/", **options).json()
    found = http.get("/api/v1/openapi.json", **options).json()
    paths = {each.split("/")[3] for each in found["paths"]}
    assert paths == set(top)
    text = http.get("/api/v1/openapi.json", **options).content
    assert ("author" in paths) == (b'"born"' in text)
    return set(top)


def test_only_readable_resources_are_shown(site, user, http):
    site()
    assert shown(http) == {"note", "seat"}
    assert shown(http, headers=BASIC) == {"note", "seat", "author"}
    http.force_login(user)
    # A session is not what the authors' authentication asks for.
    assert shown(http) == {"note", "seat", "genre"}
    user.is_staff = False
    user.save()
    assert shown(http, headers=BASIC) == {"note", "seat"}


def test_an_api_with_an_authentication(site, user, http):
    site(authentication=BasicAuthentication(), throttle=CacheThrottle(throttle_at=3))
    for uri in ("/api/v1/", "/api/v1/openapi.json", "/api/v1/docs/"):
        refused = http.get(uri)
        assert refused.status_code == 401 and "WWW-Authenticate" in refused, uri
    # Who is known to the Api need not be known to each resource again.
    everything = {"author", "genre", "note", "seat"}
    assert set(http.get("/api/v1/", headers=BASIC).json()) == everything
    user.is_staff = False
    user.save()
    assert set(http.get("/api/v1/", headers=BASIC).json()) == {"note", "seat"}
    codes = [http.get("/api/v1/", headers=WRONG).status_code for _ in range(5)]
    assert set(codes) == {401, 429} and codes[-1] == 429


def test_an_api_may_describe_everything(site, user, http):
    site(describes_all=True)
    assert shown(http) == {"author", "genre", "note", "seat"}


def test_wrong_passwords_are_throttled_there_too(site, user, http, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher,
        "encode",
        lambda self, *args: hashed.append(1) or encode(self, *args),
    )
    site()
    for _ in range(3):
        assert shown(http, headers=WRONG) == {"note", "seat"}
    assert len(hashed) == 3
    assert shown(http, headers=BASIC) == {"note", "seat"}
    assert len(hashed) == 3


def test_equal_authentications_are_asked_once(models, user, http, serve, monkeypatch):
    asked = []
    user_of = BasicAuthentication.user_of
    monkeypatch.setattr(
        BasicAuthentication,
        "user_of",
        lambda self, request: asked.append(1) or user_of(self, request),
    )

    def resource(number):
        class PageResource(ModelResource):
            class Meta:
                queryset = models.Page.objects.all()
                resource_name = f"page{number}"
                authentication = BasicAuthentication(realm="a" if number < 3 else "b")

        return PageResource

    serve(*map(resource, range(4)))
    assert len(http.get("/api/v1/", headers=BASIC).json()) == 4
    assert len(asked) == 2


def test_a_schema_is_for_those_who_may_read(site, user, http):
    site()
    assert http.get("/api/v1/genre/schema/").status_code == 401
    assert http.get("/api/v1/note/schema/").status_code == 200
    assert http.get("/api/v1/author/schema/", headers=BASIC).status_code == 200
    user.is_staff = False
    user.save()
    assert http.get("/api/v1/author/schema/", headers=BASIC).status_code == 403
