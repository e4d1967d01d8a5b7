"""The errors that resources raise; each becomes a response in errors.py."""

from typing import Any


class RestError(Exception):
    """The base of all others."""


# The name it has in projects that move here.
TastypieError = RestError


class NotRegistered(RestError):
    """A resource that the Api does not have."""


class NotFound(RestError):
    """There is no such object; 404."""


class MalformedKey(NotFound):
    """Nothing can have this key, so nothing is created there either; 404."""


class Unauthorized(RestError):
    """The user may not; 401, or 403 for a user who is known."""


class BadRequest(RestError):
    """What was asked makes no sense; 400, with the message for the user."""


class ApiFieldError(BadRequest):
    """A field has no data, or data that it cannot take.

    `errors` are the messages by the name of the field.
    """

    def __init__(self, message: Any = "", errors: dict[str, list[str]] | None = None):
        super().__init__(message)
        self.errors = errors


class WrongValue(ApiFieldError):
    """What is at a path in the data cannot be: the path, and what is said of it."""

    def __init__(self, path: str, text: str):
        super().__init__(f"The '{path}' field {text}.")
        self.path, self.text = path, text


class HydrationError(ApiFieldError):
    """Data of the user that does not fit the object."""


class InvalidFilterError(BadRequest):
    """A filter that is not allowed, or with a value that makes no sense."""


class InvalidSortError(BadRequest):
    """An ordering that is not allowed."""


class UnsupportedFormat(RestError):
    """The base of the two below."""


class UnsupportedSerializationFormat(UnsupportedFormat):
    """Nothing that the user accepts can be made; 406."""


class UnsupportedDeserializationFormat(UnsupportedFormat):
    """The body's Content-Type is unknown; 415."""


class SaveRefused(RestError):
    """The store refused to save the object; classified once it is rolled back."""

    def __init__(self, resource, bundle):
        super().__init__(bundle)
        self.resource, self.bundle = resource, bundle


class ImmediateHttpResponse(RestError):
    """Ends the request with `response`."""

    def __init__(self, response):
        super().__init__(response)
        self.response = response


def field_errors(errors: dict[str, list[str]]) -> HydrationError:
    text = " ".join(
        message if name in message else f"{name}: {message}"
        for name, messages in errors.items()
        for message in messages
    )
    return HydrationError(text, errors)
