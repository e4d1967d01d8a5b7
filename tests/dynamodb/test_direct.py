"""Requests past the layers of botocore: signed as botocore does, and as reliable."""

import time
from types import SimpleNamespace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from nonrel_backend.dynamodb import client as clients
from nonrel_backend.dynamodb.client import Client
from nonrel_backend.dynamodb.direct import route_of

from .stub import canceled, refusal

KEY = {"TableName": "t", "Key": {"h": {"S": "a"}}}
OK = (200, {"Item": {"h": {"S": "a"}}})
MOMENT = time.gmtime(1_700_000_000)
SCOPE = "AKID/20231114/eu-west-3/dynamodb/aws4_request"
HEADERS = {
    "authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host",
    "user-agent": "agent",
}


@pytest.fixture
def by_botocore(monkeypatch):
    """Return a list that gets the operations that go through botocore's layers."""
    found = []

    def sent(self, operation_model, request_dict, request_context):
        found.append(operation_model.name)
        return make(self, operation_model, request_dict, request_context)

    make = BaseClient._make_request
    monkeypatch.setattr(BaseClient, "_make_request", sent)
    return found


def test_only_the_first_request_goes_through_botocore(answering, by_botocore):
    client, stub = answering(OK)
    for _ in range(3):
        assert client.call("get_item", **KEY)["Item"] == OK[1]["Item"]
    assert stub.operations == ["GetItem"] * 3
    assert by_botocore == ["GetItem"]


@pytest.mark.parametrize("token", [None, "a/token=="])
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://dynamodb.eu-west-3.amazonaws.com/", None),
        ("https://1234.ddb.eu-west-3.amazonaws.com:443", None),
        ("http://127.0.0.1:8000/", None),
        ("http://[::1]:8000/", "[::1]:8000"),
    ],
)
def test_signatures_are_those_of_botocore(client, monkeypatch, token, url, host):
    credentials = Credentials("AKID", "secret/+", token)
    direct = clients.shared(client.settings).nonrel_direct
    monkeypatch.setattr(direct, "credentials", credentials)
    body, target = b'{"a": "\xc3\xa9"}', "DynamoDB_20120810.GetItem"
    found = direct.signed(route_of(url, HEADERS), target, body, lambda: MOMENT)
    request = AWSRequest(
        "POST",
        url,
        {"Content-Type": direct.content_type, "X-Amz-Target": target},
        body,
    )
    request.context["timestamp"] = found["X-Amz-Date"]
    if host:
        request.headers["Host"] = host
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-3")
    monkeypatch.setattr(auth, "_modify_request_before_signing", lambda request: None)
    request.headers["X-Amz-Date"] = found["X-Amz-Date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert found["Authorization"].endswith(f"Signature={auth.signature(text, request)}")
    assert f"Credential={SCOPE}," in found["Authorization"]
    assert (
        f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))},"
        in (found["Authorization"])
    )


@pytest.mark.parametrize(
    ("url", "authorization"),
    [
        ("http://127.0.0.1/path", HEADERS["authorization"]),
        ("http://127.0.0.1/?a=b", HEADERS["authorization"]),
        ("http://127.0.0.1/", "Bearer abc"),
        ("http://127.0.0.1/", ""),
    ],
)
def test_what_is_signed_otherwise_is_left_to_botocore(url, authorization):
    assert route_of(url, {"authorization": authorization}) is None


def test_renewed_credentials_are_used(answering, monkeypatch):
    client, stub = answering(OK)
    client.call("get_item", **KEY)
    boto = clients.shared(client.settings)
    signed = []
    boto.meta.events.register(
        "before-send.dynamodb",
        lambda request, **event: signed.append(request.headers["Authorization"]),
    )
    for name in ("first", "second", "second"):
        credentials = Credentials(name, f"secret of {name}")
        monkeypatch.setattr(boto.nonrel_direct, "credentials", credentials)
        client.call("get_item", **KEY)
    assert [each.partition("Credential=")[2].partition("/")[0] for each in signed] == [
        *("first", "second", "second")
    ]


@pytest.mark.parametrize(
    "reply",
    [
        refusal("ValidationException"),
        refusal("ConditionalCheckFailedException"),
        (400, {"__type": "com.amazon.coral.service#SerializationException"}),
        (400, {"__type": "ValidationException", "Message": "M"}),
        canceled("ConditionalCheckFailed", "None"),
        (413, {}),
    ],
)
def test_errors_are_those_of_botocore(answering, by_botocore, reply):
    client, _ = answering(OK, reply)
    other, _ = answering(reply)
    client.call("get_item", **KEY)
    errors = []
    for each in (client, other):
        with pytest.raises(ClientError) as caught:
            each.call("get_item", **KEY)
        errors.append(caught.value)
    assert by_botocore == ["GetItem", "GetItem"]
    direct, by_boto = errors
    assert type(direct).__name__ == type(by_boto).__name__
    assert direct.operation_name == by_boto.operation_name
    for name in ("Error", "CancellationReasons"):
        assert direct.response.get(name) == by_boto.response.get(name)
    status = direct.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == by_boto.response["ResponseMetadata"]["HTTPStatusCode"]


def test_what_stands_in_for_the_server_is_asked(answering):
    client, stub = answering(OK)
    client.call("get_item", **KEY)
    boto = clients.shared(client.settings)
    raw = SimpleNamespace(stream=lambda: [b'{"Item": {}}'])
    boto.meta.events.register(
        "before-send.dynamodb.GetItem",
        lambda request, **event: AWSResponse(request.url, 200, {}, raw),
    )
    assert client.call("get_item", **KEY) == {"Item": {}}
    assert len(stub.requests) == 1


def test_instruments_of_botocore_see_all_requests(answering, monkeypatch):
    client, _ = answering(OK)
    seen = []

    def traced(self, operation, parameters):
        seen.append((operation, parameters["TableName"]))
        return call(self, operation, parameters)

    call = BaseClient._make_api_call
    client.call("get_item", **KEY)
    monkeypatch.setattr(BaseClient, "_make_api_call", traced)
    client.call("get_item", **KEY)
    client.call("get_item", **KEY)
    assert seen == [("GetItem", "t")] * 2


def test_a_second_client_of_the_settings_goes_the_same_way(dynamodb, by_botocore):
    settings = {"config": {"max_pool_connections": 7}}
    for _ in range(2):
        client = Client("us-east-1", dynamodb, **settings)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            client.call("get_item", **KEY | {"TableName": "none"})
    assert by_botocore == ["GetItem"]
