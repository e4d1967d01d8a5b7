"""Translation of LMDB's errors to Django's."""

import lmdb
from django.db import DatabaseError, DataError, OperationalError

TRANSIENT = (
    lmdb.LockError,
    lmdb.MapFullError,
    lmdb.MapResizedError,
    lmdb.MemoryError,
    lmdb.ReadersFullError,
    lmdb.TxnFullError,
    lmdb.DiskError,
    lmdb.ReadonlyError,
    lmdb.BadRslotError,
)


def translate(error: BaseException) -> Exception | None:
    """Return Django's error for an error of LMDB, None for any other error."""
    if isinstance(error, lmdb.MapFullError):
        return OperationalError(
            f"The store is full: {error}. The next transaction gets a larger map, so "
            'retry this one, or set a higher OPTIONS["map_size"].'
        )
    if isinstance(error, lmdb.BadValsizeError):
        return DataError(str(error))
    if isinstance(error, TRANSIENT):
        return OperationalError(str(error))
    if isinstance(error, lmdb.Error):
        return DatabaseError(f"The store cannot be read: {error}")
    return None
