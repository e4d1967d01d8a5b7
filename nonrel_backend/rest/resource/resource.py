"""Resource: what an address serves, whatever the data is."""

from typing import Any

from django.conf import settings

from .access import Access
from .cycles import Cycles
from .endpoint import Dispatch
from .options import DeclarativeMetaclass
from .preconditions import Preconditions
from .reading import Reads
from .uris import Uris
from .writing import Writes


class Resource(
    Dispatch,
    Reads,
    Writes,
    Cycles,
    Access,
    Preconditions,
    Uris,
    metaclass=DeclarativeMetaclass,
):
    """Fields, `Meta`, and the nine methods that say where the data is.

    An instance serves many requests at once: it keeps nothing of any.
    """

    def __init__(self, api_name: str | None = None):
        # Its own, since one class may be in several Apis.
        self._meta = copied(type(self)._meta)
        if self._meta.limit is None:
            self._meta.limit = getattr(settings, "API_LIMIT_PER_PAGE", 20)
        if api_name is not None:
            self._meta.api_name = api_name
        self.fields = {}
        for name, field in type(self).base_fields.items():
            self.fields[name] = copied(field)
            self.fields[name]._resource = self

    @property
    def has_dehydrate_hooks(self) -> bool:
        """Whether a method may need data of other fields."""
        own = {name for name in self.hooks("dehydrate") if name != "resource_uri"}
        return bool(own) or type(self).dehydrate is not Cycles.dehydrate

    def key_reader(self, model: type, steps: list[str]) -> Any:
        """A function that reads the key of a related object from an object of the
        model, without loading it; None where there is none.
        """
        return None

    def existing_key(self, field: Any, reference: Any, request: Any) -> Any:
        """The key of the object that a URI or a key leads to, where a relation to it
        needs nothing else; None where the object is to be loaded.
        """
        return None

    def needs_key_alone(self, field: Any) -> bool:
        """Whether an object that this field is given, and that is there, is only stored
        by its key, and shown by its URI.
        """
        return False

    def json_ref(self) -> dict[str, Any]:
        """Where OpenAPI has the schema of an object."""
        return {"$ref": f"#/components/schemas/{schema_name(self)}"}

    def prefetches(self, model: Any, for_list: bool, path: tuple) -> list:
        """What full relations to this resource load with one object."""
        return []


def copied(thing: Any) -> Any:
    """A shallow copy."""
    found = object.__new__(type(thing))
    found.__dict__.update(thing.__dict__)
    return found


def schema_name(resource: Any) -> str:
    return str(resource._meta.resource_name).replace("/", ".")
