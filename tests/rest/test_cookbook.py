"""The recipes of tastypie's cookbook work here."""

import csv
import json
import re
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.shortcuts import get_object_or_404
from django.test import RequestFactory
from django.urls import include, re_path

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import Api
from nonrel_backend.rest.authentication import Authentication
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.exceptions import NotRegistered
from nonrel_backend.rest.http import HttpGone, HttpMultipleChoices
from nonrel_backend.rest.resources import ModelResource, csrf_exempt
from nonrel_backend.rest.serializers import Serializer
from nonrel_backend.rest.utils import trailing_slash


@pytest.fixture
def notes(models):
    ann, bob = (models.Author.objects.create(name=name) for name in ("Ann", "Bob"))
    for number, author in enumerate((ann, bob, ann)):
        models.Note.objects.create(slug=f"n{number}", title="T", author=author)
    return models


def note_resource(models, body=None, **options):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()

    meta = {
        "queryset": models.Note.objects.all(),
        "resource_name": "note",
        "authorization": Authorization(),
        "filtering": {"slug": ALL},
        "ordering": ["slug"],
        **options,
    }
    attributes = {"author": fields.ForeignKey(AuthorResource, "author")}
    attributes |= {**(body or {}), "Meta": type("Meta", (), meta)}
    return type("NoteResource", (ModelResource,), attributes)


def test_a_resource_in_a_regular_view(notes, serve):
    resource = note_resource(notes)
    serve(resource)
    request = RequestFactory().get("/page/")
    own = resource(api_name="v1")
    bundle = own.build_bundle(request=request)
    note = own.obj_get(bundle, slug="n1")
    shown = own.full_dehydrate(own.build_bundle(obj=note, request=request))
    data = json.loads(own.serialize(None, shown, "application/json"))
    assert data["resource_uri"] == f"/api/v1/note/{note.pk}/"
    bundles = [
        own.full_dehydrate(own.build_bundle(obj=each, request=request), for_list=True)
        for each in own.obj_get_list(own.build_bundle(request=request))
    ]
    data = json.loads(own.serialize(None, bundles, "application/json"))
    assert sorted(each["slug"] for each in data) == ["n0", "n1", "n2"]


def test_keys_of_another_column_by_prepend_urls(notes, serve, http):
    def prepend_urls(self):
        return [
            re_path(
                rf"^(?P<resource_name>{self._meta.resource_name})"
                r"/(?P<slug>[\w\d_.-]+)/$",
                self.wrap_view("dispatch_detail"),
                name="api_dispatch_detail",
            )
        ]

    body = {"prepend_urls": prepend_urls}
    serve(note_resource(notes, body, detail_uri_name="slug"))
    found = http.get("/api/v1/note/n1/").json()
    assert found["resource_uri"] == "/api/v1/note/n1/"


def test_a_name_in_the_address_by_dispatch(notes, serve, http):
    def dispatch(self, request_type, request, **kwargs):
        name = kwargs.pop("name")
        kwargs["author"] = get_object_or_404(notes.Author, name=name)
        return ModelResource.dispatch(self, request_type, request, **kwargs)

    resource = note_resource(notes, {"dispatch": dispatch})()
    serve.patterns([re_path(r"^api/(?P<name>\w+)/", include(resource.urls))])
    found = http.get("/api/Ann/note/").json()["objects"]
    assert [each["slug"] for each in found] == ["n0", "n2"]
    assert http.get("/api/Eve/note/").status_code == 404


def test_nested_resources(notes, serve, http):
    child = note_resource(notes)

    class AuthorResource(ModelResource):
        class Meta:
            queryset = notes.Author.objects.all()

        def prepend_urls(self):
            name = self._meta.resource_name
            return [
                re_path(
                    rf"^(?P<resource_name>{name})/(?P<pk>\w[\w/-]*)/children"
                    f"{trailing_slash}$",
                    self.wrap_view("get_children"),
                    name="api_get_children",
                )
            ]

        def get_children(self, request, **kwargs):
            try:
                bundle = self.build_bundle(data={"pk": kwargs["pk"]}, request=request)
                lookup = self.remove_api_resource_names(kwargs)
                obj = self.cached_obj_get(bundle=bundle, **lookup)
            except ObjectDoesNotExist:
                return HttpGone()
            except MultipleObjectsReturned:
                return HttpMultipleChoices("More than one.")
            return child().get_list(request, author_id=obj.pk)

    serve(AuthorResource, child)
    ann = notes.Author.objects.get(name="Ann")
    found = http.get(f"/api/v1/author/{ann.pk}/children/").json()["objects"]
    assert [each["slug"] for each in found] == ["n0", "n2"]
    assert http.get("/api/v1/author/999/children/").status_code == 410


def test_a_search_of_a_view(notes, serve, http):
    def prepend_urls(self):
        return [
            re_path(
                rf"^(?P<resource_name>{self._meta.resource_name})/search"
                f"{trailing_slash()}$",
                self.wrap_view("get_search"),
                name="api_get_search",
            )
        ]

    def get_search(self, request, **kwargs):
        self.method_check(request, allowed=["get"])
        self.is_authenticated(request)
        self.throttle_check(request)
        found = notes.Note.objects.filter(slug=request.GET.get("q", "")).order_by("pk")
        paginator = self._meta.paginator_class(
            request.GET,
            found,
            resource_uri=self.get_resource_uri(),
            limit=self._meta.limit,
            max_limit=self._meta.max_limit,
            collection_name=self._meta.collection_name,
        )
        page = paginator.page()
        bundles = [self.build_bundle(obj=o, request=request) for o in page["objects"]]
        page["objects"] = [self.full_dehydrate(bundle) for bundle in bundles]
        page = self.alter_list_data_to_serialize(request, page)
        return self.create_response(request, page)

    body = {"prepend_urls": prepend_urls, "get_search": get_search}
    serve(note_resource(notes, body))
    found = http.get("/api/v1/note/search/?q=n1").json()
    assert [each["slug"] for each in found["objects"]] == ["n1"]
    assert found["meta"]["total_count"] == 1


class Known(Authentication):
    def is_authenticated(self, request, **kwargs):
        users = get_user_model().objects
        request.user = users.filter(username=request.headers.get("X-User")).first()
        return request.user is not None


def test_resources_of_each_user(models, serve, http):
    from nonrel_backend.rest.models import ApiAccess

    users = get_user_model().objects
    for name in ("ann", "bob"):
        users.create_user(name)

    class AccessResource(ModelResource):
        class Meta:
            queryset = ApiAccess.objects.all()
            resource_name = "access"
            list_allowed_methods = ["get", "post"]
            authentication = Known()
            authorization = Authorization()
            excludes = ["identifier"]

        def obj_create(self, bundle, **kwargs):
            name = bundle.request.user.username
            return super().obj_create(bundle, identifier=name)

        def authorized_read_list(self, object_list, bundle):
            return object_list.filter(identifier=bundle.request.user.username)

    serve(AccessResource)
    for name in ("ann", "bob"):
        headers = {"X-User": name}
        made = http.post("/api/v1/access/", {"url": f"/{name}"}, headers=headers)
        assert made.status_code == 201, made.content
        found = http.get("/api/v1/access/", headers=headers).json()["objects"]
        assert [each["url"] for each in found] == [f"/{name}"]


class CamelCaseJSONSerializer(Serializer):
    formats = ["json"]
    content_types = {"json": "application/json"}

    def to_json(self, data, options=None):
        return json.dumps(renamed(self.to_simple(data, options), to_camel))

    def from_json(self, content):
        return renamed(json.loads(content), from_camel)


def to_camel(name):
    return re.sub(r"[a-z]_[a-z]", lambda m: m[0][0] + m[0][2].upper(), name)


def from_camel(name):
    return re.sub(r"[a-z][A-Z]", lambda m: m[0][0] + "_" + m[0][1].lower(), name)


def renamed(data, change):
    if isinstance(data, dict):
        return {change(name): renamed(each, change) for name, each in data.items()}
    return [renamed(each, change) for each in data] if isinstance(data, list) else data


class CSVSerializer(Serializer):
    formats = [*Serializer.formats, "csv"]
    content_types = dict([*Serializer.content_types.items(), ("csv", "text/csv")])

    def to_csv(self, data, options=None):
        data = self.to_simple(data, options or {})
        raw = StringIO()
        if data["objects"]:
            names = data["objects"][0].keys()
            writer = csv.DictWriter(raw, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(data["objects"])
        return raw.getvalue()


def test_serializers_of_a_project(notes, serve, http):
    serve(note_resource(notes, serializer=CamelCaseJSONSerializer()))
    found = http.get("/api/v1/note/").json()["objects"][0]
    assert found["isActive"] is True and found["resourceUri"]
    changed = http.patch(found["resourceUri"], {"isActive": False})
    assert changed.status_code == 202
    assert not notes.Note.objects.get(slug=found["slug"]).is_active
    serve(note_resource(notes, serializer=CSVSerializer()))
    response = http.get("/api/v1/note/?format=csv")
    rows = list(csv.DictReader(response.content.decode().splitlines()))
    assert [row["slug"] for row in rows] == ["n0", "n1", "n2"]


def test_a_format_in_the_address(notes, serve, http):
    def prepend_urls(self):
        return [
            re_path(
                rf"^(?P<resource_name>{self._meta.resource_name})\.(?P<format>\w+)$",
                self.wrap_view("dispatch_list"),
                name="api_dispatch_list",
            )
        ]

    def determine_format(self, request):
        wanted = getattr(request, "format", None)
        if wanted in self._meta.serializer.formats:
            return self._meta.serializer.get_mime_for_format(wanted)
        return ModelResource.determine_format(self, request)

    def wrap_view(self, view):
        @csrf_exempt
        def wrapper(request, *args, **kwargs):
            request.format = kwargs.pop("format", None)
            wrapped = ModelResource.wrap_view(self, view)
            return wrapped(request, *args, **kwargs)

        return wrapper

    hooks = (prepend_urls, determine_format, wrap_view)
    serve(note_resource(notes, {each.__name__: each for each in hooks}))
    response = http.get("/api/v1/note.xml")
    assert response["Content-Type"].startswith("application/xml")
    assert http.get("/api/v1/note.json").json()["meta"]["total_count"] == 3


def test_a_queryset_by_request(notes, serve, http):
    def get_object_list(self, request):
        found = ModelResource.get_object_list(self, request)
        return found.filter(slug__gte=request.headers.get("X-From", ""))

    serve(note_resource(notes, {"get_object_list": get_object_list}))
    found = http.get("/api/v1/note/", headers={"X-From": "n2"}).json()["objects"]
    assert [each["slug"] for each in found] == ["n2"]


def test_an_api_gives_the_resource_of_a_name(notes, serve):
    api = Api(api_name="v1")
    api.register(note_resource(notes)())
    resource = api.canonical_resource_for("note")
    note = notes.Note.objects.first()
    serve.patterns([re_path("^api/", include(api.urls))])
    assert resource.get_resource_uri(note) == f"/api/v1/note/{note.pk}/"
    with pytest.raises(NotRegistered):
        api.canonical_resource_for("nothing")
