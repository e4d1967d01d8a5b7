"""The client sends and reads the bytes that were recorded from a real Riak."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nonrel_backend.riak.client import Client, Pool, Refused, TimedOut, TooLarge
from nonrel_backend.riak.client.client import get_request
from nonrel_backend.riak.client.messages import BY_CODE, CLASSES

from .recording import exchanges, fields, payload, plain
from .replay import Replay

EXCHANGES = [each for each in exchanges() if each.get("request")]
# Invalid requests, which the client cannot send.
BROKEN = {
    "err_malformed_get",
    "err_truncated_field",
    "err_unknown_code_77",
    "err_unknown_code_250",
    "get_unknown_field",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    server = Replay()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(server: Replay) -> Iterator[Client]:
    client = Client(Pool("127.0.0.1", server.port, timeout=0.5))
    yield client
    client.close()


def by_name(exchanges: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in exchanges}


def index(client: Client, bucket: Any, index: Any, qtype: int, **options: Any) -> Any:
    query = client.index_stream if options.pop("stream", 0) else client.index_page
    return list_of(query(bucket, index, **options))


def update(
    client: Client, bucket: Any, type: Any, op: Any, key: Any = None, **options: Any
) -> Any:
    return client.update(bucket, key, type, CLASSES["DtOp"](**op), **options)


def put(
    client: Client, bucket: Any, content: Any, key: Any = None, **options: Any
) -> Any:
    return client.put(bucket, key, CLASSES["RpbContent"](**content), **options)


# {code of a message: the method that sends it}; others are sent as they are.
CALLS: dict[int, Callable[..., Any]] = {
    1: Client.ping,
    7: Client.server_info,
    9: Client.get,
    11: put,
    13: Client.delete,
    17: Client.keys,
    19: Client.properties,
    21: Client.set_properties,
    25: index,
    29: Client.reset_properties,
    31: Client.type_properties,
    40: Client.fold_page,
    80: Client.fetch,
    82: update,
}


def call(client: Client, exchange: dict[str, Any]) -> Any:
    decoded = exchange["decoded"]["request"]
    arguments = fields(decoded)
    if exchange["name"] == "err_missing_required":
        return client.ask(CLASSES["RpbGetReq"](**arguments))
    if exchange["name"] == "pipelined_gets":
        requests = exchange["decoded"]["requests"]
        return client.ask_many([get_request(**fields(each)) for each in requests])
    ask = CALLS.get(exchange["request"]["code"])
    if ask is not None:
        return list_of(ask(client, **arguments))
    message = CLASSES[decoded["message"]](**arguments)
    if exchange["request"]["code"] == 23 or arguments.get("stream"):
        return list(client.stream(message))
    return client.ask(message)


def list_of(found: Any) -> Any:
    return list(found) if hasattr(found, "__next__") else found


def expected_error(exchange: dict[str, Any]) -> type[Exception] | None:
    if exchange.get("no_answer_within_seconds"):
        return TimedOut
    if exchange["name"] == "counter_over":
        return TooLarge
    refused = any(reply["code"] == 0 for reply in exchange["responses"])
    return Refused if refused else None


@pytest.mark.parametrize(
    "name", [e["name"] for e in EXCHANGES if e["name"] not in BROKEN]
)
def test_requests_are_the_recorded_bytes(
    server: Replay, client: Client, name: str
) -> None:
    exchange = by_name(EXCHANGES)[name]
    if any(reply.get("hex") is None for reply in exchange["responses"]):
        pytest.skip("The reply is recorded as a hash.")
    server.play(exchange)
    error = expected_error(exchange)
    if error:
        with pytest.raises(error):
            call(client, exchange)
    else:
        call(client, exchange)
    requests = exchange.get("requests", [exchange["request"]])
    assert len(server.received) == len(requests)
    for (code, sent), request in zip(server.received, requests, strict=True):
        assert code == request["code"]
        if payload(request) is None:
            assert hashlib.sha256(sent).hexdigest() == request["sha256"]
        else:
            assert sent == payload(request)


@pytest.mark.parametrize("name", [exchange["name"] for exchange in EXCHANGES])
def test_replies_are_read_as_recorded(name: str) -> None:
    exchange = by_name(EXCHANGES)[name]
    replies = zip(exchange["responses"], exchange["decoded"]["responses"], strict=True)
    for reply, decoded in replies:
        if payload(reply) is None or name == "counter_over":
            continue
        message = BY_CODE[reply["code"]].FromString(payload(reply))
        found = plain(message)
        if exchange.get("errmsg_cut"):
            assert found["errmsg"].startswith(decoded["errmsg"][:30].encode())
        else:
            assert found == {k: v for k, v in fields(decoded).items() if v != []}


def test_the_connection_outlives_an_error(server: Replay, client: Client) -> None:
    server.play(by_name(EXCHANGES)["err_get_bad_type"])
    with pytest.raises(Refused):
        client.get("gold_kv", "a", type=b"nosuch")
    (connection,) = client.pool.nodes[0].idle
    server.play(by_name(EXCHANGES)["get_after_error"])
    client.get("gold_kv", "new")
    assert client.pool.nodes[0].idle == [connection]


def test_a_connection_that_the_server_closes_is_not_used_again(
    server: Replay, client: Client
) -> None:
    server.play(by_name(EXCHANGES)["err_index_bad_suffix"])
    with pytest.raises(Refused, match="Error processing"):
        client.index_page("gold_idx", "age_foo", key=b"30")
    assert client.pool.nodes[0].idle == []
    server.play(by_name(EXCHANGES)["ping"])
    client.ping()
