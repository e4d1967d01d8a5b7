"""A whole list as JSON Lines, object by object."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from .projection import Asked

JSON_LINES = "application/jsonl"
CHUNK = 500


def is_export(request: Any) -> bool:
    """Whether ?format=jsonl or Accept ask for it."""
    wanted = request.GET.get("format")
    if wanted is not None:
        return wanted == "jsonl"
    accepted = request.META.get("HTTP_ACCEPT", "")
    return JSON_LINES in accepted or "application/x-ndjson" in accepted


def lines(resource: Any, request: Any, objects: Any, asked: Asked) -> Iterator[bytes]:
    """A line for each object; some hundred of them are in memory."""
    if hasattr(objects, "iterator"):
        objects = objects.iterator(chunk_size=CHUNK)
    rows = iter(objects)
    while chunk := list(islice(rows, CHUNK)):
        for bundle in resource.dehydrated(request, chunk, asked):
            yield resource._meta.serializer.to_json(bundle).encode() + b"\n"
