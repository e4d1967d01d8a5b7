"""pymongo's errors as Django's: tables of the server's error codes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson.errors import BSONError
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from pymongo import errors

from ..microseconds import hidden, shown, whole
from ..transactions import TransactionConflict
from .deadlines import UNKNOWN_COMMIT, is_transient

# The names are of the server's src/mongo/base/error_codes.yml, which has none for some.
DUPLICATE_CODES = {
    11000,  # DuplicateKey
    11001,  # by an update, of old servers
    12582,  # in a capped collection, of old servers
}
TOO_LARGE_CODES = {
    241,  # ConversionFailure: a number that the type converted to cannot hold
    10334,  # BSONObjectTooLarge
    17280,  # a key too long for an index
    17419,  # a document that an update makes too large
    17420,  # a document that an upsert makes too large
}
# What the server could not do now, and may do when it is asked again.
TRANSIENT_CODES = {
    6,  # HostUnreachable
    7,  # HostNotFound
    24,  # LockTimeout
    43,  # CursorNotFound
    46,  # LockBusy
    50,  # MaxTimeMSExpired
    64,  # WriteConcernTimeout
    89,  # NetworkTimeout
    91,  # ShutdownInProgress
    100,  # UnsatisfiableWriteConcern
    112,  # WriteConflict
    134,  # ReadConcernMajorityNotAvailableYet
    175,  # QueryPlanKilled
    189,  # PrimarySteppedDown
    202,  # NetworkInterfaceExceededTimeLimit
    225,  # TransactionTooOld
    237,  # CursorKilled
    239,  # SnapshotTooOld
    246,  # SnapshotUnavailable
    251,  # NoSuchTransaction
    262,  # ExceededTimeLimit
    290,  # TransactionExceededLifetimeLimitSeconds
    317,  # ConnectionPoolExpired
    9001,  # SocketException
    10107,  # NotWritablePrimary
    11600,  # InterruptedAtShutdown
    11601,  # Interrupted
    11602,  # InterruptedDueToReplStateChange
    13435,  # NotPrimaryNoSecondaryOk
    13436,  # NotPrimaryOrSecondary
}
AUTHENTICATION_FAILED = 18
ON_VIEW = 166  # CommandNotSupportedOnView
# What the server answers to the change of one document of a time-series collection.
TIME_SERIES_CODES = {
    20,  # IllegalOperation
    72,  # InvalidOptions
    263,  # OperationNotSupportedInTransaction
}
# What the driver says while it knows of no server, though those had sessions.
NO_SESSIONS = "Sessions are not supported by this MongoDB deployment"
SEARCH_GIVEN_UP = 51156  # of a regular expression
# "Cannot run getMore": not in the session and transaction of the cursor.
OTHER_TRANSACTION_CODES = {50736, 50737, 50738, 50739, 50740, 50741}
BLOCK_ENDED = (
    "The atomic() block in which these rows were asked for has ended, and its "
    "transaction with it: use iterator() up within the block, or make a list of its "
    "rows there."
)
LIFETIME = (
    "The server ends a transaction that is open for longer than its "
    "transactionLifetimeLimitSeconds (60 unless it was set): do less in one, or start "
    "mongod with --setParameter transactionLifetimeLimitSeconds=N."
)
# What to do, after the server's own words.
ADVICE = {
    50: (
        "It was not done before the deadline (timeoutMS; 10 seconds for one row). "
        "Another transaction may hold the rows: if its process has died, until the "
        "server's transactionLifetimeLimitSeconds (60 unless it was set) are over."
    ),
    112: (
        "Another transaction has changed or holds these rows: run the block again, as "
        "nonrel_backend.transactions.retry_transaction does."
    ),
    251: LIFETIME,
    290: LIFETIME,
}
ONE_A_MILLISECOND = (
    "A primary key that is a datetime is one in each millisecond on MongoDB."
)
NESTING = 15  # Overflow: of the levels of a document, among others
TRANSACTION_TOO_LARGE = 388  # TransactionTooLargeForCache


def codes(error: errors.OperationFailure) -> set[int]:
    """Return the codes of an error, and of the errors of a bulk write."""
    found = {error.code} if error.code else set()
    details = error.details or {}
    for each in details.get("writeErrors", ()):
        found.add(each.get("code"))
    return found


def one_a_millisecond(values: dict[str, Any], names: Iterable[str]) -> str:
    """Return what to know of a duplicate in the index with these keys."""
    is_date = "_id" in names and isinstance(values.get("_id"), datetime)
    return f". {ONE_A_MILLISECOND}" if is_date else ""


def duplicate(error: errors.OperationFailure) -> str:
    """Return what is a duplicate, in the server's words, without hidden columns."""
    details = error.details or {}
    for each in (details, *details.get("writeErrors", ())):
        if each.get("code") in DUPLICATE_CODES and "keyValue" in each:
            found = each["keyValue"]
            text = f"{each['errmsg'].partition(' dup key: ')[0]} dup key: "
            return f"{text}{visible(found)}{one_a_millisecond(found, found)}"
    return str(error)


def visible(values: dict[str, Any]) -> dict[str, Any]:
    """Return values whose hidden ones are joined with those that they are beside."""
    found = {}
    for key in shown(values):
        value = values[key]
        is_key = isinstance(value, dict)
        found[key] = visible(value) if is_key else whole(value, values.get(hidden(key)))
    return found


def operational(error: BaseException) -> type[OperationalError]:
    """Return the class for an error that may not come again."""
    if isinstance(error, errors.PyMongoError) and is_transient(error):
        return TransactionConflict
    return OperationalError


def translate(error: BaseException, connection: Any) -> Exception | None:
    """Return Django's error for one of pymongo's or bson's, None for any other."""
    if isinstance(error, OverflowError) and "8-byte ints" in str(error):
        return DataError("MongoDB's integers have 64 bits, this one is larger.")
    if isinstance(error, errors.DocumentTooLarge | errors.InvalidDocument | BSONError):
        return DataError(str(error))
    if isinstance(error, UnicodeEncodeError):
        return DataError(f"MongoDB stores UTF-8, which cannot hold this text: {error}")
    if not isinstance(error, errors.PyMongoError):
        return None
    if error.has_error_label(UNKNOWN_COMMIT):
        return OperationalError(
            "MongoDB has not told whether the transaction is committed: look before "
            f"you do it again. {error}"
        )
    if isinstance(error, errors.OperationFailure):
        found = codes(error)
        if found & DUPLICATE_CODES:
            return IntegrityError(f"Duplicate key: {duplicate(error)}")
        if found & TOO_LARGE_CODES or NESTING in found and "nest" in str(error):
            return DataError(str(error))
        if found & OTHER_TRANSACTION_CODES:
            return OperationalError(BLOCK_ENDED)
        if AUTHENTICATION_FAILED in found:
            return connection.unreachable(error)
        if ON_VIEW in found:
            return NotSupportedError(
                "A view cannot be changed: change the documents of the collection that "
                f"it is of. {error}"
            )
        if found & TIME_SERIES_CODES and "time-series" in str(error):
            return NotSupportedError(
                "MongoDB inserts documents into a time-series collection outside of "
                f"transactions, but neither changes nor deletes them by key. {error}"
            )
        if SEARCH_GIVEN_UP in found:
            return OperationalError(
                "The server has given up the search for a regular expression in a long "
                "text: leave such texts out by another filter, or write the expression "
                f"so that a repetition has a bound, as x{{1,50}}. {error}"
            )
        if TRANSACTION_TOO_LARGE in found:
            return OperationalError(
                "This transaction has more changes than the server's cache holds: do "
                "the work in batches, in several atomic() blocks, or give the server "
                f"more cache (wiredTigerCacheSizeGB). {error}"
            )
        if found & TRANSIENT_CODES or is_transient(error):
            advice = [ADVICE[code] for code in found if code in ADVICE]
            return operational(error)(" ".join([str(error), *advice]))
        if isinstance(error, errors.BulkWriteError | errors.WriteError):
            return DatabaseError(str(error))
        if isinstance(error, errors.ExecutionTimeout):
            return OperationalError(str(error))
        return ProgrammingError(str(error))
    if isinstance(error, errors.NetworkTimeout):
        return operational(error)(
            f"MongoDB has not answered: {error}. It may be stopped. {ADVICE[50]}"
        )
    if isinstance(error, errors.ConnectionFailure) or NO_SESSIONS in str(error):
        return connection.unreachable(error)
    return DatabaseError(str(error))
