"""What can go wrong with Riak, as a small hierarchy of exceptions."""


class RiakError(Exception):
    """Anything that Riak or the way to it refuses."""


class Unavailable(RiakError):
    """No node answers."""


class ConnectionLost(Unavailable):
    """The connection broke: whether the request was carried out is not known."""


class TimedOut(ConnectionLost):
    """No answer in time: whether the request was carried out is not known."""


class Refused(RiakError):
    """Riak answered with an error."""


class Conflict(Refused):
    """A conditional write met another version than it was meant for."""


class AlreadyThere(Conflict):
    """A write of a new object met one that is there."""


class NoSuchType(Refused):
    """The bucket type does not exist, or is not active."""


class TooLarge(Refused):
    """The object or its key is larger than Riak takes."""


class QuorumNotMet(Refused):
    """Too few of the replicas answered, for now."""


# Errors carry no code: what the text begins with, or holds.
TEXTS = [
    ("modified", Conflict),
    ("failed", Conflict),
    ("notfound", Conflict),
    ("match_found", AlreadyThere),
    ("no_type", NoSuchType),
    ("No bucket-type named", NoSuchType),
    ("Error no bucket type", NoSuchType),
    ("Invalid bucket type", NoSuchType),
    ("{too_large", TooLarge),
    ("key_too_large", TooLarge),
    ("timeout", QuorumNotMet),
    ("overload", QuorumNotMet),
    ("insufficient_vnodes", QuorumNotMet),
    ("{pr_val_unsatisfied", QuorumNotMet),
    ("{pw_val_unsatisfied", QuorumNotMet),
    ("{dw_val_unsatisfied", QuorumNotMet),
    ("{r_val_unsatisfied", QuorumNotMet),
    ("{w_val_unsatisfied", QuorumNotMet),
]


def refused(text: str) -> Refused:
    """The exception for the text of an RpbErrorResp."""
    for beginning, kind in TEXTS:
        if text.startswith(beginning):
            return kind(text)
    return Refused(text)
