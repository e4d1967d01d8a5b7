"""Riak's errors as Django's."""

from django import db

from .client import errors

# The first that fits.
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
    for kind, translated in TRANSLATED:
        if isinstance(error, kind):
            return translated(str(error))
    return None
