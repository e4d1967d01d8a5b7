"""LMDB's errors as Django's."""

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
    """Django's error for one of LMDB's; None for any other."""
    if isinstance(error, lmdb.MapFullError):
        return OperationalError(
            f"The store is full: {error}. Its map is made larger for the next "
            'transaction; set OPTIONS["map_size"] higher to begin with.'
        )
    if isinstance(error, lmdb.BadValsizeError):
        return DataError(str(error))
    if isinstance(error, TRANSIENT):
        return OperationalError(str(error))
    if isinstance(error, lmdb.Error):
        return DatabaseError(f"The store cannot be read: {error}")
    return None
