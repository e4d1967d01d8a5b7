"""Stand-ins for the nodes of one Riak cluster, any of which may die or be cut off.

Each node has a copy of all objects and answers from it, unless a get asks for all
replicas (r or pr): that merges those within reach, and repairs the node's copy. A write
is sent to the other nodes within reach at once. With a lag it is sent later, and two
nodes answer a get or a put, as with n_val=3 and default quorums. Bucket types,
properties, counters and sets are shared by all nodes.
"""

import random
import threading
import time
from typing import Any

from nonrel_backend.riak.client import Refused, messages
from nonrel_backend.riak.objects import ALL

from .answers import Answers
from .objects import Stored
from .server import STAND_IN, StandInRiak
from .starting import StartUp


class Replica(Answers):
    """The answers of one node."""

    def __init__(self, cluster: "StandInCluster", number: int) -> None:
        super().__init__(f"{STAND_IN}-{number}")
        self.cluster = cluster

    def __call__(self, request: Any) -> list[Any]:
        name = type(request).__name__
        if self.cluster.lag and name in ("RpbGetReq", "RpbPutReq"):
            return self.with_another(request)
        with self.lock:
            if name == "RpbGetReq" and ALL in (request.r, request.pr):
                self.repair(request)
            replies = super().__call__(request)
            if name in ("RpbPutReq", "RpbDelReq", "DtUpdateReq"):
                for other in self.cluster.within_reach(self):
                    self.send(other, request, self.found(request))
            return replies

    def send(self, other: "Replica", request: Any, stored: Stored | None) -> None:
        """Merge an object of this node into another node's copy."""
        if stored is not None:
            siblings = self.properties.for_object(request)["allow_mult"]
            target = other.objects.bucket(request.type, request.bucket)
            with self.lock:
                other.objects.merge(target, request.key, stored, siblings)

    def repair(self, request: Any) -> None:
        """Merge the copies of an object into this node's; raise Refused for `pr`."""
        others = self.cluster.within_reach(self)
        count, all_of_them = len(others) + 1, len(self.cluster.replicas)
        if request.pr == ALL and count < all_of_them:
            raise Refused(f"{{pr_val_unsatisfied,{all_of_them},{count}}}")
        for other in others:
            other.send(self, request, other.found(request))

    def with_another(self, request: Any) -> list[Any]:
        """Return the replies that this node and another one agree on."""
        with self.lock:
            replies = super().__call__(request)
            stored = self.found(request)
            own = stored and stored.copy()
        others = self.cluster.within_reach(self)
        random.shuffle(others)
        if isinstance(request, messages.RpbPutReq):
            for other in others[1:]:
                late = threading.Thread(
                    target=self.send_late, args=(other, request, own)
                )
                late.start()
        both = Replica(self.cluster, 0)
        both.properties = self.properties
        self.send(both, request, own)
        for other in others[:1]:
            if isinstance(request, messages.RpbPutReq):
                self.send_late(other, request, own)
            with self.lock:
                self.send(both, request, other.found(request))
        if isinstance(request, messages.RpbGetReq):
            return list(both.RpbGetReq(request))
        if request.return_body or request.return_head:
            found = both.found(request)
            return [found.reply(messages.RpbPutResp, not request.return_body)]
        return replies

    def send_late(self, other: "Replica", request: Any, stored: Stored | None) -> None:
        """Send an object after a random part of the lag."""
        time.sleep(random.random() * self.cluster.lag)
        self.send(other, request, stored)


class StandInCluster:
    """`count` nodes of one cluster.

    `lag` is the longest time in seconds that a write takes from one node to another.
    """

    def __init__(self, count: int = 3, lag: float = 0.0) -> None:
        self.lag = lag
        self.replicas = [Replica(self, number) for number in range(count)]
        self.cut: set[int] = set()
        self.nodes = [StandInRiak(answers=each) for each in self.replicas]
        self.lock = threading.RLock()
        for each in self.replicas:
            each.lock = self.lock
            each.properties = self.replicas[0].properties
            each.data = self.replicas[0].data

    def __enter__(self) -> "StandInCluster":
        return self

    def __exit__(self, *exception: object) -> None:
        for node in self.nodes:
            node.close()

    @property
    def host(self) -> str:
        """Return the addresses of the nodes, as HOST in DATABASES."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def restart(self, number: int, start_up: StartUp) -> None:
        """Stop a node, and start it with its data on the same port."""
        port = self.nodes[number].port
        self.nodes[number].close()
        self.nodes[number] = StandInRiak(
            port, answers=self.replicas[number], start_up=start_up
        )

    def within_reach(self, replica: Replica) -> list[Replica]:
        """Return the other nodes that a node can reach."""
        number = self.replicas.index(replica)
        if number in self.cut:
            return []
        return [
            each
            for other, each in enumerate(self.replicas)
            if other != number and other not in self.cut
        ]

    def cut_off(self, number: int) -> None:
        """Cut a node off from the others, but not from its clients."""
        self.cut.add(number)

    def heal(self) -> None:
        """Reconnect all nodes, and merge their objects."""
        with self.lock:
            self.cut.clear()
            for replica in self.replicas:
                for (type, name), bucket in list(replica.objects.buckets.items()):
                    for key, stored in list(bucket.objects.items()):
                        request = messages.RpbGetReq(type=type, bucket=name, key=key)
                        for other in self.within_reach(replica):
                            replica.send(other, request, stored)
