"""Stand-ins for the nodes of one Riak cluster, any of which may die or be cut off.

Each node has a copy of all objects and answers by its own, whatever quorum is asked
for; a write goes to the nodes that are within reach, at once. Bucket types, properties,
counters and sets are one copy that all nodes have.
"""

import threading
from typing import Any

from .riak_answers import Answers
from .riak_server import STAND_IN, StandInRiak


class Replica(Answers):
    """What one node answers."""

    def __init__(self, cluster: "StandInCluster", number: int):
        super().__init__(f"{STAND_IN}-{number}")
        self.cluster = cluster

    def __call__(self, request: Any) -> list[Any]:
        with self.lock:
            replies = super().__call__(request)
            if type(request).__name__ in ("RpbPutReq", "RpbDelReq", "DtUpdateReq"):
                for other in self.cluster.within_reach(self):
                    self.send(other, request.type, request.bucket, request.key)
            return replies

    def send(self, other: "Replica", type: bytes, bucket: bytes, key: bytes) -> None:
        """Have another node know of an object what this one does."""
        stored = self.objects.bucket(type, bucket).objects.get(key)
        if stored is not None:
            siblings = self.properties.of(type, bucket)["allow_mult"]
            target = other.objects.bucket(type, bucket)
            other.objects.merge(target, key, stored, siblings)


class StandInCluster:
    """`host` names the nodes, as a client takes them."""

    def __init__(self, count: int = 3):
        self.replicas = [Replica(self, number) for number in range(count)]
        self.cut: set[int] = set()
        self.nodes = [StandInRiak(answers=each) for each in self.replicas]
        self.lock = threading.RLock()
        for each in self.replicas:
            each.lock = self.lock
            each.properties = self.replicas[0].properties
            each.data = self.replicas[0].data

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for node in self.nodes:
            node.close()

    @property
    def host(self) -> str:
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def within_reach(self, replica: Replica) -> list[Replica]:
        number = self.replicas.index(replica)
        if number in self.cut:
            return []
        return [
            each
            for other, each in enumerate(self.replicas)
            if other != number and other not in self.cut
        ]

    def cut_off(self, number: int) -> None:
        """Have a node lose the others, but not its clients."""
        self.cut.add(number)

    def heal(self) -> None:
        """Have all nodes find each other again, and hand over what they have."""
        self.cut.clear()
        with self.lock:
            for replica in self.replicas:
                for (type, name), bucket in list(replica.objects.buckets.items()):
                    for key in list(bucket.objects):
                        for other in self.within_reach(replica):
                            replica.send(other, type, name, key)
