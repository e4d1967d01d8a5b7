"""The faults of MongoDB: a replica set of three nodes behind proxies."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from pymongo.errors import PyMongoError

from nonrel_backend.mongodb.deadlines import SECONDS

from ..services.mongodb import MongoReplicaSet, MongoServer, wait_until
from .judge import Promises
from .proxy import Proxy
from .store import FaultyStore
from .worker import Workers

# The `timeoutMS` of a half of the runs, in seconds. The others have the default.
SHORT_DEADLINE = 5
# A killed worker's transaction outlives the deadline: what it has locked must not
# hold others for longer than that.
PARAMETERS = {"transactionLifetimeLimitSeconds": "15"}
WHOLE_SECONDS = 120.0
# The name that the backend gives MongoDB for its connections. Those of the nodes among
# themselves have another.
MARK = b"nonrel_backend"


class Node(MongoServer):
    """A node that is known, to the other nodes as well, by its proxy's address."""

    def __init__(self, replset: str, seed: float) -> None:
        super().__init__(replset, cache_gb=0.25, parameters=PARAMETERS, initiate=False)
        self.proxy = Proxy(self.port, seed, MARK)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.proxy.port}"

    def stop(self) -> None:
        super().stop()
        self.proxy.close()


class Nodes(MongoReplicaSet):
    """The replica set."""

    servers: list[Node]  # type: ignore[assignment]

    def __init__(self, chance: Random) -> None:
        super().__init__(nodes=0)
        self.servers = [Node(self.replset, chance.random()) for _ in range(3)]

    def is_whole(self) -> bool:
        """Return whether one node is the primary and the others follow it."""
        states: list[str] = []
        for node in self.servers:
            try:
                with node.client(serverSelectionTimeoutMS=500) as client:
                    status = client.admin.command("replSetGetStatus")
            except PyMongoError:
                return False
            states += sorted(member["stateStr"] for member in status["members"])
        return states == ["PRIMARY", "SECONDARY", "SECONDARY"] * 3


class Faults(FaultyStore):
    """A replica set whose nodes are killed, stopped, stepped down and cut off."""

    def __init__(self, folder: Path, chance: Random, workers: Workers) -> None:
        super().__init__(folder, chance, workers)
        self.nodes = Nodes(chance)
        self.deadline = chance.choice([SHORT_DEADLINE, SECONDS])
        self.promises = Promises(self.deadline)

    def start(self) -> dict[str, Any]:
        self.nodes.start()
        timeout = {"timeoutMS": self.deadline * 1_000}
        return {
            "ENGINE": "nonrel_backend.mongodb",
            "NAME": "faults",
            "HOST": self.nodes.uri,
            "OPTIONS": timeout if self.deadline == SHORT_DEADLINE else {},
        }

    def faults(self) -> dict[str, Callable[[], object]]:
        return {
            "primary killed": lambda: self.kill(self.primary()),
            "secondary killed": lambda: self.kill(self.secondary()),
            "all nodes and a worker killed": self.kill_all,
            "primary stopped": lambda: self.pause(self.primary()),
            "secondary stopped": lambda: self.pause(self.secondary()),
            "all nodes stopped": lambda: self.pause(*self.nodes.servers),
            "stepped down": self.step_down,
            "replies cut": self.cut,
            "replies delayed": self.delay,
            "worker killed": self.workers.kill,
        }

    def primary(self) -> Node:
        found = self.nodes.wait_for_primary()
        return next(node for node in self.nodes.servers if node is found)

    def secondary(self) -> Node:
        primary = self.primary()
        others = [node for node in self.nodes.servers if node is not primary]
        return self.chance.choice(others)

    def kill(self, node: Node) -> None:
        node.kill()
        self.wait(0.3, 3)
        node.start()

    def kill_all(self) -> None:
        """Kill all nodes, and a worker, so that a new one finds no node at first."""
        for node in self.nodes.servers:
            node.kill()
        self.workers.kill()
        self.wait(0, 1)
        for node in self.nodes.servers:
            node.start()
        self.nodes.wait_for_primary()

    def pause(self, *nodes: Node) -> None:
        for node in nodes:
            node.pause()
        self.wait(0.5, self.deadline + 3)
        for node in nodes:
            node.resume()

    def step_down(self) -> None:
        self.nodes.step_down(self.chance.randint(1, 5))

    def cut(self) -> None:
        """Cut some replies of each node, and others half a second later."""
        for _ in range(2):
            for node in self.nodes.servers:
                node.proxy.cuts = self.chance.randint(1, 6)
            time.sleep(0.5)
        for node in self.nodes.servers:
            node.proxy.cuts = 0

    def delay(self) -> None:
        """Delay the replies of one node, or of all; some past the deadline."""
        nodes = self.nodes.servers
        for node in self.chance.choice([nodes, [self.primary()], [self.secondary()]]):
            node.proxy.delay = self.chance.choice([0.05, 0.5, 2, self.deadline + 1])
        self.wait(1, 4)
        for node in nodes:
            node.proxy.delay = 0

    def heal(self) -> None:
        for node in self.nodes.servers:
            node.proxy.cuts = 0
            node.proxy.delay = 0
        wait_until(self.nodes.is_whole, "the replica set to be whole", WHOLE_SECONDS)

    def stop(self) -> None:
        for node in self.nodes.servers:
            if node.process is not None:
                node.resume()
        self.nodes.stop()
