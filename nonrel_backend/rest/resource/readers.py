"""Readers: fast functions that read the fields of many objects of one model."""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist

from .. import fields
from ..fields.models import FIELD_CLASSES

if TYPE_CHECKING:
    from .resource import Resource

# Fields whose convert() returns the values of their model field unchanged.
UNCHANGED = (
    fields.BooleanField,
    fields.DateField,
    fields.DateTimeField,
    fields.DecimalField,
    fields.FloatField,
    fields.IntegerField,
    fields.JSONField,
    fields.TimeField,
)
TEXTS = {"CharField", "SlugField", "TextField"}


class Reader(NamedTuple):
    """How to read one field.

    `read` returns the data of an object; it is None if field.dehydrate() is needed.
    `hook` is the method dehydrate_FOO().
    """

    name: str
    field: Any
    read: Callable[[Any], Any] | None
    hook: Callable[[Any], Any] | None


def new_readers(resource: "Resource", model: Any, for_list: bool) -> list[Reader]:
    """Return the readers of the fields that a list, or a detail, may show."""
    kind = "list" if for_list else "detail"
    found = []
    for name, field in resource.fields.items():
        if field.use_in not in ("all", kind) and not callable(field.use_in):
            continue
        if field.write_only:
            continue
        read = new_reader(field, model)
        hook = resource.cycles.dehydrate_hooks.get(name)
        if name == "resource_uri" and resource.cycles.has_default_uri_hook:
            read = uri_reader(resource, model)
            hook = None if read is not None else hook
        found.append(Reader(name, field, read, hook))
    return found


def new_reader(field: Any, model: Any) -> Callable[[Any], Any] | None:
    """Return a function of the object, or None if the field needs the bundle."""
    if callable(field.use_in) or len(field.steps) != 1 or not hasattr(model, "_meta"):
        return None
    cls: Any = type(field)
    if cls.dehydrate is fields.ToOneField.dehydrate and not field.full:
        return key_reader(field, model)
    base = fields.ApiField
    if cls.dehydrate is not base.dehydrate or cls.value_of is not base.value_of:
        return None
    try:
        column = model._meta.get_field(field.steps[0])
    except FieldDoesNotExist:
        return None
    if not column.concrete or column.is_relation:
        return None
    if field.has_default and column.null:  # a null is shown as the default
        return None
    get = attrgetter(column.attname)
    kind = column.get_internal_type()
    if (cls in UNCHANGED and FIELD_CLASSES.get(kind) is cls) or (
        cls is fields.CharField and kind in TEXTS
    ):
        return get

    def read(obj: Any, convert: Callable[[Any], Any] = field.convert) -> Any:
        value = get(obj)
        return None if value is None else convert(value)

    return read


def key_reader(field: fields.ToOneField, model: Any) -> Callable[[Any], Any] | None:
    """Return a function that returns the URI of the object of a foreign key."""
    key_of = field.related.relations.key_reader(model, field.steps)
    return None if key_of is None else with_uri(field.related, key_of)


def uri_reader(resource: "Resource", model: Any) -> Callable[[Any], Any] | None:
    """Return a function that returns an object's own URI."""
    if not resource.uris.are_plain or not hasattr(model, "_meta"):
        return None
    read = with_uri(resource, attrgetter(resource._meta.detail_uri_name))
    return lambda obj: read(obj) or ""


def with_uri(
    resource: "Resource", key_of: Callable[[Any], Any]
) -> Callable[[Any], str | None]:
    """Return a function that returns the URI of the key that `key_of` returns."""
    parts, uri_of_key = resource.uris.parts(), resource.uris.of_key
    before, after = parts or ("", "")

    def read(obj: Any) -> str | None:
        key = key_of(obj)
        if type(key) is int and parts is not None:
            return f"{before}{key}{after}"
        return None if key is None else uri_of_key(key)

    return read
