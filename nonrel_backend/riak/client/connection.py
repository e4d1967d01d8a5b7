"""One connection to one node: requests and replies, one by one or pipelined."""

import select
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError

from . import messages
from .errors import (
    ConnectionLost,
    NotReady,
    Refused,
    TimedOut,
    TooLarge,
    Unavailable,
    refused,
)
from .messages import ANSWERS, BY_CODE, CODE_OF

HEADER = struct.Struct("!IB")
LENGTH = struct.Struct("!I")
# Where the code is in a frame.
CODE_AT = LENGTH.size
# The most bytes and requests in a pipeline without a reply. The server stops reading
# while its replies are not read, so the requests must fit into the buffers of the
# sockets: by Linux's defaults the server's alone has 128 kB. 512 requests are more than
# a page.
MOST_BYTES = 65_536
MOST_REQUESTS = 512
# Bytes read from the socket at a time.
RECEIVED = 65_536
# Codes of replies with a counter. Riak's counters have no limit, and the decoder cuts
# off all bits but 64.
COUNTING = {51, 53, 81, 83}
# The server closes the connection after such an error.
CLOSING = ("Error processing incoming message", "Error processing stream message")


class Connection:
    """A connection. Every error but Refused closes it."""

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
    ) -> None:
        self.address = f"{host}:{port}"
        self.closed = False
        # Whether the node has answered no request since with NotReady.
        self.is_ready = True
        try:
            self.socket = socket.create_connection((host, port), connect_timeout)
        except OSError as error:
            raise Unavailable(f"Riak at {self.address}: {error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        # Bytes received; those from `at` on are not parsed yet.
        self.data = bytearray()
        self.at = 0
        if tls is not None:
            self.secure(tls, host, user, password)
        self.poller = select.poll()
        self.poller.register(self.socket, select.POLLIN)

    def secure(self, tls: ssl.SSLContext, host: str, user: str, password: str) -> None:
        """Start TLS and log in, for Riak's security."""
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
        """Return whether the server has closed the connection, or sent anything."""
        # Less than a microsecond, and unlike select() for any number of files.
        return bool(self.poller.poll(0))

    # --- requests ---

    def request(self, message: Any) -> Any:
        """Return the reply to one request."""
        data = frame(message)
        self.write(data)
        return checked(self.read(data[CODE_AT]))

    def pipeline(self, requests: Iterable[Any]) -> list[Any]:
        """Return the replies to requests, in their order; a Refused is among them."""
        waiting = iter(requests)
        under_way: deque[bytes] = deque()
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
                    data = frame(message)
                    batch.append(data)
                    under_way.append(data)
                    size += len(data)
                self.write(b"".join(batch))
            if under_way:
                data = under_way.popleft()
                replies.append(self.read(data[CODE_AT]))
                size -= len(data)
        return replies

    def stream(self, message: Any) -> Iterator[Any]:
        """Yield the replies to one request, up to the one that is `done`."""
        data = frame(message)
        self.write(data)
        while True:
            reply = checked(self.read(data[CODE_AT]))
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

    def read(self, code: int) -> Any:
        """Return the next reply, which may be a Refused, to a request of this code."""
        try:
            body = self.body()
            if body[0] and body[0] != ANSWERS[code]:
                raise ValueError(f"message {body[0]} is no reply to message {code}")
            reply = BY_CODE[body[0]].FromString(body[1:])
        except (OSError, ValueError, KeyError, IndexError, DecodeError) as error:
            raise self.broken(error) from error
        if body[0] == 0:
            text = reply.errmsg.decode(errors="replace")
            if text.startswith(CLOSING):
                self.close()
            refusal = refused(text)
            self.is_ready &= not isinstance(refusal, NotReady)
            return refusal
        if body[0] in COUNTING and reply.SerializeToString() != body[1:]:
            return TooLarge(
                "The value of the counter cannot be read: it passed 64 bits."
            )
        return reply

    def body(self) -> bytes:
        """Return the next frame without its length."""
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
    """Return the frame of a message; a frame is returned as it is."""
    if type(message) is bytes:
        return message
    return framed(CODE_OF[type(message)], message.SerializeToString())


def framed(code: int, payload: bytes) -> bytes:
    return HEADER.pack(len(payload) + 1, code) + payload


def checked(reply: Any) -> Any:
    """Return a reply; raise it if it is a Refused."""
    if isinstance(reply, Refused):
        raise reply
    return reply
