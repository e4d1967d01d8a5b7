"""Relations: what a relation asks of the resource that it leads to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from ..bundle import Bundle
from ..exceptions import Unauthorized

if TYPE_CHECKING:
    from ..fields.related import RelatedField
    from .resource import Resource


class Relations:
    """The answers of a resource that knows nothing about its store."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource

    def key_reader(self, model: Any, steps: list[str]) -> Callable[[Any], Any] | None:
        """Return a function that reads the key of a related object from an object of
        the model, without loading the related object; None if there is none.
        """
        return None

    def existing_key(
        self, field: "RelatedField", reference: Any, request: HttpRequest
    ) -> Any:
        """Return the key of the object of a URI or a key, if the relation only needs
        its key; None if the object must be loaded.
        """
        return None

    def needs_key_alone(self, field: "RelatedField") -> bool:
        """Return whether this resource's relation only stores and shows the key of an
        existing object.
        """
        return False

    def store_validates(self, field: "RelatedField") -> bool:
        """Return whether the store itself rejects a key that leads to no object."""
        return False

    def is_readable(self, obj: Any, request: HttpRequest) -> bool:
        """Return whether the user may read a related object."""
        bundle = Bundle(obj, request=request)
        try:
            return self.resource.authorized_read_detail([], bundle)
        except Unauthorized:
            return False

    def readable_members(self, members: Any, request: HttpRequest) -> Any:
        """Return those objects of a to-many relation that the user may read.

        `members` are a manager, a queryset or a list of objects; None for none.
        """
        if self.resource.allows_all("read"):
            return members
        return [obj for obj in members or () if self.is_readable(obj, request)]

    def bundle_from_data(
        self,
        data: dict[str, Any],
        request: HttpRequest,
        parent: Any,
        back_name: str | None,
    ) -> Bundle:
        """Return the bundle of a related object given as data.

        `parent` is the object whose data contains it, and `back_name` the relation that
        leads back.
        """
        raise NotImplementedError

    def objs_of_references(
        self, references: list[Any], request: HttpRequest
    ) -> dict[Any, Any]:
        """Return the objects of URIs and keys that can be found in one query."""
        return {}

    def prefetches(
        self,
        model: Any,
        for_list: bool,
        path: tuple[Any, ...],
        names: set[str] | None = None,
        request: HttpRequest | None = None,
    ) -> list[Any]:
        """Return the arguments of prefetch_related() for the relations shown.

        `path` are the full relations that led here, `names` the fields shown; None for
        all. Of to-many relations, the objects are loaded that the request's user may
        read.
        """
        return []

    def load(
        self,
        objects: list[Any],
        for_list: bool,
        names: set[str] | None,
        request: HttpRequest,
    ) -> list[Any]:
        """Return the objects with all that the fields shown will read, in as few
        queries as possible.
        """
        return objects
