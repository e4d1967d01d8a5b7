"""Requests past the layers of botocore, whose work takes longer than all the rest.

botocore sends a client's first request, and so chooses the endpoint, the region and the
way to sign. Later ones that hold items are signed here, by the credentials that it
renews, and sent by its own session: its connections, proxies and certificates. Handlers
of the event "before-send" are asked as botocore asks them, since some stand in for the
server. Where an instrument has replaced botocore's method, all goes through that.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from types import FunctionType
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNED = "content-type;host;x-amz-date;x-amz-target"
TOKEN = "x-amz-security-token"
PLAIN = BaseClient._make_api_call


@dataclass(frozen=True)
class Route:
    """Where a client's requests go, and for what they are signed."""

    url: str
    host: str
    # The region and the service, as a signature names them.
    scope: str
    user_agent: str


class Direct:
    """Sends requests of one client of boto3."""

    def __init__(self, client: Any, credentials: Credentials | None) -> None:
        self.client = client
        self.credentials = credentials
        endpoint = getattr(client, "_endpoint", None)
        self.session: Any = getattr(endpoint, "http_session", None)
        service = client.meta.service_model.metadata
        self.content_type = f"application/x-amz-json-{service['jsonVersion']}"
        self.prefix = service["targetPrefix"]
        # What botocore has chosen.
        self.route: Route | None = None
        # (secret key, date and scope, the key that signs).
        self.key: tuple[str, str, bytes] = ("", "", b"")
        client.meta.events.register("before-send.dynamodb", self.note)

    def note(self, request: Any, **event: Any) -> None:
        """Take the route of the first request that botocore has signed."""
        if self.route is None:
            headers = {
                name.lower(): each.decode() if isinstance(each, bytes) else each
                for name, each in request.headers.items()
            }
            self.route = route_of(request.url, headers)

    @property
    def is_open(self) -> bool:
        """Return whether requests may be sent here."""
        return (
            self.route is not None
            and self.session is not None
            and self.credentials is not None
            and type(PLAIN) is FunctionType
            and type(self.client)._make_api_call is PLAIN
        )

    def send(
        self, name: str, body: bytes, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request; return the status, headers and body of its reply.

        Raise botocore's errors if there is none in `seconds`, or after its own timeout.
        """
        assert self.route is not None
        headers = self.signed(self.route, f"{self.prefix}.{name}", body)
        request = AWSPreparedRequest("POST", self.route.url, headers, body, False)
        timeout = min(seconds, self.client.meta.config.read_timeout)
        request.context = {"read_timeout": timeout}
        events = self.client.meta.events
        answers = events.emit(f"before-send.dynamodb.{name}", request=request)
        given = (answer for _, answer in answers if answer is not None)
        reply = next(given, None) or self.session.send(request)
        return reply.status_code, reply.headers, reply.content

    def signed(
        self,
        route: Route,
        target: str,
        body: bytes,
        now: Callable[[], time.struct_time] = time.gmtime,
    ) -> dict[str, str]:
        """Return the headers of a request with its signature, version 4."""
        assert self.credentials is not None
        access, secret, token, *_ = self.credentials.get_frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", now())
        scope = f"{moment[:8]}/{route.scope}"
        names = SIGNED
        lines = (
            f"content-type:{self.content_type}\nhost:{route.host}\n"
            f"x-amz-date:{moment}\n"
        )
        headers = {
            "Content-Type": self.content_type,
            "Content-Length": str(len(body)),
            "User-Agent": route.user_agent,
            "X-Amz-Date": moment,
            "X-Amz-Target": target,
        }
        if token:
            headers["X-Amz-Security-Token"] = token
            lines += f"{TOKEN}:{token}\n"
            names = SIGNED.replace("x-amz-target", f"{TOKEN};x-amz-target")
        request = (
            f"POST\n/\n\n{lines}x-amz-target:{target}\n\n{names}\n"
            f"{sha256(body).hexdigest()}"
        )
        hashed = sha256(request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{hashed}"
        signature = digest(self.signing_key(secret, scope), text.encode(), "sha256")
        headers["Authorization"] = (
            f"{ALGORITHM} Credential={access}/{scope}, SignedHeaders={names}, "
            f"Signature={signature.hex()}"
        )
        return headers

    def signing_key(self, secret: str, scope: str) -> bytes:
        known, of_scope, key = self.key
        if known != secret or of_scope != scope:
            key = f"AWS4{secret}".encode()
            for part in scope.split("/"):
                key = digest(key, part.encode(), "sha256")
            self.key = secret, scope, key
        return key


def route_of(url: str, headers: Mapping[str, str]) -> Route | None:
    """Return the route of a signed request, None if it cannot be taken here."""
    parts = urlsplit(url)
    way, _, signed = headers.get("authorization", "").partition(" Credential=")
    if way != ALGORITHM or parts.path not in ("", "/") or parts.query:
        return None
    # Access key, date, region, service, "aws4_request".
    scope = signed.partition(",")[0].split("/")[-3:]
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if parts.port not in (None, default):
        host = f"{host}:{parts.port}"
    return Route(url, host, "/".join(scope), headers.get("user-agent", ""))
