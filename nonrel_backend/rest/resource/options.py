"""The options of `Meta`, and the metaclasses that collect a resource's fields."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..authentication import Authentication
from ..authorization import Authorization, ReadOnlyAuthorization
from ..cache import NoCache
from ..cursors import CursorPaginator
from ..fields.base import ApiField
from ..fields.plain import CharField
from ..paginator import Paginator
from ..serializers import Serializer
from ..throttle import BaseThrottle
from ..validation import Validation

METHODS = ["get", "post", "put", "delete", "patch"]


class ResourceOptions:
    """The options of a resource. `Meta` overrides these defaults."""

    serializer: Serializer = Serializer()
    authentication: Authentication = Authentication()
    authorization: Authorization = ReadOnlyAuthorization()
    validation: Validation = Validation()
    cache: NoCache = NoCache()
    throttle: BaseThrottle = BaseThrottle()
    paginator_class: Any = Paginator
    allowed_methods: Any = None
    list_allowed_methods: Any = None
    detail_allowed_methods: Any = None
    limit: int | None = None
    max_limit: int | None = 1000
    api_name: str | None = None
    # The URL namespace of the Api; None for the first that has the resource.
    urlconf_namespace: str | None = None
    # A text: the metaclass names the resource after its class.
    resource_name: Any = None
    default_format = "application/json"
    filtering: dict[str, Any] = {}
    ordering: list[str] = []
    # The to-many relations with an address of their own: /author/5/books/.
    nested: list[str] = []
    # The most bytes of an uploaded file; None for no limit.
    max_upload_size: int | None = 10 * 1024 * 1024
    # What ?search= looks in: names of fields, with "__lookup" if not icontains.
    search: list[str] = []
    # Whether GET rejects unknown parameters; REST_STRICT, or True, by default.
    strict: bool | None = None
    # Further parameters, which a project uses itself.
    parameters: list[str] = []
    object_class: Any = None
    queryset: Any = None
    fields: list[str] = []
    excludes: list[str] = []
    include_resource_uri = True
    include_absolute_url = False
    always_return_data = False
    collection_name = "objects"
    detail_uri_name = "pk"
    # --- not in tastypie ---
    # The paginator of ?cursor=; None disables cursors.
    cursor_paginator_class: Any = CursorPaginator
    # "exact", "estimated" or "off".
    total_count = "exact"
    # The largest offset; None for no limit.
    max_offset: int | None = 100_000
    # The most names in ?order_by=, and the most keys in set/1;2/.
    max_ordering = 5
    max_keys = 1000
    # The most objects that a request writes, and the most that the data of one relation
    # contains; None for no limit.
    max_items: int | None = 1000
    # Whether browsers, which prefer text/html, get pages with forms.
    browsable = False
    # Whether ?format=jsonl streams the whole list, whatever max_limit says.
    export = False
    # A field of the model that changes with every write. The ETag is made of it, and
    # writes compare it. Without it the ETag is a hash of the data.
    version_field: str | None = None
    # Whether data may choose the key of an AutoField. PUT may, at an address whose key
    # leaves half of the sequence.
    writable_keys = False
    # Whether PUT, PATCH and DELETE of a detail require If-Match (428).
    require_if_match = False

    def __init__(self, meta: type | None = None) -> None:
        # Without Meta.fields all of the model's are shown; with an empty one, none.
        self.shows_all_fields = not hasattr(meta, "fields")
        for name in dir(meta) if meta is not None else ():
            if not name.startswith("_"):
                setattr(self, name, getattr(meta, name))
        for name in ("list_allowed_methods", "detail_allowed_methods"):
            if getattr(self, name) is None:
                methods = self.allowed_methods
                setattr(self, name, METHODS if methods is None else methods)
            setattr(self, name, [each.lower() for each in getattr(self, name)])
        if self.total_count not in ("exact", "estimated", "off"):
            raise ImproperlyConfigured(
                f"Meta.total_count is {self.total_count!r}; it must be 'exact', "
                "'estimated' or 'off'."
            )


class DeclarativeMetaclass(type):
    """Collects the fields of a class and of its bases, and reads `Meta`."""

    base_fields: dict[str, ApiField]
    declared_fields: dict[str, ApiField]
    _meta: ResourceOptions

    def __new__(
        metacls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]
    ) -> Any:
        declared = {
            key: attrs.pop(key)
            for key, value in list(attrs.items())
            if isinstance(value, ApiField)
        }
        cls = super().__new__(metacls, name, bases, attrs)
        inherited: dict[str, ApiField] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited |= getattr(base, "declared_fields", {})
        cls.declared_fields = inherited | declared
        cls._meta = ResourceOptions(getattr(cls, "Meta", None))
        if cls._meta.resource_name is None:
            cls._meta.resource_name = resource_name(name)
        cls.base_fields = cls.collected_fields()
        for key, field in cls.base_fields.items():
            if not field.instance_name:
                field.contribute_to_class(cls, key)
        return cls

    def collected_fields(cls) -> dict[str, ApiField]:
        """Return the declared fields, with resource_uri and absolute_url as `Meta`
        says.
        """
        found = dict(cls.declared_fields)
        if cls._meta.include_resource_uri:
            found.setdefault(
                "resource_uri", CharField(readonly=True, verbose_name="resource uri")
            )
        else:
            found.pop("resource_uri", None)
        if cls._meta.include_absolute_url:
            own = CharField(attribute="get_absolute_url", readonly=True)
            found.setdefault("absolute_url", own)
        return found


def resource_name(class_name: str) -> str:
    """Return the default name: SampleContentResource is samplecontent."""
    name = class_name.rpartition("Resource")[0] or class_name
    return name.lower()


class ModelDeclarativeMetaclass(DeclarativeMetaclass):
    """Adds a field for each of the model's fields that is not a relation."""

    def collected_fields(cls) -> dict[str, ApiField]:
        meta = cls._meta
        if meta.queryset is not None:
            meta.object_class = meta.queryset.model
        elif meta.object_class is not None:
            meta.queryset = meta.object_class._default_manager.all()
        if meta.object_class is None:
            return super().collected_fields()
        declared = super().collected_fields()
        cls.base_fields = declared
        listed = None if meta.shows_all_fields else list(meta.fields or [])
        found = cls.get_fields(listed, list(meta.excludes or []))
        return found | declared

    def get_fields(
        cls, fields: list[str] | None = None, excludes: list[str] | None = None
    ) -> dict[str, ApiField]:
        """Return the fields of the model's; ModelResource overrides it."""
        raise NotImplementedError
