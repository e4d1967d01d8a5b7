"""An endpoint that gives the replies of a test, and records what it is asked."""

import json
import zlib
from collections.abc import Callable
from typing import Any

from .endpoint import Endpoint, Handler

# What is not JSON: the connection is closed instead of a reply, or within it.
CLOSED, CUT, WRONG = "closed", "cut", "wrong checksum"


def refusal(code: str, status: int = 400, **more: Any) -> tuple[int, dict[str, Any]]:
    """Return the reply that is an error."""
    name = f"com.amazonaws.dynamodb.v20120810#{code}"
    return status, {"__type": name, "message": f"This is {code}.", **more}


def canceled(*codes: str) -> tuple[int, dict[str, Any]]:
    """Return the reply that a transaction is canceled for these reasons."""
    reasons = [{"Code": code, "Message": f"for {code}"} for code in codes]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


class Stub(Endpoint):
    """Gives `replies` in turn, the last one for ever: (status, JSON), CLOSED, CUT..."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        # (operation, parameters) of each request.
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.before: Callable[[], None] = lambda: None
        stub = self

        class Recording(Handler):
            def take(self, operation: str, body: bytes) -> None:
                stub.requests.append((operation, json.loads(body)))
                stub.before()
                reply = stub.replies[0]
                if len(stub.replies) > 1:
                    del stub.replies[0]
                self.answer(reply)

            def answer(self, reply: Any) -> None:
                status, found = reply if isinstance(reply, tuple) else (200, {"a": 1})
                body = json.dumps(found).encode()
                checksum = zlib.crc32(body) + (reply == WRONG)
                if reply == CLOSED:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("x-amz-crc32", str(checksum))
                self.end_headers()
                self.wfile.write(body[:-1] if reply == CUT else body)
                self.close_connection = reply == CUT

        super().__init__(Recording)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.requests]
