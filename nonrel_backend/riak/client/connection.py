"""One connection to one node: frames out and in, one by one or pipelined."""

import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError

from . import messages
from .errors import (
    ConnectionLost,
    Refused,
    TimedOut,
    TooLarge,
    Unavailable,
    refused,
)
from .messages import BY_CODE, CODE_OF

HEADER = struct.Struct("!IB")
LENGTH = struct.Struct("!I")
# What may be under way in a pipeline: the server stops reading when nobody reads its
# replies, so the requests have to fit into the buffers of the sockets.
MOST_BYTES = 65_536
MOST_REQUESTS = 512
# What is taken from the socket at a time.
RECEIVED = 65_536
# Replies with a counter. Riak's have no limit, and a decoder cuts what is too long.
COUNTING = {51, 53, 81, 83}
# With such an error the server closes the connection.
CLOSING = ("Error processing incoming message", "Error processing stream message")
# A connection that was idle for longer may have been closed by the server.
STALE_SECONDS = 1.0


class Connection:
    """Any error but Refused leaves it closed."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        connect_timeout: float,
        tls: ssl.SSLContext | None = None,
        user: str = "",
        password: str = "",
    ):
        self.address = f"{host}:{port}"
        self.closed = False
        self.used = time.monotonic()
        try:
            self.socket = socket.create_connection((host, port), connect_timeout)
        except OSError as error:
            raise Unavailable(f"Riak at {self.address}: {error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        # What has come and was not read yet, from `at` on.
        self.data = bytearray()
        self.at = 0
        if tls is not None:
            self.secure(tls, host, user, password)

    def secure(self, tls: ssl.SSLContext, host: str, user: str, password: str) -> None:
        """Riak security: TLS from here on, then the user."""
        try:
            self.request(messages.RpbStartTls())
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
            self.request(
                messages.RpbAuthReq(user=user.encode(), password=password.encode())
            )
        except (OSError, Refused) as error:
            self.close()
            raise Unavailable(f"Riak at {self.address}: {error}") from error

    def close(self) -> None:
        self.closed = True
        self.socket.close()

    def is_stale(self) -> bool:
        """Whether the server has closed it, or sent what nobody asked for."""
        if time.monotonic() - self.used < STALE_SECONDS:
            return False
        return bool(select.select([self.socket], [], [], 0)[0])

    # --- requests ---

    def request(self, message: Any) -> Any:
        """The reply to one request."""
        self.write(frame(message))
        return checked(self.read())

    def pipeline(self, requests: Iterable[Any]) -> list[Any]:
        """The reply to each request, in their order; Refused where it was refused."""
        waiting = iter(requests)
        under_way: deque[int] = deque()
        replies: list[Any] = []
        size = 0
        more = True
        while more or under_way:
            if more and (not under_way or 2 * size < MOST_BYTES):
                batch = []
                while size < MOST_BYTES and len(under_way) < MOST_REQUESTS:
                    message = next(waiting, None)
                    if message is None:
                        more = False
                        break
                    batch.append(frame(message))
                    under_way.append(len(batch[-1]))
                    size += len(batch[-1])
                self.write(b"".join(batch))
            if under_way:
                replies.append(self.read())
                size -= under_way.popleft()
        return replies

    def stream(self, message: Any) -> Iterator[Any]:
        """The replies to one request, up to the one that is `done`."""
        self.write(frame(message))
        while True:
            reply = checked(self.read())
            yield reply
            if reply.done:
                return

    def frames(self, message: Any) -> list[Any]:
        return list(self.stream(message))

    # --- frames ---

    def write(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise self.broken(error) from error

    def read(self) -> Any:
        """The next reply; a Refused is returned."""
        try:
            body = self.body()
            reply = BY_CODE[body[0]].FromString(body[1:])
        except (OSError, ValueError, KeyError, IndexError, DecodeError) as error:
            raise self.broken(error) from error
        if body[0] == 0:
            text = reply.errmsg.decode(errors="replace")
            if text.startswith(CLOSING):
                self.close()
            return refused(text)
        if body[0] in COUNTING and reply.ByteSize() != len(body) - 1:
            return TooLarge("The counter has passed 64 bits: its value cannot be read.")
        return reply

    def body(self) -> bytes:
        """The next frame without its length."""
        data = self.data
        while True:
            start = self.at + LENGTH.size
            if len(data) >= start:
                end = start + LENGTH.unpack_from(data, self.at)[0]
                if len(data) >= end:
                    self.at = end
                    return bytes(data[start:end])
            del data[: self.at]
            self.at = 0
            more = self.socket.recv(RECEIVED)
            if not more:
                raise ConnectionResetError("the server closed the connection")
            data += more

    def broken(self, error: Exception) -> ConnectionLost:
        self.close()
        kind = TimedOut if isinstance(error, TimeoutError) else ConnectionLost
        return kind(f"Riak at {self.address}: {error}")


def frame(message: Any) -> bytes:
    """The bytes of a message, which may have been made before."""
    if type(message) is bytes:
        return message
    return framed(CODE_OF[type(message)], message.SerializeToString())


def framed(code: int, payload: bytes) -> bytes:
    return HEADER.pack(len(payload) + 1, code) + payload


def checked(reply: Any) -> Any:
    if isinstance(reply, Refused):
        raise reply
    return reply
