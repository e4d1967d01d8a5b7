"""Translation of boto3's errors to Django's: tables of DynamoDB's error codes."""

from enum import Enum
from typing import Any

from django import db
from django.core.exceptions import ImproperlyConfigured

from ..drivers import driver
from ..transactions import TransactionConflict

with driver("dynamodb"):
    from botocore import exceptions as boto


class DynamoError(Exception):
    """Base of the client's own errors."""


class Unavailable(DynamoError):
    """DynamoDB did not carry out an operation before the deadline."""


class UnknownOutcome(Unavailable):
    """Whether a write was carried out is unknown."""


class NotAllowed(DynamoError):
    """DynamoDB does not accept the credentials, or what they permit."""


class BrokenReply(DynamoError):
    """A reply is not whole."""


class Outcome(Enum):
    """What an error that may not come again says of the request."""

    NOT_DONE = "it was not carried out"
    UNKNOWN = "it may have been carried out"


# Codes of errors after which the request is sent again.
TRANSIENT_CODES = {
    "InternalServerError": Outcome.UNKNOWN,
    "InternalFailure": Outcome.UNKNOWN,
    "LimitExceededException": Outcome.NOT_DONE,
    "ProvisionedThroughputExceededException": Outcome.NOT_DONE,
    "ReplicatedWriteConflictException": Outcome.NOT_DONE,
    "RequestLimitExceeded": Outcome.NOT_DONE,
    "RequestThrottled": Outcome.NOT_DONE,
    "ServiceUnavailable": Outcome.UNKNOWN,
    "ServiceUnavailableException": Outcome.UNKNOWN,
    "Throttling": Outcome.NOT_DONE,
    "ThrottlingException": Outcome.NOT_DONE,
    "TransactionConflictException": Outcome.NOT_DONE,
    # An earlier attempt of the same transaction is not finished.
    "TransactionInProgressException": Outcome.UNKNOWN,
}
CANCELED = "TransactionCanceledException"
# Reasons for which a canceled transaction may succeed if it is sent again.
TRANSIENT_REASONS = {
    *("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"),
}
# The first class that fits counts. The request was not sent if there is no connection.
TRANSIENT_ERRORS: list[tuple[type[Exception], Outcome]] = [
    (boto.SSLError, Outcome.UNKNOWN),
    (boto.ConnectionError, Outcome.NOT_DONE),
    (boto.HTTPClientError, Outcome.UNKNOWN),
    (BrokenReply, Outcome.UNKNOWN),
]
# The messages of these may have parts of the credentials.
CREDENTIAL_CODES = {
    "ExpiredTokenException": "They have expired.",
    "IncompleteSignatureException": "The signature is not complete.",
    "IncompleteSignature": "The signature is not complete.",
    "InvalidClientTokenId": "They are not known.",
    "InvalidSignatureException": (
        "The signature is wrong: the secret key may be another one, or the clock of "
        "this machine is."
    ),
    "MissingAuthenticationToken": "There are none.",
    "MissingAuthenticationTokenException": "There are none.",
    "OptInRequired": "The account has no DynamoDB.",
    "RequestExpired": "The clock of this machine may be wrong.",
    "SignatureDoesNotMatch": (
        "The signature is wrong: the secret key may be another one, or the clock of "
        "this machine is."
    ),
    "UnrecognizedClientException": "They are not known.",
}
NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.MetadataRetrievalError,
    boto.SSOError,
)
WRONG_SETTINGS = (
    boto.NoRegionError,
    boto.ProfileNotFound,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidConfigError,
)
# (Django's class, what the message adds).
CODES: dict[str, tuple[type[Exception], str]] = {
    "AccessDeniedException": (db.OperationalError, ""),
    "ConditionalCheckFailedException": (
        db.IntegrityError,
        "The item is not as it was expected: nothing was written.",
    ),
    "DuplicateItemException": (db.IntegrityError, ""),
    "IdempotentParameterMismatchException": (db.InternalError, ""),
    "IndexNotFoundException": (
        db.ProgrammingError,
        "The table has no such index: has migrate made it?",
    ),
    "ItemCollectionSizeLimitExceededException": (
        db.DataError,
        "The rows with one partition key may have 10 GB in a table with local indexes.",
    ),
    "ResourceInUseException": (
        db.OperationalError,
        "The table is being created, changed or deleted, or is there already.",
    ),
    "ResourceNotFoundException": (
        db.ProgrammingError,
        "There is no such table, or it is just being created or deleted: has migrate "
        "made it?",
    ),
    "SerializationException": (db.DataError, ""),
    "TableNotFoundException": (db.ProgrammingError, "There is no such table."),
}
# The classes for a canceled transaction by the reasons of its writes, the first one
# that is there. In any other case it has met another transaction.
REASONS: dict[str, type[Exception]] = {
    "ItemCollectionSizeLimitExceeded": db.DataError,
    "ValidationError": db.DataError,
    "AccessDenied": db.OperationalError,
    "DuplicateItem": db.IntegrityError,
}
VALIDATION = "ValidationException"
# Parts of the messages of ValidationException that are about values.
BAD_VALUES = (
    "Item size",
    "item size",
    "exceeds size limit",
    "exceeded the maximum allowed size",
    "size limit of",
    "Nesting Levels",
    "Number overflow",
    "Number underflow",
    "more than 38 significant digits",
    "Numeric values",
    "empty string value",
    "empty binary value",
)


def code_of(error: BaseException) -> str:
    """Return DynamoDB's code of an error, "" if the error is not DynamoDB's."""
    if isinstance(error, boto.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def message_of(error: BaseException) -> str:
    """Return DynamoDB's message of an error."""
    response: Any = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Message") or error)


def described(error: BaseException) -> str:
    """Return the code and message of an error, without what boto3 adds."""
    code = code_of(error)
    return f"{code}: {message_of(error)}" if code else str(error)


def is_repetition(error: BaseException) -> bool:
    """Return whether an earlier try of the write may have been carried out."""
    return getattr(error, "is_repetition", False)


def is_size(error: BaseException) -> bool:
    """Return whether an item is too large."""
    return code_of(error) == VALIDATION and "size" in message_of(error)


def reasons_of(error: BaseException) -> list[str]:
    """Return the code of each write of a canceled transaction, "None" if it is fine."""
    if code_of(error) != CANCELED:
        return []
    reasons = error.response.get("CancellationReasons", ())  # type: ignore[attr-defined]
    return [reason.get("Code") or "None" for reason in reasons]


def transient(error: BaseException) -> Outcome | None:
    """Return what an error says of the request, None if it would come again."""
    for kind, outcome in TRANSIENT_ERRORS:
        if isinstance(error, kind):
            return outcome
    if not isinstance(error, boto.ClientError):
        return None
    code = code_of(error)
    if code == CANCELED:
        reasons = {*reasons_of(error)} - {"None"}
        passing = reasons and reasons <= TRANSIENT_REASONS
        return Outcome.NOT_DONE if passing else None
    if code in TRANSIENT_CODES:
        return TRANSIENT_CODES[code]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Outcome.UNKNOWN if status >= 500 else None


def translate(error: BaseException) -> Exception | None:
    """Return Django's error for one of boto3's or the client's, None for any other."""
    if isinstance(error, DynamoError):
        return db.OperationalError(str(error))
    if isinstance(error, WRONG_SETTINGS):
        return ImproperlyConfigured(str(error))
    if isinstance(error, NO_CREDENTIALS):
        return db.OperationalError(f"boto3 has no credentials for DynamoDB: {error}")
    if not isinstance(error, boto.ClientError):
        known = isinstance(error, boto.BotoCoreError)
        return db.OperationalError(str(error)) if known else None
    code, message = code_of(error), message_of(error)
    if code == CANCELED:
        return canceled(error)
    if code == VALIDATION:
        about_value = any(part in message for part in BAD_VALUES)
        kind: type[Exception] = db.DataError if about_value else db.ProgrammingError
        return kind(f"DynamoDB refuses {error.operation_name}: {message}")
    kind, more = CODES.get(code, (db.DatabaseError, ""))
    return kind(f"{error.operation_name}: {described(error)} {more}".rstrip())


def canceled(error: Any) -> Exception:
    """Return Django's error for a canceled transaction."""
    reasons = error.response.get("CancellationReasons", ())
    found = {each.get("Code"): each.get("Message") or "" for each in reasons}
    for code, kind in REASONS.items():
        if code in found:
            return kind(f"DynamoDB refuses the transaction: {code}: {found[code]}")
    return TransactionConflict(
        "Another transaction has changed these rows: run the block again, as "
        f"nonrel_backend.transactions.retry_transaction does. {message_of(error)}"
    )
