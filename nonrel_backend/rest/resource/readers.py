"""How the fields of many objects of one model are read, found out once."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.urls import get_script_prefix, get_urlconf

from .. import fields
from ..fields.base import ApiField
from ..fields.models import FIELD_CLASSES

# What these show of their own model field's values is the values.
AS_THEY_ARE = (
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
    """One field: `read(object)` where that is enough, and the hook dehydrate_FOO."""

    name: str
    field: Any
    read: Callable[[Any], Any] | None
    hook: Callable[[Any], Any] | None


def readers(resource: Any, model: type, for_list: bool) -> list[Reader]:
    """Of the fields that a list, or a detail, may show."""
    kept = resource.__dict__.setdefault("_readers", {})
    place = (
        model,
        for_list,
        get_urlconf() or settings.ROOT_URLCONF,
        get_script_prefix(),
        resource._meta.api_name,
    )
    found = kept.get(place)
    if found is None:
        kind = "list" if for_list else "detail"
        hooks = resource.hooks("dehydrate")
        found = []
        for name, field in resource.fields.items():
            if field.use_in not in ("all", kind) and not callable(field.use_in):
                continue
            read, hook = reader(resource, field, model), hooks.get(name)
            if name == "resource_uri" and resource.has_own_uri_hook:
                read = uri_reader(resource, model)
                hook = None if read is not None else hook
            found.append(Reader(name, field, read, hook))
        kept[place] = found
    return found


def reader(resource: Any, field: Any, model: Any) -> Callable[[Any], Any] | None:
    """A function of the object; None where the field needs its bundle."""
    if callable(field.use_in) or len(field.steps) != 1 or not hasattr(model, "_meta"):
        return None
    cls: Any = type(field)
    if cls.dehydrate is fields.ToOneField.dehydrate and not field.full:
        return key_reader(field, model)
    if cls.dehydrate is not ApiField.dehydrate or cls.value_of is not ApiField.value_of:
        return None
    try:
        column = model._meta.get_field(field.steps[0])
    except FieldDoesNotExist:
        return None
    if not column.concrete or column.is_relation:
        return None
    if field.has_default and column.null:  # which stands for the nulls
        return None
    get = attrgetter(column.attname)
    kind = column.get_internal_type()
    if (cls in AS_THEY_ARE and FIELD_CLASSES.get(kind) is cls) or (
        cls is fields.CharField and kind in TEXTS
    ):
        return get

    def read(obj: Any, convert: Any = field.convert) -> Any:
        value = get(obj)
        return None if value is None else convert(value)

    return read


def key_reader(field: Any, model: Any) -> Callable[[Any], Any] | None:
    """The URI of what a foreign key leads to."""
    key_of = field.related.key_reader(model, field.steps)
    return None if key_of is None else with_uri(field.related, key_of)


def uri_reader(resource: Any, model: Any) -> Callable[[Any], Any] | None:
    """The object's own URI."""
    if not resource.has_plain_uris or not hasattr(model, "_meta"):
        return None
    read = with_uri(resource, attrgetter(resource._meta.detail_uri_name))
    return lambda obj: read(obj) or ""


def with_uri(resource: Any, key_of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    parts, uri_of_key = resource.uri_parts(), resource.uri_of_key
    before, after = parts or ("", "")

    def read(obj: Any) -> str | None:
        key = key_of(obj)
        if type(key) is int and parts is not None:
            return f"{before}{key}{after}"
        return None if key is None else uri_of_key(key)

    return read
