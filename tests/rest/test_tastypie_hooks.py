"""Hooks that projects of tastypie override or call."""

import pytest
from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.urls import include, path

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import NamespacedApi
from nonrel_backend.rest.authorization import Authorization, DjangoAuthorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.exceptions import InvalidFilterError
from nonrel_backend.rest.http import HttpConflict
from nonrel_backend.rest.resources import (
    BaseModelResource,
    ModelResource,
    NamespacedModelResource,
)

URI = "/api/v1/country/"


def country_resource(models, body=None, **options):
    meta = {
        "queryset": models.Country.objects.all(),
        "resource_name": "country",
        "authorization": Authorization(),
        "filtering": {"code": ALL},
        **options,
    }
    attributes = {**(body or {}), "Meta": type("Meta", (), meta)}
    return type("CountryResource", (BaseModelResource,), attributes)


def test_bad_filters_may_be_ignored(countries, models, serve, http):
    resource = country_resource(models)("v1")
    given = QueryDict("code=it&name=x&code__nothing=1&code__in=it&code__in=no&or=x")
    with pytest.raises(InvalidFilterError):
        resource.build_filters(given)
    found = resource.build_filters(given, ignore_bad_filters=True)
    assert found == {"code__exact": "it", "code__in": ["it", "no"]}
    assert resource.build_filters(None, True) == {}

    def build_filters(self, filters=None, ignore_bad_filters=False):
        found = ModelResource.build_filters(self, filters, ignore_bad_filters)
        return found | {"code__startswith": "n"}

    serve(country_resource(models, {"build_filters": build_filters}))
    assert [each["code"] for each in http.get(URI).json()["objects"]] == ["no"]


def test_the_class_of_the_response_to_an_error(countries, models, serve, http):
    def dehydrate(self, bundle):
        raise ZeroDivisionError

    def get_response_class_for_exception(self, request, exception):
        assert isinstance(exception, ZeroDivisionError)
        return HttpConflict

    hooks = {
        "dehydrate": dehydrate,
        "get_response_class_for_exception": get_response_class_for_exception,
    }
    serve(country_resource(models, hooks))
    http.raise_request_exception = False
    assert http.get(f"{URI}it/").status_code == 409


def test_authorized_create_list_and_update_list(countries, models):
    class Some(Authorization):
        def create_list(self, object_list, bundle):
            return object_list[:1]

        def update_list(self, object_list, bundle):
            return object_list[1:]

    resource = country_resource(models, authorization=Some())("v1")
    bundle, found = resource.build_bundle(), ["a", "b"]
    assert resource.authorized_create_list(found, bundle) == ["a"]
    assert resource.authorized_update_list(found, bundle) == ["b"]


def test_the_permission_to_read_of_a_class(countries, models, rf_request):
    class Anyone(DjangoAuthorization):
        READ_PERM_CODE = None

    class Deleters(DjangoAuthorization):
        READ_PERM_CODE = "delete"

    objects = models.Country.objects.all()
    bundle = country_resource(models)("v1").build_bundle(request=rf_request)
    assert list(Anyone().read_list(objects, bundle)) == list(objects)
    for each in (Deleters(), DjangoAuthorization(), Anyone("view")):
        with pytest.raises(Exception, match="not allowed"):
            each.read_list(objects, bundle)


@pytest.fixture
def rf_request(rf, models):
    request = rf.get("/")
    request.user = get_user_model().objects.create_user("ann")
    return request


@pytest.fixture
def rf():
    from django.test import RequestFactory

    return RequestFactory()


def test_apis_of_one_name_in_two_namespaces(models, serve, http):
    class AuthorResource(NamespacedModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            authorization = Authorization()

    class NoteResource(NamespacedModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()

    patterns = []
    for name in ("old", "new"):
        api = NamespacedApi("v1", urlconf_namespace=name)
        api.register(AuthorResource())
        api.register(NoteResource())
        patterns.append(path(f"{name}/", include((api.urls, "rest"), namespace=name)))
    serve.patterns(patterns)
    for name in ("old", "new"):
        start = f"/{name}/v1/"
        found = http.get(start).json()["author"]
        assert found["list_endpoint"] == f"{start}author/"
        author = http.post(f"{start}author/", {"name": name})["Location"]
        assert author.startswith(f"{start}author/")
        data = {"slug": name, "title": "t", "author": author}
        note = http.post(f"{start}note/", data)["Location"]
        assert note.startswith(f"{start}note/")
        shown = http.get(note).json()
        assert (shown["author"], shown["resource_uri"]) == (author, note)
        assert f"{start}note/" in http.get(f"{start}openapi.json").json()["paths"]
