"""A server that sends recorded replies and records requests."""

import socket
import struct
import threading
from typing import Any


class Replay:
    """Plays one exchange at a time, on any connection."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received: list[tuple[int, bytes]] = []
        self.exchange: dict[str, Any] = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def play(self, exchange: dict[str, Any]) -> None:
        """Answer the following requests with the replies of an exchange."""
        self.exchange = exchange
        self.received.clear()

    def close(self) -> None:
        self.listener.close()

    def listen(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        reader = client.makefile("rb")
        while header := reader.read(4):
            body = reader.read(struct.unpack("!I", header)[0])
            self.received.append((body[0], body[1:]))
            exchange = self.exchange
            if len(self.received) < len(exchange.get("requests", [None])):
                continue
            for reply in exchange["responses"]:
                data = bytes([reply["code"]]) + bytes.fromhex(reply["hex"] or "")
                client.sendall(struct.pack("!I", len(data)) + data)
            if exchange.get("connection_closed_by_server"):
                break
        reader.close()
        client.close()
