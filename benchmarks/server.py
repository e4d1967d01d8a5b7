"""The MongoDB server of a run: a new one, or that of MONGODB_URI."""

import os
from pathlib import Path

from nonrel_backend.testing.services.mongodb import MongoServer

# More than the tests' servers have, so that 50,000 books are not read from disk.
CACHE_GB = 1.0


class Server:
    """A replica set of one node for a `with` block; with `uri`, a server that runs."""

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or ""
        self.own: MongoServer | None = None

    def __enter__(self) -> "Server":
        if not self.uri:
            self.own = MongoServer(cache_gb=CACHE_GB)
            self.uri = self.own.start().uri
        return self

    def __exit__(self, *_: object) -> None:
        if self.own is not None:
            self.own.stop()

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the server, 0 if they are unknown."""
        if self.own is None or self.own.process is None:
            return 0.0
        return cpu_seconds(self.own.process.pid)


def cpu_seconds(pid: int | None) -> float:
    """Return the CPU seconds of a process, 0 if they are unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
