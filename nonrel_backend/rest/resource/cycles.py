"""Cycles: dehydrate, from the object to data, and hydrate, from data to the object."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import ApiFieldError, field_errors
from ..fields.base import MISSING, NOT_PROVIDED, step
from ..fields.nested import EmbeddedField, NestedField
from .readers import Reader, new_readers

if TYPE_CHECKING:
    from .resource import Resource

Hook = Callable[[Bundle], Any]


class Cycles:
    """The cycles of a resource, and the hooks that take part in them."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource
        # By model, kind, URLconf, script prefix and Api.
        self.known_readers: dict[tuple[Any, ...], list[Reader]] = {}

    # --- hooks ---

    @cached_property
    def dehydrate_hooks(self) -> dict[str, Hook]:
        """The methods dehydrate_FOO() by field."""
        return self.hooks("dehydrate")

    @cached_property
    def hydrate_hooks(self) -> dict[str, Hook]:
        """The methods hydrate_FOO() by field."""
        return self.hooks("hydrate")

    def hooks(self, cycle: str) -> dict[str, Hook]:
        """Return the methods of a cycle by field."""
        resource = self.resource
        return {
            name: getattr(resource, f"{cycle}_{name}")
            for name in resource.fields
            if hasattr(resource, f"{cycle}_{name}")
        }

    @cached_property
    def has_default_uri_hook(self) -> bool:
        """Whether dehydrate_resource_uri() is not overridden."""
        return self.resource.has_default("dehydrate_resource_uri")

    @property
    def has_dehydrate_hooks(self) -> bool:
        """Whether a hook may need the data of other fields."""
        own = {name for name in self.dehydrate_hooks if name != "resource_uri"}
        return bool(own) or not self.resource.has_default("dehydrate")

    @property
    def has_hydrate_hooks(self) -> bool:
        """Whether a hook takes part in hydrate."""
        return bool(self.hydrate_hooks) or not self.resource.has_default("hydrate")

    # --- dehydrate ---

    def readers(self, model: type, for_list: bool) -> list[Reader]:
        """Return the readers of the fields that a list, or a detail, may show."""
        place = (
            model,
            for_list,
            get_urlconf() or settings.ROOT_URLCONF,
            get_script_prefix(),
            self.resource._meta.api_name,
        )
        found = self.known_readers.get(place)
        if found is None:
            found = new_readers(self.resource, model, for_list)
            self.known_readers[place] = found
        return found

    def full_dehydrate(self, bundle: Bundle, for_list: bool) -> Bundle:
        """Fill the bundle's data from its object."""
        data, only, obj = bundle.data, bundle.only, bundle.obj
        if bundle.readers is None:
            bundle.readers = self.readers(type(obj), for_list)
        for name, field, read, hook in bundle.readers:
            if only is not None and name not in only:
                continue
            if read is not None:
                data[name] = read(obj)
            elif field.is_used(bundle, for_list):
                data[name] = field.dehydrate(bundle, for_list=for_list)
            else:
                continue
            if hook is not None:
                data[name] = hook(bundle)
        return bundle.then(self.resource.dehydrate(bundle))

    # --- hydrate ---

    @cached_property
    def written_fields(self) -> list[tuple[str, Any, Hook | None]]:
        """The fields that data may change, with their hooks hydrate_FOO()."""
        return [
            (name, field, self.hydrate_hooks.get(name))
            for name, field in self.resource.fields.items()
            if not field.readonly
        ]

    @cached_property
    def m2m_fields(self) -> list[tuple[str, Any]]:
        """The to-many relations."""
        return [
            (name, field)
            for name, field in self.resource.fields.items()
            if field.is_m2m and field.attribute is not None
        ]

    def full_hydrate(self, bundle: Bundle) -> Bundle:
        """Fill the bundle's object from its data. Save nothing."""
        resource = self.resource
        if bundle.obj is None:
            bundle.obj = resource._meta.object_class()
        bundle = bundle.then(resource.hydrate(bundle))
        if bundle.sent is not None:
            # What the hook has added is written too.
            bundle.sent |= {
                name
                for name, value in bundle.data.items()
                if bundle.shown.get(name, MISSING) is not value
            }
        errors: dict[str, list[str]] = {}
        for name, field, hook in self.written_fields:
            if bundle.sent is not None and name not in bundle.sent:
                continue
            try:
                if hook is not None:
                    bundle = bundle.then(hook(bundle))
                if field.attribute is None or field.is_m2m:
                    continue
                value = field.hydrate(bundle)
                if value is NOT_PROVIDED or (value is None and not field.null):
                    continue
                self.set_value(bundle, field, value)
            except ApiFieldError as error:
                errors.update(error.errors or {name: [str(error)]})
        if errors:
            raise field_errors(self.errors_of_validation(bundle) | errors)
        return bundle

    def errors_of_validation(self, bundle: Bundle) -> dict[str, list[str]]:
        """Return what is_valid() says of data that some fields have rejected, so that
        a client gets all errors at once.
        """
        resource = self.resource
        try:
            resource.is_valid(bundle)
        except Exception:
            return {}  # it expects what the fields have just rejected
        found = bundle.errors.pop(resource._meta.resource_name, {})
        if not isinstance(found, dict):
            return {}
        return {
            name: [str(each) for each in texts]
            if isinstance(texts, list | tuple)
            else [str(texts)]
            for name, texts in found.items()
        }

    def set_value(self, bundle: Bundle, field: Any, value: Any) -> None:
        """Set the new value of a field on the object."""
        if isinstance(value, Bundle):
            bundle.related[field.instance_name] = value
            value = value.obj
        if callable(field.attribute):
            return
        *way, last = field.steps
        target = bundle.obj
        for name in way:
            target = step(target, name)
        if isinstance(target, dict):
            target[last] = value
        elif target is not MISSING and target is not None:
            setattr(target, last, value)

    def hydrate_m2m(self, bundle: Bundle) -> Bundle:
        """Read the data of the to-many relations as lists of bundles."""
        errors: dict[str, list[str]] = {}
        for name, field in self.m2m_fields:
            if bundle.sent is not None and name not in bundle.sent:
                continue
            try:
                found = field.hydrate_m2m(bundle)
            except ApiFieldError as error:
                errors.update(error.errors or {name: [str(error)]})
                continue
            if found is not NOT_PROVIDED:
                bundle.related[name] = found
        if errors:
            raise field_errors(errors)
        return bundle

    # --- PATCH ---

    def merged(self, shown: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        """Return the shown data with the data of a PATCH over it. A name such as
        "address.city" changes a part of a nested field.
        """
        data, errors = dict(shown), {}
        for name, value in sent.items():
            head, dot, path = name.partition(".")
            field = self.resource.fields.get(head)
            if field is None:
                errors[name] = [gettext("There is no field %(head)r.") % {"head": head}]
            elif not dot:
                data[name] = value
            elif field.write_only:
                errors[name] = [
                    gettext("The field %(head)r can only be set as a whole.")
                    % {"head": head}
                ]
            elif not isinstance(field, NestedField):
                errors[name] = [
                    gettext("The field %(head)r has no parts.") % {"head": head}
                ]
            else:
                try:
                    data[head] = replaced(data.get(head), field, path.split("."), value)
                except ApiFieldError as error:
                    errors[name] = [str(error)]
        if errors:
            raise field_errors(errors)
        return data


def replaced(data: Any, field: Any, path: list[str], value: Any) -> Any:
    """Return a copy of nested data with the value at the path replaced."""
    if not path:
        return value
    name, *rest = path
    part = field.part(name) if isinstance(field, NestedField) else None
    if part is None or (isinstance(field, EmbeddedField) and name not in field.fields):
        raise ApiFieldError(
            gettext("%(field)r has no %(name)r.")
            % {"field": field.instance_name, "name": name}
        )
    if isinstance(data, list):
        if not name.isdecimal() or int(name) >= len(data):
            raise ApiFieldError(
                gettext("The list has no item %(name)r.") % {"name": name}
            )
        items = list(data)
        items[int(name)] = replaced(items[int(name)], part, rest, value)
        return items
    if data is not None and not isinstance(data, dict):
        raise ApiFieldError(
            gettext("%(name)r cannot be set: its parent is not an object.")
            % {"name": name}
        )
    parts = dict(data or {})
    parts[name] = replaced(parts.get(name), part, rest, value)
    return parts
