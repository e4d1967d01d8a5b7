"""The cycles, the hooks and the options of Meta."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.bundle import Bundle
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.exceptions import (
    BadRequest,
    ImmediateHttpResponse,
    InvalidFilterError,
    NotFound,
)
from nonrel_backend.rest.http import HttpAccepted
from nonrel_backend.rest.paginator import Paginator
from nonrel_backend.rest.resources import ModelResource, Resource


def resource_of(rows, body=None, **options):
    """Return CountryResource with this class body and this Meta."""
    options = {
        "queryset": rows,
        "resource_name": "country",
        "authorization": Authorization(),
        **options,
    }
    return type(
        "CountryResource",
        (ModelResource,),
        {**(body or {}), "Meta": type("Meta", (), options)},
    )


def noting(names, steps):
    """Return methods that record their calls and call those of ModelResource."""

    def noted(name):
        def method(self, *args, **kwargs):
            steps.append(name)
            return getattr(ModelResource, name)(self, *args, **kwargs)

        return method

    return {name: noted(name) for name in names}


URI = "/api/v1/country/it/"


def test_the_order_of_the_dehydrate_cycle(countries, serve, http):
    steps = []

    class Loud(fields.CharField):
        def dehydrate(self, bundle, for_list=True):
            steps.append("field")
            return super().dehydrate(bundle, for_list)

    def dehydrate_name(self, bundle):
        steps.append("hook")
        return bundle.data["name"].upper()

    def dehydrate(self, bundle):
        steps.append("all")
        bundle.data["request_path"] = bundle.request.path
        del bundle.data["code"]
        return bundle

    body = {
        "name": Loud("name"),
        "dehydrate_name": dehydrate_name,
        "dehydrate": dehydrate,
    }
    serve(resource_of(countries, body))
    found = http.get(URI).json()
    assert found == {"name": "ITALY", "request_path": URI, "resource_uri": URI}
    assert steps == ["field", "hook", "all"]


def test_the_order_of_the_hydrate_cycle(countries, serve, http):
    steps = []

    class Loud(fields.CharField):
        def hydrate(self, bundle):
            steps.append(f"field {bundle.data['name']}")
            return super().hydrate(bundle)

    def hydrate(self, bundle):
        steps.append("all")
        bundle.obj.code = bundle.obj.code or "xx"
        return bundle

    def hydrate_name(self, bundle):
        steps.append("hook")
        bundle.data["name"] = bundle.data["name"].lower()
        return bundle

    body = {"name": Loud("name"), "hydrate": hydrate, "hydrate_name": hydrate_name}
    serve(resource_of(countries, body, excludes=["code"]))
    assert http.post("/api/v1/country/", {"name": "UTOPIA"}).status_code == 201
    assert countries.get(code="xx").name == "utopia"
    assert steps == ["all", "hook", "field utopia"]


def test_a_patch_writes_what_a_hook_changes(countries, serve, http):
    def hydrate(self, bundle):
        bundle.data["name"] = f"{bundle.data['name']}!"
        return bundle

    serve(resource_of(countries, {"hydrate": hydrate}))
    assert http.patch(URI, {}).status_code == 202
    assert countries.get(code="it").name == "Italy!"


def test_the_alter_hooks(countries, serve, http):
    def alter_list(self, request, data):
        return {"things": data["objects"]}

    def alter_detail(self, request, bundle):
        bundle.data["extra"] = 1
        return bundle

    def alter_sent(self, request, data):
        data["name"] = data.pop("called")
        return data

    def alter_sent_list(self, request, data):
        data["objects"] = data["objects"][:1]
        return data

    body = {
        "alter_list_data_to_serialize": alter_list,
        "alter_detail_data_to_serialize": alter_detail,
        "alter_deserialized_detail_data": alter_sent,
        "alter_deserialized_list_data": alter_sent_list,
    }
    serve(resource_of(countries, body))
    assert len(http.get("/api/v1/country/").json()["things"]) == 2
    assert http.get(URI).json()["extra"] == 1
    assert http.put(URI, {"called": "Italia"}).status_code == 204
    objects = [{"code": "a", "called": "A"}, {"code": "b", "called": "B"}]
    assert http.put("/api/v1/country/", {"objects": objects}).status_code == 204
    assert [(each.code, each.name) for each in countries.all()] == [("a", "A")]


def test_post_detail_may_be_implemented(countries, serve, http):
    def post_detail(self, request, **kwargs):
        return self.create_response(request, {"of": kwargs["pk"]}, HttpAccepted)

    serve(resource_of(countries, {"post_detail": post_detail}))
    response = http.post(URI, {})
    assert (response.status_code, response.json()) == (202, {"of": "it"})


def test_names_and_fields(countries, serve, http):
    class SampleContentResource(ModelResource):
        class Meta:
            queryset = countries
            fields = ["name"]
            include_resource_uri = False

    assert SampleContentResource._meta.resource_name == "samplecontent"
    assert SampleContentResource._meta.object_class is countries.model
    serve(SampleContentResource)
    assert http.get("/api/v1/samplecontent/it/").json() == {"name": "Italy"}


def test_collection_name_and_detail_uri_name(countries, serve, http):
    serve(resource_of(countries, collection_name="all", detail_uri_name="name"))
    first = http.get("/api/v1/country/").json()["all"][0]
    assert first["resource_uri"] == "/api/v1/country/Italy/"
    assert http.get(first["resource_uri"]).json() == first
    assert http.put("/api/v1/country/Peru/", {"code": "pe"}).status_code == 201
    assert countries.get(code="pe").name == "Peru"


def test_absolute_url(models, serve, http):
    author = models.Author.objects.create(name="Ann")
    models.Note.objects.create(slug="s", title="T", author=author)

    class NoteResource(ModelResource):
        class Meta:
            queryset = models.Note.objects.all()
            include_absolute_url = True

    serve(NoteResource)
    found = http.get("/api/v1/note/").json()["objects"][0]
    assert found["absolute_url"] == "/notes/s/"


def test_allowed_methods(countries, serve, http):
    serve(resource_of(countries, allowed_methods=["get"]))
    assert http.get(URI).status_code == 200
    response = http.delete(URI)
    assert response.status_code == 405 and response["Allow"] == "GET, HEAD, OPTIONS"
    assert http.post("/api/v1/country/", {}).status_code == 405
    serve(resource_of(countries, list_allowed_methods=[]))
    assert http.get("/api/v1/country/").status_code == 405
    assert http.get(URI).status_code == 200


def test_prepend_urls_override_urls_and_wrap_view(countries, serve, http):
    def prepend_urls(self):
        return [path("country/first/", self.wrap_view("get_first"))]

    def override_urls(self):
        return [path("country/last/", self.wrap_view("get_last"))]

    def get_first(self, request, **kwargs):
        self.method_check(request, ["get"])
        bundle = self.build_bundle(obj=countries.first(), request=request)
        return self.create_response(request, self.full_dehydrate(bundle), HttpAccepted)

    def get_last(self, request, **kwargs):
        raise BadRequest("no last")

    body = {
        "prepend_urls": prepend_urls,
        "override_urls": override_urls,
        "get_first": get_first,
        "get_last": get_last,
    }
    serve(resource_of(countries, body))
    response = http.get("/api/v1/country/first/")
    assert response.status_code == 202 and response.json()["resource_uri"] == URI
    assert http.post("/api/v1/country/first/", {}).status_code == 405
    response = http.get("/api/v1/country/last/")
    assert (response.status_code, response.json()) == (400, {"error": "no last"})


def test_errors_with_a_response_and_without(countries, serve, http):
    def obj_get(self, bundle, **kwargs):
        if kwargs["pk"] == "it":
            raise ImmediateHttpResponse(HttpResponse("tea", status=418))
        if kwargs["pk"] == "no":
            raise NotFound("no")
        raise KeyError("secret")

    serve(resource_of(countries, {"obj_get": obj_get}))
    assert http.get(URI).content == b"tea"
    assert http.get("/api/v1/country/no/").status_code == 404
    http.raise_request_exception = False
    response = http.get("/api/v1/country/xx/")
    assert response.status_code == 500 and "secret" not in response.content.decode()
    assert response.json()["error"].startswith("Sorry")
    found = http.get("/api/v1/country/set/no/").json()
    assert found == {"objects": [], "not_found": ["no"]}


def test_custom_filters(countries, serve, http):
    def build_filters(self, filters=None):
        found = super(resource, self).build_filters(filters)
        if "q" in filters:
            found["name__contains"] = filters["q"]
        return found

    resource = resource_of(countries, {"build_filters": build_filters})
    serve(resource)
    found = http.get("/api/v1/country/?q=way").json()["objects"]
    assert [each["code"] for each in found] == ["no"]

    def apply_filters(self, request, applicable_filters):
        return super(other, self).apply_filters(request, {}).exclude(code="no")

    other = resource_of(countries, {"apply_filters": apply_filters})
    serve(other)
    assert len(http.get("/api/v1/country/").json()["objects"]) == 1


def test_check_filtering(countries):
    resource = resource_of(countries, filtering={"name": ["exact"], "code": ALL})()
    assert resource.check_filtering("name") == ["name"]
    assert resource.check_filtering("code", "startswith") == ["code"]
    for wrong in (("name", "contains"), ("resource_uri",), ("code", "regex")):
        with pytest.raises(InvalidFilterError):
            resource.check_filtering(*wrong)


def test_uris_of_objects(countries, serve, rf):
    serve(resource_of(countries))
    from django.urls import resolve

    resource = resource_of(countries)(api_name="v1")
    italy = countries.get(code="it")
    assert resource.get_resource_uri() == "/api/v1/country/"
    assert resource.get_resource_uri(italy) == URI
    assert resource.get_resource_uri(Bundle(obj=italy)) == URI
    assert resource.get_bundle_detail_data(Bundle(obj=italy)) == "it"
    assert resource.detail_uri_kwargs(italy) == {"pk": "it"}
    assert resource.resource_uri_kwargs(italy) == {
        "resource_name": "country", "api_name": "v1", "pk": "it",
    }  # fmt: skip
    assert resource.get_via_uri(URI) == italy
    kwargs = resolve(URI).kwargs
    assert resource.remove_api_resource_names(kwargs) == {"pk": "it"}
    assert resource_of(countries)(api_name="v9").get_resource_uri(italy) == ""
    assert resource.lookup_kwargs_with_identifiers(Bundle(), {"pk": "it"}) == {
        "pk": "it"
    }
    with pytest.raises(NotFound):
        resource.get_via_uri("/api/v1/country/xx/")
    for wrong in (
        "/api/v1/",
        "/api/v1/country/",
        "/api/v1/other/it/",
        "nowhere",
        "//[",
    ):
        with pytest.raises(BadRequest):
            resource.get_via_uri(wrong)


@pytest.fixture
def rf():
    from django.test import RequestFactory

    return RequestFactory()


def test_bundles(countries):
    resource = resource_of(countries)()
    bundle = resource.build_bundle(data={"name": "x"})
    assert isinstance(bundle.obj, countries.model) and bundle.data == {"name": "x"}
    assert isinstance(bundle.request, HttpRequest) and bundle.request.GET == {}


def test_rollback_deletes_and_raises_nothing(countries, models):
    resource = resource_of(countries)()
    bundles = [Bundle(obj=each) for each in countries]
    resource.rollback([*bundles, *bundles, Bundle(), Bundle(obj=models.Country())])
    assert not countries.all().exists()


def test_hooks_of_model_fields(countries, models):
    class CountryResource(ModelResource):
        class Meta:
            queryset = countries

        @classmethod
        def should_skip_field(cls, field):
            return field.name == "code"

        @classmethod
        def api_field_from_django_field(cls, field, default=fields.CharField):
            return fields.ListField

        @classmethod
        def get_fields(cls, fields=None, excludes=None):
            found = super().get_fields(fields, excludes)
            found["more"] = found["name"]
            return found

    found = CountryResource.base_fields
    assert set(found) == {"name", "more", "resource_uri"}
    assert isinstance(found["name"], fields.ListField)


def test_the_fields_of_a_model(models):
    class NoteResource(ModelResource):
        class Meta:
            queryset = models.Note.objects.all()

    kinds = {
        name: type(field).__name__ for name, field in NoteResource.base_fields.items()
    }
    assert kinds == {
        "id": "IntegerField",
        "slug": "CharField",
        "title": "CharField",
        "content": "CharField",
        "pages": "IntegerField",
        "rating": "FloatField",
        "price": "DecimalField",
        "is_active": "BooleanField",
        "extra": "JSONField",
        "read_at": "TimeField",
        "created": "DateTimeField",
        "updated": "DateTimeField",
        "resource_uri": "CharField",
    }


def test_field_options(countries, models, serve, http):
    body = {
        "plain": fields.CharField(),
        "fixed": fields.CharField(default="x"),
        "label": fields.CharField("name", readonly=True, help_text="Shown."),
        "in_list": fields.CharField("name", use_in="list", readonly=True),
        "in_detail": fields.CharField("name", use_in="detail", readonly=True),
        "for_some": fields.CharField(
            "name", use_in=lambda bundle: bundle.obj.code == "no", readonly=True
        ),
        "called": fields.CharField(lambda bundle: f"<{bundle.obj.name}>"),
        "upper": fields.CharField("name.upper", readonly=True),
    }
    serve(resource_of(countries, body))
    found = http.get(URI).json()
    assert found["plain"] is None and found["called"] == "<Italy>"
    assert found["fixed"] == "x"
    assert found["upper"] == "ITALY"
    assert "in_list" not in found and found["in_detail"] == "Italy"
    assert "for_some" not in found
    listed = http.get("/api/v1/country/").json()["objects"]
    assert listed[1]["for_some"] == "Norway" and "in_detail" not in listed[0]
    assert http.patch(URI, {"label": "changed"}).status_code == 202
    assert countries.get(code="it").name == "Italy"
    schema = http.get("/api/v1/country/schema/").json()["fields"]
    assert schema["label"]["help_text"] == "Shown." and schema["label"]["readonly"]
    assert schema["code"]["unique"]


def test_attributes_through_relations(models, serve, http, queries):
    ann = models.Author.objects.create(name="Ann")
    bob = models.Author.objects.create(name="Bob", mentor=ann)
    models.Author.objects.create(name="Cid", mentor=bob)

    class AuthorResource(ModelResource):
        mentor_name = fields.CharField("mentor__name", null=True)
        second = fields.CharField("mentor.mentor.name", null=True)

        class Meta:
            queryset = models.Author.objects.all()
            authorization = Authorization()

    serve(AuthorResource)
    with queries() as found:
        objects = http.get("/api/v1/author/").json()["objects"]
    assert [each["mentor_name"] for each in objects] == [None, "Ann", "Bob"]
    assert [each["second"] for each in objects] == [None, None, "Ann"]
    assert len(found) == 4  # count, page, mentors, their mentors


def test_full_list_and_full_detail_may_be_callables(models, serve, http):
    ann = models.Author.objects.create(name="Ann")
    models.Author.objects.create(name="Bob", mentor=ann)

    class AuthorResource(ModelResource):
        mentor = fields.OneToOneField(
            "self",
            "mentor",
            null=True,
            full=True,
            full_list=lambda bundle: "full" in bundle.request.GET,
            full_detail=False,
        )

        class Meta:
            queryset = models.Author.objects.all()
            parameters = ["full"]

    serve(AuthorResource)
    uri = f"/api/v1/author/{ann.pk}/"
    bob = http.get("/api/v1/author/").json()["objects"][1]
    assert bob["mentor"] == uri
    bob = http.get("/api/v1/author/?full").json()["objects"][1]
    assert bob["mentor"]["name"] == "Ann"
    assert http.get(bob["resource_uri"]).json()["mentor"] == uri


def test_several_apis_have_their_own_uris(countries, serve, http):
    from django.urls import include

    from nonrel_backend.rest.api import Api

    resource, apis = resource_of(countries), []
    for name in ("v1", "v2"):
        apis.append(Api(name))
        apis[-1].register(resource())
    serve.patterns([path("api/", include(each.urls)) for each in apis])
    for name in ("v1", "v2"):
        found = http.get(f"/api/{name}/country/it/").json()
        assert found["resource_uri"] == f"/api/{name}/country/it/"
    assert apis[0].canonical_resource_for("country")._meta.api_name == "v1"
    apis[0].unregister("country")
    with pytest.raises(Exception, match="country"):
        apis[0].canonical_resource_for("country")


def test_a_resource_without_an_api(countries, serve, http):
    from django.urls import include

    serve.patterns([path("", include(resource_of(countries)().urls))])
    assert http.get("/country/it/").json()["resource_uri"] == "/country/it/"


def test_names_with_slashes(countries, models, serve, http):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            resource_name = "country/author"

    serve(resource_of(countries), AuthorResource)
    assert http.get("/api/v1/country/author/").json()["objects"] == []
    assert http.get(URI).status_code == 200


def test_the_paginator_is_a_class(countries, serve, http):
    class Small(Paginator):
        def get_limit(self):
            return 1

    serve(resource_of(countries, paginator_class=Small))
    assert http.get("/api/v1/country/").json()["meta"]["limit"] == 1


def test_resources_have_no_state_of_a_request(countries, serve, http):
    api = serve(resource_of(countries))
    resource = api._registry["country"]
    # The parts of the resource, and what is computed once, are there after these.
    http.get(URI)
    http.get("/api/v1/country/")
    http.patch(URI, {"name": "y"})
    before = {name: dict(vars(each)) for name, each in resource.fields.items()}
    keys = set(vars(resource))
    parts = {name: each for name, each in vars(resource).items() if is_part(each)}
    state = {name: repr(vars(each)) for name, each in parts.items()}
    http.get(URI)
    http.patch(URI, {"name": "x"})
    http.get("/api/v1/country/?fields=name")
    assert {name: dict(vars(each)) for name, each in resource.fields.items()} == before
    assert set(vars(resource)) == keys
    assert len(parts) >= 8
    assert {name: repr(vars(each)) for name, each in parts.items()} == state


def is_part(value):
    return getattr(value, "resource", None) is not None


def test_methods_that_must_be_implemented_raise(databases):
    class EmptyResource(Resource):
        class Meta:
            object_class = dict

    resource = EmptyResource()
    for name in ("obj_get", "obj_create", "obj_update", "obj_delete"):
        with pytest.raises(NotImplementedError):
            getattr(resource, name)(Bundle())


def test_can_create_can_update_and_can_delete(models):
    resource = resource_of(
        models.Country.objects.all(),
        list_allowed_methods=["get"],
        detail_allowed_methods=["get"],
    )()
    assert not (resource.can_create() or resource.can_update() or resource.can_delete())
    assert resource_of(models.Country.objects.all())().can_update()


def test_the_hooks_of_formats(countries, serve, http):
    steps = []
    names = ("determine_format", "serialize", "deserialize", "create_response")
    serve(resource_of(countries, noting(names, steps)))
    http.get(URI)
    assert steps == ["create_response", "determine_format", "serialize"]
    http.patch(URI, {"name": "x"})
    assert steps[3:] == ["deserialize"]


def test_meta_and_fields_are_inherited(countries):
    base = resource_of(countries, {"label": fields.CharField("name", readonly=True)})

    class CapitalResource(base):
        capital = fields.CharField()

    class LandResource(base):
        class Meta(base.Meta):
            resource_name = "land"
            limit = 5

    assert CapitalResource._meta.resource_name == "country"
    assert set(CapitalResource.base_fields) == {
        "code", "name", "label", "capital", "resource_uri",
    }  # fmt: skip
    assert (LandResource._meta.resource_name, LandResource._meta.limit) == ("land", 5)
    assert LandResource._meta.authorization is base._meta.authorization
    assert base._meta.limit is None


# The methods that the documents name, which requests for models call.
HOOKS = """
    wrap_view base_urls override_urls prepend_urls determine_format serialize
    deserialize alter_list_data_to_serialize alter_detail_data_to_serialize
    alter_deserialized_list_data alter_deserialized_detail_data dispatch_list
    dispatch_detail dispatch remove_api_resource_names method_check is_authorized
    is_authenticated throttle_check log_throttled_access build_bundle build_filters
    apply_sorting get_resource_uri resource_uri_kwargs detail_uri_kwargs
    full_dehydrate dehydrate full_hydrate hydrate hydrate_m2m build_schema
    dehydrate_resource_uri get_object_list apply_authorization_limits apply_filters
    obj_get_list obj_get cached_obj_get obj_create lookup_kwargs_with_identifiers
    obj_update obj_delete_list obj_delete_list_for_update obj_delete create_response
    is_valid get_list get_detail put_list put_detail post_list delete_list
    delete_detail patch_list patch_detail get_schema get_multiple check_filtering
    save_related save_m2m save update_in_place authorized_read_list
    authorized_read_detail authorized_create_detail authorized_update_detail
    authorized_delete_list authorized_delete_detail
""".split()


def test_every_hook_is_called_through_the_resource(countries, serve, http):
    called = []
    body = noting(HOOKS, called)
    serve(resource_of(countries, body, filtering={"name": ALL}))
    http.get("/api/v1/country/?name=Italy")
    http.get("/api/v1/country/set/it;no/")
    http.get("/api/v1/country/schema/")
    http.get(URI)
    http.post("/api/v1/country/", {"code": "se", "name": "Sweden"})
    http.put(URI, {"name": "I"})
    http.patch(URI, {"name": "Italy"})
    http.patch("/api/v1/country/", {"objects": [{"code": "dk", "name": "Denmark"}]})
    http.delete(URI)
    http.put("/api/v1/country/", {"objects": [{"code": "fi", "name": "Finland"}]})
    http.delete("/api/v1/country/")
    assert set(HOOKS) - set(called) == set()
    assert not countries.exists()
