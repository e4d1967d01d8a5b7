"""Fields that are written and never shown."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL
from nonrel_backend.rest.resources import DocumentResource, ModelResource
from nonrel_backend.rest.stores import DictStore

URI = "/api/v1/country/"


@pytest.fixture
def secrets(models, serve):
    class CountryResource(ModelResource):
        name = fields.CharField("name", write_only=True)

        class Meta:
            queryset = models.Country.objects.all()
            resource_name = "country"
            authorization = Authorization()
            always_return_data = True
            filtering = {"code": ALL, "name": ALL}
            ordering = ["code", "name"]

        def hydrate_name(self, bundle):
            if "name" in bundle.data:
                bundle.data["name"] = bundle.data["name"][::-1]
            return bundle

    serve(CountryResource)
    return models.Country.objects


def test_write_only_fields_are_written_and_not_shown(secrets, http):
    made = http.post(URI, {"code": "it", "name": "ab"})
    shown = {"code": "it", "resource_uri": f"{URI}it/"}
    assert made.json() == shown
    assert http.get(URI).json()["objects"] == [shown]
    assert http.get(f"{URI}it/").json() == shown
    assert http.get(f"{URI}set/it/").json()["objects"] == [shown]
    assert http.put(f"{URI}it/", shown).json() == shown
    assert secrets.get().name == "ba"
    assert http.patch(f"{URI}it/", {"name": "cd"}).json() == shown
    assert secrets.get().name == "dc"
    assert http.post(URI, {"code": "no"}).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "name=x", "name__startswith=m", "name!=x", "or=name=x|code=it", "order_by=name",
        "fields=name",
    ],
)  # fmt: skip
def test_write_only_fields_cannot_be_found_out(secrets, http, query):
    secrets.create(code="it", name="x")
    assert http.get(f"{URI}?{query}").status_code == 400


def test_descriptions_say_what_is_write_only(secrets, http):
    schema = http.get(f"{URI}schema/").json()["fields"]
    assert [name for name in schema if schema[name]["write_only"]] == ["name"]
    schemas = http.get("/api/v1/openapi.json").json()["components"]["schemas"]
    assert "name" not in schemas["country"]["properties"]
    assert schemas["country.new"]["properties"]["name"]["writeOnly"] is True
    assert "name" in schemas["country.new"]["required"]


def test_write_only_fields_of_documents(databases, serve, http):
    documents = DictStore()

    class MemoResource(DocumentResource):
        text = fields.CharField("text")
        secret = fields.JSONField("secret", write_only=True, null=True)

        class Meta:
            resource_name = "memo"
            store = documents
            authorization = Authorization()
            filtering = {"secret": ALL}
            ordering = ["secret"]

    serve(MemoResource)
    uri = http.post("/api/v1/memo/", {"text": "a", "secret": {"a": 1, "b": 2}})
    uri = uri["Location"]
    assert set(http.get(uri).json()) == {"text", "resource_uri"}
    # A part of what is not shown cannot be changed, as the rest would be lost.
    assert http.patch(uri, {"secret.a": 5}).status_code == 400
    assert http.patch(uri, {"text": "b"}).status_code == 202
    stored = documents.get(uri.split("/")[-2])
    assert stored == {"text": "b", "secret": {"a": 1, "b": 2}}
    for query in ("secret.a=1", "secret.a!=1", "order_by=secret"):
        assert http.get(f"/api/v1/memo/?{query}").status_code == 400


def test_write_only_parts_and_readonly_fields_are_refused(databases):
    with pytest.raises(ImproperlyConfigured):
        fields.CharField("x", write_only=True, readonly=True)
    with pytest.raises(ImproperlyConfigured):
        fields.EmbeddedField("x", fields={"y": fields.CharField(write_only=True)})
