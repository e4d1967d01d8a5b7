"""The old path of `riak.server`, also for `python -m`."""

from .riak.server import Dropped, StandInRiak, main, named, riak_host

__all__ = ["Dropped", "StandInRiak", "main", "named", "riak_host"]

if __name__ == "__main__":
    main()
