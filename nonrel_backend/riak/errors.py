"""Translation of Riak's errors to Django's."""

from django import db

from .client import errors

# The first class that fits counts.
TRANSLATED: list[tuple[type[Exception], type[Exception]]] = [
    (errors.AlreadyThere, db.IntegrityError),
    (errors.Conflict, db.OperationalError),
    (errors.TooLarge, db.DataError),
    (errors.QuorumNotMet, db.OperationalError),
    (errors.Unavailable, db.OperationalError),
    (errors.Refused, db.ProgrammingError),
    (errors.RiakError, db.DatabaseError),
]


def translate(error: BaseException) -> Exception | None:
    """Return Django's error for an error of the client, None for any other error."""
    for kind, translated in TRANSLATED:
        if isinstance(error, kind):
            return translated(str(error))
    return None
