"""Bodies: values that only one format has, what a body may cost, and forms."""

import time
from contextlib import suppress

import msgpack
import pytest
import yaml
from django.test import Client

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import SessionAuthentication
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.exceptions import BadRequest
from nonrel_backend.rest.formats.yaml import Reader
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.serializers import Serializer

URI = "/api/v1/note/"


@pytest.fixture
def author(models, serve):
    """Serve notes; return an author."""

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            resource_name = "note"
            authorization = Authorization()
            always_return_data = True

    serve(AuthorResource, NoteResource)
    return models.Author.objects.create(name="Ann")


YAML = [
    ".nan", "-.inf", "{a: [.nan]}", "!!binary aGk=", "!!set {a}", "!!omap [a: 1]",
    "!!int ''", "!!bool x", "!!timestamp x", "!!float ''", "!foo x", "*a", "&a [*a]",
    f"0x{'f' * 5000}", f"0{'7' * 6000}", "9" * 5000, "'\\ud800'", '"\\ud800"',
]  # fmt: skip
MSGPACK = [
    msgpack.Timestamp(2**60), msgpack.Timestamp(-(2**62), 5),
    msgpack.Timestamp(253402300800), msgpack.ExtType(5, b"x"), float("nan"),
    float("-inf"), {"a": float("nan")}, [msgpack.ExtType(1, b"")],
]  # fmt: skip
XML = ["float>nan", "float>inf", "integer>x", f"integer>{'9' * 5000}", "float>"]


@pytest.mark.parametrize("name", ["extra", "pages", "title", "created", "read_at"])
@pytest.mark.parametrize("kind", ["yaml", "msgpack", "xml"])
def test_values_that_json_lacks_are_400(author, http, models, kind, name):
    data = {"slug": "s", "title": "t", "author": author.pk}
    data.pop(name, None)
    if kind == "yaml":
        bodies = [f"{yaml.safe_dump(data)}{name}: {value}\n" for value in YAML]
    elif kind == "msgpack":
        bodies = [msgpack.packb({**data, name: value}) for value in MSGPACK]
    else:
        own = "".join(f"<{key}>{value}</{key}>" for key, value in data.items())
        bodies = [
            f'<a>{own}<{name} type="{kind}">{text}</{name}></a>'
            for kind, _, text in (each.partition(">") for each in XML)
        ]
    for body in bodies:
        response = http.post(URI, body, content_type=f"application/{kind}")
        # As text, half a pair of surrogates is six characters.
        if response.status_code == 201:
            assert "'\\ud800'" in body and name in ("title", "extra")
            models.Note.objects.all().delete()
        else:
            assert response.status_code == 400, (body, response.content)
            assert not models.Note.objects.exists()


def test_values_of_yaml(databases):
    serializer = Serializer()
    text = """
        time: 10:30
        parts: 1:2:3.5
        day: 2020-01-02
        moment: 2020-01-02T03:04:05Z
        number: 0x1F
        float: 1.5e+3
        'yes': yes
        nothing: ~
        text: !!str 5
        '<<': {a: 1}
        <<: =
        list: [a, {b: c}]
    """
    found = serializer.deserialize(text, "application/yaml")
    assert found.pop("day").isoformat() == "2020-01-02"
    assert found.pop("moment").isoformat() == "2020-01-02T03:04:05+00:00"
    assert found == {
        "time": "10:30", "parts": "1:2:3.5", "number": 31, "float": 1500.0,
        "yes": True, "nothing": None, "text": "5", "<<": "=", "list": ["a", {"b": "c"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a: 1\n---\nb: 1", "{} {}", "a: [", "\t- a", "a: b: c"]
)
def test_more_or_less_than_one_yaml_document_is_400(databases, text):
    with pytest.raises(BadRequest):
        Serializer().deserialize(text, "application/yaml")


def test_yaml_is_read_the_same_without_libyaml(databases, monkeypatch):
    serializer, texts = (
        Serializer(),
        ["a: [1, {b: x}]", "", "- 2020-01-01", "x", "10:30"],
    )
    found = [serializer.deserialize(text, "application/yaml") for text in texts]
    dumped = serializer.serialize({"a": ["ä", None, 1.5, "10:30"]}, "application/yaml")
    monkeypatch.delattr(yaml, "CSafeLoader")
    monkeypatch.delattr(yaml, "CSafeDumper")
    again = [serializer.deserialize(text, "application/yaml") for text in texts]
    assert found == again and found[1] is None
    data = {"a": ["ä", None, 1.5, "10:30"]}
    assert serializer.serialize(data, "application/yaml") == dumped
    with pytest.raises(BadRequest, match="deeper than 64"):
        serializer.deserialize("[" * 70 + "]" * 70, "application/yaml")


def test_the_values_of_a_yaml_body_are_bounded(databases):
    serializer = Serializer()
    serializer.max_yaml_values = 10
    assert len(serializer.deserialize("[a,b,c,d,e,f,g,h,i]", "application/yaml")) == 9
    for text in ("[a,b,c,d,e,f,g,h,i,j]", "{a: b, c: d, e: f, g: h, i: j}"):
        with pytest.raises(BadRequest, match="more than 10 values"):
            serializer.deserialize(text, "application/yaml")
    assert Reader(yaml, "[a]", 64, 2).document() == ["a"]


COSTLY = {
    "json": [b"[" + b"{}," * 100_000 + b"1]"],
    "xml": [b"<objects>" + b"<a/>" * 75_000 + b"</objects>"],
    "msgpack": [b"\xdd\x00\x04\x93\xe0" + b"\x90" * 300_000],
    "yaml": [
        b"[" + b"a," * 150_000 + b"a]",
        b"[" + b"[]," * 100_000 + b"a]",
        b"[" + b"1:1" * 100_000 + b"]",
        b"- a\n" * 75_000,
        b"? a\n" * 75_000,
        b"? " * 150_000,
        b"{" + b"a: 1," * 60_000 + b"}",
        b"".join(b"%d: 1\n" % (number * (2**61 - 1)) for number in range(13_000)),
    ],
}


def cost(kind, body):
    """Return the seconds of the processor that it takes to read a body."""
    start = time.process_time()
    with suppress(BadRequest):
        Serializer().deserialize(body, f"application/{kind}")
    return time.process_time() - start


@pytest.mark.parametrize("kind", COSTLY)
def test_no_body_costs_much_more_than_others(databases, kind):
    """It is up to 30 times the costliest JSON of its length; some YAML was 600."""
    for body in COSTLY[kind]:
        assert cost(kind, body) < 100 * cost("json", *COSTLY["json"]), body[:20]


def test_a_form_with_files_is_no_internal_error(models, serve):
    from django.contrib.auth import get_user_model

    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authentication = SessionAuthentication()
            authorization = Authorization()

    serve(PageResource)
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_user("ann"))
    client.cookies["csrftoken"] = token = "a" * 32
    form = {"text": "x", "csrfmiddlewaretoken": token}
    assert client.post("/api/v1/page/", form).status_code < 500
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = client.post(
            "/api/v1/page/", b"nonsense", content_type=kind, HTTP_X_CSRFTOKEN=token
        )
        assert response.status_code in (400, 401, 415), response.content
