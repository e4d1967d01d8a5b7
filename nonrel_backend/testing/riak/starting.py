"""What a node of Riak answers while it starts: refusals, in three phases."""

import time

# The requests that the node knows from the start: RpbPingReq and RpbGetServerInfoReq.
KNOWN_AT_ONCE = {1, 7}
# Those that ask all partitions: lists, MapReduce, index queries, folds.
OF_ALL = {15, 17, 23, 25, 40}
# Those for one object, counter, set or map.
OF_ONE = {9, 11, 13, 50, 52, 80, 82}


class StartUp:
    """A start that begins now: the seconds of each of its phases.

    First connections are refused, then the node knows no messages, then it has no
    partitions. A real node of Riak KV 3.2.3 takes 19 to 31 seconds in all.
    """

    def __init__(
        self, refused: float = 0.0, unknown: float = 0.0, without_vnodes: float = 0.0
    ) -> None:
        self.listens_at = time.monotonic() + refused
        self.knows_at = self.listens_at + unknown
        self.ends_at = self.knows_at + without_vnodes

    def wait(self) -> None:
        """Return when the node begins to listen."""
        time.sleep(max(0.0, self.listens_at - time.monotonic()))

    def knows(self) -> bool:
        """Return whether the node knows its messages."""
        return time.monotonic() >= self.knows_at

    def end(self) -> None:
        """End the last phase, whatever is left of it."""
        self.ends_at = time.monotonic()

    def refusal(self, code: int) -> str | None:
        """Return the error for a request of this code, None if it is carried out."""
        if not self.knows():
            return None if code in KNOWN_AT_ONCE else f"Unknown message code: {code}"
        if time.monotonic() < self.ends_at:
            if code in OF_ONE:
                return "{insufficient_vnodes,0,need,2}"
            if code in OF_ALL:
                return "insufficient_vnodes_available"
        return None
