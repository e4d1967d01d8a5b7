"""The dehydrate and hydrate cycles: from object to data, and back."""

from functools import cached_property
from typing import Any

from django.http import HttpRequest

from ..bundle import Bundle
from ..exceptions import ApiFieldError, field_errors
from ..fields.base import MISSING, NOT_PROVIDED, step
from ..fields.nested import EmbeddedField, NestedField
from .part import Part
from .readers import readers


class Cycles(Part):
    """What a resource does to a bundle."""

    def build_bundle(
        self,
        obj: Any = None,
        data: dict[str, Any] | None = None,
        request: HttpRequest | None = None,
        objects_saved: set | None = None,
        via_uri: bool = False,
    ) -> Bundle:
        """A bundle of what is given; of an empty object where none is."""
        bundle = Bundle(
            obj=obj,
            data=data,
            request=request,
            objects_saved=objects_saved,
            via_uri=via_uri,
        )
        bundle.make = self._meta.object_class
        return bundle

    # --- dehydrate ---

    def full_dehydrate(self, bundle: Bundle, for_list: bool = False) -> Bundle:
        """Fill the bundle's data from its object."""
        data, only, obj = bundle.data, bundle.only, bundle.obj
        if bundle.readers is None:
            bundle.readers = readers(self, type(obj), for_list)
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
        return bundle.then(self.dehydrate(bundle))

    def dehydrate(self, bundle: Bundle) -> Bundle:
        """A hook: change the data once all fields are there."""
        return bundle

    def dehydrate_resource_uri(self, bundle: Bundle) -> str:
        return self.get_resource_uri(bundle)

    @property
    def has_own_uri_hook(self) -> bool:
        """Whether the field resource_uri is the one that is there of itself."""
        hook = type(self).dehydrate_resource_uri
        return hook is Cycles.dehydrate_resource_uri

    def hooks(self, cycle: str) -> dict[str, Any]:
        """The methods dehydrate_FOO or hydrate_FOO by field."""
        found = self.__dict__.get(f"_{cycle}_hooks")
        if found is None:
            found = {
                name: getattr(self, f"{cycle}_{name}")
                for name in self.fields
                if hasattr(self, f"{cycle}_{name}")
            }
            self.__dict__[f"_{cycle}_hooks"] = found
        return found

    # --- hydrate ---

    def full_hydrate(self, bundle: Bundle) -> Bundle:
        """Fill the bundle's object from its data; saves nothing."""
        if bundle.obj is None:
            bundle.obj = self._meta.object_class()
        bundle = bundle.then(self.hydrate(bundle))
        if bundle.sent is not None:
            # What a hook has put there is written too.
            bundle.sent |= {
                name
                for name, value in bundle.data.items()
                if bundle.shown.get(name, MISSING) is not value
            }
        errors = {}
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
            raise field_errors(errors)
        return bundle

    def hydrate(self, bundle: Bundle) -> Bundle:
        """A hook: change the object or the data before the fields are read."""
        return bundle

    def set_value(self, bundle: Bundle, field: Any, value: Any) -> None:
        """Give the object the new value of a field."""
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

    @cached_property
    def written_fields(self) -> list[tuple[str, Any, Any]]:
        """The fields that data may change, with their hooks hydrate_FOO."""
        hooks = self.hooks("hydrate")
        return [
            (name, field, hooks.get(name))
            for name, field in self.fields.items()
            if not field.readonly
        ]

    @cached_property
    def m2m_fields(self) -> list[tuple[str, Any]]:
        return [
            (name, field)
            for name, field in self.fields.items()
            if field.is_m2m and field.attribute is not None
        ]

    def hydrate_m2m(self, bundle: Bundle) -> Bundle:
        """Read the data of the to-many relations: lists of bundles."""
        errors = {}
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

    # --- a part of the data ---

    def merged(self, shown: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        """What a PATCH sends over what is there; "address.city" reaches into it."""
        data, errors = dict(shown), {}
        for name, value in sent.items():
            head, dot, path = name.partition(".")
            field = self.fields.get(head)
            if field is None:
                errors[name] = [f"There is no field {head!r}."]
            elif not dot:
                data[name] = value
            elif not isinstance(field, NestedField):
                errors[name] = [f"The field {head!r} has no parts."]
            else:
                try:
                    data[head] = replaced(data.get(head), field, path.split("."), value)
                except ApiFieldError as error:
                    errors[name] = [str(error)]
        if errors:
            raise field_errors(errors)
        return data

    # --- the schema ---

    def build_schema(self) -> dict[str, Any]:
        """What `schema/` returns: all that a client may want to know."""
        meta = self._meta
        found: dict[str, Any] = {
            "fields": {name: field.schema() for name, field in self.fields.items()},
            "default_format": meta.default_format,
            "default_limit": meta.limit,
            "allowed_list_http_methods": meta.list_allowed_methods,
            "allowed_detail_http_methods": meta.detail_allowed_methods,
        }
        if meta.ordering:
            found["ordering"] = list(meta.ordering)
        if meta.filtering:
            found["filtering"] = {
                name: value if isinstance(value, int) else list(value)
                for name, value in meta.filtering.items()
            }
        return found


def replaced(data: Any, field: Any, path: list[str], value: Any) -> Any:
    """A copy of nested data with another value at the path."""
    if not path:
        return value
    name, *rest = path
    part = field.part(name) if isinstance(field, NestedField) else None
    if part is None or (isinstance(field, EmbeddedField) and name not in field.fields):
        raise ApiFieldError(f"{field.instance_name!r} has no {name!r}.")
    if isinstance(data, list):
        if not name.isdecimal() or int(name) >= len(data):
            raise ApiFieldError(f"The list has no item {name!r}.")
        items = list(data)
        items[int(name)] = replaced(items[int(name)], part, rest, value)
        return items
    if data is not None and not isinstance(data, dict):
        raise ApiFieldError(f"There is no object for {name!r} to be in.")
    parts = dict(data or {})
    parts[name] = replaced(parts.get(name), part, rest, value)
    return parts
