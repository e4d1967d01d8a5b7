"""The server that a backend's tests need: the one that is named, or their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server(backend: str) -> Iterator[None]:
    """Its address in the environment, for the block; nothing for an embedded store."""
    if backend == "mongodb":
        from .servers import mongodb_uri

        variable, address = "MONGODB_URI", mongodb_uri
    elif backend == "riak":
        from .riak_server import named, riak_host

        variable, address = "RIAK_HOST", riak_host
    else:
        yield
        return
    with address() as found:
        if backend == "riak":
            print(f"The server is {named(found)}.", flush=True)
        os.environ[variable] = found
        yield
