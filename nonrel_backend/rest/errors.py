"""Responses to errors: what the user should know, and nothing internal."""

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import (
    FieldError,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    connections,
)
from django.db.models import ProtectedError, RestrictedError
from django.http import (
    Http404,
    HttpResponse,
    RawPostDataException,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext, gettext_lazy

from . import exceptions, http
from .conf import setting
from .resource.retries import ChangedMeanwhile

if TYPE_CHECKING:
    from .resource.endpoint import Endpoint

logger = logging.getLogger("django.request")
# Seconds.
RETRY_AFTER = 1
FAILED = gettext_lazy(
    "Sorry, this request could not be processed. Please try again later."
)
CONFLICT = gettext_lazy("The data conflicts with an existing object.")


def message(error: Exception) -> dict[str, Any]:
    """Return the error's own message."""
    return {"error": str(error)}


def text(sentence: str) -> Callable[[Exception], dict[str, Any]]:
    """Return a function that returns the same message for each error."""
    return lambda error: {"error": sentence}


NOT_FOUND = text(gettext_lazy("There is no such object."))

# (error classes, response, function that returns the message); the first match counts.
ANSWERS: list[tuple[Any, type[HttpResponse], Callable[[Any], dict[str, Any]]]] = [
    (exceptions.NotFound, http.HttpNotFound, NOT_FOUND),
    ((ObjectDoesNotExist, Http404), http.HttpNotFound, NOT_FOUND),
    (
        MultipleObjectsReturned,
        http.HttpMultipleChoices,
        text(gettext_lazy("More than one object is found at this URI.")),
    ),
    (
        exceptions.UnsupportedDeserializationFormat,
        http.HttpUnsupportedMediaType,
        message,
    ),
    (exceptions.UnsupportedFormat, http.HttpNotAcceptable, message),
    (exceptions.BadRequest, http.HttpBadRequest, message),
    (
        PermissionDenied,
        http.HttpForbidden,
        text(gettext_lazy("You are not allowed to do that.")),
    ),
    (
        RequestDataTooBig,
        http.HttpContentTooLarge,
        text(gettext_lazy("The body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE.")),
    ),
    (
        UnreadablePostError,
        http.HttpBadRequest,
        text(gettext_lazy("The body is incomplete.")),
    ),
    # The CSRF check has read it.
    (
        RawPostDataException,
        http.HttpUnsupportedMediaType,
        text(gettext_lazy("A form with files is not supported here.")),
    ),
    (
        MultiPartParserError,
        http.HttpBadRequest,
        text(gettext_lazy("The form cannot be read.")),
    ),
    (
        SuspiciousOperation,
        http.HttpBadRequest,
        text(gettext_lazy("The request was rejected.")),
    ),
    (
        (ProtectedError, RestrictedError),
        http.HttpConflict,
        text(gettext_lazy("The object cannot be deleted: other objects refer to it.")),
    ),
    (IntegrityError, http.HttpConflict, text(CONFLICT)),
    (
        DataError,
        http.HttpBadRequest,
        text(gettext_lazy("The store cannot store this value.")),
    ),
    (
        FieldError,
        http.HttpBadRequest,
        text(gettext_lazy("The store does not support this query.")),
    ),
    (
        NotSupportedError,
        http.HttpBadRequest,
        text(
            gettext_lazy(
                "The store does not support this query. Add filters or change "
                "the ordering."
            )
        ),
    ),
    (
        ChangedMeanwhile,
        http.HttpConflict,
        text(
            gettext_lazy(
                "Another request has changed or deleted the object. Read it again."
            )
        ),
    ),
    (
        OperationalError,
        http.HttpServiceUnavailable,
        text(gettext_lazy("The store is unavailable. Try again later.")),
    ),
    (
        NotImplementedError,
        http.HttpNotImplemented,
        text(gettext_lazy("Not implemented.")),
    ),
]


def response_of(endpoint: "Endpoint", request: Any, error: Exception) -> HttpResponse:
    """Return the response to an error. Log the errors of the program and of the
    store.
    """
    if isinstance(error, exceptions.ImmediateHttpResponse):
        return error.response
    response = getattr(error, "response", None)
    if isinstance(response, HttpResponse):
        return response
    if isinstance(error, exceptions.SaveRejected):
        return save_rejected(endpoint, request, error)
    if isinstance(error, exceptions.Unauthorized):
        return unauthorized(endpoint, request, error)
    if isinstance(error, exceptions.ApiFieldError) and error.errors:
        return bad_request(endpoint, request, by_field(endpoint, error))
    if isinstance(error, ValidationError):
        return bad_request(endpoint, request, by_validation(endpoint, error))
    for kinds, response_class, content in ANSWERS:
        if isinstance(error, kinds):
            found = endpoint.error_response(request, content(error), response_class)
            if found.status_code == 503:
                found["Retry-After"] = str(RETRY_AFTER)
                logger.error("The store failed.", exc_info=error)
            return found
    if settings.DEBUG and setting("FULL_DEBUG", False):
        raise error
    got_request_exception.send(sender=type(endpoint), request=request)
    logger.error("Internal Server Error: %s", request.path, exc_info=error)
    answer = {"error": setting("CANNED_ERROR", FAILED)}
    if settings.DEBUG:
        lines = traceback.format_exception(error)
        answer |= {"error_message": str(error), "traceback": "".join(lines)}
    response_class = endpoint.get_response_class_for_exception(request, error)
    return endpoint.error_response(request, answer, response_class)


def bad_request(endpoint: "Endpoint", request: Any, content: Any) -> HttpResponse:
    """Return a response with 400."""
    return endpoint.error_response(request, content, http.HttpBadRequest)


def by_field(endpoint: "Endpoint", error: exceptions.ApiFieldError) -> dict[str, Any]:
    """Return the messages of an ApiFieldError, by field."""
    return {"error": str(error), endpoint._meta.resource_name: error.errors}


def by_validation(endpoint: "Endpoint", error: ValidationError) -> dict[str, Any]:
    """Return the messages of a ValidationError, by field if it has any."""
    if hasattr(error, "error_dict"):
        errors = error.message_dict
        sentence = " ".join(
            f"{name}: {each}" for name, messages in errors.items() for each in messages
        )
        return {"error": sentence, endpoint._meta.resource_name: errors}
    return {"error": " ".join(error.messages)}


def unauthorized(endpoint: "Endpoint", request: Any, error: Exception) -> HttpResponse:
    """Return a response with 403, or with 401 if the user is anonymous."""
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    response_class = http.HttpForbidden if known else http.HttpUnauthorized
    sentence = str(error) or gettext("You are not allowed to do that.")
    return endpoint.error_response(request, {"error": sentence}, response_class)


def save_rejected(
    endpoint: "Endpoint", request: Any, rejected: exceptions.SaveRejected
) -> HttpResponse:
    """Return a response with the reason why the store rejected an object: 409 for a
    duplicate, 400 for a violated constraint.
    """
    obj = rejected.bundle.obj
    empty = [
        field.name
        for field in obj._meta.concrete_fields
        if not (field.null or field.primary_key or field.generated)
        and getattr(obj, field.attname) is None
    ]
    if empty:
        nulls = ValidationError(
            dict.fromkeys(empty, gettext("This field cannot be null."))
        )
        return bad_request(endpoint, request, by_validation(endpoint, nulls))
    if connections[rejected.resource.database].needs_rollback:
        # A transaction of the project without savepoints: it answers no query.
        return endpoint.error_response(request, {"error": CONFLICT}, http.HttpConflict)
    missing = rejected.resource.relations.errors_of_missing(rejected.bundle)
    if missing:
        field_error = exceptions.field_errors(missing)
        return bad_request(endpoint, request, by_field(endpoint, field_error))
    try:
        obj.validate_unique()
    except ValidationError as error:
        content = by_validation(endpoint, error)
        return endpoint.error_response(request, content, http.HttpConflict)
    try:
        obj.validate_constraints()
    except ValidationError as error:
        duplicate = any(
            each.code in ("unique", "unique_together")
            for errors in error.error_dict.values()
            for each in errors
        )
        kind = http.HttpConflict if duplicate else http.HttpBadRequest
        return endpoint.error_response(request, by_validation(endpoint, error), kind)
    return endpoint.error_response(request, {"error": CONFLICT}, http.HttpConflict)
