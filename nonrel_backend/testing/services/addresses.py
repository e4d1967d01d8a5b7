"""The server for a backend's tests: one named in the environment, or a new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from ...backends import engine_of

# The variable with the address of a backend's server.
HOST_VARIABLES = {
    "nonrel_backend.mongodb": "MONGODB_URI",
    "nonrel_backend.riak": "RIAK_HOST",
    "nonrel_backend.dynamodb": "DYNAMODB_URL",
}


@contextmanager
def server(backend: str) -> Iterator[None]:
    """Set the variable with the server's address for the block.

    A server is started if the variable is not set. An embedded store needs none, and
    of other backends' servers nothing is known.
    """
    name = engine_of(backend)
    # Each store's driver is optional.
    if name == "nonrel_backend.mongodb":
        from .mongodb import mongodb_uri

        address = mongodb_uri
    elif name == "nonrel_backend.riak":
        from ..riak.server import named, riak_host

        address = riak_host
    elif name == "nonrel_backend.dynamodb":
        from . import dynamodb

        address = dynamodb.dynamodb_url
    else:
        yield
        return
    with address() as found:
        if name == "nonrel_backend.riak":
            print(f"The server is {named(found)}.", flush=True)
        elif name == "nonrel_backend.dynamodb":
            print(f"The server is {dynamodb.named(found)}.", flush=True)
        with mock.patch.dict(os.environ, {HOST_VARIABLES[name]: found}):
            yield


@contextmanager
def app_server(backend: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables for one app of Django's suite.

    On Riak they name a stand-in of the app's own: one stand-in, which is one process,
    is too slow for several apps at a time.
    """
    if engine_of(backend) != "nonrel_backend.riak":
        yield {}
        return
    from ..riak.server import riak_host

    with riak_host() as host:
        yield {"RIAK_HOST": host}
