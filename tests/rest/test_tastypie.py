"""Names and habits of tastypie that its users bring with them."""

import datetime
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import RequestFactory

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    BasicAuthentication,
    MultiAuthentication,
)
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.contrib.contenttypes.fields import GenericForeignKeyField
from nonrel_backend.rest.contrib.contenttypes.resources import GenericResource
from nonrel_backend.rest.exceptions import (
    ApiFieldError,
    UnsupportedSerializationFormat,
)
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.serializers import Serializer
from nonrel_backend.rest.test import ResourceTestCaseMixin, TestApiClient
from nonrel_backend.rest.utils import string_to_python, timezone, trailing_slash
from nonrel_backend.rest.utils.formatting import mk_datetime
from nonrel_backend.rest.utils.mime import build_content_type, determine_format
from nonrel_backend.rest.validation import Validation

MOMENT = datetime.datetime(2010, 12, 16, 3, 2, 14, 5000, tzinfo=datetime.UTC)


class AuthorResource(ModelResource):
    class Meta:
        resource_name = "author"
        authorization = Authorization()
        always_return_data = True


class GenreResource(ModelResource):
    class Meta:
        resource_name = "genre"
        authorization = Authorization()


class NoteMeta:
    resource_name = "note"
    authorization = Authorization()
    always_return_data = True
    filtering = {"slug": ALL, "created": ALL}
    ordering = ["slug"]


def of_models(models):
    """Return the resources, made for the models that exist by now."""

    class Authors(AuthorResource):
        class Meta(AuthorResource.Meta):
            queryset = models.Author.objects.all()

    class Genres(GenreResource):
        class Meta(GenreResource.Meta):
            queryset = models.Genre.objects.all()

    return Authors, Genres


def note_resource(models, authors, **options):
    meta = type("Meta", (NoteMeta,), options)
    meta.queryset = models.Note.objects.all()
    attributes = {"author": fields.ForeignKey(authors, "author"), "Meta": meta}
    return type("Notes", (ModelResource,), attributes)


# --- generic foreign keys ---


@pytest.fixture
def marks(models, serve):
    authors, genres = of_models(models)

    class MarkResource(ModelResource):
        of = GenericForeignKeyField(
            {models.Author: authors, models.Genre: genres}, "of", full=True
        )

        class Meta:
            resource_name = "mark"
            queryset = models.Mark.objects.all()
            authorization = Authorization()
            filtering = {"of": ALL}
            always_return_data = True

    serve(authors, genres, MarkResource)
    return MarkResource


def test_generic_foreign_keys(marks, models, http, queries):
    ann = models.Author.objects.create(name="ann")
    genre = models.Genre.objects.create(name="prose")
    author_uri, genre_uri = f"/api/v1/author/{ann.pk}/", f"/api/v1/genre/{genre.pk}/"
    data = {"text": "a", "of": author_uri}
    response = http.post("/api/v1/mark/", data)
    assert response.status_code == 201, response.content
    uri = response["Location"]
    assert http.get(uri).json()["of"]["name"] == "ann"
    assert http.patch(uri, {"of": genre_uri}).status_code == 202
    found = http.get(uri).json()["of"]
    assert (found["name"], found["resource_uri"]) == ("prose", genre_uri)
    assert http.put(uri, http.get(uri).json()).status_code == 200
    data = {"text": "b", "of": {"resource_uri": author_uri, "name": "ann b"}}
    assert http.post("/api/v1/mark/", data).status_code == 201
    ann.refresh_from_db()
    assert ann.name == "ann b"
    for wrong in (
        "/api/v1/mark/1/", f"/api/v1/genre/{genre.pk + 9}/", "x", 5, None, [], {"a": 1}
    ):  # fmt: skip
        response = http.post("/api/v1/mark/", {"text": "c", "of": wrong})
        assert response.status_code == 400, wrong
    for number in range(6):
        of = ann if number % 2 else genre
        models.Mark.objects.create(text=str(number), of=of)
    with queries() as few:
        found = http.get("/api/v1/mark/").json()["objects"]
    assert len(found) == 8 and len(few) <= 5
    assert http.get(f"/api/v1/mark/?of={author_uri}").status_code == 400
    assert http.get("/api/v1/mark/?of=5").status_code == 400
    schema = http.get("/api/v1/mark/schema/").json()["fields"]["of"]
    assert schema["related_schema"] == [
        "/api/v1/author/schema/",
        "/api/v1/genre/schema/",
    ]
    document = http.get("/api/v1/openapi.json").json()["components"]["schemas"]
    assert len(document["mark"]["properties"]["of"]["anyOf"]) == 3


def test_a_generic_foreign_key_needs_resources_by_model(models):
    for wrong in ({}, AuthorResource, {int: AuthorResource}, {models.Author: int}):
        with pytest.raises(ImproperlyConfigured):
            GenericForeignKeyField(wrong, "of")


def test_a_resource_of_several(marks, models):
    ann = models.Author.objects.create(name="ann")
    authors, genres = (each("v1") for each in of_models(models))
    several = GenericResource([genres, authors])
    assert several.get_via_uri(f"/api/v1/author/{ann.pk}/") == ann
    with pytest.raises(ApiFieldError):
        several.get_via_uri("/api/v1/mark/1/")


# --- tests ---


def test_the_client_and_the_assertions_for_tests(models, serve):
    from nonrel_backend.rest.models import ApiKey

    authors, _ = of_models(models)
    authors._meta.authentication = MultiAuthentication(
        BasicAuthentication(), ApiKeyAuthentication()
    )
    authors._meta.filtering = {"name": ALL}
    serve(authors)
    user = get_user_model().objects.create_user("ann", password="secret")
    key = ApiKey.objects.create(user=user).key

    class Base:
        def setUp(self):
            pass

    class Case(ResourceTestCaseMixin, Base):
        def get_credentials(self):
            return self.create_basic("ann", "secret")

    case = Case()
    case.setUp()
    client, uri, known = case.api_client, "/api/v1/author/", case.get_credentials()
    case.assertHttpUnauthorized(client.get(uri, format="json"))
    made = client.post(uri, data={"name": "bob"}, authentication=known)
    case.assertHttpCreated(made)
    bob = made["Location"]
    by_key = case.create_apikey("ann", key)
    for format in ("json", "xml", "yaml"):
        response = client.get(uri, format=format, authentication=by_key)
        getattr(case, f"assertValid{format.upper()}Response")(response)
        assert case.deserialize(response)["objects"][0]["name"] == "bob"
    data = {"name": "rob"}
    case.assertHttpAccepted(client.put(bob, "xml", data, authentication=known))
    case.assertHttpAccepted(client.patch(bob, "yaml", data, authentication=known))
    found = client.get(bob, authentication=known)
    case.assertValidJSONResponse(found)
    case.assertKeys(case.deserialize(found), ["id", "name", "born", "resource_uri"])
    with pytest.raises(AssertionError):
        case.assertKeys({"a": 1}, ["b"])
    with pytest.raises(AssertionError, match="200 instead of 404"):
        case.assertHttpNotFound(found)
    query = {"name": "nobody"}
    client.delete(uri, data=query, authentication=known)
    assert models.Author.objects.count() == 1
    found = client.get(uri, data={"name": "rob"}, authentication=known)
    assert case.deserialize(found)["meta"]["total_count"] == 1
    case.assertHttpAccepted(client.delete(bob, authentication=known))
    case.assertHttpNotFound(client.get(bob, authentication=known))
    assert case.serialize({"a": 1}) == '{"a": 1}'
    assert TestApiClient().get_content_type("xml") == "application/xml"
    with pytest.raises(NotImplementedError):
        ResourceTestCaseMixin().get_credentials()


# --- dates and times ---


@pytest.mark.parametrize(
    ("form", "moment", "day", "time"),
    [
        (None, "2010-12-16T03:02:14.005000Z", "2010-12-16", "03:02:14"),
        ("iso-8601", "2010-12-16T04:02:14.005000", "2010-12-16", "03:02:14"),
        ("iso-8601-strict", "2010-12-16T04:02:14", "2010-12-16", "03:02:14"),
        (
            "rfc-2822",
            "Thu, 16 Dec 2010 04:02:14 +0100",
            "16 Dec 2010",
            "03:02:14 +0100",
        ),
    ],
)
def test_one_setting_gives_the_form_of_dates(
    models, serve, http, settings_of, form, moment, day, time
):
    authors, _ = of_models(models)
    serve(authors, note_resource(models, authors))
    data = {"slug": "a", "title": "A", "read_at": "03:02:14"}
    data |= {"created": "2010-12-16T05:02:14.005+02:00"}
    data |= {"author": {"name": "ann", "born": "2010-12-16"}}
    for name in ("REST_DATETIME_FORMATTING", "TASTYPIE_DATETIME_FORMATTING"):
        models.Note.objects.all().delete()
        with settings_of(USE_TZ=True, TIME_ZONE="Europe/Rome", **{name: form}):
            response = http.post("/api/v1/note/", data)
            assert response.status_code == 201, response.content
            made = response.json()
            uri = response["Location"]
            found = http.get(uri).json()
            assert made == found
            assert (found["created"], found["read_at"]) == (moment, time)
            assert http.get(found["author"]).json()["born"] == day
            before = models.Note.objects.get()
            assert http.put(uri, found).json() | {"updated": 0} == (
                found | {"updated": 0}
            )
            after = models.Note.objects.get()
            lost = datetime.timedelta(milliseconds=5)
            exact = form in (None, "iso-8601")
            assert before.created - after.created == (lost - lost if exact else lost)


def test_post_answers_as_the_next_get(models, serve, http, settings_of):
    authors, _ = of_models(models)
    serve(authors, note_resource(models, authors))
    data = {"slug": "a", "title": "A", "author": {"name": "ann"}, "price": "5"}
    for given in ("2010-12-16T05:02:14+02:00", "2010-12-16", "2010-12-16T05:02:14"):
        with settings_of(TIME_ZONE="Asia/Tokyo"):
            models.Note.objects.all().delete()
            response = http.post("/api/v1/note/", {**data, "created": given})
            found = http.get(response["Location"]).json()
            assert response.json() == found
            response = http.patch(response["Location"], {"created": given})
            assert response.json()["created"] == found["created"]


def test_a_serializer_formats_dates_by_hooks(databases):
    class Years(Serializer):
        def format_datetime(self, data):
            return f"year {data.year}"

        def format_date(self, data):
            return "a day"

        def format_time(self, data):
            return "an hour"

    data = {"a": MOMENT, "b": MOMENT.date(), "c": MOMENT.time()}
    wanted = {"a": "year 2010", "b": "a day", "c": "an hour"}
    assert Years().to_simple(data) == wanted
    assert Years().from_json(Years().to_json(data)) == wanted
    own = Serializer(datetime_formatting="iso-8601-strict")
    assert own.to_json({"c": MOMENT.time()}) == '{"c": "03:02:14"}'
    with pytest.raises(ImproperlyConfigured):
        Serializer(datetime_formatting="iso")


def test_moments_and_texts(databases, settings_of):
    with settings_of(USE_TZ=True, TIME_ZONE="Europe/Rome"):
        aware = timezone.aware_datetime(2010, 12, 16, 4)
        assert aware.isoformat() == "2010-12-16T04:00:00+01:00"
        assert timezone.make_naive(aware) == datetime.datetime(2010, 12, 16, 4)
        assert timezone.make_naive_utc(aware) == datetime.datetime(2010, 12, 16, 3)
        assert timezone.make_aware(aware) == aware
        assert timezone.now().utcoffset() is not None
    with settings_of(USE_TZ=False):
        assert timezone.aware_datetime(2010, 1, 1) == datetime.datetime(2010, 1, 1)
        assert timezone.now().utcoffset() is None
    assert timezone.aware_date(2010, 1, 1) == datetime.date(2010, 1, 1)
    assert mk_datetime("Thu, 16 Dec 2010 03:02:14 +0000").hour == 3
    with pytest.raises(ValueError):
        mk_datetime("soon")
    assert [string_to_python(each) for each in ("true", "None", "x", 5)] == [
        True, None, "x", 5,
    ]  # fmt: skip


# --- settings ---


def test_default_formats(databases, settings_of):
    for name in ("REST_DEFAULT_FORMATS", "TASTYPIE_DEFAULT_FORMATS"):
        with settings_of(**{name: ["json", "xml"]}):
            assert Serializer().formats == ["json", "xml"]
            assert Serializer(formats=["yaml"]).formats == ["yaml"]
    with (
        settings_of(REST_DEFAULT_FORMATS=["plist"]),
        pytest.raises(ImproperlyConfigured, match="plist"),
    ):
        Serializer()


def test_full_debug_and_the_canned_error(models, serve, http, settings_of):
    authors, _ = of_models(models)

    class Failing(authors):
        class Meta(authors.Meta):
            resource_name = "failing"

        def dehydrate(self, bundle):
            raise ZeroDivisionError("by zero")

    serve(Failing)
    ann = models.Author.objects.create(name="ann")
    uri = f"/api/v1/failing/{ann.pk}/"
    http.raise_request_exception = False
    with settings_of(TASTYPIE_CANNED_ERROR="Oops."):
        response = http.get(uri)
        assert response.status_code == 500 and response.json() == {"error": "Oops."}
    with settings_of(DEBUG=True):
        found = http.get(uri).json()
        assert found["error_message"] == "by zero"
        assert "ZeroDivisionError" in found["traceback"]
        with settings_of(TASTYPIE_FULL_DEBUG=True):
            response = http.get(uri)
            assert response.status_code == 500 and b"<title>" in response.content
    with settings_of(TASTYPIE_FULL_DEBUG=True):
        assert "traceback" not in http.get(uri).json()


def test_the_slash_is_a_text_and_a_function(databases, settings_of):
    assert f"x{trailing_slash}" == "x/" and trailing_slash() == "/"
    with settings_of(TASTYPIE_ALLOW_MISSING_SLASH=True):
        assert trailing_slash() == "/?"


# --- API keys ---


def test_backfill_api_keys(models):
    from nonrel_backend.rest.models import ApiKey

    users = get_user_model().objects
    ann, bob = users.create_user("ann"), users.create_user("bob")
    ApiKey.objects.create(user=ann)
    out = StringIO()
    call_command("backfill_api_keys", stdout=out)
    name, key = out.getvalue().split()
    assert name == "bob" and ApiKey.objects.get(user=bob).matches(key)
    call_command("backfill_api_keys", stdout=out)
    assert ApiKey.objects.count() == 2 and len(out.getvalue().splitlines()) == 1


# --- requests ---


def test_a_project_may_change_the_filters(models, serve, http):
    authors, _ = of_models(models)

    class Own(authors):
        def build_filters(self, filters=None, **kwargs):
            known = filters.pop("known", None)
            filters["name__startswith"] = filters.get("begin", "")
            found = super().build_filters(filters)
            return found | ({"born__isnull": False} if known == ["1"] else {})

    Own._meta.filtering = {"name": ALL}
    serve(Own)
    models.Author.objects.create(name="ann", born=datetime.date(2000, 1, 1))
    models.Author.objects.create(name="amy")
    models.Author.objects.create(name="bob")

    def names(query):
        found = http.get(f"/api/v1/author/?{query}").json()["objects"]
        return [each["name"] for each in found]

    assert names("begin=a") == ["amy", "ann"] and names("") == ["amy", "ann", "bob"]
    assert names("begin=a&known=1") == ["ann"]
    request = RequestFactory().get("/")
    request.GET = {"begin": "b"}
    resource = Own()
    found = resource.obj_get_list(resource.build_bundle(request=request))
    assert [each.name for each in found] == ["bob"]


def test_the_formats_of_a_request(databases):
    factory, serializer = RequestFactory(), Serializer()
    assert determine_format(factory.get("/?format=xml"), serializer) == (
        "application/xml"
    )
    request = factory.get("/", HTTP_ACCEPT="application/yaml;q=0.5, text/html")
    assert determine_format(request, serializer) == "application/yaml"
    assert determine_format(factory.get("/"), serializer, "application/xml") == (
        "application/xml"
    )
    with pytest.raises(UnsupportedSerializationFormat):
        determine_format(factory.get("/?format=plist"), serializer)
    assert build_content_type("application/json") == "application/json"
    assert build_content_type("text/xml") == "text/xml; charset=utf-8"


class Strict(Validation):
    def is_valid(self, bundle, request=None):
        if "fail" in bundle.data:
            raise KeyError("fail")
        if bundle.data.get("title") == "bad":
            return {"title": ["Bad title."], "slug": "Never twice."}
        return {}


def test_all_errors_come_at_once(models, serve, http):
    authors, _ = of_models(models)
    serve(authors, note_resource(models, authors, validation=Strict()))
    response = http.post("/api/v1/note/", {"title": "bad", "pages": "x"})
    assert response.status_code == 400
    errors = response.json()["note"]
    assert set(errors) == {"author", "pages", "slug", "title"}
    assert errors["title"] == ["Bad title."] and "no data" in errors["slug"][0]
    response = http.post("/api/v1/note/", {"title": "bad", "fail": 1})
    assert response.status_code == 400
    assert set(response.json()["note"]) == {"author", "slug"}


def test_a_patch_writes_what_a_property_sets(models, serve, http, monkeypatch):
    def set_loud(note, text):
        note.title = text.upper()

    loud = property(lambda note: note.title, set_loud)
    monkeypatch.setattr(models.Note, "loud", loud, raising=False)
    authors, _ = of_models(models)
    resource = note_resource(models, authors)

    class Loud(resource):
        loud = fields.CharField("loud", blank=True)

        class Meta(resource.Meta):
            pass

    serve(authors, Loud)
    data = {"slug": "a", "title": "A", "author": {"name": "ann"}}
    uri = http.post("/api/v1/note/", data)["Location"]
    assert http.patch(uri, {"loud": "x"}).status_code == 202
    assert models.Note.objects.get().title == "X"
