"""Negotiation: qualities, wildcards and parameters of Accept; exports as JSON Lines."""

import json

import pytest

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.formats.negotiation import preferred
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.serializers import Serializer

URI = "/api/v1/page/"
OFFERED = ("application/json", "application/xml", "application/yaml", "text/yaml")


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("  ", "application/json"),
        ("nonsense", "application/json"),
        (";;q=,", "application/json"),
        ("*", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("APPLICATION/XML;charset=utf-8 ; Q=0.5", "application/xml"),
        ("application/xml, */*", "application/xml"),
        ("application/xml;q=0.5, application/yaml;q=0.9", "application/yaml"),
        ("application/xml;q=0.5, */*;q=0.9", "application/json"),
        ("application/json;q=0, */*", "application/xml"),
        ("application/json;q=0, application/*;q=0, */*", "text/yaml"),
        ("application/*;q=0, text/*;q=0.1", "text/yaml"),
        ("application/yaml, application/xml", "application/yaml"),
        ("application/xml;q=nonsense", "application/xml"),
        ("application/xml;q=7, application/yaml", "application/xml"),
        ("image/png, application/xml;q=0.001", "application/xml"),
        ("text/html, image/gif, *; q=.2, */*; q=.2", "application/json"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("application/json;q=0", None),
        ("application/json;q=-1", None),
    ],
)
def test_the_preferred_type(accept, found):
    assert preferred(accept, OFFERED) == found


@pytest.fixture
def pages(models, serve):
    """Return pages(**Meta), which serves 3 pages."""

    def start(**options):
        options = {"queryset": models.Page.objects.order_by("pk"), **options}
        options.setdefault("authorization", Authorization())
        meta = type("Meta", (), {"resource_name": "page", **options})
        serve(type("PageResource", (ModelResource,), {"Meta": meta}))
        for text in "abc":
            models.Page.objects.create(text=text)

    return start


def texts(response):
    if not response.streaming:
        return [each["text"] for each in response.json()["objects"]]
    return [json.loads(line)["text"] for line in b"".join(response).splitlines()]


def test_negotiation_of_a_list(pages, http):
    pages()
    for accept, wanted in (
        ("application/xml; charset=utf-8", "application/xml"),
        ("application/json;q=0.1, application/yaml;q=0.2", "application/yaml"),
        ("what?", "application/json"),
    ):
        response = http.get(URI, headers={"Accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"].split(";")[0] == wanted
    refused = http.get(URI, headers={"Accept": "application/json;q=0"})
    assert refused.status_code == 406


def test_an_export_is_off_by_default(pages, http):
    pages(max_limit=2, limit=2)
    assert http.get(f"{URI}?format=jsonl").status_code == 406
    for kind in ("application/jsonl", "application/x-ndjson"):
        assert http.get(URI, headers={"Accept": kind}).status_code == 406
        both = http.get(URI, headers={"Accept": f"{kind}, application/json;q=0.1"})
        assert texts(both) == ["a", "b"]


def test_an_export_by_format_and_by_accept(pages, http):
    pages(max_limit=2, limit=2, export=True, serializer=Serializer(formats=["json"]))
    found = http.get(f"{URI}?format=jsonl")
    assert found["Content-Type"] == "application/jsonl" and texts(found) == list("abc")
    assert "Accept" in found["Vary"]
    for accept, wanted in (
        ("application/jsonl", "application/jsonl"),
        ("application/x-ndjson; charset=utf-8", "application/x-ndjson"),
        ("application/json;q=0.5, application/jsonl", "application/jsonl"),
        ("application/jsonl;q=0.5, application/json", "application/json"),
        ("application/jsonl;q=0, */*", "application/json"),
        ("*/*", "application/json"),
    ):
        response = http.get(URI, headers={"Accept": accept})
        assert response["Content-Type"].split(";")[0] == wanted, accept
        assert len(texts(response)) == (2 if wanted == "application/json" else 3)
    # ?format= decides before Accept does.
    response = http.get(f"{URI}?format=json", headers={"Accept": "application/jsonl"})
    assert len(texts(response)) == 2
    for page in ("limit=1", "offset=1", "cursor="):
        refused = http.get(f"{URI}?format=jsonl&{page}")
        assert refused.status_code == 400
        assert page.partition("=")[0] in refused.json()["error"]


def test_only_a_list_is_exported(pages, http, models):
    pages(export=True)
    uri = f"{URI}{models.Page.objects.first().pk}/"
    for address in (uri, f"{URI}schema/", "/api/v1/"):
        assert http.get(f"{address}?format=jsonl").status_code == 406, address
