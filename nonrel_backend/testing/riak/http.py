"""The HTTP API of the stand-in: translates calls to requests of protocol buffers.

It has the calls for objects, data types, properties, index queries and lists, but no
MapReduce, link walking or preference lists.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from . import http_datatypes, http_objects, http_queries
from .answers import Answers
from .http_replies import JSON, NOT_FOUND, Call, Failed, Reply, page, text
from .starting import StartUp

# {the part of a path after the bucket: (what answers it, its methods)}
Handler = Callable[[Call], Reply]
HANDLERS: dict[str, tuple[Handler, set[str]]] = {
    "keys": (
        http_objects.answer,
        {"HEAD", "GET", "POST", "PUT", "DELETE"},
    ),
    "index": (http_queries.index, {"GET"}),
    "props": (http_datatypes.properties, {"GET", "PUT", "DELETE"}),
    "datatypes": (http_datatypes.datatype, {"GET", "POST"}),
    "counters": (http_datatypes.old_counter, {"GET", "POST"}),
}
# The codes of the requests of protocol buffers that are as theirs.
GET, INDEX, FETCH = (
    messages.CODES[name] for name in ("RpbGetReq", "RpbIndexReq", "DtFetchReq")
)
# For these an unknown bucket type has a message of its own.
UNKNOWN_TYPE = {
    "keys": "Unknown bucket type: {}",
    "datatypes": "Unknown bucket type: {}\n",
}


class HttpSide:
    """An HTTP server on `port` (0 for any free port) until the block ends.

    With `start_up` it answers as a node does that starts.
    """

    def __init__(
        self, answers: Answers, port: int = 0, start_up: StartUp | None = None
    ) -> None:
        shared = {"answers": answers, "start_up": start_up}
        requests = type("Requests", (HttpRequests,), shared)
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", port), requests, bind_and_activate=False
        )
        self.server.daemon_threads = True
        self.server.server_bind()
        self.port = self.server.server_address[1]
        if start_up is None:
            self.server.server_activate()
        threading.Thread(target=self.serve, args=[start_up], daemon=True).start()

    def serve(self, start_up: StartUp | None) -> None:
        if start_up is not None:
            start_up.wait()
            self.server.server_activate()
        self.server.serve_forever()

    def __enter__(self) -> "HttpSide":
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class HttpRequests(BaseHTTPRequestHandler):
    """The requests of one connection."""

    answers: Answers
    start_up: StartUp | None
    protocol_version = "HTTP/1.1"
    server_version = "StandInForRiak"

    def handle_one(self) -> None:
        """Answer one request."""
        size = int(self.headers.get("Content-Length") or 0)
        call = Call(
            self.answers,
            self.command,
            *parts_of(self.path),
            self.headers,
            self.rfile.read(size),
        )
        try:
            with self.answers.lock:
                reply = self.starting(call) or routed(call)
        except Failed as failure:
            reply = failure.reply
        except (Refused, UnicodeDecodeError) as error:
            reply = page(500, f"The server encountered an error:<br><pre>{error}</pre>")
        self.send(reply)

    def starting(self, call: Call) -> Reply | None:
        """Return the reply to a call while the node starts, None after that."""
        if self.start_up is None:
            return None
        if not self.start_up.knows():
            return NOT_FOUND
        kinds = {b"keys": GET, b"datatypes": FETCH, b"index": INDEX, b"counters": GET}
        found = [kinds[each] for each in call.parts if each in kinds]
        refusal = self.start_up.refusal(found[0]) if found else None
        return text(500, f"Error:\n{refusal}\n") if refusal else None

    def send(self, reply: Reply) -> None:
        """Send a reply; a list of bodies in chunks."""
        body = reply.body
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value.decode("latin-1"))
        if isinstance(body, list):
            self.send_header("Transfer-Encoding", "chunked")
            chunks = [b"%x\r\n%s\r\n" % (len(each), each) for each in [*body, b""]]
            body = b"".join(chunks)
        elif reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one
    do_PATCH = do_OPTIONS = handle_one

    def log_message(self, format: str, *args: object) -> None:
        pass


def parts_of(target: str) -> tuple[list[bytes], dict[str, str]]:
    """Return the decoded parts of a path and the query. A "+" in a path is a space."""
    path, _, query = target.partition("?")
    parts = [unquote_to_bytes(each.replace("+", " ")) for each in path.split("/")[1:]]
    found = parse_qs(query, keep_blank_values=True)
    return parts, {name: values[0] for name, values in found.items()}


def routed(call: Call) -> Reply:
    """Return the reply to a call."""
    parts = call.parts
    if parts == [b"ping"]:
        return Reply(200, [("Content-Type", b"text/html")], b"OK")
    if parts == [b"stats"]:
        return Reply(200, JSON, json.dumps(stats(call.answers)).encode())
    if parts[0] == b"types" and len(parts) > 2:
        call.type, parts = parts[1], parts[2:]
    elif parts[0] == b"riak" and len(parts) > 2:
        call.old_url = True
        parts = [b"buckets", parts[1], b"keys", *parts[2:]]
    if parts == [b"props"] and call.type:
        return http_datatypes.type_properties(call)
    if parts == [b"buckets"]:
        return http_queries.buckets(call)
    if parts[0] != b"buckets" or len(parts) < 3:
        return NOT_FOUND
    call.bucket, kind, call.rest = parts[1], parts[2].decode(), parts[3:]
    if kind not in HANDLERS:
        return NOT_FOUND
    if call.type and call.type not in call.answers.properties.types:
        if kind not in UNKNOWN_TYPE or (kind == "keys" and not call.rest):
            return NOT_FOUND
        return text(404, UNKNOWN_TYPE[kind].format(call.type.decode()))
    answer, methods = HANDLERS[kind]
    if call.method == "PATCH":
        return page(501, 'The server does not support the "PATCH" method.')
    if call.method not in methods:
        return page(405)
    return answer(call)


def stats(answers: Answers) -> dict[str, Any]:
    """Return a few of Riak's statistics."""
    return {
        "nodename": answers.node,
        "riak_kv_version": "3.2.3",
        "ring_num_partitions": 8,
    }
