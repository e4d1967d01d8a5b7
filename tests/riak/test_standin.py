"""The stand-in gives the replies that were recorded from a real Riak.

With RIAK_HOST the Riak there is tested. All exchanges run in their order.
"""

import json
import random
import re
import socket
import string
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nonrel_backend.riak.client.connection import frame
from nonrel_backend.riak.client.messages import BY_CODE, CLASSES
from nonrel_backend.testing.riak.answers import Answers
from nonrel_backend.testing.riak.properties import DEFAULTS, TYPES
from nonrel_backend.testing.riak.server import StandInRiak

from .recording import exchanges, fields, payload, plain
from .relay import Relay

# Requests that the stand-in does not answer.
NOT_THERE = {"RpbMapRedReq", "RpbGetBucketKeyPreflistReq"}
# Counts beyond 64 bits, and a counter read as a plain object.
BEYOND = {"counter_over", "counter_plain_get"}
# A key that the server made: another one in each run.
MADE_KEY = re.compile(rb"[0-9A-Za-z]{26,27}")
# A bucket written with fewer copies than n_val, so that a real Riak may not list it.
ASTRAY = b"nv"
# {name: (exchange, replies, whether the server closed the connection)}
Played = dict[str, tuple[dict[str, Any], list[Any], Any]]
# Fields whose values the server makes.
MADE = {"vtag", "last_mod", "last_mod_usecs", "vclock", "context"}
EXCHANGES = [
    each
    for each in exchanges()
    if each.get("request")
    and each["name"] not in BEYOND
    and each["decoded"]["request"]["message"] not in NOT_THERE
]


class Wire:
    """A connection that sends and reads frames.

    The recorded buckets are named gold_something. On the server they have names of this
    run, of the same length.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.address = host, port
        self.timeout = timeout
        self.prefix = "".join(random.choices(string.ascii_letters, k=4)).encode() + b"_"
        self.connect()

    def connect(self) -> None:
        """Open a connection."""
        self.socket = socket.create_connection(self.address, timeout=self.timeout)
        self.reader = self.socket.makefile("rb")

    def ask(self, data: bytes, count: int, streamed: Any) -> list[Any]:
        """Send requests and return `count` replies, or all frames of a stream."""
        self.socket.sendall(data.replace(b"gold_", self.prefix))
        replies = [self.read() for _ in range(count)]
        while streamed and not getattr(replies[-1], "done", True):
            replies.append(self.read())
        return replies

    def read(self) -> Any:
        """Return the next reply."""
        (length,) = struct.unpack("!I", self.reader.read(4))
        body = self.reader.read(length)
        others = body[1:].replace(b"gold_", b"left_")
        return BY_CODE[body[0]].FromString(others.replace(self.prefix, b"gold_"))

    def is_closed(self) -> bool:
        """Return whether the server has closed the connection."""
        try:
            return self.reader.read(1) == b""
        except TimeoutError:
            return False


@pytest.fixture(scope="module")
def played(riak: str | None) -> Played:
    """Run all exchanges in their order."""
    if riak:
        relay = Relay(riak)
        (node, *_) = relay.client.pool.nodes
        wire = Wire(node.host, node.port, timeout=5)
        return play(wire, time.sleep, relay.type_properties)
    answers = Answers("riak@127.0.0.1", tombstone_seconds=1e9)
    with StandInRiak(answers=answers) as server:
        wire = Wire("127.0.0.1", server.port, timeout=1)
        # Remove tombstones instead of waiting until they are removed.
        return play(wire, lambda seconds: answers.objects.reap(float("inf")))


def play(
    wire: Wire,
    wait: Callable[[float], None],
    has_type: Callable[[str], bool] = lambda name: True,
) -> Played:
    """Run the exchanges whose bucket types the server has."""
    found: Played = {}
    for exchange in exchanges():
        if exchange.get("pause_seconds"):
            wait(exchange["pause_seconds"])
        if exchange not in EXCHANGES or not has_type(type_of(exchange)):
            continue
        data = requests(exchange, found)
        count = len(exchange.get("requests", [0]))
        try:
            replies = wire.ask(data, count, is_stream(exchange))
        except TimeoutError:
            replies = []
        closed = exchange.get("connection_closed_by_server") and wire.is_closed()
        if closed or not replies:
            wire.connect()
        found[exchange["name"]] = exchange, replies, closed
    return found


def type_of(exchange: dict[str, Any]) -> str:
    """Return the bucket type that an exchange needs."""
    name = exchange["decoded"]["request"].get("type", "default")
    return name if name.encode() in TYPES else "default"


def is_stream(exchange: dict[str, Any]) -> Any:
    """Return whether the reply is a stream of frames."""
    request = exchange["decoded"]["request"]
    return request.get("stream") or exchange["request"]["code"] in (17, 40)


def requests(exchange: dict[str, Any], found: Played) -> bytes:
    """Return the requests as bytes, with values from earlier replies."""
    sent = b""
    decoded = exchange["decoded"]
    for number, request in enumerate(exchange.get("requests", [exchange["request"]])):
        message = decoded.get("requests", [decoded["request"]])[number]
        name = message["message"]
        if name == "unknown" or "undecodable" in message:
            data = bytes([request["code"]]) + (payload(request) or b"")
            sent += struct.pack("!I", len(data)) + data
            continue
        arguments = fields({k: v for k, v in message.items() if "unknown" not in k})
        for use in exchange.get("uses", []):
            field = use["field"].removeprefix("request.")
            _, replies, _ = found[use["from"]]
            arguments[field] = getattr(
                replies[0] if field != "continuation" else replies[-1], field_of(use)
            )
        sent += frame(CLASSES[name](**arguments))
    return sent


def field_of(use: dict[str, str]) -> str:
    return use["path"].rpartition(".")[2]


def comparable(message: Any) -> Any:
    """Return a reply without values that the server makes and without other buckets."""
    if isinstance(message, dict):
        if "buckets" in message:
            ours = [name for name in message["buckets"] if name.startswith(b"gold_")]
            message = {**message, "buckets": ours}
        return {k: comparable(v) for k, v in message.items() if k not in MADE}
    if isinstance(message, list):
        return [comparable(each) for each in message if each not in ({}, ASTRAY)]
    if isinstance(message, bytes) and MADE_KEY.fullmatch(message):
        return b"a key that the server made"
    return message


def joined(replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames of a stream as one."""
    whole: dict[str, Any] = {}
    for reply in replies:
        for name, value in reply.items():
            whole[name] = (
                whole.get(name, []) + value if isinstance(value, list) else value
            )
    return [whole]


def in_any_order(replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return replies with their lists sorted."""
    return [
        {k: sorted(v, key=repr) if isinstance(v, list) else v for k, v in each.items()}
        for each in replies
    ]


@pytest.mark.parametrize("name", [exchange["name"] for exchange in EXCHANGES])
def test_it_answers_as_riak_did(played: Played, name: str) -> None:
    if name not in played:
        pytest.skip("The Riak at RIAK_HOST does not have the bucket type.")
    exchange, replies, closed = played[name]
    decoded = exchange["decoded"]["responses"]
    codes = {reply["code"] for reply in exchange["responses"]}
    assert {BY_CODE[code] for code in codes} == {type(reply) for reply in replies}
    assert bool(closed) == bool(exchange.get("connection_closed_by_server"))
    found = [comparable(plain(reply)) for reply in replies]
    if exchange.get("errmsg_cut"):
        expected = decoded[0]["errmsg"].encode()
        start = b"Error processing incoming message: error:"
        assert expected.startswith(start) and found[0]["errmsg"].startswith(start)
        return
    expected = [comparable(fields(reply)) for reply in decoded]
    if exchange.get("framing_varies") or "unordered" in exchange:
        found, expected = joined(found), joined(expected)
    if "unordered" in exchange:
        found, expected = in_any_order(found), in_any_order(expected)
    assert found == expected


def test_bucket_types_of_the_guide_are_those_of_the_stand_in():
    """A real Riak gives a new type siblings, unless it says allow_mult: false."""
    guide = (Path(__file__).parents[2] / "docs" / "riak.md").read_text()
    made = re.findall(r"bucket-type create (\w+) '{\"props\":(.*)}'", guide)
    made += re.findall(r"^\| `(\w+)` \| `({.*})` \|$", guide, re.MULTILINE)
    found = {name: {"allow_mult": True, **json.loads(props)} for name, props in made}
    assert {name.encode() for name in found} == TYPES.keys() - {b"default"}
    for name, props in found.items():
        known = {**DEFAULTS, **TYPES[name.encode()]}
        known["datatype"] = known.get("datatype", b"").decode()
        for each in ("allow_mult", "n_val", "last_write_wins", "datatype"):
            wanted = {"n_val": 3, "last_write_wins": False, "datatype": ""} | props
            assert known[each] == wanted[each], (name, each)
