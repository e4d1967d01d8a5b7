"""Pages by limit and offset."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext

from .exceptions import BadRequest

# The most objects that an estimated count counts.
ESTIMATED_UP_TO = 10_000


def number(request_data: Any, name: str, default: int) -> int:
    """Return a parameter as an integer. Raise BadRequest if it is none, or negative."""
    text = request_data.get(name, default)
    try:
        found = int(text)
    except (TypeError, ValueError) as error:
        raise BadRequest(
            gettext("Invalid %(name)s '%(text)s': it must be an integer.")
            % {"name": name, "text": text}
        ) from error
    if found < 0:
        raise BadRequest(
            gettext("Invalid %(name)s '%(found)s': it must be 0 or more.")
            % {"name": name, "found": found}
        )
    return found


class Paginator:
    """Returns one page of `objects`, a queryset or a list.

    `request_data` are the parameters of the request. `total_count` is "exact",
    "estimated" (exact up to 10,000) or "off" (null, and nothing is counted).
    """

    def __init__(
        self,
        request_data: Any,
        objects: Any,
        resource_uri: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        max_limit: int | None = 1000,
        collection_name: str = "objects",
        total_count: str = "exact",
        max_offset: int | None = None,
    ) -> None:
        self.request_data = request_data
        self.objects = objects
        self.limit = limit
        self.max_limit = max_limit
        self.offset = offset
        self.resource_uri = resource_uri
        self.collection_name = collection_name
        self.total_count = total_count
        self.max_offset = max_offset

    def get_limit(self) -> int:
        """Return the number of objects of a page; 0 for all."""
        default = self.limit
        if default is None:
            default = getattr(settings, "API_LIMIT_PER_PAGE", 20)
        limit = number(self.request_data, "limit", default)
        if self.max_limit and (not limit or limit > self.max_limit):
            return self.max_limit
        return limit

    def get_offset(self) -> int:
        """Return the number of objects before the page."""
        offset = number(self.request_data, "offset", self.offset)
        if self.max_offset and offset > self.max_offset:
            raise BadRequest(
                gettext(
                    "Invalid offset '%(offset)s': it must be at most "
                    "%(max_offset)s. Use ?cursor= instead."
                )
                % {"offset": offset, "max_offset": self.max_offset}
            )
        return offset

    def get_slice(self, limit: int, offset: int) -> Any:
        """Return the objects of a page."""
        return self.objects[offset : offset + limit] if limit else self.objects[offset:]

    def get_count(self) -> int:
        """Return the number of all objects."""
        if isinstance(self.objects, list | tuple):
            return len(self.objects)
        if hasattr(self.objects, "count"):
            return self.objects.count()
        return len(self.objects)

    def get_previous(self, limit: int, offset: int) -> str | None:
        """Return the URI of the previous page, or None."""
        return self._uri(limit, max(0, offset - limit)) if offset and limit else None

    def get_next(self, limit: int, offset: int, count: int) -> str | None:
        """Return the URI of the next page, or None."""
        return self._uri(limit, offset + limit) if offset + limit < count else None

    def _uri(self, limit: int, offset: int) -> str | None:
        return self.page_uri({"limit": limit, "offset": offset})

    def page_uri(self, changes: dict[str, Any]) -> str | None:
        """Return the URI of the list with these parameters and those of the request."""
        if self.resource_uri is None:
            return None
        if hasattr(self.request_data, "lists"):
            given = dict(self.request_data.lists())
        else:
            given = dict(self.request_data)
        return f"{self.resource_uri}?{urlencode(given | changes, doseq=True)}"

    def page(self) -> dict[str, Any]:
        """Return the page, with `meta` about it."""
        limit, offset = self.get_limit(), self.get_offset()
        if self.total_count == "exact":
            count = self.get_count()
            objects = self.get_slice(limit, offset) if offset < count else []
            meta = self.meta(limit, offset, count)
        else:
            # One object more tells whether there is a next page.
            found = list(self.get_slice(limit + 1 if limit else 0, offset))
            objects = found[:limit] if limit else found
            meta = self.meta(limit, offset, offset + len(found))
            meta["total_count"] = None
            if self.total_count == "estimated":
                seen = len(self.count_slice())
                meta["total_count"] = min(seen, ESTIMATED_UP_TO)
                meta["total_count_is_exact"] = seen <= ESTIMATED_UP_TO
        return {"meta": meta, self.collection_name: objects}

    def count_slice(self) -> Any:
        """Return the objects that an estimated count counts."""
        some = self.objects[: ESTIMATED_UP_TO + 1]
        return some.values_list("pk") if hasattr(some, "values_list") else some

    def meta(self, limit: int, offset: int, count: int) -> dict[str, Any]:
        """Return the page's `meta`."""
        return {
            "limit": limit,
            "next": self.get_next(limit, offset, count) if limit else None,
            "offset": offset,
            "previous": self.get_previous(limit, offset),
            "total_count": count,
        }
