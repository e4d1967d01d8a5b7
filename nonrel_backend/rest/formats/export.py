"""JSON Lines: a whole list, one object per line."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from .projection import Projection

if TYPE_CHECKING:
    from ..resource.resource import Resource

JSON_LINES = "application/jsonl"
# Objects in memory at once.
CHUNK = 500


def is_export(request: HttpRequest) -> bool:
    """Return whether ?format=jsonl or Accept requests JSON Lines."""
    wanted = request.GET.get("format")
    if wanted is not None:
        return wanted == "jsonl"
    accepted = request.META.get("HTTP_ACCEPT", "")
    return JSON_LINES in accepted or "application/x-ndjson" in accepted


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
