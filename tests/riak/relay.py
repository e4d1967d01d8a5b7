"""The Riak at RIAK_HOST behind a socket of the tests, which can count and disturb."""

import os

from nonrel_backend.riak.client import Client, Pool, Refused, Unavailable, messages
from nonrel_backend.testing.riak.server import Dropped, named

STREAMS = (messages.RpbCSBucketReq, messages.RpbListKeysReq, messages.RpbMapRedReq)


def real_host() -> str | None:
    """RIAK_HOST, unless nothing or a stand-in is there."""
    host = os.environ.get("RIAK_HOST")
    return host if host and "stand-in" not in named(host) else None


class Relay:
    """Answers of a real server, in the place of the stand-in's own."""

    def __init__(self, host: str):
        self.client = Client(Pool(host))

    def __call__(self, request):
        try:
            if isinstance(request, STREAMS) or getattr(request, "stream", False):
                return list(self.client.stream(request))
            return [self.client.tell(request)]
        except Unavailable as error:
            raise Dropped from error

    def has_type(self, name: str) -> bool:
        try:
            self.client.type_properties(name)
        except Refused:
            return False
        return True
