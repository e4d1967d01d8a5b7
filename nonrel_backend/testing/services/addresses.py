"""The server that a backend's tests need: the one that is named, or their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server(backend: str) -> Iterator[None]:
    """Its address in the environment, for the block; nothing for an embedded store."""
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
        os.environ[variable] = found
        yield


@contextmanager
def app_server(backend: str) -> Iterator[dict[str, str]]:
    """What one app of Django's suite needs in its environment beside `server()`'s: a
    stand-in for Riak is one process, which would be the slowest if all used it.
    """
    if backend != "riak":
        yield {}
        return
    from ..riak.server import riak_host

    with riak_host() as host:
        yield {"RIAK_HOST": host}
