"""The exceptions of the client."""


class RiakError(Exception):
    """Base of all errors of Riak, and of the connection to it."""


class Unavailable(RiakError):
    """No node answers."""


class ConnectionLost(Unavailable):
    """The connection broke. Whether the request was carried out is unknown."""


class TimedOut(ConnectionLost):
    """No answer in time. Whether the request was carried out is unknown."""


class Refused(RiakError):
    """Riak answered with an error."""


class Conflict(Refused):
    """The condition of a write failed: the object has changed."""


class AlreadyThere(Conflict):
    """The condition of a write failed: the object exists."""


class NoSuchType(Refused):
    """The bucket type does not exist, or is not active."""


class TooLarge(Refused):
    """The object or its key is too large for Riak."""


class QuorumNotMet(Refused):
    """Too few replicas answered. A retry may succeed."""


# Errors have no code of their own: the beginnings of their texts.
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
    """Return the exception for the text of an RpbErrorResp."""
    for beginning, kind in TEXTS:
        if text.startswith(beginning):
            return kind(text)
    return Refused(text)
