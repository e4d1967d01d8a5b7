"""The old path of `riak.cluster`."""

from .riak.cluster import Replica, StandInCluster

__all__ = ["Replica", "StandInCluster"]
