"""pymongo's errors as Django's."""

from bson.errors import BSONError
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from pymongo import errors

DUPLICATE_KEY = 11000
DUPLICATE_CODES = {DUPLICATE_KEY, 11001, 12582}
# Documents, keys, and numbers that a conversion cannot hold.
TOO_LARGE_CODES = {10334, 17419, 17420, 17280, 241}
# What the server could not do now, and may do when asked again.
TRANSIENT_CODES = {
    6, 7, 24, 43, 46, 50, 64, 89, 91, 100, 112, 134, 175, 189, 202, 225, 237, 239,
    246, 251, 262, 290, 317, 357, 9001, 10107, 11600, 11601, 11602, 13435, 13436,
}  # fmt: skip
AUTHENTICATION_FAILED = 18
TRANSACTION_TOO_LARGE = 388


def codes(error: errors.OperationFailure) -> set[int]:
    found = {error.code} if error.code else set()
    details = error.details or {}
    for each in details.get("writeErrors", ()):
        found.add(each.get("code"))
    return found


def translate(error: BaseException, connection) -> Exception | None:
    """Django's error for one of pymongo's or bson's; None for any other."""
    if isinstance(error, OverflowError) and "8-byte ints" in str(error):
        return DataError("MongoDB's integers have 64 bits; this one is larger.")
    if isinstance(error, errors.DocumentTooLarge | errors.InvalidDocument | BSONError):
        return DataError(str(error))
    if isinstance(error, UnicodeEncodeError):
        return DataError(f"MongoDB stores UTF-8, which cannot hold this text: {error}")
    if not isinstance(error, errors.PyMongoError):
        return None
    if isinstance(error, errors.OperationFailure):
        found = codes(error)
        if found & DUPLICATE_CODES:
            return IntegrityError(f"Duplicate key: {error}")
        if found & TOO_LARGE_CODES:
            return DataError(str(error))
        if AUTHENTICATION_FAILED in found:
            return connection.unreachable(error)
        if TRANSACTION_TOO_LARGE in found:
            return OperationalError(
                "This transaction holds more changes than the server's cache: do the "
                "work in several atomic() blocks, in batches, or give the server more "
                f"cache (wiredTigerCacheSizeGB). {error}"
            )
        if found & TRANSIENT_CODES or error.has_error_label(
            "TransientTransactionError"
        ):
            return OperationalError(str(error))
        if isinstance(error, errors.BulkWriteError | errors.WriteError):
            return DatabaseError(str(error))
        if isinstance(error, errors.ExecutionTimeout):
            return OperationalError(str(error))
        return ProgrammingError(str(error))
    if isinstance(error, errors.ConnectionFailure):
        return connection.unreachable(error)
    return DatabaseError(str(error))
