"""Bundle: an object and its data in the dehydrate and hydrate cycles."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    from .resource.readers import Reader
    from .resource.undo import Changes


class Bundle:
    """An object, its data, and the request that they belong to."""

    # The object. Without one, `make` is called for it when it is first read.
    obj: Any
    # Whether the object is being created; None if the resource does not say.
    is_new: bool | None = None
    # The names that a PATCH sent; None to write all fields.
    sent: set[str] | None = None
    # The object's data before the PATCH.
    shown: Mapping[str, Any] = MappingProxyType({})
    # The state of an existing object before its data was changed.
    before: dict[str, Any] | None = None
    # The full relations that led here, so that none is followed twice.
    full_path: tuple[Any, ...] = ()
    # The objects that a PUT on the list has stored.
    stored: Sequence[Any] = ()
    # The log of the request's changes.
    changes: "Changes | None" = None
    # The object as the client has seen it, if the write is conditional.
    expected: Any = None
    # The names to show; None for all.
    only: set[str] | None = None
    # How to read the fields, if that is known already.
    readers: "list[Reader] | None" = None
    # The data as JSON, if it was serialized and has not changed since.
    text: str | None = None
    # The key of an existing object that was not loaded.
    key: Any = None
    # Makes an empty object, or loads the one with the key.
    make: Callable[[], Any] | None = None

    def __init__(
        self,
        obj: Any = None,
        data: dict[str, Any] | None = None,
        request: HttpRequest | None = None,
        related_obj: Any = None,
        related_name: str | None = None,
        objects_saved: set[Any] | None = None,
        via_uri: bool = False,
    ) -> None:
        if obj is not None:
            self.obj = obj
        self.data = {} if data is None else data
        self.request = HttpRequest() if request is None else request
        # The object that contains this one's data, and the relation that leads back.
        self.related_obj = related_obj
        self.related_name = related_name
        # (model, key) of what was saved with the object.
        self.objects_saved = set() if objects_saved is None else objects_saved
        # Whether the object came from a URI, so that it need not be saved.
        self.via_uri = via_uri
        self.errors: dict[str, Any] = {}
        # The bundles of the related objects, by field.
        self.related: dict[str, Any] = {}

    if not TYPE_CHECKING:  # so that mypy knows the attributes

        def __getattr__(self, name):
            if name != "obj":
                raise AttributeError(f"A bundle has no {name!r}.")
            found = None if self.make is None else self.make()
            if found is not None:
                self.obj = found
            return found

    def then(self, other: "Bundle") -> "Bundle":
        """Return the bundle that a hook returned. If it is a new one, copy this
        bundle's attributes to it, but not its data and object.
        """
        if other is not self:
            own = {
                name: vars(other)[name] for name in {"data", "obj"} & vars(other).keys()
            }
            vars(other).update(vars(self) | own)
        return other

    def __repr__(self) -> str:
        return f"<Bundle for obj: {self.obj!r} and with data: {self.data!r}>"
