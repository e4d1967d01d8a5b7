"""ModelResource: a Resource whose objects are of a Django model."""

import json
import re
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections, models

from ..bundle import Bundle
from ..exceptions import ApiFieldError, BadRequest, MalformedKey, Unauthorized
from ..fields.models import ModelFields, field_class
from ..fields.plain import IntegerField
from ..resource.cycles import Cycles
from ..resource.options import ModelDeclarativeMetaclass
from ..resource.resource import Resource
from ..resource.uris import Uris, in_address
from .filtering import MALFORMED, Filtering
from .loading import Loading, relation
from .lookups import limits, one_of
from .nesting import Within
from .saving import Saving
from .transactions import is_ours, state

WHOLE_NUMBER = re.compile(r"-?\d+", re.ASCII)
# The methods by which a class makes addresses of its own.
URI_METHODS = (
    "urls",
    "base_urls",
    "prepend_urls",
    "override_urls",
    "resource_uri_kwargs",
    "get_bundle_detail_data",
    "get_resource_uri",
)


@cache
def column(model: Any, name: str) -> Any:
    """The model's field by this name; None where there is none."""
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def is_number(value: Any) -> bool:
    """Whether a text is a number, and none that Python refuses for its length."""
    if type(value) is not str or len(value) > 30:
        return False
    return WHOLE_NUMBER.fullmatch(value) is not None


class ModelResource(
    ModelFields,
    Filtering,
    Saving,
    Loading,
    Within,
    Resource,
    metaclass=ModelDeclarativeMetaclass,
):
    """`Meta.queryset` has the objects; each of the model's fields that is no relation
    has one here.
    """

    authorizes_itself = True

    def __init__(self, api_name: str | None = None):
        super().__init__(api_name)
        cls: Any = type(self)
        self.has_plain_uris = cls.detail_uri_kwargs is ModelResource.detail_uri_kwargs
        if any(getattr(cls, name) is not getattr(Uris, name) for name in URI_METHODS):
            self.has_plain_uris = False

    # --- keys ---

    def detail_uri_kwargs(self, bundle_or_obj: Any) -> dict[str, Any]:
        obj = bundle_or_obj.obj if isinstance(bundle_or_obj, Bundle) else bundle_or_obj
        name = self._meta.detail_uri_name
        return {name: in_address(getattr(obj, name))}

    def key_reader(self, model: Any, steps: list[str]) -> Any:
        found = self.__dict__.setdefault("_key_readers", {})
        place = (model, *steps)
        if place not in found:
            found[place] = self.new_key_reader(model, steps)
        return found[place]

    def new_key_reader(self, model: Any, steps: list[str]) -> Any:
        if len(steps) != 1 or not self.has_plain_uris or not hasattr(model, "_meta"):
            return None
        field = relation(model, steps[0])
        if field is None or not field.concrete or field.many_to_many:
            return None
        wanted, target = self._meta.detail_uri_name, field.target_field
        if wanted == target.name or (wanted == "pk" and target.primary_key):
            return lambda obj: getattr(obj, field.attname)
        return None

    def lookup_kwargs_with_identifiers(
        self, bundle: Bundle, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """What an address says, as lookups: texts are values of the model's fields.
        MalformedKey for what no object can have.
        """
        return {name: self.identifier(name, value) for name, value in kwargs.items()}

    def identifier(self, name: str, value: Any) -> Any:
        field, is_whole, bounds = self.identifying(name)
        if field is None or isinstance(value, models.Model):
            return value
        if bounds and (type(value) is int or is_whole and is_number(value)):
            number = int(value)
            if bounds[0] <= number <= bounds[1]:
                return number
        if isinstance(field, models.CompositePrimaryKey):
            return self.composite_key(field, value)
        malformed = MalformedKey(f"No object has the {name} {value!r}.")
        if isinstance(value, dict | list | bool | float) or "\x00" in str(value):
            raise malformed
        if is_whole and not WHOLE_NUMBER.fullmatch(str(value)):
            raise malformed
        try:
            value = field.to_python(value)
            field.run_validators(value)
            if not is_whole:
                field.get_db_prep_value(value, connections[self.database])
        except MALFORMED as error:
            raise malformed from error
        return value

    def composite_key(self, field: Any, value: Any) -> tuple:
        """The values of a key of several columns: a JSON list in an address."""
        malformed = MalformedKey(f"No object has the key {value!r}.")
        try:
            parts = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError) as error:
            raise malformed from error
        names = [each.name for each in field.fields]
        if not isinstance(parts, list | tuple) or len(parts) != len(names):
            raise malformed
        if None in parts:
            raise malformed
        return tuple(map(self.identifier, names, parts))

    def identifying(self, name: str) -> tuple[Any, bool, Any]:
        """(the field that a name in an address is of, or None; whether its values are
        whole numbers; the least and the most of them).
        """
        known = self.__dict__.setdefault("_identifying", {})
        if name not in known:
            options = self._meta.object_class._meta
            try:
                field = options.pk if name == "pk" else options.get_field(name)
            except FieldDoesNotExist:
                field = None
            while field is not None and field.remote_field:
                field = field.target_field
            whole = field is not None and field_class(field) is IntegerField
            known[name] = (field, whole, limits(field) if whole else None)
        return known[name]

    # --- reading ---

    def get_object_list(self, request: Any) -> Any:
        return self._meta.queryset.all()

    def obj_get_list(self, bundle: Bundle, **kwargs) -> Any:
        request = bundle.request
        applicable = self.build_filters(filters=getattr(request, "GET", {}))
        objects = self.apply_filters(request, applicable)
        if kwargs:
            objects = objects.filter(
                **self.lookup_kwargs_with_identifiers(bundle, kwargs)
            )
        objects = self.apply_authorization_limits(request, objects)
        return self.authorized_read_list(objects, bundle)

    def obj_get(self, bundle: Bundle, **kwargs) -> Any:
        lookup = self.lookup_kwargs_with_identifiers(bundle, kwargs)
        objects = self.get_object_list(bundle.request)
        if self.allows_all("read"):
            bundle.obj = one_of(objects, lookup)
            return bundle.obj
        objects = objects.filter(**lookup)
        objects = self.apply_authorization_limits(bundle.request, objects)
        bundle.obj = objects.get()
        self.authorized_read_detail(objects, bundle)
        return bundle.obj

    def cached_obj_get(self, bundle: Bundle, **kwargs) -> Any:
        """Not from the cache where a user may have another list than the one for whom
        the object was kept.
        """
        limits = getattr(self._meta.authorization, "apply_limits", None)
        if limits is not None or not is_ours(type(self).get_object_list):
            return self.obj_get(bundle=bundle, **kwargs)
        return super().cached_obj_get(bundle, **kwargs)

    def objs_of_keys(self, keys: list, request: Any, **kwargs) -> dict[Any, Any]:
        """The objects there are, by the key that was given, in one query."""
        name, values = self._meta.detail_uri_name, {}
        if type(self).obj_get is not ModelResource.obj_get:
            return super().objs_of_keys(keys, request, **kwargs)
        for key in keys:
            try:
                values[key] = self.identifier(name, key)
            except MalformedKey:
                continue
        bundle = self.build_bundle(request=request)
        lookup = self.lookup_kwargs_with_identifiers(bundle, kwargs)
        objects = self.get_object_list(request).filter(**lookup)
        objects = objects.filter(**{f"{name}__in": list(set(values.values()))})
        objects = self.apply_authorization_limits(request, objects)
        by_value = {getattr(obj, name): obj for obj in objects}
        found = {}
        for key, value in values.items():
            if value in by_value and self.is_readable(
                by_value[value], objects, request
            ):
                found[key] = by_value[value]
        return found

    def is_readable(self, obj: Any, objects: Any, request: Any) -> bool:
        try:
            return self.authorized_read_detail(objects, Bundle(obj, request=request))
        except Unauthorized:
            return False

    def objs_of_references(self, references: list, request: Any) -> dict[Any, Any]:
        """The objects that URIs and keys lead to, by what was given."""
        name, keys = self._meta.detail_uri_name, {}
        for each in references:
            if isinstance(each, str) and "/" in each:
                try:
                    kwargs = self.kwargs_of_uri(each, request)
                except BadRequest:
                    continue  # found to be none where it is looked up alone
                if set(kwargs) == {name}:
                    keys[each] = kwargs[name]
            else:
                keys[each] = each
        found = self.objs_of_keys(list(keys.values()), request)
        return {each: found[key] for each, key in keys.items() if key in found}

    # --- writing ---

    def obj_create(self, bundle: Bundle, **kwargs) -> Bundle:
        bundle.obj = self._meta.object_class()
        bundle.is_new = True
        self.identify(bundle, kwargs)
        return self.save(self.full_hydrate(bundle))

    def obj_update(self, bundle: Bundle, **kwargs) -> Bundle:
        if bundle.obj is None or bundle.obj.pk is None or bundle.obj._state.adding:
            bundle.obj = self.obj_get(bundle, **kwargs)
        bundle.is_new = False
        self.may("update", bundle)
        before = self.state_before(bundle)
        bundle = self.full_hydrate(bundle)
        self.identify(bundle, kwargs)
        return self.save(bundle, before)

    def identify(self, bundle: Bundle, kwargs: dict[str, Any]) -> None:
        """Give the object what its address says; the data cannot say otherwise."""
        lookup = self.lookup_kwargs_with_identifiers(bundle, kwargs)
        key = self._meta.object_class._meta.pk
        if isinstance(key, models.CompositePrimaryKey) and "pk" in lookup:
            names = [each.name for each in key.fields]
            lookup |= zip(names, lookup.pop("pk"), strict=True)
        while "pk" in lookup and key.remote_field and key.remote_field.parent_link:
            key = key.target_field  # the parent's has the same value
            lookup[key.name] = lookup["pk"]
        for name, value in lookup.items():
            attname, shown = self.identified(name)
            if attname is None:
                continue
            setattr(bundle.obj, attname, value)
            for own in shown:
                bundle.data.pop(own, None)

    def identified(self, name: str) -> tuple[str | None, list[str]]:
        """(the attribute that a name in an address sets, or None; the fields of it)."""
        known = self.__dict__.setdefault("_identified", {})
        if name not in known:
            options = self._meta.object_class._meta
            name_in_model = options.pk.attname if name == "pk" else name
            known[name] = (None, [])
            for field in options.fields:
                if name_in_model in (field.name, field.attname) and field.concrete:
                    steps = ([field.name], [field.attname])
                    shown = [
                        own for own, each in self.fields.items() if each.steps in steps
                    ]
                    known[name] = (field.attname, shown)
        return known[name]

    def update_in_place(
        self, request: Any, original_bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        bundle = original_bundle
        shown = {}
        if self.needs_all_data or any("." in name for name in new_data):
            shown = self.full_dehydrate(Bundle(obj=bundle.obj, request=request)).data
        bundle.shown = shown
        bundle.data = self.merged(shown, new_data)
        bundle.sent = {name.partition(".")[0] for name in new_data}
        return self.obj_update(
            bundle=bundle, **{self._meta.detail_uri_name: self.own_key(bundle.obj)}
        )

    def own_key(self, obj: Any) -> Any:
        return getattr(obj, self._meta.detail_uri_name)

    @property
    def needs_all_data(self) -> bool:
        """Whether a hook or the validation may look at data that was not sent."""
        from ..validation import Validation

        return (
            type(self).hydrate is not Cycles.hydrate
            or bool(self.hooks("hydrate"))
            or type(self._meta.validation) is not Validation
        )

    def set_value(self, bundle: Bundle, field: Any, value: Any) -> None:
        """As the model's field takes it, with its validators."""
        if len(field.steps) == 1 and not field.is_related:
            value = self.cleaned(bundle.obj, field, value)
            setattr(bundle.obj, field.steps[0], value)
            return
        if isinstance(value, Bundle) and value.key is not None:
            bundle.related[field.instance_name] = value
            kind: Any = type(bundle.obj)
            setattr(bundle.obj, column(kind, field.steps[0]).attname, value.key)
            return
        if field.steps and relation(type(bundle.obj), field.steps[0]):
            if not field.is_related:
                return  # what another object has is changed there
        super().set_value(bundle, field, value)

    def cleaned(self, obj: Any, field: Any, value: Any) -> Any:
        kind: Any = type(obj)
        found = column(kind, field.steps[0])
        if found is None:
            return value
        if value is None or value == "" or isinstance(found, models.FileField):
            if value == "" and not found.empty_strings_allowed:
                value = None
            if value is None and not found.null and not found.primary_key:
                raise ApiFieldError(
                    f"The '{field.instance_name}' field doesn't allow a null value."
                )
            return value
        is_key = found.primary_key or found in obj._meta.pk_fields
        if is_key and not obj._state.adding:
            key = getattr(obj, found.attname)
            if found.to_python(value) != key:
                raise ApiFieldError("The key of an object cannot be changed.")
            return key
        if type(value) is int:
            bounds = limits(found)
            if bounds and bounds[0] <= value <= bounds[1]:
                return value
        try:
            return found.clean(value, obj)
        except ValidationError as error:
            raise ApiFieldError(
                f"The '{field.instance_name}' field: {' '.join(error.messages)}"
            ) from error
        except (ValueError, TypeError, ArithmeticError) as error:
            raise field.wrong("another value") from error

    def obj_delete(self, bundle: Bundle, **kwargs) -> None:
        if bundle.obj is None or bundle.obj.pk is None or bundle.obj._state.adding:
            bundle.obj = self.obj_get(bundle, **kwargs)
        self.may("delete", bundle)
        if bundle.expected is not None and self._meta.version_field:
            self.claim(bundle, state(bundle.obj))
        bundle.obj.delete(using=self.database)

    def obj_delete_list(self, bundle: Bundle, **kwargs) -> None:
        objects = self.obj_get_list(bundle, **kwargs)
        self.delete_all(objects, bundle)

    def obj_delete_list_for_update(self, bundle: Bundle, **kwargs) -> None:
        objects = self.obj_get_list(bundle, **kwargs)
        kept = [obj.pk for obj in bundle.kept]
        if hasattr(objects, "exclude"):
            objects = objects.exclude(pk__in=kept)
        else:  # what an authorization has left
            objects = [obj for obj in objects if obj.pk not in kept]
        self.delete_all(objects, bundle)

    def delete_all(self, objects: Any, bundle: Bundle) -> None:
        self.check_answered(bundle.request, objects)
        objects = self.authorized_delete_list(objects, bundle)
        if bundle.changes is not None and bundle.changes.keeps:
            for obj in objects:
                bundle.changes.remember(obj)
        if hasattr(objects, "delete"):
            objects.delete()
        else:
            for obj in objects:
                obj.delete(using=self.database)
