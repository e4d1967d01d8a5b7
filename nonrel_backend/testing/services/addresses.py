"""The server for a backend's tests: one named in the environment, or a new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def server(backend: str) -> Iterator[None]:
    """Set the variable with the server's address for the block.

    A server is started if the variable is not set. An embedded store needs none.
    """
    # Each store's driver is optional.
    if backend == "mongodb":
        from .mongodb import mongodb_uri

        variable, address = "MONGODB_URI", mongodb_uri
    elif backend == "riak":
        from ..riak.server import named, riak_host

        variable, address = "RIAK_HOST", riak_host
    else:
        yield
        return
    with address() as found:
        if backend == "riak":
            print(f"The server is {named(found)}.", flush=True)
        with mock.patch.dict(os.environ, {variable: found}):
            yield


@contextmanager
def app_server(backend: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables for one app of Django's suite.

    On Riak they name a stand-in of the app's own: one stand-in, which is one process,
    is too slow for several apps at a time.
    """
    if backend != "riak":
        yield {}
        return
    from ..riak.server import riak_host

    with riak_host() as host:
        yield {"RIAK_HOST": host}
