"""The content types of responses."""

from typing import Any

from django.http import HttpRequest

from ..resource.endpoint import Endpoint
from ..resource.options import ResourceOptions


def determine_format(
    request: HttpRequest, serializer: Any, default_format: str = "application/json"
) -> str:
    """Return the content type of the response: of ?format=, or of Accept.

    Raise UnsupportedSerializationFormat if the serializer supports none.
    """
    endpoint, meta = Endpoint(), ResourceOptions()
    meta.serializer, meta.default_format = serializer, default_format
    endpoint._meta = meta
    return endpoint.determine_format(request)


def build_content_type(format: str, encoding: str = "utf-8") -> str:
    """Return a content type with its encoding. JSON has none."""
    if "charset" in format or format in ("application/json", "text/javascript"):
        return format
    return f"{format}; charset={encoding}"
