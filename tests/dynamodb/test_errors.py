"""boto3's errors are Django's errors."""

import pytest
from botocore import exceptions as boto
from django import db
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.dynamodb.errors import (
    BrokenReply,
    NotAllowed,
    Unavailable,
    UnknownOutcome,
    translate,
)
from nonrel_backend.transactions import TransactionConflict

TOO_LARGE = "Item size has exceeded the maximum allowed size"


def refused(code, message="So it is.", reasons=()):
    """Return botocore's error."""
    reply = {"Error": {"Code": code, "Message": message}}
    reply["CancellationReasons"] = [
        {"Code": reason, "Message": text} for reason, text in reasons
    ]
    return boto.ClientError(reply, "PutItem")


def canceled(*reasons):
    return refused("TransactionCanceledException", reasons=reasons)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (refused("ResourceNotFoundException"), db.ProgrammingError, "no such table"),
        (refused("ResourceInUseException"), db.OperationalError, "being created"),
        (refused("ConditionalCheckFailedException"), db.IntegrityError, "expected"),
        (refused("ItemCollectionSizeLimitExceededException"), db.DataError, "10 GB"),
        (refused("ValidationException", TOO_LARGE), db.DataError, TOO_LARGE),
        (refused("ValidationException"), db.ProgrammingError, "refuses PutItem: So"),
        (refused("AccessDeniedException"), db.OperationalError, "So it is"),
        (refused("Another"), db.DatabaseError, "PutItem: Another: So it is."),
        (canceled(("ConditionalCheckFailed", "")), TransactionConflict, "run the bl"),
        (canceled(("ValidationError", TOO_LARGE)), db.DataError, TOO_LARGE),
        (canceled(("None", None), ("DuplicateItem", "x")), db.IntegrityError, "x"),
        (boto.NoCredentialsError(), db.OperationalError, "credentials"),
        (boto.NoRegionError(), ImproperlyConfigured, "region"),
        (boto.SSLError(endpoint_url="x", error="y"), db.OperationalError, "y"),
        (Unavailable("x"), db.OperationalError, "x"),
        (UnknownOutcome("x"), db.OperationalError, "x"),
        (NotAllowed("x"), db.OperationalError, "x"),
        (BrokenReply("x"), db.OperationalError, "x"),
    ],
)
def test_errors_have_djangos_class_and_say_why(error, kind, text):
    found = translate(error)
    assert type(found) is kind
    assert text in str(found)


def test_errors_of_others_stay_as_they_are():
    assert translate(ValueError("x")) is None
