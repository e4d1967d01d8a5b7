"""Relations: fields that lead to objects of other resources."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext, gettext_lazy

from ..bundle import Bundle
from ..exceptions import ApiFieldError, BadRequest, NotFound
from .base import NOT_PROVIDED, ApiField

if TYPE_CHECKING:
    from ..resource.resource import Resource

# Raised if a reference leads to no object.
ABSENT = (NotFound, BadRequest, ObjectDoesNotExist)


class RelatedField(ApiField):
    """The abstract base of the relations.

    `to` is a resource class, its dotted path, or 'self'. `related_name` is the field of
    the related object that leads back. `authorize` says whether the related resource's
    authorization decides which objects this user sees here, and can filter by.
    """

    dehydrated_type = "related"
    is_related = True

    def __init__(
        self,
        to: Any,
        attribute: str | Callable[[Any], Any] | None = None,
        related_name: str | None = None,
        default: Any = NOT_PROVIDED,
        null: bool = False,
        blank: bool = False,
        readonly: bool = False,
        full: bool = False,
        unique: bool = False,
        help_text: str | None = None,
        use_in: str | Callable[[Any], bool] = "all",
        full_list: bool | Callable[[Any], bool] = True,
        full_detail: bool | Callable[[Any], bool] = True,
        verbose_name: str | None = None,
        write_only: bool = False,
        authorize: bool = True,
    ) -> None:
        super().__init__(
            attribute=attribute,
            default=default,
            null=null,
            blank=blank,
            readonly=readonly,
            unique=unique,
            help_text=help_text,
            use_in=use_in,
            verbose_name=verbose_name,
            write_only=write_only,
        )
        self.to = to
        self.authorize = authorize
        self.related_name = related_name
        self.full = full
        self.full_list = full_list
        self.full_detail = full_detail
        self._related: tuple[str | None, Resource] | None = None

    # --- the related resource ---

    @property
    def to_class(self) -> Any:
        """The class of the related resource."""
        if not isinstance(self.to, str):
            return self.to
        if self.to == "self":
            found = self._resource
            return found if isinstance(found, type) else type(found)
        try:
            return import_string(self.to)
        except ImportError as error:
            raise ImproperlyConfigured(
                f"The field {self.instance_name!r} leads to {self.to!r}, which cannot "
                "be imported. Use the dotted path of a resource class, or 'self'."
            ) from error

    @property
    def related(self) -> "Resource":
        """The related resource. It joins this resource's Api unless it has its own."""
        api_name = self._resource._meta.api_name
        if self._related is None or self._related[0] != api_name:
            self._related = (api_name, self.joined(self.to_class()))
        return self._related[1]

    def joined(self, resource: "Resource") -> "Resource":
        """Have a related resource join this one's Api, unless it has its own."""
        meta, own = resource._meta, self._resource._meta
        meta.api_name = meta.api_name or own.api_name
        meta.urlconf_namespace = own.urlconf_namespace
        return resource

    @property
    def related_resources(self) -> list["Resource"]:
        """The resources that the relation may lead to."""
        return [self.related]

    def get_related_resource(self, related_instance: Any = None) -> "Resource":
        """Return the related resource."""
        return self.related

    def hides_from(self, request: HttpRequest | None) -> bool:
        """Return whether the related resource's authorization is to be asked: for a
        user's request, and not for a bundle that code of the project makes without one.
        """
        return self.authorize and request is not None and request.method is not None

    # --- from the object to data ---

    def is_full(self, bundle: Bundle, for_list: bool) -> bool:
        """Return whether the related data is shown, and not only its URI.

        A relation is followed once per branch, so that circular ones end.
        """
        if not self.full or self.place in bundle.full_path:
            return False
        wanted = self.full_list if for_list else self.full_detail
        return bool(wanted(bundle) if callable(wanted) else wanted)

    @property
    def place(self) -> tuple[type, str]:
        """The resource class and the name, which identify the field."""
        return type(self._resource), self.instance_name

    def shown(self, obj: Any, bundle: Bundle, for_list: bool, full: bool) -> Any:
        """Return the URI of a related object, or a bundle of its data."""
        resource = self.get_related_resource(obj)
        if not full:
            return resource.get_resource_uri(obj)
        related = resource.build_bundle(obj=obj, request=bundle.request)
        related.full_path = (*bundle.full_path, self.place)
        return resource.full_dehydrate(related, for_list=for_list)

    # --- from data to the object ---

    def related_bundle(self, value: Any, bundle: Bundle) -> Bundle:
        """Return the bundle of a related object given as a bundle, an object, data, a
        URI or a key.
        """
        if isinstance(value, Bundle):
            return value
        if isinstance(value, dict):
            return self.related.relations.bundle_from_data(
                value, bundle.request, bundle.obj, self.back_name(bundle.obj)
            )
        if isinstance(value, list | bool | float):
            raise self.wrong(gettext("a URI, a key or an object"))
        if hasattr(value, "pk"):
            obj = value
        else:
            obj = self.found(value, bundle.request)
        return Bundle(obj=obj, request=bundle.request, via_uri=True)

    def found(self, value: Any, request: HttpRequest | None) -> Any:
        """Return the object of a URI or a key. Raise ApiFieldError if it is absent."""
        resource = self.related
        try:
            if isinstance(value, str) and "/" in value:
                return resource.get_via_uri(value, request=request)
            bundle = resource.build_bundle(request=request)
            return resource.obj_get(
                bundle=bundle, **{resource._meta.detail_uri_name: value}
            )
        except ABSENT as error:
            raise self.leads_nowhere(value) from error

    def leads_nowhere(self, value: Any) -> ApiFieldError:
        """Return the error for a reference to an object that does not exist."""
        return ApiFieldError(
            gettext("The '%(field)s' field refers to %(value)r, which does not exist.")
            % {"field": self.instance_name, "value": value}
        )

    def back_name(self, obj: Any) -> str | None:
        """Return the related object's field that leads back: `related_name`, or the
        name that the model has for it.
        """
        if self.related_name or not hasattr(obj, "_meta") or len(self.steps) != 1:
            return self.related_name
        for relation in obj._meta.related_objects:
            if relation.get_accessor_name() == self.steps[0]:
                return relation.field.name
        return None

    # --- descriptions ---

    related_type = ""

    def schema(self) -> dict[str, Any]:
        return super().schema() | {
            "related_type": self.related_type,
            "related_schema": self.schema_uri(),
        }

    def schema_uri(self) -> Any:
        """Return the URI of the related resource's description."""
        return self.related.get_resource_uri(url_name="api_get_schema")


class ToOneField(RelatedField):
    """A relation to one object."""

    related_type = "to_one"
    help_text = gettext_lazy("A single related resource: a URI, or its data.")

    def dehydrate(self, bundle: Bundle, for_list: bool = True) -> Any:
        full = self.is_full(bundle, for_list)
        if not full:
            related = self.related
            key_of = related.relations.key_reader(type(bundle.obj), self.steps)
            if key_of is not None:
                key = key_of(bundle.obj)
                return None if key is None else related.uris.of_key(key)
        return self.shown_value(bundle, for_list, full)

    def shown_value(self, bundle: Bundle, for_list: bool, full: bool) -> Any:
        """Return the data of the related object, its URI if the user may not read it,
        or None.
        """
        obj = self.value_of(bundle)
        if obj is None:
            return None
        if full and self.hides_from(bundle.request):
            relations = self.get_related_resource(obj).relations
            full = relations.is_readable(obj, bundle.request)
        return self.shown(obj, bundle, for_list, full)

    def hydrate(self, bundle: Bundle) -> Any:
        back = bundle.related_obj is not None and bundle.related_name in (
            self.attribute,
            self.instance_name,
        )
        if back and not self.readonly:
            return Bundle(obj=bundle.related_obj, request=bundle.request, via_uri=True)
        return super().hydrate(bundle)

    def absent(self, bundle: Bundle) -> Any:
        found = super().absent(bundle)
        return (
            found
            if found in (None, NOT_PROVIDED)
            else self.related_bundle(found, bundle)
        )

    def clean(self, value: Any) -> Any:
        raise NotImplementedError("Use read(): a relation needs the bundle.")

    def read(self, value: Any, bundle: Bundle) -> Bundle:
        if not is_reference(value):
            return self.related_bundle(value, bundle)
        try:
            key = self.related.relations.existing_key(self, value, bundle.request)
        except ABSENT as error:
            raise self.leads_nowhere(value) from error
        if key is None:
            return self.related_bundle(value, bundle)
        found = Bundle(request=bundle.request, via_uri=True)
        found.key, found.make = key, partial(getattr, bundle.obj, self.steps[0])
        return found


class ToManyField(RelatedField):
    """A relation to many objects. `attribute` may be a callable of the bundle."""

    related_type = "to_many"
    is_m2m = True
    help_text = gettext_lazy(
        "Many related resources: a list of URIs, or of their data."
    )

    def dehydrate(self, bundle: Bundle, for_list: bool = True) -> list[Any]:
        if getattr(bundle.obj, "pk", True) is None:
            return []
        found = self.value_of(bundle)
        full = self.is_full(bundle, for_list)
        if self.hides_from(bundle.request):
            found = self.related.relations.readable_members(found, bundle.request)
        return [self.shown(obj, bundle, for_list, full) for obj in objects(found)]

    def hydrate(self, bundle: Bundle) -> Any:
        """Return NOT_PROVIDED: hydrate_m2m() reads the data."""
        return NOT_PROVIDED

    def hydrate_m2m(self, bundle: Bundle) -> Any:
        """Return the bundles of the related objects, or NOT_PROVIDED to leave the
        relation unchanged.
        """
        if self.readonly:
            return NOT_PROVIDED
        if self.instance_name not in bundle.data:
            if self.blank or self.null or self.has_default or bundle.is_new is False:
                return NOT_PROVIDED
            return self.absent(bundle)
        values = bundle.data[self.instance_name]
        if values is None and self.null:
            return []
        if not isinstance(values, list | tuple):
            raise self.wrong(gettext("a list"))
        most = self._resource._meta.max_items
        number = sum(isinstance(value, dict) for value in values)
        if most is not None and number > most:
            raise self.wrong(
                gettext("a list with the data of at most %(most)s objects")
                % {"most": most}
            )
        found = self.found_at_once(values, bundle)
        return [
            found[value]
            if is_reference(value) and value in found
            else self.related_bundle(value, bundle)
            for value in values
        ]

    def found_at_once(self, values: Iterable[Any], bundle: Bundle) -> dict[Any, Bundle]:
        """Return the bundles of the URIs and keys among the values, in one query."""
        wanted = [value for value in values if is_reference(value)]
        if len(wanted) < 2:
            return {}
        objs = self.related.relations.objs_of_references(wanted, bundle.request)
        return {
            value: Bundle(obj=obj, request=bundle.request, via_uri=True)
            for value, obj in objs.items()
        }

    def absent(self, bundle: Bundle) -> Any:
        raise ApiFieldError(
            gettext("The '%(field)s' field has no data and doesn't allow a null value.")
            % {"field": self.instance_name}
        )


def is_reference(value: Any) -> bool:
    """Return whether the value is a URI or a key."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def objects(found: Any) -> Iterable[Any]:
    """Return the objects of a manager, a queryset or a list."""
    if found is None:
        return ()
    return found.all() if hasattr(found, "all") else found


class OneToOneField(ToOneField):
    """An alias of ToOneField, with Django's name."""


class ForeignKey(ToOneField):
    """An alias of ToOneField, with Django's name."""


class ManyToManyField(ToManyField):
    """An alias of ToManyField, with Django's name."""


class OneToManyField(ToManyField):
    """An alias of ToManyField, with Django's name."""
