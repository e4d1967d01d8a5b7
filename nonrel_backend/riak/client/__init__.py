"""A client for Riak KV: protocol buffers over TCP."""

from ...drivers import driver

with driver("riak"):
    import google.protobuf  # noqa: F401

from .client import Client
from .errors import (
    AlreadyThere,
    Conflict,
    ConnectionLost,
    NoSuchType,
    Refused,
    RiakError,
    TimedOut,
    TooLarge,
    Unavailable,
)
from .pool import Pool

__all__ = [
    "AlreadyThere",
    "Client",
    "Conflict",
    "ConnectionLost",
    "NoSuchType",
    "Pool",
    "Refused",
    "RiakError",
    "TimedOut",
    "TooLarge",
    "Unavailable",
]
