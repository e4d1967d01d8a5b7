"""Formats: Accept, ?format=, Content-Type, and malicious bodies."""

import json

import msgpack
import pytest
import yaml
from django.utils.safestring import mark_safe

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.exceptions import BadRequest
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.serializers import Serializer

URI = "/api/v1/page/"


@pytest.fixture
def pages(models, serve):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()

    serve(PageResource)
    return models.Page.objects


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/xml;q=0.5, application/yaml;q=0.9", "application/yaml"),
        ("application/xml", "application/xml"),
        ("application/msgpack", "application/msgpack"),
    ],
)
def test_accept(pages, http, accept, wanted):
    response = http.get(URI, headers={"Accept": accept})
    assert response["Content-Type"].split(";")[0] == wanted
    assert "Accept" in response["Vary"]


def test_an_unacceptable_format_is_406_in_json(pages, http):
    for response in (
        http.get(URI, headers={"Accept": "image/png"}),
        http.get(f"{URI}?format=nonsense"),
    ):
        assert response.status_code == 406
        assert json.loads(response.content)["error"]


@pytest.mark.parametrize(
    ("name", "read"),
    [("json", json.loads), ("yaml", yaml.safe_load), ("msgpack", msgpack.unpackb)],
)
def test_format_parameter_and_round_trip(pages, http, name, read):
    pages.create(text="ä <&> \u2028")
    response = http.get(f"{URI}?format={name}")
    data = read(response.content)
    assert data["objects"][0]["text"] == "ä <&> \u2028"
    dump = {"json": json.dumps, "yaml": yaml.safe_dump, "msgpack": msgpack.packb}[name]
    uri = data["objects"][0]["resource_uri"]
    data["objects"][0]["text"] = "ö"
    response = http.put(
        uri, dump(data["objects"][0]), content_type=f"application/{name}"
    )
    assert response.status_code == 204, response.content
    assert pages.get().text == "ö"


def test_xml_round_trip(pages, http):
    page = pages.create(text="a < b & \x01")
    content = http.get(f"{URI}{page.pk}/?format=xml").content
    assert b"a &lt; b &amp; \xef\xbf\xbd" in content
    response = http.put(
        f"{URI}{page.pk}/", content.replace(b"a &lt;", b"c &lt;"),
        content_type="application/xml",
    )  # fmt: skip
    assert response.status_code == 204, response.content
    assert pages.get().text == "c < b & \ufffd"


@pytest.mark.parametrize(
    "data",
    [
        {
            "a": [1, -2.5, True, False, None, "", "x"],
            "b": {},
            "c": [],
            "d e": {"f": []},
        },
        {"objects": [{"a": "1"}, {"a": None}]},
    ],
)
@pytest.mark.parametrize("name", ["json", "xml", "yaml", "msgpack"])
def test_every_format_round_trips(databases, data, name):
    serializer = Serializer()
    kind = serializer.get_mime_for_format(name)
    content = serializer.serialize(data, kind)
    content = content.encode() if isinstance(content, str) else content
    assert serializer.deserialize(content, kind) == data


def test_an_unknown_content_type_is_415(pages, http):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/png", "x"):
        response = http.post(URI, "{}", content_type=kind)
        assert response.status_code == 415, kind


def test_no_content_type_is_json(pages, http):
    response = http.generic("POST", URI, '{"text": "x"}', content_type="")
    assert response.status_code == 201


BOMB = b"""<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>
<a><text>&c;&c;&c;</text></a>"""
FILE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><text>&x;</text></a>'
LAUGHS = b"a: &a [x, x]\nb: &b [*a, *a]\ntext: [*b, *b]"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", b"{"),
        ("json", b""),
        ("json", b"5"),
        ("json", b"null"),
        ("json", b'"text"'),
        ("json", b'{"text": NaN}'),
        ("json", b'{"text": Infinity}'),
        ("json", b'{"text": "\\ud800"}'),
        ("json", b'{"text": "\xff"}'),
        ("json", b'{"version": ' + b"9" * 5000 + b"}"),
        ("json", b"[" * 100000),
        ("json", b'{"text":' * 100 + b"1" + b"}" * 100),
        ("xml", b"<a>"),
        ("xml", BOMB),
        ("xml", FILE),
        ("xml", b'<a><version type="integer">x</version></a>'),
        ("xml", b"<a>" * 10000 + b"</a>" * 10000),
        ("yaml", b"{"),
        ("yaml", LAUGHS),
        ("yaml", b"!!python/object/apply:os.system ['true']"),
        ("yaml", b"text: 2020-99-99"),
        ("yaml", b"[" * 10000),
        ("yaml", b"1: x"),
        ("yaml", b"text: {null: x}"),
        ("yaml", b"text: [{1: x}]"),
        ("yaml", b"2020-01-01: x"),
        ("msgpack", b"\x81\xc4\x01a\x01"),
        ("msgpack", b"\xc1"),
        ("msgpack", b"\x93\x01"),
        ("msgpack", b"\x91" * 10000),
        ("msgpack", b"\x81\x01\x02"),
        ("msgpack", b"\xdd\xff\xff\xff\xff"),
    ],
)
def test_a_body_that_cannot_be_read_is_400(pages, http, kind, content):
    response = http.post(URI, content, content_type=f"application/{kind}")
    assert response.status_code == 400, response.content
    assert not pages.exists()
    uri = f"{URI}{pages.create(text='x').pk}/"
    for method in ("PATCH", "PUT"):
        response = http.send(method, uri, content, content_type=f"application/{kind}")
        assert response.status_code == 400, response.content
    assert pages.get().text == "x"


@pytest.mark.parametrize("start", ["[", "{a: ", "- ", "? "])
def test_deeply_nested_yaml_is_rejected_before_it_is_parsed(pages, http, start):
    response = http.post(URI, start * 10_000, content_type="application/yaml")
    assert response.status_code == 400
    assert "deeper than 64 levels" in response.json()["error"]


def test_a_body_over_the_limit_is_413(pages, http, settings_of):
    with settings_of(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        response = http.post(URI, {"text": "x" * 200})
    assert response.status_code == 413 and response.json()["error"]


def test_errors_are_in_the_requested_format(pages, http):
    response = http.get(f"{URI}999/", headers={"Accept": "application/yaml"})
    assert response.status_code == 404
    assert yaml.safe_load(response.content)["error"]


def test_a_project_may_choose_formats(databases):
    class CSVSerializer(Serializer):
        formats = ["json", "csv"]
        content_types = {**Serializer.content_types, "csv": "text/csv"}

        def to_csv(self, data, options=None):
            return ",".join(data)

    serializer = CSVSerializer()
    assert serializer.serialize(["a", "b"], "text/csv") == "a,b"
    with pytest.raises(Exception, match="Supported content types: application/json."):
        serializer.deserialize("a", "text/csv")
    with pytest.raises(Exception, match="Unsupported format"):
        Serializer(formats=["json"]).serialize({}, "application/yaml")


def test_a_resource_may_choose_formats(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            serializer = Serializer(formats=["json", "yaml"])
            authorization = Authorization()

    serve(PageResource)
    assert http.get(f"{URI}?format=yaml").status_code == 200
    assert http.get(f"{URI}?format=xml").status_code == 406
    assert http.post(URI, b"<a/>", content_type="application/xml").status_code == 415


def test_subclasses_of_strings_and_numbers_become_plain(databases):
    class Number(int):
        pass

    data = {"a": mark_safe("<b>"), "b": Number(5), "c": [True, Number(0)]}
    for name in ("json", "xml", "yaml", "msgpack"):
        serializer = Serializer()
        kind = serializer.get_mime_for_format(name)
        content = serializer.serialize(data, kind)
        content = content.encode() if isinstance(content, str) else content
        assert serializer.deserialize(content, kind) == data


def test_values_that_json_lacks(databases):
    serializer = Serializer()
    assert serializer.to_json({"a": float("nan"), 5: {1}}) == '{"a": null, "5": [1]}'
    with pytest.raises(BadRequest):
        serializer.deserialize(b"[NaN]")


def test_gzip_is_djangos(pages, http, settings_of):
    pages.create(text="x" * 50)
    uri = f"{URI}{pages.get().pk}/"
    gzip = {"MIDDLEWARE": ["django.middleware.gzip.GZipMiddleware"]}
    with settings_of(**gzip):
        for _ in range(10):
            pages.create(text="x" * 50)
        response = http.get(URI, headers={"Accept-Encoding": "gzip"})
        assert response["Content-Encoding"] == "gzip"
        etag = f"W/{http.get(uri)['ETag']}"
        response = http.patch(uri, {"text": "y"}, headers={"If-Match": etag})
        assert response.status_code == 202


def test_default_format(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            default_format = "application/yaml"

    serve(PageResource)
    assert http.get(URI)["Content-Type"].startswith("application/yaml")
    response = http.get(URI, headers={"Accept": "application/json"})
    assert response["Content-Type"].startswith("application/json")
