"""The client sends operations, and retries them until its deadline."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError

from nonrel_backend.dynamodb import client as clients
from nonrel_backend.dynamodb.client import Client
from nonrel_backend.dynamodb.errors import (
    NotAllowed,
    Unavailable,
    UnknownOutcome,
    reasons_of,
)
from nonrel_backend.testing.faults.proxy import Proxy
from nonrel_backend.testing.services.dynamodb import DynamoServer

from .stub import CLOSED, CUT, WRONG, canceled, refusal

OK = (200, {})
ITEM = {"TableName": "t", "Item": {"h": {"S": "a"}}}
KEY = {"TableName": "t", "Key": {"h": {"S": "a"}}}
PUT = {"TransactItems": [{"Put": ITEM}]}
THROTTLED = refusal("ProvisionedThroughputExceededException")
BROKEN = refusal("InternalServerError", 500)


# --- items ---


def test_values_of_all_types_come_back_as_they_were_sent(client, table):
    item = {
        "h": {"S": "é\u2028\U0001f600\0"},
        "B": {"B": b""},
        "BS": {"BS": [b"\x00", b"\xff"]},
        "n": {"N": "-1.5"},
        "ns": {"NS": ["1"]},
        "list": {"L": [{"B": b"\x00\xff"}, {"NULL": True}, {"BOOL": False}]},
        "map": {"M": {"B": {"B": b"b"}, "BS": {"M": {"BS": {"S": "QUJD"}}}}},
        "one": {"M": {"B": {"S": "QUJD"}}},
        "ones": {"M": {"BS": {"L": [{"S": "QUJD"}]}}},
        "ss": {"SS": ["QUJD"]},
    }
    client.call("put_item", TableName=table, Item=item)
    key = {"h": item["h"]}
    found = client.call("get_item", TableName=table, Key=key, ConsistentRead=True)
    assert found["Item"] == item


def test_threads_share_a_client_and_get_their_own_items(client, table):
    def put_and_get(number):
        item = {"h": {"S": f"{number}"}, "data": {"B": bytes([number]) * 100}}
        client.call("put_item", TableName=table, Item=item)
        key = {"h": item["h"]}
        found = client.call("get_item", TableName=table, Key=key, ConsistentRead=True)
        return found["Item"] == item

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_get, range(200)))


def test_a_missing_item_is_not_in_the_reply(client, table):
    found = client.call("get_item", TableName=table, Key={"h": {"S": "a"}})
    assert "Item" not in found


def test_descriptions_have_dates(client, table):
    found = client.call("describe_table", TableName=table)["Table"]
    assert found["CreationDateTime"].year > 2000


def test_a_failed_condition_is_raised_at_once(client, table):
    item = {"TableName": table, "Item": {"h": {"S": "a"}}}
    condition = {"ConditionExpression": "attribute_not_exists(h)"}
    client.call("put_item", **item, **condition)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.call("put_item", **item, **condition)
    with pytest.raises(ClientError) as caught:
        client.call("transact_write_items", TransactItems=[{"Put": item | condition}])
    assert reasons_of(caught.value) == ["ConditionalCheckFailed"]


# --- retries ---


@pytest.mark.parametrize(
    "reply",
    [
        THROTTLED,
        refusal("ThrottlingException"),
        refusal("RequestLimitExceeded"),
        refusal("TransactionConflictException"),
        BROKEN,
        refusal("ServiceUnavailable", 503),
        refusal("AnythingElse", 502),
        CLOSED,
        CUT,
        WRONG,
    ],
)
def test_a_read_is_sent_again(answering, clock, reply):
    client, stub = answering(reply, reply, (200, {"Item": {"h": {"S": "a"}}}))
    assert client.call("get_item", **KEY)["Item"] == {"h": {"S": "a"}}
    assert stub.operations == ["GetItem"] * 3
    assert clock.pauses == [clients.FIRST_PAUSE, clients.FIRST_PAUSE * 2]


@pytest.mark.parametrize(
    "reply",
    [
        refusal("ConditionalCheckFailedException"),
        refusal("ResourceNotFoundException"),
        refusal("ValidationException"),
        canceled("ConditionalCheckFailed", "None"),
        canceled("TransactionConflict", "ConditionalCheckFailed"),
        canceled("None", "None"),
    ],
)
def test_what_would_be_refused_again_is_not_sent_again(answering, clock, reply):
    client, stub = answering(reply)
    with pytest.raises(ClientError):
        client.call("transact_write_items", **PUT)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        canceled("TransactionConflict", "None"),
        canceled("ThrottlingError", "TransactionConflict"),
        canceled("ProvisionedThroughputExceeded"),
        refusal("TransactionInProgressException"),
        BROKEN,
        CLOSED,
        CUT,
    ],
)
def test_a_transaction_is_sent_again_with_its_token(answering, clock, reply):
    client, stub = answering(reply, reply, OK, OK)
    client.call("transact_write_items", **PUT)
    client.call("transact_write_items", **PUT)
    tokens = [parameters["ClientRequestToken"] for _, parameters in stub.requests]
    assert len(tokens) == 4
    assert len({*tokens[:3]}) == 1
    assert tokens[3] != tokens[0]


@pytest.mark.parametrize("reply", [BROKEN, CLOSED, CUT, WRONG])
@pytest.mark.parametrize("operation", ["put_item", "update_item", "delete_item"])
def test_a_write_that_may_be_carried_out_is_not_sent_again(
    answering, clock, reply, operation
):
    client, stub = answering(reply, OK)
    with pytest.raises(UnknownOutcome, match=f"{operation} was tried once on DynamoDB"):
        client.call(operation, **KEY)
    assert len(stub.requests) == 1


def test_a_write_that_may_be_repeated_is_sent_again(answering, clock):
    client, stub = answering(CLOSED, OK)
    client.call("put_item", repeatable=True, **ITEM)
    assert len(stub.requests) == 2


def test_a_write_that_is_throttled_is_sent_again(answering, clock):
    client, stub = answering(THROTTLED, OK)
    client.call("put_item", **ITEM)
    assert len(stub.requests) == 2


def test_a_write_is_sent_again_while_there_is_no_connection(
    dynamodb, clock, monkeypatch
):
    server = DynamoServer()
    client = Client("us-east-1", server.url)
    tries = iter(range(3))

    def sleep(seconds):
        clock.sleep(seconds)
        if next(tries) == 2:
            server.start()

    monkeypatch.setattr(clients.time, "sleep", sleep)
    try:
        with pytest.raises(ClientError, match="ResourceNotFound"):
            client.call("put_item", **ITEM | {"TableName": "none"})
    finally:
        server.stop()
    assert len(clock.pauses) == 3


# --- the deadline ---


def test_the_deadline_is_kept(answering, clock):
    client, stub = answering(THROTTLED, deadline=10.0)
    with pytest.raises(Unavailable) as caught:
        client.call("put_item", **ITEM)
    assert not isinstance(caught.value, UnknownOutcome)
    assert 1_009 <= clock.now < 1_010
    assert f"put_item was tried {len(stub.requests)} times on DynamoDB" in str(
        caught.value
    )
    assert "ProvisionedThroughputExceededException" in str(caught.value)
    # They double to a second, and leave time for a try.
    assert clock.pauses[:3] == [0.02, 0.04, 0.08]
    assert max(clock.pauses) == clients.LONGEST_PAUSE


def test_the_outcome_of_a_transaction_is_unknown_at_the_deadline(answering, clock):
    client, _ = answering(CLOSED, THROTTLED, deadline=3.0)
    with pytest.raises(UnknownOutcome, match="Whether it was carried out is unknown"):
        client.call("transact_write_items", **PUT)


def test_the_outcome_of_a_read_is_not_unknown(answering, clock):
    client, _ = answering(CLOSED, deadline=3.0)
    with pytest.raises(Unavailable) as caught:
        client.call("get_item", **KEY)
    assert not isinstance(caught.value, UnknownOutcome)


def test_replies_are_waited_for_until_the_deadline(answering, clock):
    client, stub = answering(THROTTLED, OK, deadline=10.0)
    waited = []
    boto = clients.shared(client.settings)
    boto.meta.events.register(
        "before-call.dynamodb",
        lambda context, **event: waited.append(context["read_timeout"]),
    )
    stub.before = lambda: clock.sleep(7.0)
    client.call("get_item", **KEY)
    # Half of the deadline, so that there is time for another try, and what is left.
    assert waited == [5.0, pytest.approx(2.98)]


def test_a_read_timeout_is_retried(answering):
    held = threading.Event()
    client, stub = answering((200, {}), config={"read_timeout": 0.05})

    def wait_once():
        if len(stub.requests) == 1:
            held.wait(30)

    stub.before = wait_once
    client.call("get_item", **KEY)
    held.set()
    assert len(stub.requests) == 2


# --- a real server that fails ---


@pytest.fixture
def proxy(dynamodb):
    """Yield a proxy of the DynamoDB that can cut replies."""
    found = Proxy(int(dynamodb.rpartition(":")[2]), seed=1)
    yield found
    found.close()


def test_replies_that_are_cut_are_asked_for_again(client, table, proxy):
    item = {"h": {"S": "a"}, "text": {"S": "x" * 100_000}}
    client.call("put_item", TableName=table, Item=item)
    relayed = Client("us-east-1", f"http://127.0.0.1:{proxy.port}")
    for _ in range(10):
        proxy.cuts = 2
        key = {"h": {"S": "a"}}
        assert relayed.call("get_item", TableName=table, Key=key)["Item"] == item
    assert proxy.cuts == 0


def test_a_transaction_whose_reply_is_cut_is_carried_out_once(client, table, proxy):
    key = {"TableName": table, "Key": {"h": {"S": "a"}}}
    add = {
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    relayed = Client("us-east-1", f"http://127.0.0.1:{proxy.port}")
    for number in range(1, 11):
        proxy.cuts = 2
        relayed.call("transact_write_items", TransactItems=[{"Update": key | add}])
        found = client.call("get_item", ConsistentRead=True, **key)
        assert found["Item"]["n"] == {"N": str(number)}
        assert proxy.cuts == 0


def test_whether_a_write_whose_reply_is_cut_is_carried_out_is_unknown(
    client, table, proxy
):
    relayed = Client("us-east-1", f"http://127.0.0.1:{proxy.port}")
    proxy.cuts = 1
    item = {"TableName": table, "Item": {"h": {"S": "a"}}}
    with pytest.raises(UnknownOutcome):
        relayed.call("put_item", **item)
    found = client.call("get_item", TableName=table, Key={"h": {"S": "a"}})
    assert "Item" in found


def test_a_server_that_restarts_is_found_again(dynamodb, tmp_path):
    with DynamoServer() as server:
        client = Client("us-east-1", server.url)
        client.call("list_tables")
        server.kill()
        server.start()
        assert client.call("list_tables")["TableNames"] == []


# --- settings and credentials ---


def test_clients_with_equal_settings_share_one_of_boto3(dynamodb):
    first = Client("us-east-1", dynamodb, config={"max_pool_connections": 3})
    again = Client("us-east-1", dynamodb, config={"max_pool_connections": 3})
    other = Client("us-east-1", dynamodb, config={"max_pool_connections": 4})
    found = clients.shared(first.settings)
    assert clients.shared(again.settings) is found
    assert clients.shared(other.settings) is not found


def test_a_forked_child_makes_its_own(client, table):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert not clients._shared
            client.call("get_item", TableName=table, Key={"h": {"S": "a"}})
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_a_region_the_error_names_the_option(dynamodb, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ImproperlyConfigured, match=r"OPTIONS\['region'\]"):
        Client(None, dynamodb)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("profile", {"profile": "nobody"}),
        ("endpoint_url", {"endpoint_url": "nowhere"}),
        ("unheard_of", {"config": {"unheard_of": 1}}),
    ],
)
def test_settings_that_boto3_does_not_take_are_named(dynamodb, name, options):
    with pytest.raises(ImproperlyConfigured, match=name):
        Client("us-east-1", **options)


def test_errors_never_show_credentials(answering, clock):
    reply = refusal("InvalidSignatureException")
    reply[1]["message"] = "The canonical string was: x-amz-security-token:SECRET"
    client, _ = answering(reply)
    with pytest.raises(NotAllowed) as caught:
        client.call("get_item", **KEY)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_closed_client_sends_nothing(client):
    client.close()
    assert client.closed
    with pytest.raises(InterfaceError, match="closed"):
        client.call("list_tables")
