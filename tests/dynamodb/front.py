"""An endpoint before a DynamoDB, that refuses requests and loses replies."""

from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from .endpoint import Endpoint, Handler

# What becomes of a request: it is answered, or its reply is cut, or it does not arrive.
ANSWERED, CUT, LOST = "answered", "cut", "lost"
THROTTLED = b'{"__type": "ProvisionedThroughputExceededException", "message": "slow"}'


class Front(Endpoint):
    """Forwards requests; `fate(operation)` says what becomes of each, or is a reply."""

    def __init__(self, url: str) -> None:
        self.fate: Callable[[str], Any] = lambda operation: ANSWERED
        self.operations: list[str] = []
        front, target = self, url.removeprefix("http://")

        class Fated(Handler):
            def take(self, operation: str, body: bytes) -> None:
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

        super().__init__(Fated)
