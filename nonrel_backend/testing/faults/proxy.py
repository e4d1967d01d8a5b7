"""A TCP proxy on 127.0.0.1 that delays replies, and cuts connections in a reply."""

import asyncio
import threading
from random import Random

CHUNK = 65_536


class Proxy:
    """Relays connections to `target`, a port; faults are set from any thread.

    They are for clients whose first bytes have `mark` in them. `cuts` is how many
    replies to cut: a part of each is sent, and the connection is closed. `delay` is how
    long each reply waits, in seconds.
    """

    def __init__(self, target: int, seed: float, mark: bytes = b"") -> None:
        self.target = target
        self.chance = Random(seed)
        self.mark = mark
        self.cuts = 0
        self.delay = 0.0
        self.port = 0
        self.tasks: set[asyncio.Task[None] | None] = set()
        listening = threading.Event()
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.listen(listening)), daemon=True
        )
        self.thread.start()
        listening.wait()

    async def listen(self, listening: threading.Event) -> None:
        """Relay until `close()`."""
        self.loop, self.closed = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self.closed.wait()
        server.close()

    def close(self) -> None:
        """Stop listening, and close all connections."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.closed.set)
            self.thread.join()

    async def relay(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        """Relay one connection until either side ends it."""
        # asyncio itself holds tasks weakly.
        task = asyncio.current_task()
        self.tasks.add(task)
        to_server = None
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
            first = await client.read(CHUNK)
            to_server.write(first)
            marked = self.mark in first
            requests = asyncio.ensure_future(self.requests(client, to_server))
            try:
                await self.replies(server, to_client, marked)
            finally:
                requests.cancel()
        except OSError:
            pass  # The server is down, or one of the two has ended the connection.
        finally:
            for writer in (to_client, to_server):
                if writer is not None:
                    writer.close()
            self.tasks.discard(task)

    async def requests(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await client.read(CHUNK):
                to_server.write(data)
                await to_server.drain()
        except OSError:
            pass  # As above.
        # This ends the server's replies, and so the connection.
        to_server.close()

    async def replies(
        self,
        server: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        marked: bool,
    ) -> None:
        while data := await server.read(CHUNK):
            if marked and self.delay:
                await asyncio.sleep(self.delay)
            cut = marked and self.cuts > 0
            if cut:
                self.cuts -= 1
                data = data[: self.chance.randrange(len(data))]
            to_client.write(data)
            await to_client.drain()
            if cut:
                return
