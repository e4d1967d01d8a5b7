"""The examples and the defaults in the documents, as written there."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import re_path

from nonrel_backend.rest import fields, utils
from nonrel_backend.rest.authentication import Authentication
from nonrel_backend.rest.authorization import (
    Authorization,
    DjangoAuthorization,
    ReadOnlyAuthorization,
)
from nonrel_backend.rest.bundle import Bundle
from nonrel_backend.rest.cache import NoCache
from nonrel_backend.rest.exceptions import MalformedKey, NotFound
from nonrel_backend.rest.paginator import Paginator
from nonrel_backend.rest.resources import (
    ALL,
    ALL_WITH_RELATIONS,
    ModelResource,
    Resource,
    ResourceOptions,
)
from nonrel_backend.rest.serializers import Serializer
from nonrel_backend.rest.throttle import BaseThrottle
from nonrel_backend.rest.validation import Validation
from tests.rest.test_hooks import URI, noting, resource_of


def test_the_quick_start(models, serve, http):
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission
    from django.test import Client

    class UserResource(ModelResource):
        class Meta:
            queryset = get_user_model().objects.all()
            resource_name = "auth/user"
            excludes = ["email", "password", "is_superuser"]

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            filtering = {"name": ALL}

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            list_allowed_methods = ["get", "post"]
            detail_allowed_methods = ["get", "post", "put", "delete"]
            resource_name = "myapp/note"
            authorization = DjangoAuthorization(read_permission=None)
            filtering = {
                "slug": ALL,
                "author": ALL_WITH_RELATIONS,
                "created": ["exact", "range", "gt", "gte", "lt", "lte"],
            }

    serve(UserResource, AuthorResource, NoteResource)
    ann = models.Author.objects.create(name="Ann")
    data = {"slug": "s", "title": "T", "author": f"/api/v1/author/{ann.pk}/"}
    data["created"] = "2020-02-03T00:00:00Z"
    assert http.post("/api/v1/myapp/note/", data).status_code == 401
    user = get_user_model().objects.create_user("bob")
    client = Client()
    client.force_login(user)
    send = {"data": data, "content_type": "application/json"}
    assert client.post("/api/v1/myapp/note/", **send).status_code == 403
    user.user_permissions.add(
        Permission.objects.get(
            codename="add_note", content_type__app_label="rest_tests"
        )
    )
    created = client.post("/api/v1/myapp/note/", **send)
    assert created.status_code == 201
    assert http.get(created["Location"]).json()["author"] == data["author"]
    for query, count in (
        ("slug__startswith=s", 1),
        ("author__name=Ann", 1),
        ("author__name=Bob", 0),
        ("created__range=2020-01-01T00:00:00Z,2020-12-31T00:00:00Z", 1),
        ("created__lt=2020-01-01T00:00:00Z", 0),
    ):
        found = http.get(f"/api/v1/myapp/note/?{query}").json()
        assert found["meta"]["total_count"] == count, query
    assert http.get("/api/v1/myapp/note/?created__year=2020").status_code == 400
    assert http.patch(created["Location"], {}).status_code == 405
    (found,) = http.get("/api/v1/auth/user/").json()["objects"]
    assert found["username"] == "bob" and not {"email", "password"} & set(found)


def test_the_defaults_of_meta(settings_of):
    class SampleResource(Resource):
        class Meta:
            object_class = dict

    meta = SampleResource()._meta
    kinds = {
        "serializer": Serializer,
        "authentication": Authentication,
        "authorization": ReadOnlyAuthorization,
        "validation": Validation,
        "cache": NoCache,
        "throttle": BaseThrottle,
    }
    for name, kind in kinds.items():
        assert type(getattr(meta, name)) is kind, name
    assert meta.paginator_class is Paginator
    methods = ["get", "post", "put", "delete", "patch"]
    assert meta.allowed_methods is None
    assert meta.list_allowed_methods == meta.detail_allowed_methods == methods
    assert (meta.limit, meta.api_name, meta.resource_name) == (20, None, "sample")
    assert ResourceOptions().resource_name is None
    assert meta.default_format == "application/json"
    assert (meta.filtering, meta.ordering, meta.queryset) == ({}, [], None)
    assert ResourceOptions().object_class is None
    assert (meta.fields, meta.excludes) == ([], [])
    assert meta.include_resource_uri and not meta.include_absolute_url
    assert not meta.always_return_data
    assert (meta.collection_name, meta.detail_uri_name) == ("objects", "pk")
    with settings_of(API_LIMIT_PER_PAGE=7):
        assert SampleResource()._meta.limit == 7


FLOW = (
    "wrap_view", "dispatch_list", "dispatch", "method_check", "is_authenticated",
    "is_authorized", "throttle_check", "get_list", "obj_get_list", "build_filters",
    "apply_filters", "get_object_list", "apply_authorization_limits", "apply_sorting",
    "full_dehydrate", "full_dehydrate", "alter_list_data_to_serialize",
    "create_response", "determine_format", "serialize", "log_throttled_access",
)  # fmt: skip


def test_the_flow_of_a_request_for_a_list(countries, serve, http):
    steps = []
    serve(resource_of(countries, noting(set(FLOW), steps)))
    steps[:] = ["wrap_view"]
    assert len(http.get("/api/v1/country/?format=json").json()["objects"]) == 2
    assert tuple(steps) == FLOW


def test_the_return_value_of_a_method_becomes_a_response(countries, serve, http):
    body = {
        "get_detail": lambda self, request, **kwargs: {"key": kwargs["pk"]},
        "delete_detail": lambda self, request, **kwargs: None,
    }
    serve(resource_of(countries, body))
    assert http.get(URI).json() == {"key": "it"}
    assert http.delete(URI).status_code == 204


def test_a_method_that_is_not_implemented_is_501(countries, serve, http):
    serve(resource_of(countries, allowed_methods=["get", "purge"]))
    assert http.send("PURGE", URI).status_code == 501


def test_hooks_may_return_new_bundles(countries, serve, http):
    def dehydrate(self, bundle):
        return Bundle(data={"only": bundle.data["name"]})

    def hydrate(self, bundle):
        return Bundle(data={**bundle.data, "name": bundle.data["name"] + "!"})

    def hydrate_name(self, bundle):
        return self.build_bundle(data={"name": bundle.data["name"] + "?"})

    body = {"dehydrate": dehydrate, "hydrate": hydrate, "hydrate_name": hydrate_name}
    serve(resource_of(countries, body))
    assert http.get(URI).json() == {"only": "Italy"}
    assert http.put(URI, {"name": "A"}).status_code == 204
    assert countries.get(code="it").name == "A!?"
    assert http.put("/api/v1/country/pe/", {"name": "B"}).status_code == 201
    assert countries.get(code="pe").name == "B!?"


def test_a_field_filled_by_its_hook(models, serve, http):
    class NoteResource(ModelResource):
        rating = fields.FloatField(readonly=True)
        total = fields.IntegerField(readonly=True)

        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()

        def dehydrate_rating(self, bundle):
            return len(bundle.obj.comments.all()) / 2

    ann = models.Author.objects.create(name="Ann")
    note = models.Note.objects.create(slug="s", title="T", author=ann, rating=5)
    models.Comment.objects.create(note=note, text="x")
    serve(NoteResource)
    uri = f"/api/v1/note/{note.pk}/"
    found = http.get(uri).json()
    assert (found["rating"], found["total"]) == (0.5, None)
    assert http.patch(uri, {"rating": 7}).status_code == 202
    note.refresh_from_db()
    assert note.rating == 5


def test_put_responds_with_the_location(countries, serve, http):
    serve(resource_of(countries))
    response = http.put(URI, {"name": "Italia"})
    assert (response.status_code, response.content) == (204, b"")
    assert response["Location"] == URI


def test_filters_use_the_names_of_resource_fields(countries, serve, http):
    body = {"heading": fields.CharField("name")}
    options = {"filtering": {"heading": ALL}, "ordering": ["heading"]}
    serve(resource_of(countries, body, excludes=["name"], **options))

    def codes(query):
        objects = http.get(f"/api/v1/country/?{query}").json()["objects"]
        return [each["code"] for each in objects]

    assert codes("heading=Norway") == ["no"]
    assert codes("order_by=-heading") == ["no", "it"]
    unknown = http.get("/api/v1/country/?name=Norway")  # not the resource's
    assert unknown.status_code == 400
    assert http.get("/api/v1/country/?order_by=name").status_code == 400


def test_further_lookups_narrow_the_query(countries, models):
    resource = resource_of(countries)()
    assert resource.build_filters() == {} and Resource().build_filters() == {}
    (found,) = resource.obj_get_list(Bundle(), name__startswith="I")
    assert found.code == "it"
    assert resource.obj_get(Bundle(), name="Norway").code == "no"
    with pytest.raises(MalformedKey):
        resource.obj_get_list(Bundle(), code="too long")
    resource.obj_delete_list(Bundle(), name="Italy")
    assert [each.code for each in countries.all()] == ["no"]
    resource.obj_delete(Bundle(), code="no")
    assert not countries.all().exists()
    ann = models.Author.objects.create(name="Ann")
    note = models.Note.objects.create(slug="s", title="T", author=ann)
    notes = resource_of(models.Note.objects.all())()
    for author in (ann, ann.pk, str(ann.pk)):
        assert list(notes.obj_get_list(Bundle(), author=author)) == [note]


def test_an_object_without_a_uri(countries, serve):
    serve(resource_of(countries))
    resource = resource_of(countries)(api_name="v1")
    assert resource.dehydrate_resource_uri(Bundle(obj=countries.model())) == ""
    with pytest.raises(NotFound):
        resource.obj_get(Bundle(), pk="\x00")


def test_an_api_name_of_meta(countries, serve):
    serve(resource_of(countries))
    resource = resource_of(countries, api_name="v1")()
    assert resource.get_resource_uri() == "/api/v1/country/"


def test_queries_are_made_for_each_request(countries, serve, http):
    serve(resource_of(countries))
    for count in (2, 3):
        objects = http.get("/api/v1/country/").json()["objects"]
        assert len(objects) == count
        countries.create(code=f"x{count}", name="X")


def test_a_class_name_without_a_path_is_an_error():
    field = fields.ToManyField("CommentResource", "comments")
    with pytest.raises(ImproperlyConfigured, match="CommentResource"):
        _ = field.to_class


class Person:
    """A person, which PersonResource shows."""

    name, years_old, profile = "Ann", None, None

    def get_absolute_url(self):
        return "/people/ann/"


class PersonResource(Resource):
    """The resource in the quick start of fields."""

    name = fields.CharField(attribute="name")
    age = fields.IntegerField(attribute="years_old", null=True)
    created = fields.DateTimeField(
        readonly=True, help_text="When the person was created", default=utils.now
    )
    is_active = fields.BooleanField(default=True)
    profile = fields.ToOneField("self", "profile", null=True)

    class Meta:
        object_class = Person
        include_absolute_url = True
        authorization = Authorization()

    def detail_uri_kwargs(self, bundle_or_obj):
        return {"pk": "ann"}

    def obj_get(self, bundle, **kwargs):
        return Person()

    def prepend_urls(self):
        slash = utils.trailing_slash()
        return [re_path(rf"^person/first{slash}$", self.wrap_view("dispatch_detail"))]


def test_the_quick_start_of_fields(databases, serve, http):
    serve(PersonResource)
    found = http.get("/api/v1/person/ann/").json()
    assert found.pop("created") >= "2020"
    assert found == {
        "name": "Ann", "age": None, "is_active": True, "profile": None,
        "absolute_url": "/people/ann/", "resource_uri": "/api/v1/person/ann/",
    }  # fmt: skip
    assert http.get("/api/v1/person/first/").json()["name"] == "Ann"
    schema = http.get("/api/v1/person/schema/").json()["fields"]
    assert schema["created"]["help_text"] == "When the person was created"
    assert schema["age"]["help_text"] == fields.IntegerField.help_text
    assert schema["age"]["nullable"] and schema["is_active"]["default"] is True


def test_rest_allow_missing_slash(countries, serve, http, settings_of):
    with settings_of(REST_ALLOW_MISSING_SLASH=True):
        serve(resource_of(countries))
        for uri in ("/api/v1/country", URI.rstrip("/"), URI, "/api/v1/country/schema"):
            assert http.get(uri).status_code == 200, uri
        found = http.get("/api/v1/country/set/it;no").json()
    assert len(found["objects"]) == 2


OPTIONS = {
    "attribute": None, "null": False, "blank": False, "readonly": False,
    "unique": False, "use_in": "all", "has_default": False,
}  # fmt: skip
KINDS = (
    "Boolean", "Char", "Date", "DateTime", "Decimal", "Dict", "File", "Float",
    "Integer", "List", "Time",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_of_fields(kind):
    field = getattr(fields, f"{kind}Field")()
    assert {name: getattr(field, name) for name in OPTIONS} == OPTIONS
    assert field.default is fields.NOT_PROVIDED and field.help_text
    assert isinstance(field, fields.ApiField)


def test_the_defaults_of_relations():
    for one in (fields.ToOneField, fields.OneToOneField, fields.ForeignKey):
        assert issubclass(one, fields.ToOneField)
    for many in (fields.ToManyField, fields.ManyToManyField, fields.OneToManyField):
        assert issubclass(many, fields.ToManyField)
        field = many("self", "x")
        assert (field.full, field.full_list, field.full_detail) == (False, True, True)
        assert {**OPTIONS, "attribute": "x"} == {
            name: getattr(field, name) for name in OPTIONS
        }
    with pytest.raises(TypeError):
        fields.ToOneField()


def test_the_fields_for_the_types_of_a_model(databases):
    from django.db import models as django

    from nonrel_backend.rest.modelfields import field_class

    pairs = {
        django.BooleanField: "Boolean",
        django.CharField: "Char",
        django.TextField: "Char",
        django.DateField: "Date",
        django.DateTimeField: "DateTime",
        django.DecimalField: "Decimal",
        django.FileField: "File",
        django.ImageField: "File",
        django.FloatField: "Float",
        django.IntegerField: "Integer",
        django.PositiveIntegerField: "Integer",
        django.PositiveSmallIntegerField: "Integer",
        django.SmallIntegerField: "Integer",
        django.TimeField: "Time",
    }
    for kind, name in pairs.items():
        assert field_class(kind()) is getattr(fields, f"{name}Field"), kind


def test_a_url_without_a_key_is_of_the_only_object(countries, serve, http):
    def prepend_urls(self):
        return [re_path(r"^country/first/$", self.wrap_view("dispatch_detail"))]

    def get_object_list(self, request):
        return countries.filter(code="it")

    body = {"prepend_urls": prepend_urls, "get_object_list": get_object_list}
    serve(resource_of(countries, body))
    assert http.get("/api/v1/country/first/").json()["code"] == "it"
    assert http.patch("/api/v1/country/first/", {"name": "I"}).status_code == 202
    assert countries.get(code="it").name == "I"
