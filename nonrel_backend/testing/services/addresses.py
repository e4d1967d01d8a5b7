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


# Where OPTIONS has the address, and not HOST.
HOST_OPTIONS = {"nonrel_backend.dynamodb": "endpoint_url"}
# One server, which is one process, is too slow for several apps of Django's suite.
SERVER_EACH = {"nonrel_backend.riak", "nonrel_backend.dynamodb"}


def server_name(engine: str) -> str:
    """Return which of several servers the tests of a backend are going to run on."""
    if os.environ.get(HOST_VARIABLES.get(engine, "")):
        return f"the one of {HOST_VARIABLES[engine]}"
    if engine == "nonrel_backend.dynamodb":
        from . import dynamodb

        return dynamodb.server_name()
    return "a stand-in for Riak" if engine == "nonrel_backend.riak" else ""


@contextmanager
def variables_of(engine: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables with the address of a backend's server.

    A server is started if the variable is not set. An embedded store needs none, and
    of other backends' servers nothing is known.
    """
    # Each store's driver is optional.
    if engine == "nonrel_backend.mongodb":
        from .mongodb import mongodb_uri

        with mongodb_uri() as uri:
            yield {"MONGODB_URI": uri}
    elif engine == "nonrel_backend.riak":
        from ..riak.server import riak_host

        with riak_host() as host:
            yield {"RIAK_HOST": host}
    elif engine == "nonrel_backend.dynamodb":
        from . import dynamodb

        with dynamodb.dynamodb_variables() as variables:
            yield variables
    else:
        yield {}


@contextmanager
def server(backend: str) -> Iterator[None]:
    """Set the variables with the server's address for the block."""
    engine = engine_of(backend)
    with variables_of(engine) as variables:
        if name := server_name(engine):
            address = variables[HOST_VARIABLES[engine]]
            print(f"The server is {name} at {address}.", flush=True)
        with mock.patch.dict(os.environ, variables):
            yield


@contextmanager
def app_server(backend: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables for one app of Django's suite."""
    engine = engine_of(backend)
    if engine not in SERVER_EACH:
        yield {}
        return
    with variables_of(engine) as variables:
        yield variables
