"""MongoDB servers and replica sets that tests start and stop."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from .processes import ServerError, ServerProcess, Startable, free_port, wait_until

# The path of the server in the wheel of the "test" extra, below a folder of sys.path.
WHEEL_BINARY = Path("fiftyone", "db", "bin", "mongod")
ALREADY_INITIALIZED = 23
START_SECONDS = 60
# The server lives for a test: no diagnostics, and a quick end.
PARAMETERS = {
    "diagnosticDataCollectionEnabled": "false",
    "shutdownTimeoutMillisForSignaledShutdown": "100",
    "enableTestCommands": "1",  # Fail points, for the tests of faults.
    # TestCase keeps a transaction open while its class runs. A stuck one still ends.
    "transactionLifetimeLimitSeconds": "3600",
}
# Elections take a second or two instead of ten.
REPLICA_SET_SETTINGS = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 250}


def mongod_binary() -> str:
    """Return the path of `mongod`: on the PATH, else in the wheel of the test extra."""
    found = shutil.which("mongod")
    if found:
        return found
    for folder in sys.path:
        candidate = Path(folder, WHEEL_BINARY)
        if candidate.is_file():
            if not os.access(candidate, os.X_OK):
                candidate.chmod(0o755)
            return str(candidate)
    raise ServerError(
        "No MongoDB server to test on was found. Set MONGODB_URI, put mongod on the "
        'PATH, or install the test extra: pip install "nonrel_backend[test]".'
    )


class MongoServer(ServerProcess):
    """A mongod on a free port of 127.0.0.1.

    It is a replica set of one node, so that it has transactions; with `replset=None` it
    is a standalone server. Its data is in a temporary folder, which `stop()` removes.
    After `kill()`, `start()` starts it again with its data, on the same port.

        with MongoServer() as server:
            MongoClient(server.uri)
    """

    def __init__(
        self,
        replset: str | None = "rs0",
        *,
        port: int | None = None,
        cache_gb: float = 0.5,
        parameters: Mapping[str, str] | None = None,
        initiate: bool = True,
    ) -> None:
        self.replset = replset
        self.port = port or free_port()
        self.cache_gb = cache_gb
        self.parameters = {**PARAMETERS, **(parameters or {})}
        self.initiate = initiate
        self.folder: Path | None = None

    @property
    def address(self) -> str:
        """Return host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """Return the connection string."""
        query = f"?replicaSet={self.replset}" if self.replset else ""
        return f"mongodb://{self.address}/{query}"

    @property
    def log(self) -> str:
        """Return the server's log so far."""
        assert self.folder is not None, "The server was not started."
        return (self.folder / "mongod.log").read_text(errors="replace")

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a client of this server, whether it is the primary or not."""
        return MongoClient(self.address, directConnection=True, **options)

    def start(self) -> "MongoServer":
        """Start the server. Return when it accepts writes; when it answers, if it is
        part of a larger set.
        """
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="mongod-"))
        self.launch(self.command())
        wait_until(self.answers, f"mongod at {self.address}", START_SECONDS)
        if self.replset and self.initiate:
            initiate(self, [self])
        return self

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        command = [mongod_binary(), "--quiet", "--nounixsocket"]
        command += ["--bind_ip", "127.0.0.1", "--port", str(self.port)]
        command += ["--dbpath", str(self.folder)]
        command += ["--logpath", f"{self.folder}/mongod.log", "--logappend"]
        command += ["--wiredTigerCacheSizeGB", str(self.cache_gb)]
        if self.replset:
            command += ["--replSet", self.replset, "--oplogSize", "256"]
        for name, value in self.parameters.items():
            command += ["--setParameter", f"{name}={value}"]
        return command

    def answers(self) -> bool:
        """Return whether the server answers. Raise ServerError if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise ServerError(f"mongod did not start:\n{self.log[-2000:]}")
        try:
            with self.client(serverSelectionTimeoutMS=200) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def is_primary(self) -> bool:
        """Return whether the server accepts writes."""
        try:
            with self.client(serverSelectionTimeoutMS=500) as client:
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False

    def stop(self) -> None:
        """End the process and remove its folder, if it was not stopped before."""
        super().stop()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class MongoReplicaSet(Startable):
    """A replica set of several mongods, for tests of elections and lost nodes."""

    def __init__(
        self, nodes: int = 3, replset: str = "rs0", *, cache_gb: float = 0.25
    ) -> None:
        self.replset = replset
        self.servers = [
            MongoServer(replset, cache_gb=cache_gb, initiate=False)
            for _ in range(nodes)
        ]

    @property
    def uri(self) -> str:
        """Return the connection string."""
        addresses = ",".join(server.address for server in self.servers)
        return f"mongodb://{addresses}/?replicaSet={self.replset}"

    @property
    def primary(self) -> MongoServer | None:
        """Return the node that accepts writes, None during an election."""
        running = (server for server in self.servers if server.process is not None)
        return next((server for server in running if server.is_primary()), None)

    def wait_for_primary(self, seconds: float = START_SECONDS) -> MongoServer:
        """Wait for an election, and return the primary."""
        wait_until(lambda: self.primary is not None, "an election", seconds)
        primary = self.primary
        return primary if primary is not None else self.wait_for_primary(seconds)

    def start(self) -> "MongoReplicaSet":
        for server in self.servers:
            server.start()
        initiate(self.servers[0], self.servers)
        self.wait_for_primary()
        return self

    def step_down(self, seconds: int = 10) -> MongoServer:
        """Make the primary step down for `seconds`, and return it."""
        primary = self.wait_for_primary()
        with primary.client() as client:
            client.admin.command("replSetStepDown", seconds, force=True)
        return primary

    def kill_primary(self) -> MongoServer:
        """Kill the primary, and return it. If started again, it is a secondary."""
        primary = self.wait_for_primary()
        primary.kill()
        return primary

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


def initiate(first: MongoServer, members: list[MongoServer]) -> None:
    """Make a replica set of the members, unless they are one already."""
    config = {
        "_id": first.replset,
        "members": [
            {"_id": number, "host": server.address}
            for number, server in enumerate(members)
        ],
        "settings": REPLICA_SET_SETTINGS,
    }
    with first.client() as client:
        try:
            client.admin.command("replSetInitiate", config)
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
    wait_until(
        lambda: any(server.is_primary() for server in members),
        f"a primary of {first.replset}",
        START_SECONDS,
    )


@contextmanager
def mongodb_uri() -> Iterator[str]:
    """Yield MONGODB_URI, if it is set, else the URI of a server for the block."""
    uri = os.environ.get("MONGODB_URI")
    if uri:
        yield uri
        return
    with MongoServer() as server:
        yield server.uri
