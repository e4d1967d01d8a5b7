"""A mongod of the benchmark's own, in a temporary directory."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

START_SECONDS = 60


def find_mongod() -> str:
    """The binary: on PATH, else the one in the test extra's wheel."""
    found = shutil.which("mongod")
    if found:
        return found
    package = importlib.util.find_spec("fiftyone")
    for folder in (package.submodule_search_locations or []) if package else []:
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.exists():
            return str(binary)
    raise SystemExit(
        "There is no mongod on PATH and none in the installed packages. Install "
        "MongoDB or the package fiftyone-db, or set MONGODB_URI to a running server."
    )


class Server:
    """A one-node replica set; a context manager. With `uri`, a server that runs."""

    def __init__(self, uri: str | None = None):
        self.uri = uri or ""
        self.process: subprocess.Popen | None = None
        self.folder: str | None = None

    def __enter__(self) -> "Server":
        if self.uri:
            return self
        self.folder = tempfile.mkdtemp(prefix="nonrel-bench-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [
                find_mongod(),
                *("--dbpath", self.folder, "--port", str(port)),
                *("--bind_ip", "127.0.0.1", "--replSet", "rs0"),
                *("--wiredTigerCacheSizeGB", "1"),
                *("--logpath", os.path.join(self.folder, "mongod.log")),
            ],
            stdout=subprocess.DEVNULL,
        )
        self.uri = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
        try:
            self.initiate(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def initiate(self, port: int) -> None:
        address = f"127.0.0.1:{port}"
        with MongoClient(address, directConnection=True) as client:
            deadline = time.monotonic() + START_SECONDS
            members = [{"_id": 0, "host": address}]
            config = {"_id": "rs0", "members": members}
            client.admin.command("replSetInitiate", config)
            while True:
                try:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return
                except PyMongoError:
                    pass
                if time.monotonic() > deadline:
                    raise SystemExit("mongod did not become primary in time.")
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_seconds(self) -> float:
        """The CPU that the server has used; 0 where it cannot be known."""
        if self.process is None:
            return 0.0
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
