"""The stand-in server against exchanges with a real Riak, in one go from the top."""

import re
import socket
import struct

import pytest

from nonrel_backend.riak.client.connection import frame
from nonrel_backend.riak.client.messages import BY_CODE, CLASSES
from nonrel_backend.testing.riak_answers import Answers
from nonrel_backend.testing.riak_server import StandInRiak

from .recording import exchanges, fields, payload, plain

# What the stand-in does not have.
NOT_THERE = {"RpbMapRedReq", "RpbGetBucketKeyPreflistReq"}
# Counts past 64 bits, and the bytes that a counter is in the store.
BEYOND = {"counter_over", "counter_plain_get"}
# Made by the server, another one each time.
MADE_KEY = re.compile(rb"[0-9A-Za-z]{26,27}")
# Written with fewer copies than its bucket has, so that a real list may miss it.
ASTRAY = b"nv"
MADE = {"vtag", "last_mod", "last_mod_usecs", "vclock", "context"}
EXCHANGES = [
    each
    for each in exchanges()
    if each.get("request")
    and each["name"] not in BEYOND
    and each["decoded"]["request"]["message"] not in NOT_THERE
]


class Wire:
    """A bare connection, opened anew where the server closed it."""

    def __init__(self, port):
        self.port = port
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=0.3)
        self.reader = self.socket.makefile("rb")

    def ask(self, data, count, streamed):
        self.socket.sendall(data)
        replies = [self.read() for _ in range(count)]
        while streamed and not getattr(replies[-1], "done", True):
            replies.append(self.read())
        return replies

    def read(self):
        (length,) = struct.unpack("!I", self.reader.read(4))
        body = self.reader.read(length)
        return BY_CODE[body[0]].FromString(body[1:])

    def is_closed(self):
        try:
            return self.reader.read(1) == b""
        except TimeoutError:
            return False


@pytest.fixture(scope="module")
def played():
    """{name: (exchange, replies, whether closed)} of all exchanges, in their order."""
    found = {}
    with StandInRiak(answers=Answers(tombstone_seconds=1e9)) as server:
        wire = Wire(server.port)
        for exchange in exchanges():
            if exchange.get("pause_seconds"):
                # The tombstones go: a wait that need not be waited for.
                server.answers.objects.reap(float("inf"))
            if exchange not in EXCHANGES:
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


def is_stream(exchange):
    request = exchange["decoded"]["request"]
    return request.get("stream") or exchange["request"]["code"] in (17, 40)


def requests(exchange, found):
    """The bytes of the requests, with what they use of replies that went before."""
    sent = b""
    decoded = exchange["decoded"]
    for number, request in enumerate(exchange.get("requests", [exchange["request"]])):
        message = decoded.get("requests", [decoded["request"]])[number]
        name = message["message"]
        if name == "unknown" or "undecodable" in message:
            data = bytes([request["code"]]) + payload(request)
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


def field_of(use):
    return use["path"].rpartition(".")[2]


def comparable(message):
    """A reply without what the server makes."""
    if isinstance(message, dict):
        return {k: comparable(v) for k, v in message.items() if k not in MADE}
    if isinstance(message, list):
        return [comparable(each) for each in message if each not in ({}, ASTRAY)]
    if isinstance(message, bytes) and MADE_KEY.fullmatch(message):
        return b"a key that the server made"
    return message


def joined(replies):
    """A stream's frames as one."""
    whole = {}
    for reply in replies:
        for name, value in reply.items():
            whole[name] = (
                whole.get(name, []) + value if isinstance(value, list) else value
            )
    return [whole]


def in_any_order(replies):
    return [
        {k: sorted(v, key=repr) if isinstance(v, list) else v for k, v in each.items()}
        for each in replies
    ]


@pytest.mark.parametrize("name", [exchange["name"] for exchange in EXCHANGES])
def test_it_answers_as_riak_did(played, name):
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
