"""The stand-in gives the HTTP replies that were recorded from a real Riak."""

import base64
import http.client
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from nonrel_backend.testing.riak.answers import Answers
from nonrel_backend.testing.riak.http import HttpSide

from .recording import LONG_VALUES, exchanges
from .test_backend import counter

# Calls that the stand-in does not answer.
NOT_THERE = {"root", "link_walk", "preflist", "err_index_9000"}
EXCHANGES = exchanges("http.jsonl")
Sent = tuple[int, dict[str, str], bytes]
NAMES = [
    each["name"]
    for each in EXCHANGES
    if each.get("method")
    and each["name"] not in NOT_THERE
    and not each["path"].startswith("/mapred")
]
# The body of such a reply is a stack trace, which is not compared.
STATUS_ONLY = 500
# Headers whose values the server makes.
MADE = {"Date", "Server", "Vary", "X-Riak-Vclock", "ETag", "Last-Modified", "Location"}
# Names that the server makes: keys, vtags, boundaries.
MADE_NAME = re.compile(r"[0-9A-Za-z]{20,30}")


@pytest.fixture(scope="module")
def played() -> dict[str, Sent]:
    """Run all exchanges in their order. Return {name: (status, headers, body)}."""
    found: dict[str, Sent] = {}
    answers = Answers(tombstone_seconds=1e9)
    with HttpSide(answers) as side:
        for exchange in EXCHANGES:
            if exchange.get("pause_seconds"):
                answers.objects.reap(float("inf"))
            if exchange["name"] in NAMES:
                found[exchange["name"]] = sent(side.port, exchange, found)
    return found


def sent(port: int, exchange: dict[str, Any], found: dict[str, Sent]) -> Sent:
    """Send a request, with values from earlier replies. Return its reply."""
    exchange = json.loads(json.dumps(exchange))
    path = exchange["path"]
    body = body_of(exchange, "request_body")
    for use in exchange.get("uses", []):
        _, headers, before = found[use["from"]]
        field = use["field"]
        if field == "path vtag":
            path = re.sub(r"vtag=.*", f"vtag={before.split()[1].decode()}", path)
        elif field == "path continuation":
            value = quote(json.loads(before)["continuation"], safe="")
            path = re.sub(r"continuation=.*", f"continuation={value}", path)
        elif field == "request_body(json).context":
            context = json.loads(before)["context"]
            body = json.dumps({**json.loads(body or b""), "context": context}).encode()
        else:
            name = field.removeprefix("request_headers.")
            source = use["path"].removeprefix("headers.")
            exchange["request_headers"][name] = headers[source]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest(exchange["method"], path, skip_accept_encoding=True)
    for name, value in exchange["request_headers"].items():
        connection.putheader(name, value.encode())
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def body_of(exchange: dict[str, Any], name: str) -> bytes | None:
    """Return a recorded body."""
    if exchange.get(f"{name}_length"):
        return next(v for v in LONG_VALUES if len(v) == exchange[f"{name}_length"])
    body = exchange[name]
    if body is None:
        return None
    encoded = exchange.get(f"{name}_encoding") == "base64"
    return base64.b64decode(body) if encoded else body.encode()


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_riak_did(played: dict[str, Sent], name: str) -> None:
    exchange = next(each for each in EXCHANGES if each["name"] == name)
    status, headers, body = played[name]
    assert status == exchange["status"]
    if status == STATUS_ONLY:
        return
    expected = {k.lower(): v for k, v in exchange["headers"].items() if k not in MADE}
    found = {k.lower(): v for k, v in headers.items() if k not in MADE}
    sizes = {"content-length", "transfer-encoding"}
    assert {k: made(v) for k, v in found.items() if k not in sizes} == {
        k: made(v.encode().decode("latin-1"))
        for k, v in expected.items()
        if k not in sizes
    }
    always = {"ETag", "X-Riak-Vclock"}
    assert always & headers.keys() == always & exchange["headers"].keys()
    if exchange["method"] == "HEAD":
        return
    expected_body = body_of(exchange, "body") or b""
    if "/props" in exchange["path"] and status == 200:
        known = json.loads(expected_body)["props"]
        props = json.loads(body)["props"]
        assert props == {key: known[key] for key in props}
        assert {"n_val", "allow_mult", "r", "w"} <= props.keys()
    elif "unordered" in exchange or "chunks" in exchange or "return_body" in name:
        assert in_any_order(body) == in_any_order(expected_body)
    elif headers.get("Content-Type") == "application/json" and body[:1] == b"{":
        assert comparable(body) == comparable(expected_body)
    else:
        assert made(body.decode("latin-1")) == made(expected_body.decode("latin-1"))


def made(text: str) -> str:
    """Return a text without dates and names that the server makes."""
    text = re.sub(r"\w+, \d\d \w+ \d{4} [\d:]{8} GMT", "a date", text)
    return MADE_NAME.sub("made", text)


def comparable(body: bytes) -> dict[str, Any]:
    """Return a JSON object without its context."""
    found = json.loads(body)
    return {k: v for k, v in found.items() if k != "context"}


def in_any_order(body: bytes) -> list[str]:
    """Return all items of the JSON lists in a body, sorted, and its continuation."""
    found: list[Any] = []
    for part in re.findall(r"\{\"(?:keys|results|buckets)\".*?\](?=\})", body.decode()):
        found += json.loads(part + "}").popitem()[1]
    more = re.findall(r'"continuation":"[^"]*"', body.decode())
    return sorted(map(str, found)) + more


def test_a_row_is_read_over_http(riak: str | None, server: Any, store: Any) -> None:
    if riak:
        pytest.skip("Only the stand-in has this HTTP server.")
    row = counter("Zoë", 7)
    bucket = store.bucket("library_counter").decode()
    with HttpSide(server.answers) as side:
        connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=5)
        connection.request("GET", f"/buckets/{bucket}/keys/{row.pk}")
        found = json.loads(connection.getresponse().read())
        assert found == {"id": row.pk, "name": "Zoë", "value": 7, "other": 0}
        reply = store.db_connection.get(store.bucket("library_counter"), str(row.pk))
        (entry,) = (each for each in reply.content[0].indexes if b"name" in each.key)
        name, term = entry.key.decode(), quote(entry.value.decode())
        connection.request("GET", f"/buckets/{bucket}/index/{name}/{term}")
        keys = json.loads(connection.getresponse().read())
        assert keys == {"keys": [str(row.pk)]}
        connection.request("GET", "/stats")
        assert json.loads(connection.getresponse().read())["riak_kv_version"] == "3.2.3"
        connection.close()
