"""Transactions: write all of a request's changes, or none."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from ..bundle import Bundle
from .items import each
from .undo import Changes

if TYPE_CHECKING:
    from .resource import Resource

Work = Callable[[Changes], Any]


class Transactions:
    """All or nothing, by a log, for a store without transactions."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource

    def all_or_nothing(
        self, work: Work, request: HttpRequest, data: dict[str, Any] | None = None
    ) -> Any:
        """Return work(changes). If it fails, undo what it wrote.

        `data` is the data written to one object, if it is only one.
        """
        changes = Changes(
            self.resource, records=not self.is_single_write(request, data)
        )
        try:
            return work(changes)
        except Exception:
            changes.undo()
            raise

    def is_single_write(
        self, request: HttpRequest, data: dict[str, Any] | None
    ) -> bool:
        """Return whether one command of the store writes all of it."""
        return data is not None

    def check_items(
        self, request: HttpRequest, name: str, items: list[dict[str, Any]]
    ) -> None:
        """Raise BadRequest for invalid data before anything is written.

        `name` is that of the list in the body.
        """
        resource = self.resource
        for data in each(request, name, items):
            data = resource.alter_deserialized_detail_data(request, dict(data))
            bundle = resource.build_bundle(data=data, request=request)
            if "resource_uri" in data:
                bundle.is_new, bundle.sent = False, set(data)
                bundle.shown = dict(data)
            resource.full_hydrate(bundle)

    def remember(
        self, request: HttpRequest, changes: Changes, lookup: dict[str, Any]
    ) -> None:
        """Log the state of an object before it is changed."""
        if not changes.records:
            return
        bundle = self.resource.build_bundle(request=request)
        changes.remember(self.resource.obj_get(bundle=bundle, **lookup))

    def image(self, obj: Any) -> Any:
        """Return what restore() needs, before the object is changed."""
        return obj

    def restore(self, image: Any) -> None:
        """Store an object as it was."""
        resource = self.resource
        bundle = resource.full_dehydrate(Bundle(obj=image))
        data = bundle.data | {
            name: field.dehydrate(bundle)
            for name, field in resource.fields.items()
            if field.write_only
        }
        bundle = resource.build_bundle(data=data)
        resource.obj_create(bundle, **resource.detail_uri_kwargs(image))
