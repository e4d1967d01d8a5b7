"""The exceptions of resources. errors.py turns each into a response."""

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils.translation import gettext

if TYPE_CHECKING:
    from .bundle import Bundle
    from .modelresource.resource import ModelResource


class RestError(Exception):
    """The base of all others."""


# The name in projects that move from tastypie.
TastypieError = RestError


class NotRegistered(RestError):
    """A resource that is not registered in the Api."""


class NotFound(RestError):
    """There is no such object; 404."""


class MalformedKey(NotFound):
    """No object can have this key, so none can be created with it; 404."""


class Unauthorized(RestError):
    """The user lacks the permission; 403, or 401 if the user is anonymous."""


class BadRequest(RestError):
    """The request is invalid; 400, with the message for the user."""


class ApiFieldError(BadRequest):
    """A field has no data, or invalid data.

    `errors` are the messages by the name of the field.
    """

    def __init__(
        self, message: Any = "", errors: dict[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.errors = errors


class WrongValue(ApiFieldError):
    """The data at `path` is invalid. `text` says why."""

    def __init__(self, path: str, text: str) -> None:
        sentence = gettext("The '%(path)s' field %(text)s.")
        super().__init__(sentence % {"path": path, "text": text})
        self.path, self.text = path, text


class HydrationError(ApiFieldError):
    """The user's data does not fit the object."""


class InvalidFilterError(BadRequest):
    """A filter that is not allowed, or that has an invalid value."""


class InvalidSortError(BadRequest):
    """An ordering that is not allowed."""


class UnsupportedFormat(RestError):
    """The base of the two below."""


class UnsupportedSerializationFormat(UnsupportedFormat):
    """No supported format is acceptable to the client; 406."""


class UnsupportedDeserializationFormat(UnsupportedFormat):
    """The Content-Type of the body is not supported; 415."""


class SaveRejected(RestError):
    """The store rejected the object. errors.py finds the reason after the rollback."""

    def __init__(self, resource: "ModelResource", bundle: "Bundle") -> None:
        super().__init__(bundle)
        self.resource, self.bundle = resource, bundle


class ImmediateHttpResponse(RestError):
    """Ends the request with `response`."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response)
        self.response = response


def field_errors(errors: dict[str, list[str]]) -> HydrationError:
    """Return the error of several fields."""
    text = " ".join(
        message if name in message else f"{name}: {message}"
        for name, messages in errors.items()
        for message in messages
    )
    return HydrationError(text, errors)
