"""An HTTP endpoint of a test, which takes DynamoDB's requests."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Reads a request, and gives it to `take()`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.take(self.headers["x-amz-target"].partition(".")[2], body)

    def take(self, operation: str, body: bytes) -> None:
        raise NotImplementedError


class Server(ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        pass  # A client has hung up.


class Endpoint:
    """A server with handlers of a class, at `url`."""

    def __init__(self, handler: type[Handler]) -> None:
        self.server = Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(
            target=self.server.serve_forever, args=[0.01], daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
