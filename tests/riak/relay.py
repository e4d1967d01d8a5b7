"""A relay to the Riak at RIAK_HOST: tests count its requests and make faults."""

import os
from typing import Any

from nonrel_backend.riak.client import Client, Pool, Refused, Unavailable, messages
from nonrel_backend.testing.riak.server import Dropped, named

STREAMS = (messages.RpbCSBucketReq, messages.RpbListKeysReq, messages.RpbMapRedReq)


def real_host() -> str | None:
    """Return RIAK_HOST, None if it is not set or is the address of a stand-in."""
    host = os.environ.get("RIAK_HOST")
    return host if host and "stand-in" not in named(host) else None


class Relay:
    """The answers of a real server, for a StandInRiak."""

    def __init__(self, host: str) -> None:
        self.client = Client(Pool(host))

    def __call__(self, request: Any) -> list[Any]:
        """Return the real server's replies to a request."""
        try:
            if isinstance(request, STREAMS) or getattr(request, "stream", False):
                return list(self.client.stream(request))
            return [self.client.tell(request)]
        except Unavailable as error:
            raise Dropped from error

    def type_properties(self, name: str) -> Any:
        """Return the properties of a bucket type, None if the server has none."""
        try:
            return self.client.type_properties(name)
        except Refused:
            return None
