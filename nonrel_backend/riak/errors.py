"""Translation of Riak's errors to Django's."""

from django import db

from .client import errors

UNKNOWN = " Whether a write was carried out is unknown: read the row before you retry."
# (class, Django's class, what the message adds). The first class that fits counts.
TRANSLATED: list[tuple[type[Exception], type[Exception], str]] = [
    (errors.AlreadyThere, db.IntegrityError, ""),
    (errors.Conflict, db.OperationalError, ""),
    (errors.TooLarge, db.DataError, ""),
    (errors.BadObject, db.DataError, ""),
    (
        errors.NotReady,
        db.OperationalError,
        " (the nodes of Riak are starting: nothing was carried out. Retry later.)",
    ),
    (
        errors.Transient,
        db.OperationalError,
        f" (Riak could not finish the request.{UNKNOWN})",
    ),
    (errors.ConnectionLost, db.OperationalError, ""),
    (errors.Unavailable, db.OperationalError, ""),
    (errors.NotSecured, db.OperationalError, ""),
    (errors.Refused, db.ProgrammingError, ""),
    (errors.RiakError, db.DatabaseError, ""),
]


def translate(error: BaseException) -> Exception | None:
    """Return Django's error for an error of the client, None for any other error."""
    for kind, translated, more in TRANSLATED:
        if isinstance(error, kind):
            return translated(f"{error}{more}")
    return None
