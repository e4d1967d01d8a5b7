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


class Transient(Refused):
    """Riak could not finish the request, but may later, or another node may.

    Whether a write was carried out is unknown.
    """


class NotReady(Transient):
    """The node is starting or stopping. It has carried out nothing."""


class NotSecured(Refused):
    """Riak's security does not let the client in."""


class BadObject(Refused):
    """A precommit hook, or the check of index entries, refuses the object."""


# Errors have no code of their own: the beginnings of their texts, and the class of all
# other texts last. They are those of the sources of riak_kv and riak_api 3.0, and of
# the exchanges in tests/riak/recorded.
TEXTS: list[tuple[str, type[Refused]]] = [
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
    ("precommit_fail", BadObject),
    ("{precommit_fail", BadObject),
    # The client sends no code that Riak does not know, except to log in where its
    # security is off.
    ("Unknown message code: 253", NotSecured),
    ("Unknown message code", NotReady),
    # Its replicas are counted before anything is written.
    ("{insufficient_vnodes", NotReady),
    ("insufficient_vnodes", NotReady),
    ("{insufficient_nodes", Transient),
    ("timeout", Transient),
    ("{timeout", Transient),
    ("req_timeout", Transient),
    ("overload", Transient),
    ("mailbox_overload", Transient),
    ("vnode_overload", Transient),
    ("unavailable", Transient),
    ("all_nodes_down", Transient),
    ("too_many_fails", Transient),
    ("{coord_handoff_failed", Transient),
    ("{nodedown", Transient),
    ("{pr_val_unsatisfied", Transient),
    ("{pw_val_unsatisfied", Transient),
    ("{dw_val_unsatisfied", Transient),
    ("{r_val_unsatisfied", Transient),
    ("{w_val_unsatisfied", Transient),
    ("{node_confirms_val_unsatisfied", Transient),
    # A process of the node is not there yet, has stopped or does not answer.
    ("Error processing incoming message: exit:", Transient),
    ("Error processing stream message: exit:", Transient),
    ("Security is enabled", NotSecured),
    ("Authentication failed", NotSecured),
    ("", Refused),
]


def refused(text: str) -> Refused:
    """Return the exception for the text of an RpbErrorResp."""
    kind = next(kind for beginning, kind in TEXTS if text.startswith(beginning))
    return kind(text)
