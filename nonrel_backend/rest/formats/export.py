"""JSON Lines: a whole list, one object per line."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.translation import gettext

from ..exceptions import BadRequest
from ..resource.endpoint import parameters
from .negotiation import preferred
from .projection import Projection

if TYPE_CHECKING:
    from ..resource.resource import Resource

JSON_LINES = ("application/jsonl", "application/x-ndjson")
# Objects in memory at once.
CHUNK = 500
# What an export has no use for.
PAGES = ("limit", "offset", "cursor")


def export_type(resource: "Resource", request: HttpRequest) -> str | None:
    """Return the content type of JSON Lines if ?format=jsonl or Accept requests them
    and `Meta.export` allows them; None if not.
    """
    if not resource._meta.export:
        return None
    wanted = parameters(request).get("format")
    if wanted:
        return JSON_LINES[0] if wanted == "jsonl" else None
    accept = request.META.get("HTTP_ACCEPT", "*/*")
    found = preferred(accept, (*resource.offered_types(), *JSON_LINES))
    return found if found in JSON_LINES else None


def check_export(request: HttpRequest) -> None:
    """Raise BadRequest for a parameter of pages: an export is of the whole list."""
    for name in PAGES:
        if name in request.GET:
            raise BadRequest(
                gettext("An export is of the whole list: it has no %(name)r.")
                % {"name": name}
            )


def lines(
    resource: "Resource", request: HttpRequest, objects: Any, projection: Projection
) -> Iterator[bytes]:
    """Yield a line for each object."""
    if hasattr(objects, "iterator"):
        objects = objects.iterator(chunk_size=CHUNK)
    rest = iter(objects)
    while chunk := list(islice(rest, CHUNK)):
        for bundle in resource.reading.dehydrated(request, chunk, projection):
            yield resource._meta.serializer.to_json(bundle).encode() + b"\n"
