"""Every error as a response: what happened, for the user, and nothing of the inside."""

import logging
from collections.abc import Callable
from typing import Any

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
)
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpResponse, UnreadablePostError

from . import exceptions, http

logger = logging.getLogger("django.request")
RETRY_AFTER = 1


def sentence(error: Exception) -> dict[str, Any]:
    return {"error": str(error)}


def said(text: str) -> Callable[[Exception], dict[str, Any]]:
    return lambda error: {"error": text}


NOT_FOUND = said("There is no such object.")

# The first that fits: what the error is, the status, and what the user is told.
ANSWERS: list[tuple[Any, type[HttpResponse], Callable[[Any], dict[str, Any]]]] = [
    (exceptions.NotFound, http.HttpNotFound, NOT_FOUND),
    ((ObjectDoesNotExist, Http404), http.HttpNotFound, NOT_FOUND),
    (
        MultipleObjectsReturned,
        http.HttpMultipleChoices,
        said("More than one object is found at this URI."),
    ),
    (
        exceptions.UnsupportedDeserializationFormat,
        http.HttpUnsupportedMediaType,
        sentence,
    ),
    (exceptions.UnsupportedFormat, http.HttpNotAcceptable, sentence),
    (exceptions.BadRequest, http.HttpBadRequest, sentence),
    (PermissionDenied, http.HttpForbidden, said("You are not allowed to do that.")),
    (
        RequestDataTooBig,
        http.HttpContentTooLarge,
        said("The body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE."),
    ),
    (UnreadablePostError, http.HttpBadRequest, said("The body did not arrive whole.")),
    (SuspiciousOperation, http.HttpBadRequest, said("The request was refused.")),
    (
        (ProtectedError, RestrictedError),
        http.HttpConflict,
        said("Other objects refer to it, so it cannot be deleted."),
    ),
    (IntegrityError, http.HttpConflict, said("It conflicts with what is there.")),
    (DataError, http.HttpBadRequest, said("The store cannot hold such a value.")),
    (FieldError, http.HttpBadRequest, said("The store cannot be asked that.")),
    (
        NotSupportedError,
        http.HttpBadRequest,
        said("The store cannot answer that: filter more, or order otherwise."),
    ),
    (
        OperationalError,
        http.HttpServiceUnavailable,
        said("The store is not there or too busy: try again later."),
    ),
    (
        NotImplementedError,
        http.HttpNotImplemented,
        said("This is not implemented here."),
    ),
]  # fmt: skip


def response_of(resource: Any, request: Any, error: Exception) -> HttpResponse:
    """The response to an error; logged where it is one of the program."""
    if isinstance(error, exceptions.ImmediateHttpResponse):
        return error.response
    if isinstance(getattr(error, "response", None), HttpResponse):
        return error.response  # type: ignore[attr-defined]
    if isinstance(error, exceptions.SaveRefused):
        return refusal(resource, request, error)
    if isinstance(error, exceptions.Unauthorized):
        return unauthorized(resource, request, error)
    if isinstance(error, exceptions.ApiFieldError) and error.errors:
        return told(resource, request, http.HttpBadRequest, by_field(resource, error))
    if isinstance(error, ValidationError):
        return told(resource, request, http.HttpBadRequest, validation(resource, error))
    for kinds, response_class, content in ANSWERS:
        if isinstance(error, kinds):
            response = told(resource, request, response_class, content(error))
            if response.status_code == 503:
                response["Retry-After"] = str(RETRY_AFTER)
                logger.error("The store failed.", exc_info=error)
            return response
    got_request_exception.send(sender=type(resource), request=request)
    logger.error("Internal Server Error: %s", request.path, exc_info=error)
    text = "Sorry, this request could not be processed. Please try again later."
    return told(resource, request, http.HttpApplicationError, {"error": text})


def told(
    resource: Any, request: Any, response_class: Any, content: Any
) -> HttpResponse:
    return resource.error_response(request, content, response_class=response_class)


def by_field(resource: Any, error: exceptions.ApiFieldError) -> dict[str, Any]:
    return {"error": str(error), resource._meta.resource_name: error.errors}


def validation(resource: Any, error: ValidationError) -> dict[str, Any]:
    """Django's own errors, by field where they have any."""
    if hasattr(error, "error_dict"):
        errors = error.message_dict
        text = " ".join(
            f"{name}: {message}" for name, each in errors.items() for message in each
        )
        return {"error": text, resource._meta.resource_name: errors}
    return {"error": " ".join(error.messages)}


def unauthorized(resource: Any, request: Any, error: Exception) -> HttpResponse:
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    response_class = http.HttpForbidden if known else http.HttpUnauthorized
    text = str(error) or "You are not allowed to do that."
    return told(resource, request, response_class, {"error": text})


def refusal(
    resource: Any, request: Any, refused: exceptions.SaveRefused
) -> HttpResponse:
    """What the store refused to save: 409 for a duplicate, 400 for a broken rule."""
    nowhere = refused.resource.leading_nowhere(refused.bundle)
    if nowhere:
        error = exceptions.field_errors(nowhere)
        return told(resource, request, http.HttpBadRequest, by_field(resource, error))
    obj = refused.bundle.obj
    try:
        obj.validate_unique()
    except ValidationError as error:
        return told(resource, request, http.HttpConflict, validation(resource, error))
    try:
        obj.validate_constraints()
    except ValidationError as error:
        duplicate = any(
            each.code in ("unique", "unique_together")
            for errors in error.error_dict.values()
            for each in errors
        )
        kind = http.HttpConflict if duplicate else http.HttpBadRequest
        return told(resource, request, kind, validation(resource, error))
    text = "It conflicts with what is there."
    return told(resource, request, http.HttpConflict, {"error": text})
