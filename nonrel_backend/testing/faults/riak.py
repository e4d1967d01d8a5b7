"""The faults of Riak: three stand-ins of one cluster behind proxies."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from nonrel_backend.kv.claims import GRACE
from nonrel_backend.riak.client import Refused

from ..riak.cluster import StandInCluster
from ..riak.server import Dropped
from ..riak.starting import StartUp
from .judge import Promises
from .proxy import Proxy
from .store import FaultyStore
from .worker import Workers

# Seconds to wait for a node. A read asks three before it fails, and a writer that wants
# a name which another has claimed waits GRACE seconds for the other's row.
TIMEOUT = 2.0
# Seconds that a write takes from one node to another, at most: usually, and where many
# siblings are to be made. Two nodes agree on each answer.
LAG, LONG_LAG = 0.005, 0.1
WRITES = ("RpbPutReq", "RpbDelReq")
# What a node that cannot do it now answers.
REFUSALS = (
    "overload",
    "insufficient_vnodes,0,need,2",
    "{insufficient_vnodes,0,need,2}",
)


class Faults(FaultyStore):
    """A cluster whose nodes die, and answer late, wrongly or in part."""

    promises = Promises(deadline=3 * TIMEOUT + GRACE, atomic=False)

    def __init__(self, folder: Path, chance: Random, workers: Workers) -> None:
        super().__init__(folder, chance, workers)
        self.cluster = StandInCluster(lag=LAG)
        ports = [node.port for node in self.cluster.nodes]
        self.proxies = [Proxy(port, chance.random()) for port in ports]

    def start(self) -> dict[str, Any]:
        return {
            "ENGINE": "nonrel_backend.riak",
            "NAME": "faults",
            "HOST": ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies),
            "OPTIONS": {
                "bucket_type": "mult",
                "transactions": "none",
                "timeout": TIMEOUT,
                "schema_wait": 0,
            },
        }

    def faults(self) -> dict[str, Callable[[], object]]:
        return {
            "node killed": self.kill,
            "timeout, but carried out": lambda: self.after(Refused("timeout")),
            "carried out, not answered": lambda: self.after(Dropped()),
            "refused for now": self.refuse,
            "replies cut": self.cut,
            "replies delayed": self.delay,
            "siblings": self.lag,
            "worker killed": self.workers.kill,
        }

    def kill(self) -> None:
        """Kill a node, and start it; it gets what it has missed before it is ready."""
        number = self.chance.randrange(len(self.cluster.nodes))
        refused, unknown, without_vnodes = (self.chance.uniform(0, 1) for _ in range(3))
        # Its last phase is ended below: until it has got all, it must not answer alone.
        start_up = StartUp(refused, unknown, math.inf)
        with self.cluster.lock:
            # In this order: a node that is cut off and not closed would still answer.
            self.cluster.restart(number, start_up)
            self.cluster.cut_off(number)
        time.sleep(refused + unknown)
        self.cluster.heal()
        time.sleep(without_vnodes)
        start_up.end()

    def after(self, error: Exception) -> None:
        """Carry writes out, and have a part of them end in an error."""

        def answer(request: Any) -> None:
            if type(request).__name__ in WRITES and self.chance.random() < 0.2:
                raise error

        for node in self.cluster.nodes:
            node.after = answer
        self.wait(0.5, 2)
        for node in self.cluster.nodes:
            node.after = None

    def refuse(self) -> None:
        """Have one node refuse what it is asked for."""
        node = self.chance.choice(self.cluster.nodes)
        text = self.chance.choice(REFUSALS)

        def answer(request: Any) -> None:
            raise Refused(text)

        node.before = answer
        self.wait(0.5, 2)
        node.before = None

    def cut(self) -> None:
        for _ in range(4):
            for proxy in self.proxies:
                proxy.cuts = self.chance.randint(1, 3)
            time.sleep(0.25)
        self.heal()

    def delay(self) -> None:
        """Delay the replies of one node, or of all; some past the time-out."""
        for proxy in self.chance.choice([self.proxies, self.proxies[:1]]):
            proxy.delay = self.chance.choice([0.05, 0.3, TIMEOUT + 1])
        self.wait(1, 4)
        self.heal()

    def lag(self) -> None:
        """Have writes reach other nodes late, so that concurrent ones are siblings."""
        self.cluster.lag = LONG_LAG
        self.wait(1, 3)
        self.cluster.lag = LAG

    def heal(self) -> None:
        for proxy in self.proxies:
            proxy.cuts = 0
            proxy.delay = 0.0

    def check(self) -> list[str]:
        """Return what nonrel_check finds after it has repaired what a kill leaves."""
        connection = connections[DEFAULT_DB_ALIAS]
        connection.check_store(fix=True)
        return [f"nonrel_check: {each}" for each in connection.check_store()]

    def stop(self) -> None:
        self.cluster.__exit__()
        for proxy in self.proxies:
            proxy.close()
