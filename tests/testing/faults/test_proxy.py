"""The proxy of fault runs relays, delays, and cuts a reply in its middle."""

import socket
import threading
import time

import pytest

from nonrel_backend.testing.faults.proxy import Proxy

REPLY = b"0123456789"


@pytest.fixture
def proxy():
    """Yield a proxy to a server that answers each message by REPLY."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=[listener], daemon=True).start()
        proxy = Proxy(listener.getsockname()[1], 1, mark=b"ours")
        yield proxy
        proxy.close()


def answer(listener):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=converse, args=[client], daemon=True).start()


def converse(client):
    while client.recv(100):
        client.sendall(REPLY)


def connected(proxy, first):
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    client.sendall(first)
    assert client.recv(100) == REPLY
    return client


def everything(client):
    return b"".join(iter(lambda: client.recv(100), b""))


def test_a_reply_is_cut_and_the_connection_closed(proxy):
    with connected(proxy, b"ours") as client:
        proxy.cuts = 1
        client.sendall(b"more")
        assert REPLY.startswith(found := everything(client)) and found != REPLY
    with connected(proxy, b"ours"):
        pass  # The next one is not cut.


def test_a_reply_is_delayed(proxy):
    with connected(proxy, b"ours") as client:
        proxy.delay = 0.2
        began = time.monotonic()
        client.sendall(b"more")
        assert client.recv(100) == REPLY
        assert time.monotonic() - began > 0.19


def test_connections_without_the_mark_are_left_alone(proxy):
    proxy.cuts, proxy.delay = 1, 60.0
    with connected(proxy, b"theirs"):
        pass
    assert proxy.cuts == 1


def test_a_server_that_is_down_is_a_closed_connection(proxy):
    proxy.target = 1
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        with pytest.raises(ConnectionError):
            client.sendall(b"ours")
            if not client.recv(100):
                raise ConnectionError
