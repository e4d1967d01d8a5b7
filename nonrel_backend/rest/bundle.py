"""What goes through the dehydrate and hydrate cycles."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest


class Bundle:
    """An object, its data, and the request that they are of."""

    # Whether the object is being created; None where the resource does not say.
    is_new: bool | None = None
    # The names that a PATCH sent; None where all fields are written.
    sent: set[str] | None = None
    # What was shown of the object before the PATCH.
    shown: Mapping[str, Any] = MappingProxyType({})
    # The state of an object that is there, before its data was changed.
    before: dict[str, Any] | None = None
    # The relations in full that led here, so that none is followed twice.
    full_path: tuple = ()
    # What a PUT on the list has stored, and the log that it is in.
    kept: Sequence = ()
    changes: Any = None
    # The object as the client has seen it, where the write depends on that.
    expected: Any = None
    # The names that are to be shown; None for all.
    only: set[str] | None = None
    # How the fields are read, where that is known already.
    readers: list | None = None
    # The data in JSON, where that was made and nothing has changed since.
    text: str | None = None
    # The key of an object that is there, which nothing else was needed of yet.
    key: Any = None
    # Makes an empty object, or loads that of the key, for who asks for it.
    make: Callable[[], Any] | None = None

    def __init__(
        self,
        obj: Any = None,
        data: dict[str, Any] | None = None,
        request: HttpRequest | None = None,
        related_obj: Any = None,
        related_name: str | None = None,
        objects_saved: set | None = None,
        via_uri: bool = False,
    ):
        if obj is not None:
            self.obj = obj
        self.data = {} if data is None else data
        self.request = HttpRequest() if request is None else request
        # The object whose data this one's was within, and the relation that leads
        # back to it.
        self.related_obj = related_obj
        self.related_name = related_name
        # (model, key) of what was saved with it.
        self.objects_saved = set() if objects_saved is None else objects_saved
        # Whether it stands for what a URI led to: there is nothing to save.
        self.via_uri = via_uri
        self.errors: dict[str, Any] = {}
        # The bundles of the related objects, by field.
        self.related: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name != "obj":
            raise AttributeError(f"A bundle has no {name!r}.")
        found = None if self.make is None else self.make()
        if found is not None:
            self.obj = found
        return found

    def then(self, other: "Bundle") -> "Bundle":
        """What a hook has returned: it may be a new bundle, of the same work."""
        if other is not self:
            own = {
                name: vars(other)[name] for name in {"data", "obj"} & vars(other).keys()
            }
            vars(other).update(vars(self) | own)
        return other

    def __repr__(self) -> str:
        return f"<Bundle for obj: {self.obj!r} and with data: {self.data!r}>"
