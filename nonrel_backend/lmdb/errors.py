"""Translation of LMDB's errors to Django's."""

import errno

import lmdb
from django.db import DatabaseError, DataError, OperationalError

RIGHTS = (
    "The process must be allowed to write in the store's folder, also to read only: "
    "readers register in lock.mdb."
)
# The first class that fits counts. A failed write stores nothing of its transaction.
ERRORS: list[tuple[tuple[type[Exception], ...], type[DatabaseError], str]] = [
    (
        (lmdb.MapFullError,),
        OperationalError,
        "The store is full: {}. The next transaction gets a larger map, so retry this "
        'one, or set a higher OPTIONS["map_size"].',
    ),
    ((lmdb.BadValsizeError,), DataError, "{}"),
    (
        (lmdb.DiskError,),
        OperationalError,
        "The disk of the store is full: {}. Make room on it, and retry.",
    ),
    ((lmdb.ReadonlyError,), OperationalError, "The store is read-only: {}. " + RIGHTS),
    (
        (
            lmdb.CorruptedError,
            lmdb.CursorFullError,
            lmdb.InvalidError,
            lmdb.PageFullError,
            lmdb.PageNotFoundError,
            lmdb.VersionMismatchError,
        ),
        DatabaseError,
        "The store cannot be read: {}. Its file is damaged, or not LMDB's: run "
        "nonrel_check, or restore a backup.",
    ),
    (
        (lmdb.PanicError,),
        OperationalError,
        "An earlier write to the store has failed: {}. Restart the process.",
    ),
    # Among them what the system says of the file.
    ((lmdb.Error,), OperationalError, "The store cannot be read or written: {}."),
]


def translate(error: BaseException) -> DatabaseError | None:
    """Return Django's error for an error of LMDB, None for any other error."""
    for classes, kind, text in ERRORS:
        if isinstance(error, classes):
            return kind(text.format(error))
    return None


def opening_error(path: str, error: lmdb.Error | OSError) -> DatabaseError:
    """Return Django's error for a store in a folder that cannot be opened."""
    found = translate(error)
    if found is None:
        advice = ""
        if isinstance(error, OSError):
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                advice = " " + RIGHTS
            elif error.errno in (errno.ENOSPC, errno.EDQUOT):
                advice = " Make room on its disk."
        found = OperationalError(f"{error}.{advice}")
    return type(found)(f"The store in {path} cannot be opened. {found}")
