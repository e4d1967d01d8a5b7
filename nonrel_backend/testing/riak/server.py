"""A stand-in for a Riak KV node, for tests on machines without Riak.

It speaks the protocol buffers of Riak 3.2 on a socket. Tests compare it with exchanges
that were recorded from a real Riak. It stores one copy of everything, in memory.

    python -m nonrel_backend.testing.riak.server --port 8087 --http-port 8098
"""

import argparse
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from google.protobuf.message import DecodeError

from nonrel_backend.riak.client import Client, Pool, messages
from nonrel_backend.riak.client.connection import CLOSING, frame
from nonrel_backend.riak.client.errors import Refused

from .answers import STAND_IN, Answers
from .http import HttpSide
from .properties import NeverAnswered
from .starting import StartUp

LENGTH = struct.Struct("!I")
START_TLS = 255


class Dropped(Exception):
    """Raised by `before` or `after`: close the connection without an answer."""


class StandInRiak:
    """A server on `port` (0 for any free port) until it is closed.

    Tests set `before` and `after` to make faults. They are called with each request
    before and after it is carried out. They may sleep, or raise Refused (an error of
    the server: after() with "timeout" is a request that is carried out all the same) or
    Dropped. With `start_up` the server answers as a node does that starts.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        answers: Callable[[Any], list[Any]] | None = None,
        tls: ssl.SSLContext | None = None,
        users: dict[str, str] | None = None,
        start_up: StartUp | None = None,
    ) -> None:
        self.answers = answers or Answers()
        self.tls = tls
        self.users = users or {}
        self.before: Callable[[Any], None] | None = None
        self.after: Callable[[Any], None] | None = None
        # The number of requests, by the name of their class.
        self.requests: Counter[str] = Counter()
        self.clients: set[socket.socket] = set()
        self.start_up = start_up
        self.closed = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        # A socket that is bound and does not listen refuses connections.
        if start_up is None:
            self.listener.listen()
        threading.Thread(target=self.listen, daemon=True).start()

    def __enter__(self) -> "StandInRiak":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop. Its data stays in `answers`, for another server."""
        self.closed = True
        try:
            # Otherwise accept() in the other thread would go on using the port.
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It was closed before.
        self.listener.close()
        self.cut()

    def cut(self) -> None:
        """Close all connections."""
        for client in list(self.clients):
            hang_up(client)

    def listen(self) -> None:
        """Accept connections until the listener is closed."""
        if self.start_up is not None:
            self.start_up.wait()
            with suppress(OSError):  # It was closed meanwhile.
                self.listener.listen()
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """Answer a connection until it ends."""
        self.clients.add(client)
        try:
            if self.closed:
                return  # It was accepted before, and cut() did not know of it.
            if self.tls is not None:
                self.converse(client, secure=False)
            else:
                self.converse(client, secure=True)
        except (OSError, Dropped):
            pass  # The client has hung up, or a fault closes the connection.
        finally:
            self.clients.discard(client)
            hang_up(client)

    def converse(self, client: socket.socket, secure: bool) -> None:
        """Answer requests; only to start TLS, if the connection is to be secured."""
        for requests in arrived(client):
            if not secure:
                self.start_tls(client, requests[0][0])
                return
            out: list[bytes] = []
            try:
                ends = self.answer(requests, out)
            finally:
                client.sendall(b"".join(out))
            if ends is None:
                while client.recv(65_536):
                    pass  # Do not answer until the client gives up.
            if ends or ends is None:
                return

    def answer(
        self, requests: list[tuple[int, bytes]], out: list[bytes]
    ) -> bool | None:
        """Append the frames of the replies to `out`.

        Return whether the server closes the connection after them, None if it never
        answers a request.
        """
        for code, payload in requests:
            replies, closes = self.replies(code, payload)
            if replies is None:
                return None
            out += map(frame, replies)
            if closes:
                return True
        return False

    def start_tls(self, client: socket.socket, code: int) -> None:
        """Secure the connection and go on with it."""
        if code != START_TLS or self.tls is None:
            client.sendall(frame(refusal("Security is enabled, please STARTTLS first")))
            return
        client.sendall(frame(messages.RpbStartTls()))
        secured = self.tls.wrap_socket(client, server_side=True)
        self.clients.add(secured)
        try:
            self.converse(secured, secure=True)
        finally:
            self.clients.discard(secured)
            secured.close()

    # --- requests ---

    def replies(self, code: int, payload: bytes) -> tuple[list[Any] | None, bool]:
        """Return the replies to a request (None if it is never answered), and whether
        the server closes the connection.
        """
        kind = messages.BY_CODE.get(code)
        if kind is messages.RpbStartTls:
            text = "Security not enabled; STARTTLS not allowed."
            return [refusal(text)], False
        if kind is None or (kind is messages.RpbAuthReq and not self.users):
            return [refusal(f"Unknown message code: {code}")], False
        starting = self.start_up and self.start_up.refusal(code)
        if starting:
            return [refusal(starting)], False
        try:
            request = kind.FromString(payload)
        except DecodeError:
            text = "Error processing incoming message: error:{gpb_error,"
            return [refusal(text)], True
        try:
            return self.carried_out(request), False
        except NeverAnswered:
            return None, False
        except Refused as error:
            return [refusal(str(error))], str(error).startswith(CLOSING)

    def carried_out(self, request: Any) -> list[Any]:
        """Return the replies to a request, with the faults that a test has set."""
        self.requests[type(request).__name__] += 1
        if self.before is not None:
            self.before(request)
        if isinstance(request, messages.RpbAuthReq):
            if self.users.get(request.user.decode()) != request.password.decode():
                raise Refused("Authentication failed")
            return [messages.RpbAuthResp()]
        replies = self.answers(request)
        if self.after is not None:
            self.after(request)
        return replies


def arrived(client: socket.socket) -> Iterator[list[tuple[int, bytes]]]:
    """Yield lists of the requests, (code, payload), that have arrived."""
    data = bytearray()
    while more := client.recv(65_536):
        data += more
        found = []
        at = 0
        while len(data) - at >= LENGTH.size:
            start = at + LENGTH.size
            end = start + LENGTH.unpack_from(data, at)[0]
            if len(data) < end:
                break
            found.append((data[start], bytes(data[start + 1 : end])))
            at = end
        del data[:at]
        if found:
            yield found


def hang_up(client: socket.socket) -> None:
    """Close a connection from which a thread may be reading."""
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # The other side has closed it.
    client.close()


def refusal(text: str) -> Any:
    """Return an RpbErrorResp."""
    return messages.RpbErrorResp(errmsg=text.encode(), errcode=0)


@contextmanager
def riak_host() -> Iterator[str]:
    """Yield RIAK_HOST, if it is set, else the address of a stand-in in a process that
    lasts for the block.
    """
    known = os.environ.get("RIAK_HOST")
    if known:
        yield known
        return
    command = [sys.executable, "-m", __spec__.name, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()  # type: ignore[union-attr]
            yield f"127.0.0.1:{line.split()[-1]}"
        finally:
            process.terminate()


def named(host: str) -> str:
    """Return a text that says whether a Riak or a stand-in answers at an address."""
    client = Client(Pool(host))
    info = client.server_info()
    client.close()
    kind = "a stand-in for Riak" if info.node.decode().startswith(STAND_IN) else "Riak"
    return f"{kind} {info.server_version.decode()} at {host}"


def main() -> None:
    """Run a stand-in until the process is ended."""
    parser = argparse.ArgumentParser(description="Run a stand-in for Riak, for tests.")
    parser.add_argument(
        "--port", type=int, default=8087, help="the port (8087), 0 for any free one"
    )
    parser.add_argument(
        "--http-port", type=int, help="the port for HTTP, default: no HTTP"
    )
    parser.add_argument(
        "--start-up",
        metavar="R,U,I",
        help="seconds for which it refuses connections, then answers that messages are "
        "unknown, then that it has no partitions, as Riak does while it starts",
    )
    options = parser.parse_args()
    answers = Answers()
    start_up = options.start_up and StartUp(*map(float, options.start_up.split(",")))
    server = StandInRiak(options.port, answers=answers, start_up=start_up)
    if options.http_port is not None:
        side = HttpSide(answers, options.http_port, start_up=start_up)
        print(f"It answers HTTP on port {side.port}")
    print(f"A stand-in for Riak answers on port {server.port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
