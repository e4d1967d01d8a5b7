"""OpenAPI: documented filters are answered, responses fit, examples work when sent."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    Authentication,
    MultiAuthentication,
)
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.resources import ModelResource

START = "/api/v1/"


class ReadByAll(MultiAuthentication):
    def is_authenticated(self, request, **kwargs):
        return request.method == "GET" or super().is_authenticated(request)

    def accepts_anyone(self, method):
        return method == "get"


@pytest.fixture
def document(models, serve, http):
    """Serve authors, genres, notes, seats and countries. Return document()."""

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            authorization = Authorization()
            filtering = {"name": ["exact", "startswith"], "born": ALL}

    class GenreResource(ModelResource):
        class Meta:
            queryset = models.Genre.objects.all()
            authorization = Authorization()
            filtering = {"name": ALL}

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author", full=True)
        genres = fields.ManyToManyField(GenreResource, "genres", blank=True)

        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()
            filtering = {
                **dict.fromkeys(("title", "pages", "price", "created", "extra"), ALL),
                "rating": ["gt"],
                "is_active": ALL,
                "author": ALL_WITH_RELATIONS,
                "genres": ALL_WITH_RELATIONS,
                "slug": ["regex", "nonsense"],
            }
            ordering = ["title", "pages"]
            export = True

    class CommentResource(ModelResource):
        note = fields.ForeignKey(NoteResource, "note")

        class Meta:
            queryset = models.Comment.objects.all()
            authorization = Authorization()
            filtering = {"note": ALL_WITH_RELATIONS}

    class SeatResource(ModelResource):
        class Meta:
            queryset = models.Seat.objects.all()
            authorization = Authorization()
            filtering = {"line": ALL, "number": ALL, "taken": ["exact"]}

    class CountryResource(ModelResource):
        class Meta:
            queryset = models.Country.objects.all()
            authentication = ReadByAll(ApiKeyAuthentication())

    serve(
        AuthorResource, GenreResource, NoteResource, CommentResource, SeatResource,
        CountryResource,
    )  # fmt: skip
    return lambda: http.get(f"{START}openapi.json").json()


VALUES = {"integer": "1", "number": "1.5", "boolean": "true", "string": "2020-01-02"}


def sample(schema):
    """Return a value of a parameter that fits its schema."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [""])[0])
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "array":
        return ",".join([sample(schema["items"])] * schema.get("minItems", 1))
    if schema.get("format") == "date-time":
        return "2020-01-02T03:04:05Z"
    return "1.5" if schema.get("pattern", "").startswith(r"^-?\d") else VALUES[kind]


def test_every_documented_filter_is_answered(document, http):
    found = document()["paths"]
    names = {}
    for name in ("note", "author", "genre", "comment", "seat"):
        uri = f"{START}{name}/"
        parameters = found[uri]["get"]["parameters"]
        names[name] = {each["name"] for each in parameters}
        for each in parameters:
            query = f"?{each['name']}={sample(each['schema'])}"
            response = http.get(uri + query)
            assert response.status_code == 200, (uri, query, response.content)
        filters = {each["name"] for each in found[uri]["delete"]["parameters"]}
        pages = {"limit", "offset", "cursor", "order_by"}
        assert filters == names[name] - pages
        for each in found[uri]["delete"]["parameters"]:
            query = f"?{each['name']}={sample(each['schema'])}"
            assert http.delete(uri + query).status_code == 204, query
    note = names["note"]
    assert note >= {
        "title__contains", "pages__range", "author", "author__in", "genres__isnull",
        "author__name__startswith", "author__born__gte", "genres__name", "is_active",
    }  # fmt: skip
    # Not listed, across a relation or here; and lookups of text in numbers.
    assert not note & {
        "author__name__endswith", "author__id", "slug", "slug__nonsense", "rating",
        "pages__startswith", "title__regex", "author__startswith",
    }  # fmt: skip
    assert {"slug__regex", "rating__gt", "extra__isnull"} <= note
    assert {"note__title", "note__author__name", "note__genres"} <= names["comment"]


def test_responses_fit_their_schemas(document, http, models):
    schemas = document()["components"]["schemas"]
    author = models.Author.objects.create(name="Ann")
    models.Note.objects.create(slug="n", title="t", author=author)
    for name in ("author", "note"):
        schema = schemas[name]
        assert schema["additionalProperties"] is False
        listed = http.get(f"{START}{name}/").json()
        assert set(schemas[f"{name}.list"]["required"]) <= set(listed)
        (shown,) = listed["objects"]
        assert set(shown) == set(schema["properties"]) == set(schema["required"])
    assert schemas["note"]["properties"]["author"]["anyOf"][1] == {
        "$ref": "#/components/schemas/author"
    }


def test_data_with_unknown_names_has_no_closed_schema(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()

        def dehydrate(self, bundle):
            bundle.data["more"] = 1
            return bundle

    serve(PageResource)
    schema = http.get(f"{START}openapi.json").json()["components"]["schemas"]["page"]
    assert "additionalProperties" not in schema and "required" not in schema


def test_limits_of_what_is_sent(document):
    schemas = document()["components"]["schemas"]
    note = schemas["note.new"]["properties"]
    assert note["slug"]["pattern"] and note["slug"]["minLength"] == 1
    assert note["pages"]["minimum"] == 0  # a check constraint of the model
    assert note["title"]["type"] == ["string", "number"]
    assert note["title"]["maxLength"] == 30
    price = note["price"]["anyOf"][0]
    assert price["pattern"] == r"^-?\d{1,6}(\.\d{1,2})?$"
    assert note["author"]["anyOf"][0]["pattern"] == "^/api/v1/author/[^/]+/$"
    assert schemas["note.change"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["note.new"]
    assert "code" in schemas["country.new"]["required"]
    assert "code" not in schemas["country.put"]["properties"]
    assert "code" not in schemas["country.change"]["properties"]


def test_examples_work_when_they_are_sent(document, http, models):
    models.Author.objects.create(name="Ann")
    created = {}

    def example(uri, method):
        body = document()["paths"][uri][method]["requestBody"]
        return body["content"]["application/json"]["example"]

    for name in ("author", "genre", "note", "comment", "seat"):
        uri = f"{START}{name}/"
        response = http.post(uri, example(uri, "post"))
        assert response.status_code == 201, (name, response.content)
        created[name] = response["Location"]
        for method in ("patch", "put"):
            data = example(f"{uri}{{pk}}/", method)
            response = http.send(method.upper(), created[name], data)
            assert response.status_code in (202, 204), (name, method, response.content)
        response = http.patch(uri, example(uri, "patch"))
        assert response.status_code in (202, 409), (name, response.content)


def test_examples_need_objects_that_exist(document, models):
    operation = document()["paths"][f"{START}note/"]["post"]
    assert "example" not in operation["requestBody"]["content"]["application/json"]


def test_reading_may_need_no_user(document):
    operations = document()["paths"][f"{START}country/"]
    assert operations["get"]["security"] == [{"ApiKey": []}, {}]
    assert operations["post"]["security"] == [{"ApiKey": []}]
    scheme = document()["components"]["securitySchemes"]["ApiKey"]
    assert "ApiKey name:key" in scheme["description"]
    assert Authentication().accepts_anyone("post")


def test_an_export_is_documented(document):
    found = document()["paths"]
    content = found[f"{START}note/"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "application/jsonl"}
    content = found[f"{START}author/"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json"}
