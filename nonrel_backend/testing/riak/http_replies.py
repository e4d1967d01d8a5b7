"""The calls and replies of the stand-in's HTTP API."""

from dataclasses import dataclass, field
from typing import Any

Headers = list[tuple[str, bytes]]
TITLES = {
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    412: "Precondition Failed",
    500: "Internal Server Error",
    501: "Not Implemented",
}
ADDRESS = "<address>mochiweb+webmachine web server</address>"
JSON: Headers = [("Content-Type", b"application/json")]
TEXT: Headers = [("Content-Type", b"text/plain")]
HTML: Headers = [("Content-Type", b"text/html")]


@dataclass
class Reply:
    """A reply; if its body is a list, it is sent in chunks."""

    status: int
    headers: Headers
    body: bytes | list[bytes] = b""


class Failed(Exception):
    """Ends a handler with a reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass
class Call:
    """A request; the type or bucket is empty if the path names none."""

    answers: Any
    method: str
    parts: list[bytes]
    query: dict[str, str]
    headers: Any
    body: bytes
    type: bytes = b""
    bucket: bytes = b""
    rest: list[bytes] = field(default_factory=list)
    old_url: bool = False

    @property
    def place(self) -> dict[str, bytes]:
        """Return the bucket and its type as fields of a message."""
        return {"bucket": self.bucket, **({"type": self.type} if self.type else {})}

    def ask(self, request: Any) -> Any:
        """Return the first reply to a message."""
        return self.answers(request)[0]

    def header(self, name: str) -> bytes | None:
        """Return the value of a header, or None."""
        value = self.headers.get(name)
        return None if value is None else value.encode("latin-1")


def text(status: int, body: str, headers: Headers = TEXT) -> Reply:
    """Return a reply with a text."""
    return Reply(status, headers, body.encode())


def page(status: int, body: str = "") -> Reply:
    """Return an error page as Webmachine, Riak's HTTP server, writes it."""
    title = TITLES[status]
    inner = f"<h1>{title}</h1>{body}"
    if status == 501:
        inner += f"<br><P><HR>{ADDRESS.replace('address', 'ADDRESS')}"
    elif status != 500:
        inner += f"<p><hr>{ADDRESS}"
    headers = list(HTML)
    if status == 405:
        headers.append(("Allow", b"HEAD, GET, POST, PUT, DELETE"))
    head = f"<html><head><title>{status} {title}</title></head>"
    return text(status, f"{head}<body>{inner}</body></html>", headers)


NOT_FOUND = text(
    404,
    "<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD><BODY><H1>Not Found</H1>The "
    "requested document was not found on this server.<P><HR><ADDRESS>mochiweb+"
    "webmachine web server</ADDRESS></BODY></HTML>",
    HTML,
)
