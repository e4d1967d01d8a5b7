"""A pool of connections to the nodes of a cluster, shared by a process's threads."""

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .connection import Connection
from .errors import ConnectionLost, Refused, RiakError, TimedOut, Unavailable

PORT = 8087
# Seconds for which a failed node is tried last: doubled with each failure in a row. The
# first is short enough for a restart, the longest keeps a dead node's connection
# timeouts (3 seconds) at a tenth of the time.
FIRST_REST = 0.5
LONGEST_REST = 30.0
# How often a request that may be repeated is sent in all: so that two nodes of three
# may fail. Of more nodes each is asked once.
ATTEMPTS = 3


class Node:
    """A node's address, its idle connections, and until when it is tried last."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.idle: list[Connection] = []
        self.rest = 0.0
        self.down_until = 0.0

    def failed(self, seconds: float = 0.0) -> None:
        """Let the node rest, for as long at least as it was waited for."""
        self.rest = min(max(self.rest * 2, FIRST_REST, seconds), LONGEST_REST)
        self.down_until = time.monotonic() + self.rest

    def works(self) -> None:
        self.rest = self.down_until = 0.0


class Losses:
    """The seconds that an operation has lost to nodes that did not answer."""

    def __init__(self) -> None:
        self.seconds = 0.0


class Pool:
    """Connections to `host`: one or several addresses, "riak1,riak2:8087".

    Nodes take turns. `timeout` and `connect_timeout` are in seconds, `pool_size` is the
    number of idle connections per node.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int | str = PORT,
        *,
        timeout: float = 20.0,
        connect_timeout: float = 3.0,
        pool_size: int = 32,
        tls: ssl.SSLContext | None = None,
        user: str = "",
        password: str = "",
    ) -> None:
        addresses = [each.strip().rpartition(":") for each in host.split(",")]
        self.nodes = [
            Node(before or last, int(last) if before else int(port))
            for before, _, last in addresses
        ]
        self.pool_size = pool_size
        self.attempts = max(ATTEMPTS, len(self.nodes))
        self.timeout = timeout
        self.options: dict[str, Any] = {
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "tls": tls,
            "user": user,
            "password": password,
        }
        self.turn = 0
        self.lock = threading.Lock()
        self.process = os.getpid()

    def close(self) -> None:
        with self.lock:
            idle = [each for node in self.nodes for each in node.idle]
            for node in self.nodes:
                node.idle = []
        for connection in idle:
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for a stream.

        It is closed unless the stream is read to its end or the request is refused.
        """
        node, connection = self.take()
        whole = False
        try:
            yield connection
            whole = True
        except Refused:
            whole = True
            raise
        except ConnectionLost:
            node.failed()
            raise
        finally:
            if whole:
                self.give_back(node, connection)
            else:
                connection.close()

    def tried(
        self,
        work: Callable[[Connection, Any], Any],
        requests: Any,
        errors: tuple[type[RiakError], ...],
        losses: Losses,
    ) -> Any:
        """Return `work(connection, requests)`; retry on another node after `errors`.

        An operation loses as much to nodes that do not answer as one request may: then
        none of its requests is sent again.
        """
        for attempt in range(1, self.attempts + 1):
            began = time.monotonic()
            try:
                return self.send(work, requests)
            except errors as error:
                losses.seconds += time.monotonic() - began
                hopeless = isinstance(error, TimedOut) and len(self.nodes) == 1
                over = losses.seconds >= self.attempts * self.timeout
                if attempt == self.attempts or hopeless or over:
                    raise
        return None

    def send(self, work: Callable[[Connection, Any], Any], requests: Any) -> Any:
        node, connection = self.take()
        began = time.monotonic()
        try:
            found = work(connection, requests)
        except Refused:
            self.give_back(node, connection)
            raise
        except ConnectionLost:
            node.failed(time.monotonic() - began)
            raise
        except BaseException:
            connection.close()
            raise
        self.give_back(node, connection)
        return found

    # --- nodes ---

    def take(self) -> tuple[Node, Connection]:
        """Take an idle or a new connection of the next node that is up."""
        if self.process != os.getpid():
            self.forked()
        failure: Unavailable | None = None
        for node in self.in_turn():
            while node.idle:
                try:
                    connection = node.idle.pop()
                except IndexError:
                    break  # another thread was faster
                if not connection.is_stale():
                    return node, connection
                connection.close()
            try:
                connection = Connection(node.host, node.port, **self.options)
            except Unavailable as error:
                node.failed()
                failure = error
            else:
                return node, connection
        raise failure or Unavailable("HOST names no node of Riak.")

    def in_turn(self) -> list[Node]:
        """Return the nodes, the next one first, and those that failed last."""
        if len(self.nodes) == 1:
            return self.nodes
        self.turn += 1
        start = self.turn % len(self.nodes)
        nodes = self.nodes[start:] + self.nodes[:start]
        now = time.monotonic()
        return sorted(nodes, key=lambda node: node.down_until > now)

    def give_back(self, node: Node, connection: Connection) -> None:
        """Keep a connection, and what its last replies say of its node."""
        if not connection.is_ready:
            connection.is_ready = True
            node.failed()
        elif node.rest:
            node.works()
        if connection.closed:
            return
        if self.process == os.getpid() and len(node.idle) < self.pool_size:
            node.idle.append(connection)
        else:
            connection.close()

    def forked(self) -> None:
        """Close the copies of the parent's connections in a forked child."""
        with self.lock:
            if self.process != os.getpid():
                for node in self.nodes:
                    for connection in node.idle:
                        connection.close()
                    node.idle = []
                self.process = os.getpid()
