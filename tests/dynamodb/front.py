"""An endpoint before a DynamoDB, that refuses requests and loses replies."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What becomes of a request: it is answered, or its reply is cut, or it does not arrive.
ANSWERED, CUT, LOST = "answered", "cut", "lost"
THROTTLED = b'{"__type": "ProvisionedThroughputExceededException", "message": "slow"}'


class Front:
    """Forwards requests; `fate(operation)` says what becomes of each, or is a reply."""

    def __init__(self, url: str) -> None:
        self.fate: Callable[[str], Any] = lambda operation: ANSWERED
        self.operations: list[str] = []
        front, target = self, url.removeprefix("http://")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                operation = self.headers["x-amz-target"].partition(".")[2]
                front.operations.append(operation)
                fate = front.fate(operation)
                if isinstance(fate, bytes):
                    self.answer(400, fate)
                elif fate == LOST:
                    self.close_connection = True
                else:
                    self.forward(body, fate)

            def forward(self, body: bytes, fate: str) -> None:
                connection = HTTPConnection(target, timeout=20)
                connection.request("POST", "/", body, dict(self.headers.items()))
                reply = connection.getresponse()
                self.answer(reply.status, reply.read(), fate)
                connection.close()

            def answer(self, status: int, body: bytes, fate: str = ANSWERED) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if fate == ANSWERED else body[:-1])
                self.close_connection = fate == CUT

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments: Any) -> None:
                pass  # A client has hung up.

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(
            target=self.server.serve_forever, args=[0.01], daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
